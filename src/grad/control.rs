//! What gradients of control-flow ops see of the loops and branches around them, and what they add to loops.

use super::{GradCtx, Gradient, IndexedSlices};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::context::{At, ContextId, Side, accumulate, accumulated, built, enter};
use crate::graph::{Endpoint, Output, Scope, Surroundings};
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

/// The loop whose backward loop a gradient is built in.
#[derive(Clone, Copy)]
struct Backward {
    gradient: usize,
    /// The backward loop, and what lies around it.
    context: ContextId,
    outer: Option<ContextId>,
    forward: ContextId,
}

impl<'g> GradCtx<'g> {
    fn at(&self) -> At<'g> {
        self.at_scope(self.scope)
    }
    fn at_scope(&self, scope: Scope<'g>) -> At<'g> {
        At::new(scope, scope.data().prefix, self.location)
    }
    fn backward(&self) -> Option<Backward> {
        let here = self.scope.context();
        let s = self.scope.graph().state();
        let gradient = s.gradient_around(here)?;
        let g = s.loop_gradients.get(gradient)?;
        Some(Backward {
            gradient,
            context: g.backward,
            outer: s.outer_context(g.backward),
            forward: g.forward,
        })
    }
    /// Whether the gradient is built in the backward loop of a loop.
    pub fn in_backward_loop(&self) -> bool {
        self.backward().is_some()
    }
    /// The loop or the branch in which an output is made.
    pub fn surroundings(&self, output: Output<'g>) -> Surroundings<'g> {
        self.scope.surroundings(output.node())
    }
    /// The predicate of the backward loop.
    ///
    /// # Errors
    /// `Internal` outside of one.
    pub fn backward_pivot(&self) -> Result<Output<'g>> {
        let pivot = self.backward().and_then(|b| {
            let s = self.scope.graph().state();
            s.loop_data(b.context)?.pivot
        });
        pivot
            .map(|p| self.scope.output_at(p))
            .ok_or_else(|| Error::internal("there is no backward loop"))
    }
    /// The Merge made when the node, a Switch of a loop, was differentiated first.
    pub fn switch_merge(&self) -> Option<Output<'g>> {
        let b = self.backward()?;
        let s = self.scope.graph().state();
        let merge = *s
            .loop_gradients
            .get(b.gradient)?
            .switches
            .get(&self.node.id())?;
        drop(s);
        Some(self.scope.output_at(merge))
    }
    /// Keeps the Merge that stands for the node, a Switch of a loop.
    ///
    /// # Errors
    /// `Internal` outside of a backward loop.
    pub fn keep_switch_merge(&self, merge: Output<'g>) -> Result<()> {
        let merge = built(merge)?;
        let gradient = self.backward().map_or(usize::MAX, |b| b.gradient);
        let mut s = self.scope.graph().state();
        s.gradient_mut(gradient)?
            .switches
            .insert(self.node.id(), merge);
        Ok(())
    }
    /// The predicate of a conditional as the gradient needs it: in a backward loop its value in that iteration.
    ///
    /// # Errors
    /// The graph's first mistake.
    pub fn real_predicate(&self, predicate: Output<'g>) -> Result<Output<'g>> {
        let Some(b) = self.backward() else {
            return Ok(predicate);
        };
        let graph = self.scope.graph();
        let e = predicate.endpoint();
        let known = graph.state().gradient(b.gradient)?.history.get(&e).copied();
        if let Some(known) = known {
            return Ok(self.scope.output_at(known));
        }
        let real = kept(&self.at(), self.scope, b.gradient, e, Side::Taken)?;
        let mut s = graph.state();
        s.gradient_mut(b.gradient)?
            .history
            .insert(e, real.endpoint());
        Ok(real)
    }

    /// Takes a gradient into the backward loop; `None` where the loop was told to have none.
    ///
    /// # Errors
    /// `Unimplemented` for the gradient of a backward loop.
    pub fn enter_backward_loop(&self, gradient: Gradient<'g>) -> Result<Option<Output<'g>>> {
        let Some(b) = self.backward() else {
            return Err(Error::invalid_argument(
                "the loop has no context, and so no gradient: import the graph from a MetaGraphDef",
            ));
        };
        let graph = self.scope.graph();
        {
            let s = graph.state();
            if !s.loop_data(b.context).is_some_and(|l| l.back_prop) {
                return Ok(None);
            }
            let is_backward = |c| s.loop_data(c).is_some_and(|l| l.gradient.is_some());
            if is_backward(b.forward) {
                return Err(Error::unimplemented(
                    "Second-order gradient for while loops not supported.",
                ));
            }
        }
        let x = gradient.dense(self.scope.in_context(b.outer));
        let e = built(x)?;
        graph.state().know_here(b.context, e);
        enter_variable(&self.at(), self.scope, b.context, x, x.shape(), "b_exit").map(Some)
    }
    /// Takes the gradient of a loop variable out of the backward loop.
    ///
    /// # Errors
    /// The graph's first mistake.
    pub fn leave_backward_loop(&self, gradient: Output<'g>) -> Result<Output<'g>> {
        let exit = self.scope.op("Exit").input(gradient).out();
        if let Some(b) = self.backward() {
            leave_variable(b.context, exit)?;
        }
        Ok(exit)
    }
    /// Adds up the gradient of a loop invariant over the iterations.
    ///
    /// # Errors
    /// The graph's first mistake.
    pub fn accumulate_invariant(&self, gradient: Gradient<'g>) -> Result<Gradient<'g>> {
        let Some(b) = self.backward() else {
            return Ok(gradient);
        };
        match gradient {
            Gradient::Dense(g) => self.accumulate_dense(b, g).map(Gradient::Dense),
            Gradient::Slices(g) => self.accumulate_slices(b, g).map(Gradient::Slices),
        }
    }

    fn accumulate_dense(&self, b: Backward, g: Output<'g>) -> Result<Output<'g>> {
        let outside = self.scope.in_context(b.outer);
        let start = match g.shape().to_shape() {
            Some(shape) => constant_zeros(outside.named("b_acc"), &shape, g.dtype()),
            None => {
                let shape = self.shape_of_invariant(b)?;
                zeros_shaped(outside, shape, g.dtype())
            }
        };
        let [acc] = self.begin_accumulators(b, [(start, start.shape())])?;
        let sum = self.scope.op("AddV2").name("Add");
        let sum = sum.input(acc.switch.output(1)).input(g).out();
        let [sum] = self.end_accumulators(b, [(acc, sum)])?;
        Ok(sum)
    }

    /// The shape of what the node, an Enter, brings in, as it is seen around the backward loop.
    fn shape_of_invariant(&self, b: Backward) -> Result<Output<'g>> {
        let graph = self.scope.graph();
        let value = self.node.input(0);
        let (outer_gradient, around) = {
            let s = graph.state();
            let outer = b
                .outer
                .and_then(|o| s.loop_data(o))
                .and_then(|l| l.gradient);
            (outer, s.outer_context(b.forward))
        };
        let outside = self.scope.in_context(b.outer);
        match outer_gradient {
            Some(outer) => {
                let shape = self.scope.in_context(around).op("Shape").input(value).out();
                kept(&self.at(), outside, outer, built(shape)?, Side::Taken)
            }
            None => Ok(outside.op("Shape").input(value).out()),
        }
    }

    /// Loop variables that begin with these tensors, and keep these shapes.
    fn begin_accumulators<const N: usize>(
        &self,
        b: Backward,
        starts: [(Output<'g>, PartialShape); N],
    ) -> Result<[Accumulator<'g>; N]> {
        let s = self.scope;
        let pivot = self.backward_pivot()?;
        for (start, _) in &starts {
            let e = built(*start)?;
            s.graph().state().know_here(b.context, e);
        }
        let enter = |(x, shape)| enter_variable(&self.at(), s, b.context, x, shape, "b_acc");
        let entered = starts.map(enter);
        let merge = |e: Output<'g>| s.op("Merge").name("b_acc").list([e, e]).out();
        let merges = entered.map(|e| e.map_or(Output::broken(s), merge));
        s.graph().check()?;
        Ok(merges.map(|merge| Accumulator {
            merge,
            switch: s.op("Switch").input(merge).input(pivot).finish(),
        }))
    }

    fn end_accumulators<const N: usize>(
        &self,
        b: Backward,
        sums: [(Accumulator<'g>, Output<'g>); N],
    ) -> Result<[Output<'g>; N]> {
        let s = self.scope;
        let next = sums
            .each_ref()
            .map(|(_, sum)| s.op("NextIteration").input(*sum).out());
        s.graph().check()?;
        for ((acc, _), next) in sums.iter().zip(next) {
            s.graph().set_input(acc.merge.node().id(), 1, next)?;
        }
        let exit = |(acc, _): (Accumulator<'g>, _)| {
            s.op("Exit").name("b_acc").input(acc.switch.output(0)).out()
        };
        let exits = sums.map(exit);
        for exit in exits {
            leave_variable(b.context, exit)?;
        }
        Ok(exits)
    }

    /// Rows are put one after another, behind a first one of zeros.
    fn accumulate_slices(&self, b: Backward, g: IndexedSlices<'g>) -> Result<IndexedSlices<'g>> {
        let outside = self.scope.in_context(b.outer);
        let row = g.values.shape();
        let row = row.dims().and_then(|d| d.get(1..)).map(<[_]>::to_vec);
        let row: Option<Vec<usize>> = row.and_then(|r| r.into_iter().collect());
        let Some(row) = row else {
            // The rows' shape is not known while the graph is built: the whole is.
            let dense = g.dense(self.scope);
            let sum = self.accumulate_dense(b, dense)?;
            return Ok(all_rows(outside, sum));
        };
        let rows = row.iter().map(|n| Some(*n));
        let rows = PartialShape::of([None].into_iter().chain(rows).collect::<Vec<_>>());
        let first = Shape::of(&[&[1], &row[..]].concat())?;
        let values = constant_zeros(outside.named("b_acc"), &first, g.values.dtype());
        let one = Shape::of(&[1])?;
        let indices = constant_zeros(outside.named("Const"), &one, g.indices.dtype());
        let sizes = match g.dense_shape.shape().to_shape() {
            Some(s) => constant_zeros(outside.named("Const"), &s, g.dense_shape.dtype()),
            None => outside
                .named("zeros_like")
                .op("ZerosLike")
                .input(g.dense_shape)
                .out(),
        };
        let s = self.scope;
        let concat = |more: Output<'g>, rows: Output<'g>| {
            let c = s.composite("concat");
            let axis = c.named("axis").constant(0i32);
            c.result_op("ConcatV2").list([more, rows]).input(axis).out()
        };
        let [i, v, d] = self.begin_accumulators(
            b,
            [
                (indices, PartialShape::vector(None)),
                (values, rows),
                (sizes, sizes.shape()),
            ],
        )?;
        let more_i = concat(i.switch.output(1), g.indices);
        let more_v = concat(v.switch.output(1), g.values);
        let larger = s
            .op("Maximum")
            .input(g.dense_shape)
            .input(d.switch.output(1))
            .out();
        let sums = [(i, more_i), (v, more_v), (d, larger)];
        let [indices, values, dense_shape] = self.end_accumulators(b, sums)?;
        Ok(IndexedSlices {
            indices,
            values,
            dense_shape,
        })
    }

    /// Zeros for an output of the node that got no gradient; `None` where nothing can stand for it.
    pub(super) fn zeros_for(&self, i: usize) -> Result<Output<'g>> {
        let output = self.node.output(i);
        let in_loop = self.backward().filter(|b| {
            let s = self.scope.graph().state();
            s.loop_around(s.node_context(self.node.id())) == Some(b.forward)
        });
        let Some(b) = in_loop else {
            let s = self.outer.named("zeros_like");
            return Ok(s.op("ZerosLike").input(output).out());
        };
        if let Some(shape) = output.shape().to_shape() {
            return Ok(constant_zeros(self.outer, &shape, output.dtype()));
        }
        let context = self.scope.graph().state().node_context(self.node.id());
        let shape = self
            .outer
            .in_context(context)
            .op("Shape")
            .input(output)
            .out();
        let at = self.at_scope(self.outer);
        let shape = kept(&at, self.outer, b.gradient, built(shape)?, Side::Taken)?;
        Ok(zeros_shaped(self.outer, shape, output.dtype()))
    }

    /// Zeros of the shape of what the node, a Switch of a conditional, passes on, that are live exactly when the
    /// other branch than the one that leads to `side` is taken … that is, when `predicate` leads to `side`.
    ///
    /// # Errors
    /// The graph's first mistake.
    pub fn zeros_on_side(
        &self,
        predicate: Output<'g>,
        side: usize,
        dtype: DType,
    ) -> Result<Output<'g>> {
        let s = self.outer;
        let data = self.node.input(0);
        let in_loop = self.backward().filter(|b| {
            let s = self.scope.graph().state();
            s.loop_around(s.node_context(self.node.id())) == Some(b.forward)
        });
        let Some(b) = in_loop else {
            let live = s
                .op("Switch")
                .input(data)
                .input(predicate)
                .finish()
                .output(side);
            let pivot = s.op("Identity").input(live).finish();
            let op = match data.dtype() {
                DType::Resource => "VariableShape",
                _ => "Shape",
            };
            let shape = s.op(op).input(live).out();
            return Ok(zeros_shaped(s.after([pivot]), shape, dtype));
        };
        let graph = s.graph();
        if let Some(shape) = self
            .node
            .output(side)
            .shape()
            .to_shape()
            .filter(|_| data.dtype() != DType::Resource)
        {
            let zeros = constant_zeros(s, &shape, dtype);
            let real = self.real_predicate(predicate)?;
            let switch = s.colocate_with(zeros).op("Switch");
            return Ok(switch.input(zeros).input(real).finish().output(side));
        }
        // The shape is taken in the forward loop, on that side, and kept for the backward one.
        let context = graph.state().node_context(self.node.id());
        let around = context.and_then(|c| graph.state().outer_context(c));
        let there = s.in_context(around);
        let live = there
            .colocate_with(data)
            .op("Switch")
            .input(data)
            .input(predicate);
        let live = live.finish().output(side);
        let shape = there.op("Shape").input(live).out();
        let e = built(shape)?;
        {
            let mut state = graph.state();
            state.set_node_context(live.node().id(), context);
            state.set_node_context(e.node, context);
        }
        let at = self.at_scope(s);
        let stack = accumulate(&at, b.gradient, e, Side::Other)?;
        let popped = accumulated(&at, b.gradient, stack, e, Side::Other)?;
        Ok(zeros_shaped(s, s.output_at(popped), dtype))
    }
}

/// A loop variable that adds up.
#[derive(Clone, Copy)]
struct Accumulator<'g> {
    merge: Output<'g>,
    switch: crate::graph::NodeRef<'g>,
}

/// All rows of a tensor as slices.
fn all_rows<'g>(s: Scope<'g>, dense: Output<'g>) -> IndexedSlices<'g> {
    let shape = s.op("Shape").input(dense).out();
    let one = |v: i32| s.named("Const").constant([v]);
    let rows = s
        .op("StridedSlice")
        .input(shape)
        .input(one(0))
        .input(one(1))
        .input(one(1));
    let rows = rows.attr("shrink_axis_mask", 1i64).out();
    let zero = s.named("Const").constant(0i32);
    let step = s.named("Const").constant(1i32);
    IndexedSlices {
        values: dense,
        indices: s.op("Range").input(zero).input(rows).input(step).out(),
        dense_shape: shape,
    }
}

/// What a stack that the forward loop fills gives back in the backward loop.
pub(super) fn kept<'g>(
    at: &At<'g>,
    inside: Scope<'g>,
    gradient: usize,
    value: Endpoint,
    side: Side,
) -> Result<Output<'g>> {
    let stack = accumulate(at, gradient, value, side)?;
    let popped = accumulated(at, gradient, stack, value, side)?;
    Ok(inside.output_at(popped))
}

/// An Enter of a loop variable that is added to a loop, and the shape that it keeps.
pub(super) fn enter_variable<'g>(
    at: &At<'g>,
    inside: Scope<'g>,
    context: ContextId,
    x: Output<'g>,
    shape: PartialShape,
    name: &str,
) -> Result<Output<'g>> {
    let graph = inside.graph();
    let entered = enter(at, inside, context, x).name(name).out();
    let e = built(entered)?;
    graph.set_shape(entered, shape);
    if let Some(l) = graph.state().loop_data_mut(context) {
        l.enters.push(e);
    }
    Ok(entered)
}

/// Makes an Exit of a loop variable that is added to a loop known around it.
pub(super) fn leave_variable(context: ContextId, exit: Output<'_>) -> Result<Endpoint> {
    let e = built(exit)?;
    let mut s = exit.graph().state();
    if let Some(l) = s.loop_data_mut(context) {
        l.exits.push(e);
    }
    s.know_outside(context, e);
    Ok(e)
}

/// A constant of zeros, named `Const` unless the scope says otherwise.
pub(super) fn constant_zeros<'g>(scope: Scope<'g>, shape: &Shape, dtype: DType) -> Output<'g> {
    match Tensor::zeros(dtype, shape.clone()) {
        Ok(z) => scope.constant(z),
        Err(e) => {
            scope.graph().fail(e);
            Output::broken(scope)
        }
    }
}

/// A constant of zeros as `zeros` makes it.
pub(super) fn zeros<'g>(scope: Scope<'g>, shape: &Shape, dtype: DType) -> Output<'g> {
    constant_zeros(scope.named("zeros"), shape, dtype)
}

/// Zeros of a shape that the graph computes.
pub(super) fn zeros_shaped<'g>(scope: Scope<'g>, shape: Output<'g>, dtype: DType) -> Output<'g> {
    let s = scope.composite("zeros");
    let zero = constant_zeros(s, &Shape::scalar(), dtype);
    s.result_op("Fill").input(shape).input(zero).out()
}
