//! _Send, _Recv, _HostSend, _HostRecv: a tensor passes from device to device through the step's rendezvous.
//!
//! They run also when what they wait for is dead, so that deadness passes, too. The Host forms leave (or find) the
//! tensor in host memory, whatever their device is.

use crate::device::cuda::Gpu;
use crate::dtype::{DType, expect_dtype};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, Channel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use std::sync::Arc;

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
const HOST_SENDS: &[KernelDef] = &[
    KernelDef::cpu(&[], send),
    KernelDef::gpu_host(&[], &["tensor"], send),
];
const HOST_RECVS: &[KernelDef] = &[
    KernelDef::cpu(&[], receive),
    KernelDef::gpu_host(&[], &["tensor"], receive),
];
const SENDS: &[KernelDef] = &[KernelDef::cpu(&[], send), KernelDef::gpu(&[], send)];
const RECVS: &[KernelDef] = &[KernelDef::cpu(&[], receive), KernelDef::gpu(&[], receive)];

pub(crate) static SEND: OpEntry = entry("_Send(tensor:T) -> ()", SEND_ATTRS, SENDS);
pub(crate) static HOST_SEND: OpEntry = entry("_HostSend(tensor:T) -> ()", SEND_ATTRS, HOST_SENDS);
pub(crate) static RECV: OpEntry = entry("_Recv() -> (tensor:tensor_type)", RECV_ATTRS, RECVS);
pub(crate) static HOST_RECV: OpEntry = entry(
    "_HostRecv() -> (tensor:tensor_type)",
    RECV_ATTRS,
    HOST_RECVS,
);

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
    Ok(AnyKernel::later(Receive {
        channel: channel(init)?,
        dtype: init.attrs.dtype("tensor_type")?,
    }))
}

struct Receive {
    channel: Channel,
    dtype: DType,
}

impl AsyncKernel for Receive {
    fn start(&self, call: AsyncCall) {
        let (step, at) = (call.step.clone(), call.at);
        let on_gpu = match call.node.op.as_str() {
            "_Recv" => call.env.gpu.clone(),
            _ => None,
        };
        let dtype = self.dtype;
        let done = Box::new(move |got: Result<Option<Tensor>>| match got {
            Ok(Some(t)) if t.dtype() != dtype => {
                call.finish(expect_dtype(dtype, t.dtype()).map(|()| Vec::new()));
            }
            Ok(Some(t)) => bring(t, on_gpu.as_ref(), call),
            other => call.finish(other.map(|_| Vec::new())),
        });
        step.rendezvous.receive(&self.channel, at, done);
    }
}

/// Ends a call with a tensor in a GPU's memory, or in the host's. Copies to a GPU are only queued, since kernels wait
/// for them there; one to the host ends the call when it is done.
fn bring(tensor: Tensor, to: Option<&Arc<Gpu>>, call: AsyncCall) {
    let from = tensor.gpu().cloned();
    match (from, to) {
        (None, Some(gpu)) if tensor.dtype().is_pod() => {
            call.finish_with(|| gpu.upload(&tensor).map(|t| vec![t.into()]));
        }
        (Some(from), Some(gpu)) if !Arc::ptr_eq(&from, gpu) => {
            call.finish_with(|| gpu.copy_from(&tensor).map(|t| vec![t.into()]));
        }
        (Some(from), None) => from.download(
            &tensor,
            Box::new(move |t| call.finish(t.map(|t| vec![t.into()]))),
        ),
        _ => call.finish(Ok(vec![tensor.into()])),
    }
}
