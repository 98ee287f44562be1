//! Kernels: what computes an op on a device, how it is registered, and what it sees of a step.

mod cancel;
mod context;
mod rendezvous;

pub use cancel::{Cancellation, Registration};
pub use context::{AsyncCall, Env, NodeInfo, OpContext, Step, Value, handle_of};
pub use rendezvous::{Channel, FrameIter, Received, Rendezvous};

use crate::def::TypeRef;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::Attrs;
use std::sync::Arc;

/// A kernel: created once for a node and called in every step, possibly by several steps at once.
pub trait Kernel: Send + Sync {
    /// Computes the outputs from the inputs.
    ///
    /// # Errors
    /// Whatever is wrong with the inputs; the executor adds node, op, device and source line.
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()>;

    /// Whether a call takes less time than handing it to another thread (about 5 µs): such nodes run
    /// on the thread that made them ready.
    fn is_cheap(&self) -> bool {
        false
    }
}

impl<F: Fn(&mut OpContext<'_>) -> Result<()> + Send + Sync> Kernel for F {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        self(ctx)
    }
}

/// A kernel that may wait (for a queue, another device) without holding a thread.
pub trait AsyncKernel: Send + Sync {
    /// Begins the computation and returns at once; `call.finish(…)` ends it, now or later, from any thread.
    fn start(&self, call: AsyncCall);
}

/// A kernel that is always cheap (see [`Kernel::is_cheap`]).
pub struct Cheap<K>(pub K);

impl<K: Kernel> Kernel for Cheap<K> {
    fn compute(&self, ctx: &mut OpContext<'_>) -> Result<()> {
        self.0.compute(ctx)
    }
    fn is_cheap(&self) -> bool {
        true
    }
}

/// A kernel of either kind.
#[derive(Clone)]
pub enum AnyKernel {
    /// Computes on the calling thread.
    Sync(Arc<dyn Kernel>),
    /// Completes later.
    Async(Arc<dyn AsyncKernel>),
}

impl AnyKernel {
    /// A kernel that computes on the calling thread: a type of its own, or a closure over `&mut OpContext`.
    pub fn new(kernel: impl Kernel + 'static) -> AnyKernel {
        AnyKernel::Sync(Arc::new(kernel))
    }
    /// A kernel from a function that is always cheap.
    pub fn cheap(
        f: impl Fn(&mut OpContext<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> AnyKernel {
        AnyKernel::Sync(Arc::new(Cheap(f)))
    }
    /// A kernel that completes later.
    pub fn later(kernel: impl AsyncKernel + 'static) -> AnyKernel {
        AnyKernel::Async(Arc::new(kernel))
    }
}

/// What a kernel is made from.
pub struct KernelInit<'a> {
    /// The node.
    pub node: &'a Arc<NodeInfo>,
    /// Its attributes, defaults filled in.
    pub attrs: &'a Attrs,
    /// The types of its data inputs.
    pub inputs: &'a [TypeRef],
    /// The types of its outputs.
    pub outputs: &'a [TypeRef],
    /// What the device offers.
    pub env: &'a Arc<Env>,
}

/// Makes a kernel for a node.
pub type NewKernel = fn(&KernelInit<'_>) -> Result<AnyKernel>;

/// The kinds of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceType {
    /// The host.
    Cpu,
    /// A CUDA device.
    Gpu,
}

impl DeviceType {
    /// `CPU`, `GPU`.
    pub fn name(self) -> &'static str {
        match self {
            DeviceType::Cpu => "CPU",
            DeviceType::Gpu => "GPU",
        }
    }
}

/// The registration of a kernel.
#[derive(Clone, Copy)]
pub struct KernelDef {
    /// Where it runs.
    pub device: DeviceType,
    /// For each type attribute named here, the types that the kernel computes.
    pub when: &'static [(&'static str, &'static [DType])],
    /// The input and output arguments that stay in host memory when the device is a GPU (shapes, axes, sizes).
    pub host_memory: &'static [&'static str],
    /// Makes it.
    pub new: NewKernel,
}

impl KernelDef {
    /// A CPU kernel for the types listed for each type attribute (`&[]`: for all types).
    pub const fn cpu(
        when: &'static [(&'static str, &'static [DType])],
        new: NewKernel,
    ) -> KernelDef {
        KernelDef {
            device: DeviceType::Cpu,
            when,
            host_memory: &[],
            new,
        }
    }
    /// A GPU kernel: all its inputs arrive in device memory, and all its outputs must be set there.
    pub const fn gpu(
        when: &'static [(&'static str, &'static [DType])],
        new: NewKernel,
    ) -> KernelDef {
        KernelDef::gpu_host(when, &[], new)
    }
    /// A GPU kernel of which the named input and output arguments stay in host memory.
    pub const fn gpu_host(
        when: &'static [(&'static str, &'static [DType])],
        host_memory: &'static [&'static str],
        new: NewKernel,
    ) -> KernelDef {
        KernelDef {
            device: DeviceType::Gpu,
            when,
            host_memory,
            new,
        }
    }
    /// Whether it computes a node with these attributes.
    pub fn matches(&self, attrs: &Attrs) -> bool {
        self.when.iter().all(|(name, types)| match attrs.get(name) {
            Ok(crate::def::AttrValue::Type(d)) => types.contains(d),
            Ok(crate::def::AttrValue::TypeList(l)) => l.iter().all(|d| types.contains(d)),
            Ok(crate::def::AttrValue::EmptyList) => true,
            _ => false,
        })
    }
}
