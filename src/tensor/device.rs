//! Tensors whose elements lie in a device's memory: all but their elements is known on the host.

use super::ledger::{Allocator, Ledger};
use super::{Storage, Tensor};
use crate::dtype::DType;
use crate::error::Error;
use crate::shape::Shape;
use std::any::Any;
use std::sync::Arc;

/// A block of device memory that goes back to its device when its last owner drops it.
pub(crate) trait DeviceMemory: Any + Send + Sync {
    /// The address of its first byte on the device.
    fn address(&self) -> u64;
    /// How many bytes it has.
    fn size(&self) -> usize;
    /// Where it was taken from.
    fn allocator(&self) -> Allocator;
    /// Who is told when it is given back.
    fn ledger(&self) -> Option<&Arc<Ledger>>;
}

/// The block of memory behind a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it was taken from.
    pub allocator: Allocator,
    /// The bytes of all of it.
    pub bytes: usize,
    /// Where the tensor's first element lies.
    pub address: u64,
    /// Whether only this tensor has it.
    pub is_sole: bool,
}

impl Tensor {
    /// The memory behind plain data.
    pub fn block(&self) -> Option<Block> {
        let (allocator, bytes, address) = match &self.storage {
            Storage::Pod { buffer, offset } => {
                let address = buffer.data() as usize + offset;
                (Allocator::Host, buffer.capacity(), address as u64)
            }
            Storage::Device { memory, offset } => {
                let address = memory.address() + *offset as u64;
                (memory.allocator(), memory.size(), address)
            }
            _ => return None,
        };
        Some(Block {
            allocator,
            bytes,
            address,
            is_sole: self.is_unique(),
        })
    }

    /// Whether `ledger` is told when the tensor's memory is given back.
    pub(crate) fn counts_for(&self, ledger: &Arc<Ledger>) -> bool {
        match &self.storage {
            Storage::Pod { buffer, .. } => buffer.ledger().is_some_and(|l| Arc::ptr_eq(&l, ledger)),
            Storage::Device { memory, .. } => {
                memory.ledger().is_some_and(|l| Arc::ptr_eq(l, ledger))
            }
            _ => false,
        }
    }

    /// From now on `ledger` is told when a host tensor's memory is given back.
    pub(crate) fn tell(&self, ledger: &Arc<Ledger>) {
        if let Storage::Pod { buffer, .. } = &self.storage {
            buffer.tell(ledger);
        }
    }

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
