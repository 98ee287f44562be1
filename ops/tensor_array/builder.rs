//! The builder of arrays: `tensor_array`, and a handle whose methods write and read.

use crate::dtype::DType;
use crate::graph::{NodeRef, Operand, Output, Scope};
use crate::ops::array::SliceSpec;
use crate::ops::control::LoopVars;
use crate::shape::{Dim, PartialShape};

/// Options of [`Scope::tensor_array`]. The array is named by [`Scope::named`], `TensorArray` otherwise.
#[derive(Clone, Debug)]
pub struct TensorArrayOptions {
    /// What is known of the elements' shapes.
    pub element_shape: PartialShape,
    /// Whether a write beyond the end makes the array longer.
    pub dynamic_size: bool,
    /// Whether an element can be read only once, and its memory is free then.
    pub clear_after_read: bool,
    /// Whether all elements have the same shape.
    pub infer_shape: bool,
}

impl Default for TensorArrayOptions {
    fn default() -> TensorArrayOptions {
        TensorArrayOptions {
            element_shape: PartialShape::unknown(),
            dynamic_size: false,
            clear_after_read: true,
            infer_shape: true,
        }
    }
}

/// An array of tensors, as it is after what was done to it so far: methods that write give the array after that. It
/// may be a variable of a loop.
#[derive(Clone, Debug)]
pub struct TensorArray<'g> {
    handle: Output<'g>,
    flow: Output<'g>,
    dtype: DType,
    element_shape: PartialShape,
    infer_shape: bool,
    /// The number of elements, where writes do not change it.
    size: Option<Output<'g>>,
    /// Writes stand on the device of the first value that was written, if they are to.
    colocate: bool,
    colocate_with: Option<Output<'g>>,
}

impl<'g> LoopVars<'g> for TensorArray<'g> {
    fn tensors(&self) -> Vec<Output<'g>> {
        vec![self.flow]
    }
    fn with_tensors(&self, tensors: &[Output<'g>]) -> Self {
        TensorArray {
            flow: tensors.first().copied().unwrap_or(self.flow),
            ..self.clone()
        }
    }
}

impl<'g> TensorArray<'g> {
    /// The array behind a handle, once `flow` is there.
    pub fn at(handle: Output<'g>, flow: Output<'g>, dtype: DType) -> TensorArray<'g> {
        TensorArray {
            handle,
            flow,
            dtype,
            element_shape: PartialShape::unknown(),
            infer_shape: true,
            size: None,
            colocate: false,
            colocate_with: None,
        }
    }
    /// The resource.
    pub fn handle(&self) -> Output<'g> {
        self.handle
    }
    /// A scalar that is there when all that was done to the array is done.
    pub fn flow(&self) -> Output<'g> {
        self.flow
    }
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
    /// What is known of the elements' shapes.
    pub fn element_shape(&self) -> &PartialShape {
        &self.element_shape
    }
    fn scope(&self) -> Scope<'g> {
        self.flow.scope().unnamed()
    }
    /// After a write of a value whose elements have that shape.
    fn written(&self, value: Output<'g>, element: PartialShape, s: Scope<'g>) -> (Self, Scope<'g>) {
        let mut after = self.clone();
        if self.infer_shape
            && let Ok(shape) = self.element_shape.merge(&element)
        {
            after.element_shape = shape;
        }
        if !self.colocate {
            return (after, s);
        }
        let first = *after.colocate_with.get_or_insert(value);
        (after, s.colocate_with(first))
    }
    fn then(self, flow: Output<'g>) -> Self {
        let flow = flow.in_scope(self.scope());
        TensorArray { flow, ..self }
    }

    /// Sets an element (op `TensorArrayWriteV3`). Each is written once.
    #[track_caller]
    pub fn write(&self, index: impl Operand<'g>, value: impl Operand<'g>) -> TensorArray<'g> {
        let s = self.scope().scope("TensorArrayWrite");
        let value = value.operand(s.named("value"), Some(self.dtype));
        let (after, s) = self.written(value, value.shape(), s);
        let b = s.op("TensorArrayWriteV3").input(self.handle);
        let b = b.input_like(index, DType::I32).input(value);
        after.then(b.input(self.flow).out())
    }
    /// An element (op `TensorArrayReadV3`).
    #[track_caller]
    pub fn read(&self, index: impl Operand<'g>) -> Output<'g> {
        let b = self.scope().op("TensorArrayReadV3").input(self.handle);
        let b = b.input_like(index, DType::I32).input(self.flow);
        let value = b.attr("dtype", self.dtype).out();
        self.shaped(value, self.element_shape.clone())
    }
    /// Some elements, stacked (op `TensorArrayGatherV3`).
    #[track_caller]
    pub fn gather(&self, indices: impl Operand<'g>) -> Output<'g> {
        self.gather_in(self.scope(), indices, None)
    }
    #[track_caller]
    fn gather_in(&self, s: Scope<'g>, indices: impl Operand<'g>, n: Dim) -> Output<'g> {
        let b = s.op("TensorArrayGatherV3").input(self.handle);
        let b = b.input_like(indices, DType::I32).input(self.flow);
        let b = b.attr("element_shape", self.element_shape.clone());
        let value = b.attr("dtype", self.dtype).out().in_scope(self.scope());
        match self.element_shape.rank() {
            None => value,
            Some(_) => self.shaped(value, PartialShape::vector(n).concat(&self.element_shape)),
        }
    }
    fn shaped(&self, value: Output<'g>, shape: PartialShape) -> Output<'g> {
        match value.is_valid() {
            true => value.with_shape(shape),
            false => value,
        }
    }
    /// All elements, stacked.
    #[track_caller]
    pub fn stack(&self) -> Output<'g> {
        let s = self.scope().colocate_with(self.handle);
        let s = s.scope("TensorArrayStack");
        let size = match self.size {
            Some(n) => match n.constant_value() {
                Some(n) => s.constant(n),
                None => n,
            },
            None => self.size_in(s),
        };
        let all = s.range(0i32, size, 1i32);
        let n = self.size.and_then(|n| n.constant_value()?.to_i64s().ok());
        let n = n.and_then(|n| usize::try_from(*n.first()?).ok());
        self.gather_in(s, all, n)
    }
    /// All elements, one after the other along their first dimension (op `TensorArrayConcatV3`).
    #[track_caller]
    pub fn concat(&self) -> Output<'g> {
        let inner = self.element_shape.dims().map(|d| d.get(1..).unwrap_or(&[]));
        let inner = inner.map_or(PartialShape::unknown(), PartialShape::of);
        let b = self.scope().op("TensorArrayConcatV3").input(self.handle);
        let b = b.input(self.flow).attr("dtype", self.dtype);
        let value = b.attr("element_shape_except0", inner.clone()).out();
        match inner.rank() {
            None => value,
            Some(_) => self.shaped(value, PartialShape::vector(None).concat(&inner)),
        }
    }
    /// Makes rows elements (op `TensorArrayScatterV3`).
    #[track_caller]
    pub fn scatter(&self, indices: impl Operand<'g>, value: impl Operand<'g>) -> TensorArray<'g> {
        self.scatter_in(self.scope(), indices, value)
    }
    #[track_caller]
    fn scatter_in(
        &self,
        s: Scope<'g>,
        indices: impl Operand<'g>,
        value: impl Operand<'g>,
    ) -> TensorArray<'g> {
        let s = s.scope("TensorArrayScatter");
        let value = value.operand(s.named("value"), Some(self.dtype));
        let shape = value.shape();
        let rows = shape.dims().map(|d| d.get(1..).unwrap_or(&[]));
        let rows = rows.map_or(PartialShape::unknown(), PartialShape::of);
        let (after, s) = self.written(value, rows, s);
        let b = s.op("TensorArrayScatterV3").input(self.handle);
        let b = b.input_like(indices, DType::I32).input(value);
        after.then(b.input(self.flow).out())
    }
    /// Makes each row an element.
    #[track_caller]
    pub fn unstack(&self, value: impl Operand<'g>) -> TensorArray<'g> {
        let s = self.scope().scope("TensorArrayUnstack");
        let value = value.operand(s.named("value"), Some(self.dtype));
        let rows = s.shape(value).strided_slice(&SliceSpec::new().at(0));
        let all = s.range(0i32, rows, 1i32);
        self.scatter_in(s, all, value)
    }
    /// Makes parts elements: each has as many rows as `lengths` (int64) says (op `TensorArraySplitV3`).
    #[track_caller]
    pub fn split(&self, value: impl Operand<'g>, lengths: impl Operand<'g>) -> TensorArray<'g> {
        let s = self.scope().scope("TensorArraySplit");
        let value = value.operand(s.named("value"), Some(self.dtype));
        let lengths = lengths.operand(s, Some(DType::I64));
        let (mut after, s) = self.written(value, PartialShape::unknown(), s);
        after.element_shape = self.element_shape.clone();
        let b = s.op("TensorArraySplitV3").input(self.handle).input(value);
        after.then(b.input(lengths).input(self.flow).out())
    }
    /// The number of elements (op `TensorArraySizeV3`, unless it cannot change).
    #[track_caller]
    pub fn size(&self) -> Output<'g> {
        match self.size {
            Some(n) => n,
            None => self.size_in(self.scope()),
        }
    }
    #[track_caller]
    fn size_in(&self, s: Scope<'g>) -> Output<'g> {
        s.op("TensorArraySizeV3")
            .input(self.handle)
            .input(self.flow)
            .out()
    }
    /// Drops what the array holds (op `TensorArrayCloseV3`).
    #[track_caller]
    pub fn close(&self) -> NodeRef<'g> {
        self.scope()
            .op("TensorArrayCloseV3")
            .input(self.handle)
            .finish()
    }
}

impl<'g> Scope<'g> {
    /// An array of tensors, new in each execution (op `TensorArrayV3`).
    ///
    /// ```
    /// use tensorloom::ops::tensor_array::TensorArrayOptions;
    /// use tensorloom::{DType, Graph, Session};
    /// let g = Graph::new();
    /// let a = g.root().tensor_array(DType::F32, 2i32, &TensorArrayOptions::default());
    /// let both = a.write(1i32, 5.0f32).write(0i32, 4.0f32).stack();
    /// let both = Session::new(&g).unwrap().fetch(both).unwrap();
    /// assert_eq!(both.data::<f32>().unwrap(), [4.0, 5.0]);
    /// ```
    #[track_caller]
    pub fn tensor_array(
        self,
        dtype: DType,
        size: impl Operand<'g>,
        options: &TensorArrayOptions,
    ) -> TensorArray<'g> {
        let b = self.op("TensorArrayV3").default_name("TensorArray");
        let node = b
            .input_like(size, DType::I32)
            .attr("dtype", dtype)
            .attr("element_shape", options.element_shape.clone())
            .attr("identical_element_shapes", options.infer_shape)
            .attr("dynamic_size", options.dynamic_size)
            .attr("clear_after_read", options.clear_after_read)
            .finish();
        TensorArray {
            element_shape: options.element_shape.clone(),
            infer_shape: options.infer_shape,
            size: (!options.dynamic_size).then(|| node.input(0)),
            colocate: true,
            ..TensorArray::at(node.output(0), node.output(1), dtype)
        }
    }
}
