//! A variable: one tensor that steps read and replace.

use super::Resource;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use parking_lot::{Mutex, MutexGuard};

/// The state behind `VariableV2` and `VarHandleOp`.
///
/// A read is a snapshot: it shares the buffer, and a later write copies while the snapshot lives.
pub struct Variable {
    /// The name that messages use.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// The shape that was declared, as far as it was.
    pub shape: PartialShape,
    value: Mutex<Option<Tensor>>,
}

impl Resource for Variable {
    const KIND: &'static str = "Var";
}

impl Variable {
    /// An uninitialized variable that may take any shape.
    pub fn new(name: impl Into<String>, dtype: DType) -> Variable {
        Variable::with_shape(name, dtype, PartialShape::unknown())
    }
    /// An uninitialized variable of a declared shape.
    pub fn with_shape(name: impl Into<String>, dtype: DType, shape: PartialShape) -> Variable {
        Variable {
            name: name.into(),
            dtype,
            shape,
            value: Mutex::new(None),
        }
    }
    /// Whether it has a value.
    pub fn is_initialized(&self) -> bool {
        self.value.lock().is_some()
    }
    /// The current value.
    ///
    /// # Errors
    /// `FailedPrecondition` "Attempting to use uninitialized value w".
    pub fn read(&self) -> Result<Tensor> {
        self.value
            .lock()
            .clone()
            .ok_or_else(|| self.uninitialized())
    }
    /// Replaces the value.
    ///
    /// # Errors
    /// `InvalidArgument` when the element type differs.
    pub fn assign(&self, value: Tensor) -> Result<()> {
        if value.dtype() != self.dtype {
            return Err(Error::invalid_argument(format!(
                "Variable and value dtypes don't match; respectively, {} and {}",
                self.dtype,
                value.dtype()
            )));
        }
        // The old value is dropped after the lock is released.
        let old = self.value.lock().replace(value);
        drop(old);
        Ok(())
    }
    /// Exclusive access to the value, for updates in place. Lock several variables in the order of their
    /// addresses ([`lock_all`]).
    pub fn lock(&self) -> MutexGuard<'_, Option<Tensor>> {
        self.value.lock()
    }
    /// The error of an access before the first assignment.
    pub fn uninitialized(&self) -> Error {
        Error::failed_precondition(format!(
            "Attempting to use uninitialized value {}",
            self.name
        ))
    }
}

/// Locks several variables without deadlock; the guards come in the order of `variables`.
///
/// # Errors
/// `InvalidArgument` when a variable stands twice in the list.
pub fn lock_all<'a>(variables: &[&'a Variable]) -> Result<Vec<MutexGuard<'a, Option<Tensor>>>> {
    let mut order: Vec<usize> = (0..variables.len()).collect();
    order.sort_by_key(|i| std::ptr::from_ref(variables[*i]) as usize);
    if order
        .windows(2)
        .any(|w| std::ptr::eq(variables[w[0]], variables[w[1]]))
    {
        return Err(Error::invalid_argument("the same variable is given twice"));
    }
    let mut guards: Vec<Option<MutexGuard<'a, Option<Tensor>>>> =
        (0..variables.len()).map(|_| None).collect();
    for i in order {
        guards[i] = Some(variables[i].lock());
    }
    Ok(guards.into_iter().flatten().collect())
}
