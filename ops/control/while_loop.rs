//! `while_loop`: a body runs as long as a predicate holds, as the frames of TensorFlow's version 1 control flow.

use crate::error::{Error, Result};
use crate::graph::context::{
    At, ContextId, Loop, LoopSettings, add_value, built, enter, enters_constant, fix_controls,
};
use crate::graph::{Endpoint, Operand, Output, Scope};
use crate::shape::PartialShape;
use std::panic::Location;

/// Options of [`Scope::while_loop`]. The loop is named by [`Scope::named`], `while` otherwise.
#[derive(Clone, Debug)]
pub struct WhileOptions<'g> {
    /// How many iterations may be under way at the same time, at least 1.
    pub parallel_iterations: i64,
    /// The most iterations that there are.
    pub maximum_iterations: Option<Iterations<'g>>,
    /// The shapes that the variables keep in all iterations, one for each tensor; those of the first values if empty.
    pub shape_invariants: Vec<PartialShape>,
    /// Whether gradients flow through the loop.
    pub back_prop: bool,
    /// Whether values kept for gradients may leave the device's memory (it is written into the graph, and does nothing).
    pub swap_memory: bool,
}

impl Default for WhileOptions<'_> {
    fn default() -> Self {
        WhileOptions {
            parallel_iterations: 10,
            maximum_iterations: None,
            shape_invariants: Vec::new(),
            back_prop: true,
            swap_memory: false,
        }
    }
}

/// A number of iterations.
#[derive(Clone, Copy, Debug)]
pub enum Iterations<'g> {
    /// Known while the graph is built.
    Count(i32),
    /// A scalar of the graph, of type int32 or int64.
    Computed(Output<'g>),
}

/// The variables of a loop: a tensor, several ones, or what stands for some.
pub trait LoopVars<'g>: Sized {
    /// The tensors.
    fn tensors(&self) -> Vec<Output<'g>>;
    /// The same variables with other tensors, as many as there were.
    fn with_tensors(&self, tensors: &[Output<'g>]) -> Self;
}

impl<'g> LoopVars<'g> for Output<'g> {
    fn tensors(&self) -> Vec<Output<'g>> {
        vec![*self]
    }
    fn with_tensors(&self, tensors: &[Output<'g>]) -> Self {
        let broken = || Output::broken(self.scope());
        tensors.first().copied().unwrap_or_else(broken)
    }
}
impl<'g, V: LoopVars<'g>> LoopVars<'g> for Vec<V> {
    fn tensors(&self) -> Vec<Output<'g>> {
        self.iter().flat_map(V::tensors).collect()
    }
    fn with_tensors(&self, mut tensors: &[Output<'g>]) -> Self {
        self.iter().map(|v| take(v, &mut tensors)).collect()
    }
}
impl<'g, V: LoopVars<'g>, const N: usize> LoopVars<'g> for [V; N] {
    fn tensors(&self) -> Vec<Output<'g>> {
        self.iter().flat_map(V::tensors).collect()
    }
    fn with_tensors(&self, mut tensors: &[Output<'g>]) -> Self {
        self.each_ref().map(|v| take(v, &mut tensors))
    }
}

/// The first of `tensors` as a variable, leaving the others.
fn take<'g, V: LoopVars<'g>>(like: &V, tensors: &mut &[Output<'g>]) -> V {
    let (mine, others) = tensors.split_at(like.tensors().len().min(tensors.len()));
    *tensors = others;
    like.with_tensors(mine)
}

macro_rules! tuple_vars {
    ($($v:ident $i:tt),*) => {
        impl<'g, $($v: LoopVars<'g>),*> LoopVars<'g> for ($($v,)*) {
            fn tensors(&self) -> Vec<Output<'g>> {
                let mut all = Vec::new();
                $(all.extend(self.$i.tensors());)*
                all
            }
            fn with_tensors(&self, mut tensors: &[Output<'g>]) -> Self {
                ($(take(&self.$i, &mut tensors),)*)
            }
        }
    };
}
tuple_vars!(A 0, B 1);
tuple_vars!(A 0, B 1, C 2);
tuple_vars!(A 0, B 1, C 2, D 3);

impl<'g> Scope<'g> {
    /// Runs `body` on the variables as long as `condition` holds for them; gives their last values.
    ///
    /// Only nodes made in the scope that a closure is given belong to the loop: tensors from outside are brought in by
    /// using them there, and are the same in all iterations. The body returns as many tensors as there are
    /// variables, of the same types, and of shapes that fit those of the first iteration or the options'
    /// `shape_invariants`. The nodes are those of TensorFlow's `tf.while_loop` with version 1 control flow.
    ///
    /// ```
    /// use tensorloom::{Graph, Session, WhileOptions};
    /// let g = Graph::new();
    /// let s = g.root();
    /// let [_, y] = s.while_loop(
    ///     |s, [i, _]| s.less(i, 10i32),
    ///     |_, [i, y]| [i + 1i32, y * 2.0f32],
    ///     [s.constant(0i32), s.constant(1.0f32)],
    ///     &WhileOptions::default(),
    /// );
    /// assert_eq!(y.name(), "while/Exit_1:0");
    /// let y = Session::new(&g).unwrap().fetch(y).unwrap();
    /// assert_eq!(y.to_scalar::<f32>().unwrap(), 1024.0);
    /// ```
    #[track_caller]
    pub fn while_loop<V: LoopVars<'g>>(
        self,
        condition: impl FnOnce(Scope<'g>, V) -> Output<'g>,
        body: impl FnOnce(Scope<'g>, V) -> V,
        vars: V,
        options: &WhileOptions<'g>,
    ) -> V {
        let location = Location::caller();
        let s = self.composite("while");
        let first = vars.tensors();
        let broken = |v: &V| v.with_tensors(&vec![Output::broken(self.unnamed()); first.len()]);
        if first.iter().any(|v| !v.is_valid()) {
            return broken(&vars);
        }
        let mut invariants = options.shape_invariants.clone();
        let most = options.maximum_iterations.map(|m| counter(s, m));
        let settings = LoopSettings {
            parallel_iterations: options.parallel_iterations,
            maximum_iterations: most.map(|(most, _)| most.endpoint()),
            back_prop: options.back_prop,
            swap_memory: options.swap_memory,
        };
        let made = match most {
            None => build(s, condition, body, &vars, &invariants, settings, location),
            Some((most, counter)) => {
                if !invariants.is_empty() {
                    invariants.insert(0, PartialShape::scalar());
                }
                let condition = |s: Scope<'g>, (i, v): (Output<'g>, V)| {
                    let below = s.less(i, most);
                    s.logical_and(below, condition(s, v))
                };
                let body = |s: Scope<'g>, (i, v): (Output<'g>, V)| (i + 1i32, body(s, v));
                let all = (counter, vars.with_tensors(&first));
                let made = build(s, condition, body, &all, &invariants, settings, location);
                made.map(|(_, v)| v)
            }
        };
        match made {
            Ok(v) => v,
            Err(e) => {
                let e = e.at_node(s.name(), "while").at_line(location);
                self.graph().fail(e);
                broken(&vars)
            }
        }
    }
}

/// The limit as a tensor, and what counts up to it.
fn counter<'g>(s: Scope<'g>, most: Iterations<'g>) -> (Output<'g>, Output<'g>) {
    let most = match most {
        Iterations::Count(n) => s.named("maximum_iterations").constant(n),
        Iterations::Computed(o) => o,
    };
    let s = s.named("iteration_counter");
    (most, 0i32.operand(s, Some(most.dtype())))
}

fn build<'g, V: LoopVars<'g>>(
    s: Scope<'g>,
    condition: impl FnOnce(Scope<'g>, V) -> Output<'g>,
    body: impl FnOnce(Scope<'g>, V) -> V,
    vars: &V,
    invariants: &[PartialShape],
    settings: LoopSettings,
    location: &'static Location<'static>,
) -> Result<V> {
    let graph = s.graph();
    let first = vars.tensors();
    if first.is_empty() {
        return Err(Error::invalid_argument("'loop_vars' must be provided."));
    }
    if !invariants.is_empty() && invariants.len() != first.len() {
        return Err(Error::invalid_argument(format!(
            "there are {} shape invariants for {} loop variables",
            invariants.len(),
            first.len()
        )));
    }
    let id = s.open_loop("while_context", settings);
    let inside = s.in_context(Some(id));
    let at = At::new(inside, s.data().prefix, location);
    let enters = enter_all(&at, id, &first, invariants)?;
    let enters = enters.into_iter().map(|e| inside.output_at(e));
    let merges: Vec<Output<'g>> = enters.map(|e| inside.merge(&[e, e]).0).collect();
    let set = |change: &dyn Fn(&mut Loop)| graph.state().loop_data_mut(id).map(change);
    let pivot = built(merges[0])?;
    set(&|l| l.pivot_for_predicate = Some(pivot));
    let goes_on = condition(inside, vars.with_tensors(&merges));
    let goes_on = inside.named("LoopCond").loop_cond(goes_on).in_scope(inside);
    let pivot = built(goes_on)?;
    set(&|l| l.pivot = Some(pivot));
    let switches: Vec<_> = merges.iter().map(|m| inside.switch(*m, goes_on)).collect();
    let now: Vec<Output<'g>> = switches.iter().map(|(_, x)| same(inside, *x)).collect();
    let pivot = built(now[0])?;
    set(&|l| l.pivot_for_body = Some(pivot));
    let after = body(inside, vars.with_tensors(&now));
    let next = after.tensors();
    if next.len() != merges.len() {
        return Err(Error::invalid_argument(format!(
            "Number of inputs and outputs of 'body' must match 'loop_vars'. Got {} for the number of inputs/outputs, and {} for 'loop_vars'.",
            next.len(),
            merges.len()
        )));
    }
    for ((merge, next), first) in merges.iter().zip(next).zip(&first) {
        let next = inside.next_iteration(next);
        built(next)?;
        check(*merge, next, *first)?;
        graph.set_input(merge.node().id(), 1, next)?;
    }
    let exits = switches.iter().map(|(last, _)| built(inside.exit(*last)));
    let exits: Vec<Endpoint> = exits.collect::<Result<_>>()?;
    set(&|l| l.exits.clone_from(&exits));
    for e in &exits {
        graph.state().know_outside(id, *e);
    }
    // What is built from the results stands where the loop was opened.
    let outside = s.result_scope();
    let exits: Vec<Output<'g>> = exits.iter().map(|e| outside.output_at(*e)).collect();
    Ok(after.with_tensors(&exits))
}

fn same<'g>(s: Scope<'g>, x: Output<'g>) -> Output<'g> {
    match x.type_ref().is_ref {
        true => s.op("RefIdentity").input(x).out(),
        false => s.identity(x),
    }
}

/// The Enter of each loop variable.
fn enter_all<'g>(
    at: &At<'g>,
    id: ContextId,
    first: &[Output<'g>],
    invariants: &[PartialShape],
) -> Result<Vec<Endpoint>> {
    let graph = at.scope.graph();
    let outer = graph.state().outer_context(id);
    let brought = first.iter().map(|x| match outer {
        Some(outer) => add_value(at, outer, x.endpoint()),
        None => Ok(x.endpoint()),
    });
    let brought: Vec<Endpoint> = brought.collect::<Result<_>>()?;
    let free = at.free();
    let mut enters = Vec::new();
    for (i, e) in brought.into_iter().enumerate() {
        let x = free.output_at(e);
        let shape = x.shape();
        let invariant = invariants.get(i).unwrap_or(&shape);
        if invariant.relax(&shape) != *invariant {
            return Err(Error::invalid_argument(format!(
                "The shape invariant specified for {} is not compatible with the initial shape of the loop variable. It enters the loop with shape {shape}, but the specified shape invariant is {invariant}.",
                x.name()
            )));
        }
        let entered = enter(at, free, id, x).out();
        enters.push(built(entered)?);
        graph.set_shape(entered, invariant.clone());
    }
    // A loop variable that is an invariant of the loop around must not begin this one before its turn.
    let pivot = {
        let s = graph.state();
        let mut around = outer;
        loop {
            match around {
                None => break None,
                Some(c) => match s.control_pivot(c) {
                    Some(pivot) => break Some(pivot),
                    None => around = s.outer_context(c),
                },
            }
        }
    };
    for e in &enters {
        let input = graph.node(e.node).and_then(|n| n.inputs.first().copied());
        let input = input.and_then(|i| graph.node(i.node));
        if let Some(pivot) = pivot.filter(|_| input.is_some_and(|n| enters_constant(&n))) {
            graph.add_control(e.node, pivot);
        }
        fix_controls(at, id, *e);
    }
    let mut s = graph.state();
    for e in &enters {
        s.know_here(id, *e);
    }
    if let Some(l) = s.loop_data_mut(id) {
        l.enters.clone_from(&enters);
    }
    drop(s);
    Ok(enters)
}

/// What comes after an iteration must be of the variable's type, and fit its shape.
fn check(merge: Output<'_>, next: Output<'_>, first: Output<'_>) -> Result<()> {
    if merge.dtype() != next.dtype() {
        return Err(Error::invalid_argument(format!(
            "Input tensor '{}' enters the loop with type {}, but has type {} after one iteration.",
            first.name(),
            first.dtype(),
            next.dtype()
        )));
    }
    let (before, after) = (merge.shape(), next.shape());
    if before.relax(&after) != before {
        return Err(Error::invalid_argument(format!(
            "Input tensor '{}' enters the loop with shape {}, but has shape {after} after one iteration. To allow the shape to vary across iterations, use the `shape_invariants` argument of tf.while_loop to specify a less-specific shape.",
            first.name(),
            first.shape()
        )));
    }
    Ok(())
}
