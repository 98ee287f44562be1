//! Tensors in a GPU's memory: how they are made, and where they lie.

use super::driver::{Arg, DevicePtr};
use super::gpu::{Gpu, GpuBlock};
use super::memory::Prefer;
use crate::dtype::DType;
use crate::error::{Code, Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::any::Any;
use std::sync::Arc;

impl Tensor {
    /// A plain-data tensor in a GPU's memory whose elements have unspecified values, for a kernel to fill.
    ///
    /// # Errors
    /// `ResourceExhausted` when it does not fit; `InvalidArgument` for a type that is not plain data.
    pub fn alloc_on(gpu: &Arc<Gpu>, dtype: DType, shape: Shape) -> Result<Tensor> {
        let block = block_for(gpu, dtype, &shape, Prefer::Newest)?;
        let bytes = shape.elements() * dtype.size();
        gpu.driver.given_out(gpu.compute, block.block.ptr, bytes)?;
        Ok(Tensor::in_device_memory(dtype, shape, Arc::new(block)))
    }

    /// The address of the first element, as a kernel takes it.
    ///
    /// # Errors
    /// `Internal` for a tensor in host memory.
    pub fn device_ptr(&self) -> Result<Arg> {
        self.device_address().map(Arg::Ptr)
    }

    /// The address of the first element.
    ///
    /// # Errors
    /// `Internal` for a tensor in host memory.
    pub(crate) fn device_address(&self) -> Result<DevicePtr> {
        let (memory, offset) = self
            .device_memory()
            .ok_or_else(|| Error::internal("the tensor lies in host memory"))?;
        Ok(DevicePtr(memory.address() + offset as u64))
    }

    /// The GPU in whose memory the elements lie.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        let (memory, _) = self.device_memory()?;
        let memory: &dyn Any = &**memory;
        memory.downcast_ref::<GpuBlock>().map(|b| &b.gpu)
    }
}

/// A block that is large enough for a tensor.
pub(super) fn block_for(
    gpu: &Arc<Gpu>,
    dtype: DType,
    shape: &Shape,
    prefer: Prefer,
) -> Result<GpuBlock> {
    if !dtype.is_pod() {
        return Err(Error::invalid_argument(format!(
            "{dtype} has no plain data"
        )));
    }
    let oom = || {
        let i = gpu.index();
        Error::resource_exhausted(format!(
            "OOM when allocating tensor with shape{shape} and type {dtype} on /job:localhost/replica:0/task:0/device:GPU:{i} by allocator GPU_{i}_bfc"
        ))
    };
    let bytes = shape.elements().checked_mul(dtype.size()).ok_or_else(oom)?;
    gpu.take(bytes, prefer).map_err(|e| match e.code() {
        Code::ResourceExhausted => oom(),
        _ => e,
    })
}
