//! Tensors from and to Rust values and ndarray.

use super::{Bytes, Tensor};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::shape::Shape;
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use std::sync::Arc;

impl Tensor {
    /// A view of the elements as an ndarray.
    ///
    /// # Errors
    /// `InvalidArgument` when `T` is not the element type.
    ///
    /// ```
    /// let t = tensorloom::Tensor::from_vec(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
    /// assert_eq!(t.view::<f32>().unwrap().sum(), 10.0);
    /// ```
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        ArrayViewD::from_shape(IxDyn(self.shape.dims()), self.data::<T>()?)
            .map_err(|e| Error::invalid_argument(e.to_string()))
    }

    /// A scalar.
    ///
    /// # Errors
    /// `ResourceExhausted` when memory ran out.
    pub fn scalar<T: Element>(value: T) -> Result<Tensor> {
        Tensor::from_slice(&Shape::scalar(), &[value])
    }

    /// A string scalar.
    pub fn string(value: impl AsRef<[u8]>) -> Tensor {
        Tensor::string_of(Arc::from(value.as_ref()))
    }

    /// A string scalar of bytes that exist already.
    pub fn string_of(value: Bytes) -> Tensor {
        Tensor {
            shape: Shape::scalar(),
            dtype: crate::dtype::DType::String,
            storage: super::Storage::Strings(Arc::new(vec![value])),
        }
    }
}

/// Memory for these few elements comes from the system allocator, which aborts rather than fail;
/// so the fallible paths below can fail for no reason that a caller could meet.
fn tiny<T: Element>(dims: &[usize], values: &[T]) -> Tensor {
    let made = Shape::of(dims).and_then(|s| Tensor::from_slice(&s, values));
    match made {
        Ok(t) => t,
        // An empty string tensor is the only value that needs no buffer; see above for why it is not reached.
        Err(_) => Tensor::string(""),
    }
}

macro_rules! from_number {
    ($($t:ty),*) => { $(
        impl From<$t> for Tensor {
            fn from(v: $t) -> Tensor { tiny(&[], &[v]) }
        }
        impl From<&[$t]> for Tensor {
            fn from(v: &[$t]) -> Tensor { tiny(&[v.len()], v) }
        }
        impl From<Vec<$t>> for Tensor {
            fn from(v: Vec<$t>) -> Tensor { tiny(&[v.len()], &v) }
        }
        impl<const N: usize> From<[$t; N]> for Tensor {
            fn from(v: [$t; N]) -> Tensor { tiny(&[N], &v) }
        }
        impl<const N: usize, const M: usize> From<[[$t; M]; N]> for Tensor {
            fn from(v: [[$t; M]; N]) -> Tensor { tiny(&[N, M], v.as_flattened()) }
        }
    )* };
}
from_number!(
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    bool,
    half::f16,
    half::bf16,
    num_complex::Complex<f32>,
    num_complex::Complex<f64>
);

impl From<&str> for Tensor {
    fn from(v: &str) -> Tensor {
        Tensor::string(v)
    }
}
impl From<String> for Tensor {
    fn from(v: String) -> Tensor {
        Tensor::string(v)
    }
}
impl From<&[&str]> for Tensor {
    fn from(v: &[&str]) -> Tensor {
        string_vector(v.iter().map(|s| Bytes::from(s.as_bytes())).collect())
    }
}
impl From<&[String]> for Tensor {
    fn from(v: &[String]) -> Tensor {
        string_vector(v.iter().map(|s| Bytes::from(s.as_bytes())).collect())
    }
}
impl<const N: usize> From<[&str; N]> for Tensor {
    fn from(v: [&str; N]) -> Tensor {
        string_vector(v.iter().map(|s| Bytes::from(s.as_bytes())).collect())
    }
}
impl From<Vec<String>> for Tensor {
    fn from(v: Vec<String>) -> Tensor {
        string_vector(v.iter().map(|s| Bytes::from(s.as_bytes())).collect())
    }
}

fn string_vector(values: Vec<Bytes>) -> Tensor {
    // A vector's length always makes a valid shape.
    let shape = Shape::of(&[values.len()]).unwrap_or_default();
    Tensor {
        shape,
        dtype: crate::dtype::DType::String,
        storage: super::Storage::Strings(Arc::new(values)),
    }
}

impl<T: Element> TryFrom<ArrayD<T>> for Tensor {
    type Error = Error;
    fn try_from(a: ArrayD<T>) -> Result<Tensor> {
        Tensor::try_from(a.view())
    }
}
impl<T: Element> TryFrom<ArrayViewD<'_, T>> for Tensor {
    type Error = Error;
    fn try_from(a: ArrayViewD<'_, T>) -> Result<Tensor> {
        let shape = Shape::of(a.shape())?;
        match a.as_slice() {
            Some(values) => Tensor::from_slice(&shape, values),
            None => Tensor::from_slice(&shape, &a.iter().copied().collect::<Vec<T>>()),
        }
    }
}
impl<T: Element> TryFrom<&Tensor> for ArrayD<T> {
    type Error = Error;
    fn try_from(t: &Tensor) -> Result<ArrayD<T>> {
        Ok(t.view::<T>()?.to_owned())
    }
}
