//! Elements of variant tensors: lists of tensors.

use super::{Storage, Tensor};
use crate::dtype::{DType, type_mismatch};
use crate::error::{Error, Result};
use crate::shape::{PartialShape, Shape};
use std::sync::Arc;

/// One element of a variant tensor.
#[derive(Clone, Debug)]
pub enum Variant {
    /// Nothing (what TensorFlow calls an invalid variant).
    Empty,
    /// A list of tensors.
    List(Arc<TensorList>),
}

/// A list of tensors of one type whose shapes fit one partial shape (TensorFlow's `TensorList`).
#[derive(Clone, Debug)]
pub struct TensorList {
    /// The type of the elements.
    pub dtype: DType,
    /// What is known of the elements' shapes.
    pub element_shape: PartialShape,
    /// The most elements that there may be.
    pub max_elements: Option<usize>,
    /// The elements; one that was not set yet is `None`.
    pub elements: Vec<Option<Tensor>>,
}

impl Tensor {
    /// A variant tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when the number of elements does not fit the shape.
    pub fn from_variants(shape: Shape, values: Vec<Variant>) -> Result<Tensor> {
        if values.len() != shape.elements() {
            return Err(Error::invalid_argument(format!(
                "{} variants do not fill shape {shape}",
                values.len()
            )));
        }
        Ok(Tensor {
            shape,
            dtype: DType::Variant,
            storage: Storage::Variants(Arc::new(values)),
        })
    }

    /// The elements of a variant tensor.
    ///
    /// # Errors
    /// `InvalidArgument` for another type.
    pub fn variants(&self) -> Result<&[Variant]> {
        match &self.storage {
            Storage::Variants(v) => Ok(v),
            _ => Err(type_mismatch(DType::Variant, self.dtype)),
        }
    }

    /// The elements of a variant tensor, copied only when the tensor is shared.
    ///
    /// # Errors
    /// `InvalidArgument` for another type.
    pub fn into_variants(self) -> Result<Vec<Variant>> {
        match self.storage {
            Storage::Variants(v) => Ok(Arc::unwrap_or_clone(v)),
            _ => Err(type_mismatch(DType::Variant, self.dtype)),
        }
    }
}

impl From<TensorList> for Tensor {
    /// A scalar that holds the list.
    fn from(list: TensorList) -> Tensor {
        Tensor {
            shape: Shape::scalar(),
            dtype: DType::Variant,
            storage: Storage::Variants(Arc::new(vec![Variant::List(Arc::new(list))])),
        }
    }
}
