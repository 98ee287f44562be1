//! _Send, _Recv, _HostSend, _HostRecv: a tensor passes from device to device through the step's rendezvous.
//!
//! They run also when what they wait for is dead, so that deadness passes, too. The Host forms leave (or find) the
//! tensor in host memory, whatever their device is.

use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, Channel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags: Flags::STATEFUL,
            infer: infer::unknown,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

const SEND_ATTRS: &str = "T:type; tensor_name:string; send_device:string; send_device_incarnation:int; recv_device:string; client_terminated:bool=false";
const RECV_ATTRS: &str = "tensor_type:type; tensor_name:string; send_device:string; send_device_incarnation:int; recv_device:string; client_terminated:bool=false";
const SENDS: &[KernelDef] = &[KernelDef::cpu(&[], send)];
const RECVS: &[KernelDef] = &[KernelDef::cpu(&[], receive)];

pub(crate) static SEND: OpEntry = entry("_Send(tensor:T) -> ()", SEND_ATTRS, SENDS);
pub(crate) static HOST_SEND: OpEntry = entry("_HostSend(tensor:T) -> ()", SEND_ATTRS, SENDS);
pub(crate) static RECV: OpEntry = entry("_Recv() -> (tensor:tensor_type)", RECV_ATTRS, RECVS);
pub(crate) static HOST_RECV: OpEntry =
    entry("_HostRecv() -> (tensor:tensor_type)", RECV_ATTRS, RECVS);

fn channel(init: &KernelInit<'_>) -> Result<Channel> {
    let a = init.attrs;
    Channel::new(
        a.str("send_device")?,
        a.int("send_device_incarnation")?,
        a.str("recv_device")?,
        a.str("tensor_name")?,
    )
}

/// Without an input the node is dead.
fn send(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let channel = channel(init)?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let value = ctx.take_input(0).ok();
        ctx.step.rendezvous.send(&channel, ctx.at, value)
    }))
}

fn receive(init: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::later(Receive(channel(init)?)))
}

struct Receive(Channel);

impl AsyncKernel for Receive {
    fn start(&self, call: AsyncCall) {
        let (step, at) = (call.step.clone(), call.at);
        let done = Box::new(move |got: Result<Option<Tensor>>| {
            call.finish(got.map(|value| value.into_iter().map(Into::into).collect()));
        });
        step.rendezvous.receive(&self.0, at, done);
    }
}
