//! Tensors: a shape, an element type, and a shared buffer; cheap to clone, copied only when written while shared.

mod access;
mod buffer;
mod convert;
mod device;
mod display;
pub(crate) mod ledger;
mod variant;

pub use buffer::{ALIGN, PoolStats, pool_stats, reset_pool_peak};
pub use device::Block;
pub(crate) use device::DeviceMemory;
pub use ledger::Allocator;
pub use variant::{TensorList, Variant};

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::shape::Shape;
use buffer::Buffer;
use std::sync::Arc;

/// One element of a string tensor: bytes, cheap to clone.
pub type Bytes = Arc<[u8]>;

/// The value of one element of a resource tensor: which resource, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceHandle {
    /// The full name of the device that holds it.
    pub device: String,
    /// The container ("localhost" unless asked otherwise).
    pub container: String,
    /// The name within the container.
    pub name: String,
    /// What kind of resource it is ("Var", "Queue", "Reader" …).
    pub kind: String,
}

/// A tensor. Row-major, contiguous, reference-counted; writing to a shared one copies it first.
///
/// ```
/// use tensorloom::{Shape, Tensor};
/// let mut t = Tensor::from_vec(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
/// let snapshot = t.clone();
/// t.make_mut::<f32>().unwrap()[0] = 9.0;
/// assert_eq!(snapshot.data::<f32>().unwrap(), &[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(t.data::<f32>().unwrap()[0], 9.0);
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    dtype: DType,
    storage: Storage,
}

#[derive(Clone)]
enum Storage {
    /// Plain data; the first element lies `offset` bytes into the buffer.
    Pod {
        buffer: Buffer,
        offset: usize,
    },
    /// Plain data in a device's memory; the first element lies `offset` bytes into the block.
    Device {
        memory: Arc<dyn DeviceMemory>,
        offset: usize,
    },
    Strings(Arc<Vec<Bytes>>),
    Handles(Arc<Vec<ResourceHandle>>),
    Variants(Arc<Vec<Variant>>),
}

impl Tensor {
    /// A plain-data tensor whose elements have unspecified (but valid) values, for a kernel to fill.
    ///
    /// # Errors
    /// `ResourceExhausted` when it does not fit in memory; `InvalidArgument` for a type that is not plain data.
    pub fn alloc(dtype: DType, shape: Shape) -> Result<Tensor> {
        if !dtype.is_pod() {
            return Err(Error::invalid_argument(format!(
                "{dtype} has no plain data"
            )));
        }
        let oom = || {
            Error::resource_exhausted(format!(
                "OOM when allocating tensor with shape{shape} and type {dtype} by allocator cpu"
            ))
        };
        let bytes = shape.elements().checked_mul(dtype.size()).ok_or_else(oom)?;
        if bytes > memory_limit() {
            return Err(oom());
        }
        let buffer = Buffer::new(bytes).map_err(|_| oom())?;
        if dtype == DType::Bool {
            // SAFETY: the buffer holds at least `bytes` bytes and is unique. Old bytes may not be valid bools.
            unsafe { std::ptr::write_bytes(buffer.data(), 0, bytes) };
        }
        Ok(Tensor {
            shape,
            dtype,
            storage: Storage::Pod { buffer, offset: 0 },
        })
    }

    /// A tensor of zeros (`false`, empty strings).
    ///
    /// # Errors
    /// As [`Tensor::alloc`]; resources have no zero.
    pub fn zeros(dtype: DType, shape: Shape) -> Result<Tensor> {
        if dtype == DType::String {
            let empty: Bytes = Arc::from(&[][..]);
            let n = shape.elements();
            if n.saturating_mul(16) > memory_limit() {
                return Err(Error::resource_exhausted(format!(
                    "OOM when allocating tensor with shape{shape} and type string by allocator cpu"
                )));
            }
            return Tensor::from_strings(shape, vec![empty; n]);
        }
        let mut t = Tensor::alloc(dtype, shape)?;
        t.bytes_mut()?.fill(0);
        Ok(t)
    }

    /// A tensor from its elements in row-major order.
    ///
    /// # Errors
    /// `InvalidArgument` when the number of elements does not fit the shape.
    pub fn from_vec<T: Element>(dims: &[usize], values: Vec<T>) -> Result<Tensor> {
        Tensor::from_slice(&Shape::of(dims)?, &values)
    }

    /// A tensor from a slice of its elements in row-major order.
    ///
    /// # Errors
    /// `InvalidArgument` when the number of elements does not fit the shape.
    pub fn from_slice<T: Element>(shape: &Shape, values: &[T]) -> Result<Tensor> {
        if values.len() != shape.elements() {
            return Err(Error::invalid_argument(format!(
                "{} values do not fill shape {shape}",
                values.len()
            )));
        }
        let mut t = Tensor::alloc(T::DTYPE, shape.clone())?;
        t.make_mut::<T>()?.copy_from_slice(values);
        Ok(t)
    }

    /// A string tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when the number of elements does not fit the shape.
    pub fn from_strings(shape: Shape, values: Vec<Bytes>) -> Result<Tensor> {
        if values.len() != shape.elements() {
            return Err(Error::invalid_argument(format!(
                "{} values do not fill shape {shape}",
                values.len()
            )));
        }
        Ok(Tensor {
            shape,
            dtype: DType::String,
            storage: Storage::Strings(Arc::new(values)),
        })
    }

    /// A resource tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when the number of elements does not fit the shape.
    pub fn from_handles(shape: Shape, values: Vec<ResourceHandle>) -> Result<Tensor> {
        if values.len() != shape.elements() {
            return Err(Error::invalid_argument(format!(
                "{} handles do not fill shape {shape}",
                values.len()
            )));
        }
        Ok(Tensor {
            shape,
            dtype: DType::Resource,
            storage: Storage::Handles(Arc::new(values)),
        })
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }
    /// Bytes of plain data; for strings the sum of their lengths.
    pub fn byte_size(&self) -> usize {
        match &self.storage {
            Storage::Pod { .. } | Storage::Device { .. } => self.elements() * self.dtype.size(),
            Storage::Strings(s) => s.iter().map(|s| s.len()).sum(),
            Storage::Handles(h) => h.len() * std::mem::size_of::<ResourceHandle>(),
            Storage::Variants(v) => v.len() * std::mem::size_of::<Variant>(),
        }
    }

    /// The same elements in another shape; no copy.
    ///
    /// # Errors
    /// `InvalidArgument` when the numbers of elements differ.
    pub fn reshaped(&self, shape: Shape) -> Result<Tensor> {
        self.clone().into_shape(shape)
    }
    /// As [`Tensor::reshaped`], consuming the tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when the numbers of elements differ.
    pub fn into_shape(mut self, shape: Shape) -> Result<Tensor> {
        if shape.elements() != self.elements() {
            return Err(Error::invalid_argument(format!(
                "a tensor of shape {} cannot take shape {shape}",
                self.shape
            )));
        }
        self.shape = shape;
        Ok(self)
    }

    /// Rows `start..end` of dimension 0; plain data is shared, not copied.
    ///
    /// # Errors
    /// `InvalidArgument` for a scalar or a range beyond the first dimension.
    pub fn rows(&self, start: usize, end: usize) -> Result<Tensor> {
        let n = self
            .shape
            .dim(0)
            .ok_or_else(|| Error::invalid_argument("a scalar has no rows"))?;
        if start > end || end > n {
            return Err(Error::invalid_argument(format!(
                "rows {start}..{end} of {n}"
            )));
        }
        let shape = self.shape.with_dim(0, end - start)?;
        let row = self.shape.product(1..self.shape.rank());
        let storage = match &self.storage {
            Storage::Pod { buffer, offset } => Storage::Pod {
                buffer: buffer.clone(),
                offset: offset + start * row * self.dtype.size(),
            },
            Storage::Device { memory, offset } => Storage::Device {
                memory: memory.clone(),
                offset: offset + start * row * self.dtype.size(),
            },
            Storage::Strings(s) => Storage::Strings(Arc::new(s[start * row..end * row].to_vec())),
            Storage::Handles(h) => Storage::Handles(Arc::new(h[start * row..end * row].to_vec())),
            Storage::Variants(v) => Storage::Variants(Arc::new(v[start * row..end * row].to_vec())),
        };
        Ok(Tensor {
            shape,
            dtype: self.dtype,
            storage,
        })
    }

    /// Row `i` of dimension 0 without that dimension; plain data is shared, not copied.
    ///
    /// # Errors
    /// As [`Tensor::rows`].
    pub fn row(&self, i: usize) -> Result<Tensor> {
        let t = self.rows(i, i.saturating_add(1))?;
        let shape = Shape::of(&t.shape.dims()[1..])?;
        t.into_shape(shape)
    }
}

/// Larger requests fail at once: they cannot be served, and asking the system may kill the process.
pub(crate) fn memory_limit() -> usize {
    static LIMIT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *LIMIT.get_or_init(|| {
        let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|s| {
            let line = s.lines().find(|l| l.starts_with("MemTotal:"))?;
            line.split_whitespace().nth(1)?.parse::<usize>().ok()
        });
        total.map_or(1 << 40, |kib| kib.saturating_mul(1024))
    })
}
