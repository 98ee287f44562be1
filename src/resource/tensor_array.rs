//! Arrays of tensors that live for a step: each element is written once, and read.

use super::Resource;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// How an array behaves.
#[derive(Clone, Debug)]
pub struct ArrayOptions {
    /// The type of the elements.
    pub dtype: DType,
    /// What is known of their shapes.
    pub element_shape: PartialShape,
    /// Whether a write beyond the end makes the array longer.
    pub dynamic_size: bool,
    /// Whether an element can be read only once, and its memory is free then.
    pub clear_after_read: bool,
    /// Whether all elements have the shape of the first one.
    pub identical_element_shapes: bool,
    /// Whether it collects gradients: what is written twice is added up.
    pub is_gradient: bool,
}

/// The state behind `TensorArrayV3`.
pub struct TensorArray {
    /// Its name, for messages and for the names of its gradients.
    pub key: String,
    options: ArrayOptions,
    state: Mutex<State>,
}

struct State {
    size: usize,
    dynamic: bool,
    element_shape: PartialShape,
    /// The elements that something is known of.
    entries: BTreeMap<usize, Entry>,
    closed: bool,
}

#[derive(Default)]
struct Entry {
    value: Option<Tensor>,
    /// Of a gradient, the shape of the element that it belongs to.
    shape: Option<Shape>,
    written: bool,
    read: bool,
    cleared: bool,
}

impl Resource for TensorArray {
    const KIND: &'static str = "TensorArray";
}

/// Adds two tensors.
pub type Plus = fn(Tensor, &Tensor) -> Result<Tensor>;

impl TensorArray {
    /// An array of that size.
    pub fn new(key: impl Into<String>, size: usize, options: ArrayOptions) -> TensorArray {
        TensorArray {
            key: key.into(),
            state: Mutex::new(State {
                size,
                dynamic: options.dynamic_size,
                element_shape: options.element_shape.clone(),
                entries: BTreeMap::new(),
                closed: false,
            }),
            options,
        }
    }
    /// An array of the same size for the gradients of this one, whose size is fixed from now on; the elements have
    /// the shapes of this one's, behind `prepended` sizes.
    ///
    /// # Errors
    /// `InvalidArgument` when it is closed, or sizes are too large.
    pub fn gradient(&self, key: String, prepended: &[usize]) -> Result<TensorArray> {
        let mut state = self.open()?;
        state.dynamic = false;
        let front: Vec<_> = prepended.iter().map(|n| Some(*n)).collect();
        let options = ArrayOptions {
            element_shape: match prepended.is_empty() {
                true => state.element_shape.clone(),
                false => PartialShape::of(front).concat(&state.element_shape),
            },
            dynamic_size: false,
            clear_after_read: true,
            is_gradient: true,
            ..self.options.clone()
        };
        let gradient = TensorArray::new(key, state.size, options);
        let mut entries = gradient.state.lock();
        for (i, e) in &state.entries {
            if let Some(own) = &e.shape {
                let dims = [prepended, own.dims()].concat();
                let entry = Entry {
                    shape: Some(Shape::of(&dims)?),
                    ..Entry::default()
                };
                entries.entries.insert(*i, entry);
            }
        }
        drop(entries);
        Ok(gradient)
    }
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.options.dtype
    }
    fn fail(&self, text: impl std::fmt::Display) -> Error {
        Error::invalid_argument(format!("TensorArray {}: {text}", self.key))
    }
    fn open(&self) -> Result<parking_lot::MutexGuard<'_, State>> {
        let state = self.state.lock();
        match state.closed {
            false => Ok(state),
            true => Err(Error::invalid_argument(format!(
                "TensorArray {} has already been closed.",
                self.key
            ))),
        }
    }
    /// The number of elements.
    ///
    /// # Errors
    /// `InvalidArgument` when it is closed.
    pub fn size(&self) -> Result<usize> {
        Ok(self.open()?.size)
    }
    /// Whether writes may make it longer.
    ///
    /// # Errors
    /// `InvalidArgument` when it is closed.
    pub fn is_dynamic(&self) -> Result<bool> {
        Ok(self.open()?.dynamic)
    }
    /// Drops all elements and refuses new ones.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.entries.clear();
        state.closed = true;
    }

    /// Sets an element; `plus` adds to one that a gradient has already.
    ///
    /// # Errors
    /// `InvalidArgument` for a place or a shape that does not fit, and for an element that was written or read.
    pub fn write(&self, index: i64, value: Tensor, plus: Plus) -> Result<()> {
        let mut state = self.open()?;
        let place = usize::try_from(index).ok();
        let Some(i) = place.filter(|i| state.dynamic || *i < state.size) else {
            return Err(self.fail(format_args!(
                "Tried to write to index {index} but array is not resizeable and size is: {}",
                state.size
            )));
        };
        let cannot = |why: String| {
            self.fail(format_args!(
                "Could not write to TensorArray index {index} because {why}"
            ))
        };
        if value.dtype() != self.options.dtype {
            return Err(cannot(format!(
                "the value dtype is {} but TensorArray dtype is {}.",
                value.dtype(),
                self.options.dtype
            )));
        }
        if !state.element_shape.accepts(value.shape()) {
            return Err(cannot(format!(
                "the value shape is {} which is incompatible with the TensorArray's inferred element shape: {} (consider setting infer_shape=False).",
                value.shape(),
                state.element_shape
            )));
        }
        if self.options.identical_element_shapes && !state.element_shape.is_fully_known() {
            state.element_shape = PartialShape::from(value.shape());
        }
        let entry = state.entries.entry(i).or_default();
        if entry.read {
            return Err(cannot("it has already been read.".into()));
        }
        entry.value = Some(match entry.value.take() {
            None => value,
            Some(old) if !self.options.is_gradient => {
                entry.value = Some(old);
                return Err(cannot("it has already been written to.".into()));
            }
            Some(old) if old.shape() != value.shape() => {
                return Err(self.fail(format_args!(
                    "Could not aggregate to TensorArray index {index} because the existing shape is {} but the new input shape is {}.",
                    old.shape(),
                    value.shape()
                )));
            }
            Some(old) => plus(old, &value)?,
        });
        entry.shape = entry.value.as_ref().map(|v| v.shape().clone());
        entry.written = true;
        state.size = state.size.max(i.saturating_add(1));
        Ok(())
    }

    /// An element; zeros for one that was never written, where its shape is known.
    ///
    /// # Errors
    /// `InvalidArgument` for a place that does not exist, an element that is gone, or one of unknown shape.
    pub fn read(&self, index: i64) -> Result<Tensor> {
        let mut state = self.open()?;
        let place = usize::try_from(index).ok();
        let Some(i) = place.filter(|i| *i < state.size) else {
            return Err(Error::invalid_argument(format!(
                "Tried to read from index {index} but array size is: {}",
                state.size
            )));
        };
        let shape = state.element_shape.clone();
        let entry = state.entries.entry(i).or_default();
        if entry.cleared {
            return Err(self.fail(format_args!(
                "Could not read index {index} twice because it was cleared after a previous read (perhaps try setting clear_after_read = false?)."
            )));
        }
        if !entry.written {
            let known = match self.options.is_gradient {
                true => entry.shape.clone().or(shape.to_shape()),
                false => shape.to_shape(),
            };
            let Some(known) = known else {
                return Err(self.fail(format_args!(
                    "Could not read from TensorArray index {index}.  Furthermore, the element shape is not fully defined: {shape}.  It is possible you are working with a resizeable TensorArray and stop_gradients is not allowing the gradients to be written.  If you set the full element_shape property on the forward TensorArray, the proper all-zeros tensor will be returned instead of incurring this error."
                )));
            };
            entry.shape = Some(known.clone());
            entry.value = Some(Tensor::zeros(self.options.dtype, known)?);
            entry.written = true;
        }
        entry.read = true;
        let value = match self.options.clear_after_read {
            true => {
                entry.cleared = true;
                entry.value.take()
            }
            false => entry.value.clone(),
        };
        value.ok_or_else(|| Error::internal("an element without value"))
    }
}
