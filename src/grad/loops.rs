//! The loops among the differentiated ops: a counter forward, a loop backward, and when an Exit's turn comes.

use super::Gradient;
use super::control::{constant_zeros, enter_variable, kept, leave_variable, zeros, zeros_shaped};
use crate::error::{Error, Result};
use crate::graph::context::{
    At, ContextId, LoopGradient, LoopSettings, Side, backward_sync, built,
};
use crate::graph::{Endpoint, Graph, Node, NodeId, Scope};
use std::collections::{BTreeMap, HashMap};
use std::panic::Location;

/// What the walk keeps of a loop.
pub(super) struct LoopState {
    /// Its place in the graph's list.
    pub(super) gradient: usize,
    /// Its Exits, without that of the counter.
    pub(super) exits: Vec<Endpoint>,
    /// Exits that are still to come.
    pub(super) pending: usize,
    pub(super) deferred: Vec<NodeId>,
    pub(super) unused: Vec<NodeId>,
}

impl LoopState {
    /// Its Enters of loop variables.
    pub(super) fn enters(&self, graph: &Graph) -> Vec<Endpoint> {
        let s = graph.state();
        let found = s.loop_gradients.get(self.gradient);
        let data = found.and_then(|g| s.loop_data(g.forward));
        data.map(|l| l.enters.clone()).unwrap_or_default()
    }
}

/// The loops of one walk, by their forward context.
pub(super) struct Loops<'g> {
    /// The scope `gradients`.
    scope: Scope<'g>,
    location: &'static Location<'static>,
    pub(super) states: BTreeMap<ContextId, LoopState>,
}

impl<'g> Loops<'g> {
    pub(super) fn new(scope: Scope<'g>, location: &'static Location<'static>) -> Loops<'g> {
        Loops {
            scope,
            location,
            states: BTreeMap::new(),
        }
    }
    fn graph(&self) -> &'g Graph {
        self.scope.graph()
    }
    fn at(&self, scope: Scope<'g>) -> At<'g> {
        At::new(scope, scope.data().prefix, self.location)
    }

    /// Begins the backward loop for the loop that an Exit leaves, unless that was done; gives the loop's Exits.
    ///
    /// # Errors
    /// `InvalidArgument` for a loop of which no context is known.
    pub(super) fn add(&mut self, exit: &Node, scope: Scope<'g>) -> Result<Vec<Endpoint>> {
        let forward = self.graph().state().loop_around(exit.context);
        let Some(forward) = forward else {
            return Err(
                Error::internal("an Exit outside of loops").at_node(&exit.name, &exit.op.name)
            );
        };
        if self.states.contains_key(&forward) {
            return Ok(Vec::new());
        }
        let (outer_loop, exits) = {
            let s = self.graph().state();
            let outer = s.loop_around(s.outer_context(forward));
            let exits = s.loop_data(forward).map(|l| l.exits.clone());
            (outer, exits.unwrap_or_default())
        };
        let outer = outer_loop
            .and_then(|o| self.states.get(&o))
            .map(|o| o.gradient);
        let gradient = self.begin(scope, forward, outer)?;
        self.states.insert(
            forward,
            LoopState {
                gradient,
                pending: exits.len(),
                exits: exits.clone(),
                deferred: Vec::new(),
                unused: Vec::new(),
            },
        );
        Ok(exits)
    }

    fn begin(&self, scope: Scope<'g>, forward: ContextId, outer: Option<usize>) -> Result<usize> {
        let graph = self.graph();
        let caller = scope.context();
        let (around, settings, name) = {
            let s = graph.state();
            let Some(l) = s.loop_data(forward) else {
                return Err(Error::internal("a branch is no loop"));
            };
            let settings = LoopSettings {
                parallel_iterations: l.parallel_iterations,
                maximum_iterations: l.maximum_iterations,
                back_prop: l.back_prop,
                swap_memory: l.swap_memory,
            };
            let name = s.context(forward).map(|c| c.name.clone());
            (s.outer_context(forward), settings, name.unwrap_or_default())
        };
        // A loop within a branch within a loop is counted in the latter.
        let (count_in, place) = match outer {
            Some(o) => {
                let s = graph.state();
                let g = s.gradient(o)?;
                (Some(g.forward), Some(g.backward))
            }
            None => (around, around),
        };
        let (count, forward_index) = self.count_forward(scope, forward, count_in, outer)?;
        let outside = scope.in_context(place);
        let real_count = match outer {
            None => count,
            Some(o) => {
                if let Some(c) = count_in {
                    graph.state().know_here(c, count);
                }
                kept(&self.at(scope), outside, o, count, Side::Taken)?.endpoint()
            }
        };
        let backward = outside.open_loop(&name, settings);
        let gradient = {
            let mut s = graph.state();
            s.loop_gradients.push(LoopGradient {
                outer,
                forward,
                backward,
                forward_index,
                backward_index: forward_index,
                forward_sync: None,
                backward_sync: None,
                history: HashMap::new(),
                switches: BTreeMap::new(),
                caller,
            });
            let gradient = s.loop_gradients.len() - 1;
            if let Some(l) = s.loop_data_mut(backward) {
                l.gradient = Some(gradient);
            }
            gradient
        };
        self.count_backward(outside, gradient, backward, real_count, outer)?;
        Ok(gradient)
    }

    /// A counter in the forward loop; gives the number of iterations, and the NextIteration.
    fn count_forward(
        &self,
        scope: Scope<'g>,
        forward: ContextId,
        around: Option<ContextId>,
        outer: Option<usize>,
    ) -> Result<(Endpoint, NodeId)> {
        let graph = self.graph();
        let outside = scope.in_context(around);
        let at = self.at(outside);
        let n = outside.named("f_count").constant(0i32);
        built(n)?;
        if let Some(o) = outer {
            // The pushes of one run of an inner loop come before those of the next.
            let index = graph.state().gradient(o)?.forward_index;
            if let Some(counted) = graph.node(index).and_then(|x| x.inputs.first().copied()) {
                graph.add_control(n.node().id(), counted.node);
            }
        }
        graph.state().know_here(forward, n.endpoint());
        let inside = scope.in_context(Some(forward));
        let pivot = graph.state().loop_data(forward).and_then(|l| l.pivot);
        let pivot = pivot.ok_or_else(|| Error::internal("a loop without predicate"))?;
        let enters = enter_variable(&at, inside, forward, n, n.shape(), "f_count")?;
        let merge = inside.op("Merge").list([enters, enters]).out();
        let switch = inside.op("Switch").input(merge);
        let switch = switch.input(inside.output_at(pivot)).finish();
        let one = inside.composite("Add");
        let y = one.named("y").constant(1i32);
        let index = one
            .result_op("AddV2")
            .input(switch.output(1))
            .input(y)
            .out();
        let next = inside.op("NextIteration").input(index).out();
        graph.set_input(built(merge)?.node, 1, next)?;
        let total = inside
            .op("Exit")
            .name("f_count")
            .input(switch.output(0))
            .out();
        let total = leave_variable(forward, total)?;
        Ok((total, built(next)?.node))
    }

    /// The loop backward with its counter, which it counts down to zero.
    fn count_backward(
        &self,
        outside: Scope<'g>,
        gradient: usize,
        backward: ContextId,
        count: Endpoint,
        outer: Option<usize>,
    ) -> Result<()> {
        let graph = self.graph();
        let at = self.at(outside);
        let one = outside.named("b_count").constant(1i32);
        graph.state().know_here(backward, count);
        let inside = outside.in_context(Some(backward));
        let count = outside.output_at(count);
        let enters = enter_variable(&at, inside, backward, count, count.shape(), "b_count")?;
        let merge = inside.op("Merge").list([enters, enters]).out();
        if let Some(l) = graph.state().loop_data_mut(backward) {
            l.pivot_for_predicate = Some(merge.endpoint());
        }
        let more = inside.op("GreaterEqual").input(merge).input(one).out();
        let pivot = inside.op("LoopCond").name("b_count").input(more).out();
        if let Some(l) = graph.state().loop_data_mut(backward) {
            l.pivot = Some(pivot.endpoint());
        }
        let switch = inside.op("Switch").input(merge).input(pivot).finish();
        let index = inside.op("Sub").input(switch.output(1)).input(one).out();
        if let Some(l) = graph.state().loop_data_mut(backward) {
            l.pivot_for_body = Some(index.endpoint());
        }
        let next = inside.op("NextIteration").input(index).out();
        graph.set_input(built(merge)?.node, 1, next)?;
        let zero = inside
            .op("Exit")
            .name("b_count")
            .input(switch.output(0))
            .out();
        let next = built(next)?.node;
        graph.state().gradient_mut(gradient)?.backward_index = next;
        if let Some(o) = outer {
            // The pops of one run of an inner loop come before those of the next.
            let sync = backward_sync(&self.at(outside), o)?;
            graph.add_control(sync, built(zero)?.node);
        }
        leave_variable(backward, zero)?;
        Ok(())
    }

    /// The scope in which the gradient of a node is built (`before`: in which what arrives there is added up).
    pub(super) fn scope_of(&self, node: &Node, before: bool) -> Scope<'g> {
        match self.state_of(node, before) {
            None => self.scope,
            Some(state) => {
                let s = self.graph().state();
                let backward = s.loop_gradients.get(state.gradient).map(|g| g.backward);
                drop(s);
                self.scope.in_context(backward)
            }
        }
    }
    fn state_of(&self, node: &Node, before: bool) -> Option<&LoopState> {
        let s = self.graph().state();
        let context = match before {
            true => s.output_context(node.id),
            false => node.context,
        };
        let forward = s.loop_around(context)?;
        drop(s);
        self.states.get(&forward)
    }
    /// The loop that an Exit leaves.
    pub(super) fn state_mut(&mut self, exit: &Node) -> Option<&mut LoopState> {
        let forward = self.graph().state().loop_around(exit.context)?;
        self.states.get_mut(&forward)
    }

    /// Zeros for an Exit that nothing depends on, while others of the loop have a gradient.
    pub(super) fn zeros_for_exit(&self, exit: Endpoint) -> Result<Gradient<'g>> {
        let graph = self.graph();
        let output = self.scope.output_at(exit);
        let shape = output.shape().to_shape();
        let (around, outer) = {
            let s = graph.state();
            let around = s.output_context(exit.node);
            let outer = s.loop_around(around).and_then(|o| self.states.get(&o));
            (around, outer.map(|o| o.gradient))
        };
        let Some(outer) = outer else {
            return Ok(Gradient::Dense(match shape {
                Some(shape) => zeros(self.scope, &shape, output.dtype()),
                None => self
                    .scope
                    .named("zeros_like")
                    .op("ZerosLike")
                    .input(output)
                    .out(),
            }));
        };
        let backward = graph.state().gradient(outer)?.backward;
        let inside = self.scope.in_context(Some(backward));
        if let Some(shape) = shape {
            return Ok(Gradient::Dense(zeros(inside, &shape, output.dtype())));
        }
        let shape = self
            .scope
            .in_context(around)
            .op("Shape")
            .input(output)
            .out();
        let at = self.at(self.scope);
        let shape = kept(&at, inside, outer, built(shape)?, Side::Taken)?;
        Ok(Gradient::Dense(zeros_shaped(inside, shape, output.dtype())))
    }

    /// Where a loop variable does not depend on its value before, its gradient is zero from the second iteration on.
    /// The nodes stand beside the scope `gradients`, as TensorFlow's do.
    pub(super) fn finish(&self, scope: Scope<'g>) -> Result<()> {
        let graph = self.graph();
        for state in self.states.values() {
            let (merges, backward) = {
                let s = graph.state();
                let g = s.gradient(state.gradient)?;
                let merges: Vec<Endpoint> = g.switches.values().copied().collect();
                (merges, g.backward)
            };
            for merge in merges {
                let Some(node) = graph.node(merge.node) else {
                    continue;
                };
                if node.inputs.first() != node.inputs.get(1) {
                    continue;
                }
                let Some(first) = node.inputs.first().copied() else {
                    continue;
                };
                let inside = scope.in_context(Some(backward));
                let entered = inside.output_at(first);
                let zeros = match entered.shape().to_shape() {
                    Some(shape) => constant_zeros(inside, &shape, entered.dtype()),
                    None => {
                        let around = graph.state().outer_context(backward);
                        let outside = scope.in_context(around);
                        let before = entered.node().input(0);
                        let shape = outside.op("Shape").input(before).out();
                        zeros_shaped(outside, shape, entered.dtype())
                    }
                };
                let next = inside.op("NextIteration").input(zeros).out();
                graph.set_input(merge.node, 1, next)?;
            }
        }
        graph.check()
    }
}

/// Whether it is a Switch that decides whether a loop goes on, given what uses it.
pub(super) fn is_loop_switch(graph: &Graph, n: &Node, users: &[NodeId]) -> bool {
    let s = graph.state();
    let in_loop = n.context.is_some_and(|c| s.loop_data(c).is_some());
    if !matches!(n.op.name.as_str(), "Switch" | "RefSwitch") || !in_loop {
        return false;
    }
    // What uses the Switch of a conditional stands in a branch.
    !users.iter().all(|u| {
        let Some(user) = s.node(*u) else { return true };
        let enters = matches!(user.op.name.as_str(), "Enter" | "RefEnter");
        let context = match enters {
            true => user.context.and_then(|c| s.outer_context(c)),
            false => user.context,
        };
        context.is_some_and(|c| s.branch_data(c).is_some())
    })
}
