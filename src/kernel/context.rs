//! What a kernel sees of its node, its step and its device, and how it takes inputs and gives outputs.

use super::{Cancellation, DeviceType, FrameIter, Rendezvous};
use crate::device::cpu::ThreadPool;
use crate::device::cuda::Gpu;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::resource::{Resource, Resources, Variable};
use crate::shape::Shape;
use crate::tensor::ledger::{Ledger, charge, charged};
use crate::tensor::{ResourceHandle, Tensor};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What travels along an edge.
#[derive(Clone)]
pub enum Value {
    /// A tensor.
    Tensor(Tensor),
    /// A reference to a variable.
    Ref(Arc<Variable>),
}

impl From<Tensor> for Value {
    fn from(t: Tensor) -> Value {
        Value::Tensor(t)
    }
}

/// The node that a kernel computes.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Its op type.
    pub op: String,
    /// The full name of its device.
    pub device: String,
}

/// What a device offers to kernels.
pub struct Env {
    /// The thread pool for loops inside kernels.
    pub pool: Arc<ThreadPool>,
    /// Variables, queues, readers.
    pub resources: Arc<Resources>,
    /// The full name of the device.
    pub device: String,
    /// The GPU, when the device is one.
    pub gpu: Option<Arc<Gpu>>,
}

impl Env {
    /// What kind of device it is.
    pub fn device_type(&self) -> DeviceType {
        match self.gpu {
            Some(_) => DeviceType::Gpu,
            None => DeviceType::Cpu,
        }
    }

    /// The resource behind a handle.
    ///
    /// # Errors
    /// `InvalidArgument` when the handle is for another device or another kind; `NotFound` when there is no such resource.
    pub fn lookup<R: Resource>(&self, handle: &ResourceHandle) -> Result<Arc<R>> {
        self.admit(handle)?;
        self.resources.lookup(handle)
    }

    /// Refuses a handle whose resource is another device's: here another one may have its name.
    ///
    /// # Errors
    /// `InvalidArgument` with both devices.
    pub fn admit(&self, handle: &ResourceHandle) -> Result<()> {
        match handle.device == self.device {
            true => Ok(()),
            false => Err(Error::invalid_argument(format!(
                "Trying to access resource {} located in device {} from device {}",
                handle.name, handle.device, self.device
            ))),
        }
    }
}

/// The handle that a tensor holds.
///
/// # Errors
/// `InvalidArgument` when it holds none.
pub fn handle_of(t: &Tensor) -> Result<&ResourceHandle> {
    let first = t.handles()?.first();
    first.ok_or_else(|| Error::invalid_argument("Empty resource handle"))
}

/// One run of a graph.
pub struct Step {
    /// Its number, unique in the process.
    pub id: u64,
    /// Its cancellation.
    pub cancellation: Cancellation,
    /// What ends with it: stacks, arrays of tensors.
    pub resources: Resources,
    /// Where tensors pass from device to device.
    pub rendezvous: Rendezvous,
}

impl crate::resource::reader::Cancel for Step {
    fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
    fn on_cancel(&self, callback: Box<dyn FnOnce() + Send>) -> bool {
        self.cancellation.register(callback).is_some()
    }
}

/// The view of one call of a kernel.
pub struct OpContext<'a> {
    /// The node.
    pub node: &'a NodeInfo,
    /// The device.
    pub env: &'a Arc<Env>,
    /// The step.
    pub step: &'a Arc<Step>,
    /// The iteration in which the node runs.
    pub at: FrameIter,
    inputs: &'a mut [Option<Value>],
    outputs: &'a mut [Option<Value>],
}

impl<'a> OpContext<'a> {
    /// A view over inputs and outputs that live with the caller.
    pub fn new(
        node: &'a NodeInfo,
        env: &'a Arc<Env>,
        step: &'a Arc<Step>,
        inputs: &'a mut [Option<Value>],
        outputs: &'a mut [Option<Value>],
    ) -> OpContext<'a> {
        OpContext {
            node,
            env,
            step,
            at: FrameIter::default(),
            inputs,
            outputs,
        }
    }

    /// The thread pool.
    pub fn pool(&self) -> &'a ThreadPool {
        &self.env.pool
    }
    /// The GPU of a kernel that runs on one.
    ///
    /// # Errors
    /// `Internal` when the device is no GPU.
    pub fn gpu(&self) -> Result<&'a Arc<Gpu>> {
        let gpu = self.env.gpu.as_ref();
        gpu.ok_or_else(|| Error::internal(format!("{} is no GPU", self.env.device)))
    }
    /// A plain-data tensor in the device's memory whose elements have unspecified values.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no memory.
    pub fn alloc(&self, dtype: DType, shape: &Shape) -> Result<Tensor> {
        match &self.env.gpu {
            Some(gpu) => Tensor::alloc_on(gpu, dtype, shape.clone()),
            None => Tensor::alloc(dtype, shape.clone()),
        }
    }
    /// The number of inputs.
    pub fn num_inputs(&self) -> usize {
        self.inputs.len()
    }
    /// The number of outputs.
    pub fn num_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// An input tensor. (An input by reference gives a snapshot: use [`OpContext::variable`] to change it.)
    ///
    /// # Errors
    /// `Internal` when there is none of that number, or it was taken.
    pub fn input(&self, i: usize) -> Result<&Tensor> {
        match self.inputs.get(i) {
            Some(Some(Value::Tensor(t))) => Ok(t),
            Some(Some(Value::Ref(_))) => Err(Error::internal(format!(
                "input {i} is a reference, not a tensor"
            ))),
            _ => Err(Error::internal(format!("there is no input {i}"))),
        }
    }
    /// The elements of an input tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when it has another element type.
    pub fn data<T: Element>(&self, i: usize) -> Result<&[T]> {
        self.input(i)?.data()
    }
    /// A scalar input's value.
    ///
    /// # Errors
    /// `InvalidArgument` "`name` must be a scalar" when it is not.
    pub fn scalar<T: Element>(&self, i: usize, name: &str) -> Result<T> {
        let t = self.input(i)?;
        if !t.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "{name} must be a scalar, got shape {}",
                t.shape()
            )));
        }
        t.to_scalar()
    }
    /// Takes an input out of the context: its buffer is then the kernel's to reuse when it is unique.
    ///
    /// # Errors
    /// `Internal` when there is none of that number, or it was taken.
    pub fn take_input(&mut self, i: usize) -> Result<Tensor> {
        match self.inputs.get_mut(i).and_then(Option::take) {
            Some(Value::Tensor(t)) => Ok(t),
            Some(v) => {
                self.inputs[i] = Some(v);
                Err(Error::internal(format!(
                    "input {i} is a reference, not a tensor"
                )))
            }
            None => Err(Error::internal(format!("there is no input {i}"))),
        }
    }
    /// Takes an input as it is, tensor or reference.
    ///
    /// # Errors
    /// `Internal` when there is none of that number, or it was taken.
    pub fn take_value(&mut self, i: usize) -> Result<Value> {
        self.inputs
            .get_mut(i)
            .and_then(Option::take)
            .ok_or_else(|| Error::internal(format!("there is no input {i}")))
    }
    /// A tensor for the output in the device's memory (the host's where all inputs lie there): the buffer of the first input among `candidates` that lies
    /// there, is unique and has this shape and type (that input is then gone), or a new one. Its elements are unspecified, except that a
    /// reused buffer holds the input's.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no memory.
    pub fn forward_or_alloc(
        &mut self,
        candidates: &[usize],
        dtype: DType,
        shape: &Shape,
    ) -> Result<(Tensor, Option<usize>)> {
        let on_gpu = !self.is_on_host();
        for &i in candidates {
            if let Some(Some(Value::Tensor(t))) = self.inputs.get(i)
                && t.dtype() == dtype
                && t.shape() == shape
                && t.is_unique()
                && t.is_on_gpu() == on_gpu
            {
                return Ok((self.take_input(i)?, Some(i)));
            }
        }
        let made = match on_gpu {
            true => self.alloc(dtype, shape)?,
            false => Tensor::alloc(dtype, shape.clone())?,
        };
        Ok((made, None))
    }
    /// Whether the kernel works on host memory only, as those for int32 do also on a GPU.
    fn is_on_host(&self) -> bool {
        let mut plain = self.inputs.iter().filter_map(|v| match v {
            Some(Value::Tensor(t)) if t.dtype().is_pod() => Some(t.is_on_gpu()),
            _ => None,
        });
        self.env.gpu.is_none()
            || plain
                .next()
                .is_some_and(|first| !first && !plain.any(|t| t))
    }

    /// Gives an output.
    ///
    /// # Errors
    /// `Internal` when there is none of that number.
    pub fn set(&mut self, i: usize, value: impl Into<Value>) -> Result<()> {
        match self.outputs.get_mut(i) {
            Some(o) => {
                *o = Some(value.into());
                Ok(())
            }
            None => Err(Error::internal(format!("there is no output {i}"))),
        }
    }

    /// The variable behind an input: by reference, or by a resource handle.
    ///
    /// # Errors
    /// `FailedPrecondition` when the handle's variable does not exist (yet).
    pub fn variable(&self, i: usize) -> Result<Arc<Variable>> {
        match self.inputs.get(i) {
            Some(Some(Value::Ref(v))) => Ok(v.clone()),
            Some(Some(Value::Tensor(t))) if t.dtype() == DType::Resource => {
                let handle = self.handle(i)?;
                self.env.lookup::<Variable>(handle).map_err(|e| {
                    Error::failed_precondition(format!(
                        "Could not find variable {}. This could mean that the variable has been deleted. In TF1, it can also mean the variable is uninitialized. Debug info: container={}, status error message={}",
                        handle.name, handle.container, e.message()
                    ))
                })
            }
            _ => Err(Error::invalid_argument(format!(
                "input {i} is neither a reference nor a resource"
            ))),
        }
    }
    /// The resource handle that an input holds.
    ///
    /// # Errors
    /// `InvalidArgument` when it holds none.
    pub fn handle(&self, i: usize) -> Result<&ResourceHandle> {
        handle_of(self.input(i)?)
    }
    /// The resource behind an input.
    ///
    /// # Errors
    /// As [`Env::lookup`].
    pub fn resource<R: Resource>(&self, i: usize) -> Result<Arc<R>> {
        self.env.lookup(self.handle(i)?)
    }
    /// Makes a resource that ends with the step, under a unique name that begins with `name`; gives its handle.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn add_to_step<R: Resource>(
        &self,
        name: &str,
        make: impl FnOnce(&str) -> R,
    ) -> Result<Tensor> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{name}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let container = format!("step_{}", self.step.id);
        let handle = ResourceHandle {
            device: self.env.device.clone(),
            container: container.clone(),
            name: name.clone(),
            kind: R::KIND.into(),
        };
        let resources = &self.step.resources;
        resources.get_or_create(&container, &name, || Ok(make(&name)))?;
        Tensor::from_handles(Shape::scalar(), vec![handle])
    }
    /// The resource of this step behind an input.
    ///
    /// # Errors
    /// As [`Env::lookup`].
    pub fn step_resource<R: Resource>(&self, i: usize) -> Result<Arc<R>> {
        let handle = self.handle(i)?;
        self.env.admit(handle)?;
        self.step.resources.lookup(handle)
    }
}

/// One call of an asynchronous kernel.
pub struct AsyncCall {
    /// The node.
    pub node: Arc<NodeInfo>,
    /// The device.
    pub env: Arc<Env>,
    /// The step.
    pub step: Arc<Step>,
    /// The iteration in which the node runs.
    pub at: FrameIter,
    /// The inputs.
    pub inputs: SmallVec<[Value; 4]>,
    done: Option<Done>,
    /// Where its memory is entered, whoever's thread takes it.
    ledger: Option<Arc<Ledger>>,
}

/// Receives the outputs of an asynchronous call.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<Value>>) + Send>;

impl AsyncCall {
    /// A call whose outcome goes to `done`.
    pub(crate) fn new(
        node: Arc<NodeInfo>,
        env: Arc<Env>,
        step: Arc<Step>,
        inputs: SmallVec<[Value; 4]>,
        done: Done,
    ) -> AsyncCall {
        AsyncCall {
            node,
            env,
            step,
            at: FrameIter::default(),
            inputs,
            done: Some(done),
            ledger: charged(),
        }
    }
    /// Ends the call with what `outcome` gives; the memory that it takes counts for the call.
    pub fn finish_with(self, outcome: impl FnOnce() -> Result<Vec<Value>>) {
        let charging = charge(self.ledger.clone());
        let result = outcome();
        drop(charging);
        self.finish(result);
    }
    /// Ends the call with its outputs or its error. Only of a `_Recv` may the list be empty: its output is dead then.
    pub fn finish(mut self, result: Result<Vec<Value>>) {
        if let Some(done) = self.done.take() {
            done(result);
        }
    }
    /// An input tensor.
    ///
    /// # Errors
    /// `Internal` when there is none of that number.
    pub fn input(&self, i: usize) -> Result<&Tensor> {
        match self.inputs.get(i) {
            Some(Value::Tensor(t)) => Ok(t),
            _ => Err(Error::internal(format!("there is no input tensor {i}"))),
        }
    }
    /// The resource behind an input.
    ///
    /// # Errors
    /// As [`Env::lookup`].
    pub fn resource<R: Resource>(&self, i: usize) -> Result<Arc<R>> {
        self.env.lookup(handle_of(self.input(i)?)?)
    }
}

impl Drop for AsyncCall {
    /// A kernel that loses its call must not leave the step waiting for ever.
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(Error::internal(
                "an asynchronous kernel dropped its call without finishing it",
            )));
        }
    }
}
