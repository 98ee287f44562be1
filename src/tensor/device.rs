//! Tensors whose elements lie in a device's memory: all but their elements is known on the host.

use super::{Storage, Tensor};
use crate::dtype::DType;
use crate::error::Error;
use crate::shape::Shape;
use std::any::Any;
use std::sync::Arc;

/// A block of device memory that goes back to its device when its last owner drops it.
pub trait DeviceMemory: Any + Send + Sync {
    /// The address of its first byte on the device.
    fn address(&self) -> u64;
}

impl Tensor {
    /// A plain-data tensor that begins with the block's first byte. The caller vouches that the block is large enough.
    pub(crate) fn in_device_memory(
        dtype: DType,
        shape: Shape,
        memory: Arc<dyn DeviceMemory>,
    ) -> Tensor {
        Tensor {
            shape,
            dtype,
            storage: Storage::Device { memory, offset: 0 },
        }
    }

    /// The block of device memory and the place of the first element in it; `None` for host memory.
    pub(crate) fn device_memory(&self) -> Option<(&Arc<dyn DeviceMemory>, usize)> {
        match &self.storage {
            Storage::Device { memory, offset } => Some((memory, *offset)),
            _ => None,
        }
    }

    /// Whether the elements lie in a GPU's memory, where the host cannot read them.
    pub fn is_on_gpu(&self) -> bool {
        matches!(self.storage, Storage::Device { .. })
    }
}

/// The error of reading the elements of a tensor on the host that lie elsewhere.
pub(super) fn elsewhere() -> Error {
    Error::internal("the tensor lies in GPU memory")
}
