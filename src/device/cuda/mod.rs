//! CUDA devices: what a driver must offer, one GPU with its memory, kernels and copies, and tensors in its memory.

#[cfg(any(feature = "cuda", feature = "cuda-emulator"))]
mod cache;
mod discover;
mod driver;
#[cfg(feature = "cuda-emulator")]
pub mod emulator;
#[cfg(test)]
pub(crate) mod fake;
mod gpu;
mod kernels;
mod memory;
#[cfg(test)]
mod prelude_tests;
#[cfg(feature = "cuda")]
mod real;
mod source;
mod tensor;
mod transfer;

pub use discover::{Gpus, discover};
pub use driver::{
    Arg, DevicePtr, Driver, EventId, Facts, FunctionId, Grid, HostCall, ModuleId, StreamId,
};
pub use gpu::{Gpu, GpuStats};
pub(crate) use source::source_file;
pub use source::{PRELUDE, Source, SourceFile};
pub use transfer::Downloaded;
