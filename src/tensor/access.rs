//! Typed access to a tensor's elements, read-only and copy-on-write.

use super::device::elsewhere;
use super::{Buffer, Bytes, ResourceHandle, Storage, Tensor};
use crate::dtype::{DType, Element, type_mismatch};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

impl Tensor {
    /// The elements in row-major order.
    ///
    /// # Errors
    /// `InvalidArgument` when `T` is not the element type; `Internal` when the tensor lies in GPU memory.
    pub fn data<T: Element>(&self) -> Result<&[T]> {
        match &self.storage {
            Storage::Pod { buffer, offset } if self.dtype == T::DTYPE => {
                // SAFETY: the buffer holds `elements` initialized values of T from `offset` on (alloc, rows),
                // at a multiple of the element size from a 64-byte aligned start.
                Ok(unsafe {
                    std::slice::from_raw_parts(
                        buffer.data().add(*offset) as *const T,
                        self.elements(),
                    )
                })
            }
            Storage::Device { .. } if self.dtype == T::DTYPE => Err(elsewhere()),
            _ => Err(type_mismatch(T::DTYPE, self.dtype)),
        }
    }

    /// The elements for writing; copies first when the buffer is shared.
    ///
    /// # Errors
    /// `InvalidArgument` when `T` is not the element type; `ResourceExhausted` when the copy does not fit.
    pub fn make_mut<T: Element>(&mut self) -> Result<&mut [T]> {
        if self.dtype != T::DTYPE {
            return Err(type_mismatch(T::DTYPE, self.dtype));
        }
        let n = self.elements();
        let bytes = self.bytes_mut()?;
        // SAFETY: `bytes_mut` gives n elements of T, aligned as in `data`, uniquely owned.
        Ok(unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr() as *mut T, n) })
    }

    /// The raw bytes of plain data (host byte order).
    ///
    /// # Errors
    /// `InvalidArgument` for strings and resources.
    pub fn bytes(&self) -> Result<&[u8]> {
        match &self.storage {
            Storage::Pod { buffer, offset } => {
                let len = self.elements() * self.dtype.size();
                // SAFETY: as in `data`.
                Ok(unsafe { std::slice::from_raw_parts(buffer.data().add(*offset), len) })
            }
            Storage::Device { .. } => Err(elsewhere()),
            _ => Err(Error::invalid_argument(format!(
                "{} has no plain data",
                self.dtype
            ))),
        }
    }

    /// The raw bytes for writing; copies first when the buffer is shared. The caller keeps bools 0 or 1.
    pub(crate) fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        let len = self.elements() * self.dtype.size();
        match &mut self.storage {
            Storage::Pod { buffer, offset } => {
                if !buffer.is_unique() {
                    let fresh = Buffer::new(len)?;
                    // SAFETY: both hold at least `len` bytes from these places on; `fresh` is new.
                    unsafe {
                        std::ptr::copy_nonoverlapping(
                            buffer.data().add(*offset),
                            fresh.data(),
                            len,
                        );
                    }
                    *buffer = fresh;
                    *offset = 0;
                }
                // SAFETY: the sole owner is borrowed mutably.
                Ok(unsafe { std::slice::from_raw_parts_mut(buffer.data().add(*offset), len) })
            }
            Storage::Device { .. } => Err(elsewhere()),
            _ => Err(Error::invalid_argument(format!(
                "{} has no plain data",
                self.dtype
            ))),
        }
    }

    /// Whether the tensor is plain data that nobody else holds: a kernel may write its output there.
    pub fn is_unique(&self) -> bool {
        match &self.storage {
            Storage::Pod { buffer, .. } => buffer.is_unique(),
            // Nobody holds weak references to device memory.
            Storage::Device { memory, .. } => {
                let sole = Arc::strong_count(memory) == 1;
                // What the other owners queued before they let go comes before what this one queues.
                fence(Ordering::Acquire);
                sole
            }
            _ => false,
        }
    }

    /// Whether both share one buffer.
    pub fn shares_buffer(&self, other: &Tensor) -> bool {
        match (&self.storage, &other.storage) {
            (Storage::Pod { buffer: a, .. }, Storage::Pod { buffer: b, .. }) => a.same(b),
            (Storage::Device { memory: a, .. }, Storage::Device { memory: b, .. }) => {
                Arc::ptr_eq(a, b)
            }
            (Storage::Strings(a), Storage::Strings(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The elements of a string tensor.
    ///
    /// # Errors
    /// `InvalidArgument` for another type.
    pub fn strings(&self) -> Result<&[Bytes]> {
        match &self.storage {
            Storage::Strings(s) => Ok(s),
            _ => Err(type_mismatch(DType::String, self.dtype)),
        }
    }

    /// The elements of a resource tensor.
    ///
    /// # Errors
    /// `InvalidArgument` for another type.
    pub fn handles(&self) -> Result<&[ResourceHandle]> {
        match &self.storage {
            Storage::Handles(h) => Ok(h),
            _ => Err(type_mismatch(DType::Resource, self.dtype)),
        }
    }

    /// The value of a one-element tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when there is not exactly one element of type `T`.
    pub fn to_scalar<T: Element>(&self) -> Result<T> {
        match self.data::<T>()? {
            [v] => Ok(*v),
            _ => Err(Error::invalid_argument(format!(
                "expected one element, got shape {}",
                self.shape
            ))),
        }
    }

    /// The bytes of a one-element string tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when there is not exactly one string.
    pub fn to_bytes(&self) -> Result<&Bytes> {
        match self.strings()? {
            [v] => Ok(v),
            _ => Err(Error::invalid_argument(format!(
                "expected one string, got shape {}",
                self.shape
            ))),
        }
    }

    /// An int32 or int64 tensor's elements as i64 (shapes, axes, indices).
    ///
    /// # Errors
    /// `InvalidArgument` for another type.
    pub fn to_i64s(&self) -> Result<Vec<i64>> {
        match self.dtype {
            DType::I32 => Ok(self.data::<i32>()?.iter().map(|v| i64::from(*v)).collect()),
            DType::I64 => Ok(self.data::<i64>()?.to_vec()),
            DType::I16 => Ok(self.data::<i16>()?.iter().map(|v| i64::from(*v)).collect()),
            DType::I8 => Ok(self.data::<i8>()?.iter().map(|v| i64::from(*v)).collect()),
            DType::U8 => Ok(self.data::<u8>()?.iter().map(|v| i64::from(*v)).collect()),
            d => Err(Error::invalid_argument(format!(
                "expected int32 or int64 but got {d}"
            ))),
        }
    }
}
