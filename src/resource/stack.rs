//! Stacks of tensors: what a forward loop keeps for its backward loop.

use super::Resource;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use parking_lot::Mutex;

/// The state behind `StackV2`.
pub struct Stack {
    name: String,
    dtype: DType,
    /// The most elements that it may have.
    limit: Option<usize>,
    /// `None` once it was closed.
    elements: Mutex<Option<Vec<Tensor>>>,
}

impl Resource for Stack {
    const KIND: &'static str = "Stack";
}

impl Stack {
    /// An empty stack; `name` is for messages.
    pub fn new(name: impl Into<String>, dtype: DType, limit: Option<usize>) -> Stack {
        Stack {
            name: name.into(),
            dtype,
            limit,
            elements: Mutex::new(Some(Vec::new())),
        }
    }
    fn closed(&self) -> Error {
        Error::invalid_argument(format!("Stack[{}] has already been closed.", self.name))
    }
    /// Puts a tensor on top.
    ///
    /// # Errors
    /// `InvalidArgument` when it is of another type, when the stack is full, or closed.
    pub fn push(&self, value: Tensor) -> Result<()> {
        if value.dtype() != self.dtype {
            return Err(Error::invalid_argument(format!(
                "Must have type {} but got {}",
                self.dtype,
                value.dtype()
            )));
        }
        let mut elements = self.elements.lock();
        let elements = elements.as_mut().ok_or_else(|| self.closed())?;
        if let Some(limit) = self.limit.filter(|l| elements.len() >= *l) {
            return Err(Error::invalid_argument(format!(
                "Stack[{}] overflowed its max_size ({limit})",
                self.name
            )));
        }
        elements.push(value);
        Ok(())
    }
    /// Takes the tensor from the top.
    ///
    /// # Errors
    /// `InvalidArgument` when there is none, or the stack is closed.
    pub fn pop(&self) -> Result<Tensor> {
        let mut elements = self.elements.lock();
        let elements = elements.as_mut().ok_or_else(|| self.closed())?;
        elements.pop().ok_or_else(|| {
            Error::invalid_argument(format!("Stack[{}] is empty when calling Pop().", self.name))
        })
    }
    /// Drops all elements and refuses new ones.
    pub fn close(&self) {
        *self.elements.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_in_first_out_within_the_limit() {
        let s = Stack::new("s", DType::F32, Some(2));
        s.push(1.0f32.into()).unwrap();
        s.push(2.0f32.into()).unwrap();
        let message = |e: Error| e.message().to_string();
        assert_eq!(
            message(s.push(3.0f32.into()).unwrap_err()),
            "Stack[s] overflowed its max_size (2)"
        );
        assert_eq!(s.pop().unwrap().to_scalar::<f32>().unwrap(), 2.0);
        assert_eq!(
            message(s.push(3i32.into()).unwrap_err()),
            "Must have type float but got int32"
        );
        assert_eq!(s.pop().unwrap().to_scalar::<f32>().unwrap(), 1.0);
        assert_eq!(
            message(s.pop().unwrap_err()),
            "Stack[s] is empty when calling Pop()."
        );
        s.close();
        assert_eq!(
            message(s.pop().unwrap_err()),
            "Stack[s] has already been closed."
        );
    }
}
