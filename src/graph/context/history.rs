//! Values of a forward loop in its backward loop: stacks that the one fills and the other empties.

use super::admit::{At, add_value};
use super::{ContextId, built, enters_constant};
use crate::error::{Error, Result};
use crate::graph::{Endpoint, NodeId, Output, State};
use crate::tensor::Tensor;
use std::collections::{BTreeMap, HashMap};

/// A forward loop and the backward loop under construction for it.
#[derive(Debug)]
pub(crate) struct LoopGradient {
    /// That of the loop around, if the gradients reach out of it.
    pub(crate) outer: Option<usize>,
    pub(crate) forward: ContextId,
    pub(crate) backward: ContextId,
    /// The NextIteration of each loop's counter.
    pub(crate) forward_index: NodeId,
    pub(crate) backward_index: NodeId,
    /// Triggers that order pushes in branches, and pops, before the next iteration.
    pub(crate) forward_sync: Option<NodeId>,
    pub(crate) backward_sync: Option<NodeId>,
    /// What stands in the backward loop for a value of the forward one.
    pub(crate) history: HashMap<Endpoint, Endpoint>,
    /// For each Switch of the forward loop that was met once, the Merge that stands for it.
    pub(crate) switches: BTreeMap<NodeId, Endpoint>,
    /// The context in which gradients were asked for.
    pub(crate) caller: Option<ContextId>,
}

impl State {
    pub(crate) fn gradient(&self, i: usize) -> Result<&LoopGradient> {
        self.loop_gradients.get(i).ok_or_else(missing)
    }
    pub(crate) fn gradient_mut(&mut self, i: usize) -> Result<&mut LoopGradient> {
        self.loop_gradients.get_mut(i).ok_or_else(missing)
    }
    /// The Enter through which a loop invariant comes, seen through what only passes it on.
    fn constant_enter(&self, e: Endpoint) -> Option<Endpoint> {
        let mut node = self.node(e.node)?;
        while matches!(
            node.op.name.as_str(),
            "Switch" | "RefSwitch" | "Identity" | "RefIdentity"
        ) {
            node = self.node(node.inputs.first()?.node)?;
        }
        enters_constant(node).then(|| node.inputs.first().copied())?
    }
}

fn missing() -> Error {
    Error::internal("there is no such loop gradient")
}

/// What stands in the backward loop for a value of the forward loop: a loop invariant enters again, a constant is
/// repeated, all else is kept on a stack.
pub(super) fn real_value(at: &At<'_>, gradient: usize, e: Endpoint) -> Result<Endpoint> {
    let graph = at.scope.graph();
    let (known, backward) = {
        let s = graph.state();
        let g = s.gradient(gradient)?;
        (g.history.get(&e).copied(), g.backward)
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let (mut value, mut level) = (e, gradient);
    let real = loop {
        let (entered, outer, constant) = {
            let s = graph.state();
            let constant = s.node(value.node).filter(|n| n.op.name == "Const");
            let constant = constant.and_then(|n| n.attrs.tensor("value").ok().cloned());
            (s.constant_enter(value), s.gradient(level)?.outer, constant)
        };
        match (entered, outer, constant) {
            (Some(outside), None, _) => break add_value(at, backward, outside)?,
            (Some(outside), Some(outer), _) => (value, level) = (outside, outer),
            (None, _, Some(constant)) => {
                let scope = at.free().in_context(at.scope.context());
                let again = at.op(scope, "Const").attr("dtype", constant.dtype());
                break built(again.attr("value", constant).out())?;
            }
            (None, _, None) => {
                let stack = accumulate(at, level, value, Side::Taken)?;
                let popped = accumulated(at, level, stack, value, Side::Taken)?;
                break match level == gradient {
                    true => popped,
                    false => add_value(at, backward, popped)?,
                };
            }
        }
    };
    let mut s = graph.state();
    s.gradient_mut(gradient)?.history.insert(e, real);
    Ok(real)
}

/// Whether a value in a branch is there when the branch is taken, or stands for the other one.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Taken,
    Other,
}

/// Pushes a value of the forward loop on a stack in each iteration; gives the stack.
pub(crate) fn accumulate(
    at: &At<'_>,
    gradient: usize,
    value: Endpoint,
    side: Side,
) -> Result<Endpoint> {
    let at = at.outside();
    let free = at.scope;
    let graph = free.graph();
    let (caller, forward, index, value_context, swap) = {
        let s = graph.state();
        let g = s.gradient(gradient)?;
        let swap = s.loop_data(g.forward).is_some_and(|l| l.swap_memory);
        let context = s.output_context(value.node);
        (g.caller, g.forward, g.forward_index, context, swap)
    };
    let pushed = Output::new(free, value.node, value.port);
    let around = free.data().colocate;
    let caller = free.in_context(caller).colocate_with(pushed);
    let caller = caller.derive(|d| d.colocate.extend(around));
    let size = at.op(caller, "Const").attr("value", Tensor::from(-1i32));
    let size = size.attr("dtype", crate::dtype::DType::I32).out();
    let stack = at.op(caller, "StackV2").name("f_acc").input(size);
    let stack = built(stack.attr("elem_type", pushed.dtype()).out())?;
    let entered = add_value(&at, forward, stack)?;
    let entered = Output::new(free, entered.node, entered.port);
    let dead = value_context.filter(|_| side == Side::Other);
    let place = match dead {
        Some(branch) => graph.state().outer_context(branch),
        None => value_context,
    };
    let push = at
        .op(free.in_context(place), "StackPushV2")
        .input(entered)
        .input(pushed)
        .attr("swap_memory", swap);
    let push = built(push.out())?.node;
    if value_context == Some(forward) {
        graph.add_control(index, push);
    } else {
        if dead.is_some() {
            graph.state().set_node_context(push, dead);
        }
        graph.add_control(forward_sync(&at, gradient)?, push);
    }
    // The push comes after those of the iterations before.
    let counted = graph.node(index).and_then(|n| n.inputs.first().copied());
    if let Some(counted) = counted {
        graph.add_control(push, counted.node);
    }
    Ok(stack)
}

/// Pops in the backward loop what the forward loop pushed.
pub(crate) fn accumulated(
    at: &At<'_>,
    gradient: usize,
    stack: Endpoint,
    value: Endpoint,
    side: Side,
) -> Result<Endpoint> {
    let at = at.outside();
    let graph = at.scope.graph();
    let (backward, parallel, branch) = {
        let s = graph.state();
        let backward = s.gradient(gradient)?.backward;
        let parallel = s.loop_data(backward).map_or(1, |l| l.parallel_iterations);
        // The branch that decides whether something was pushed.
        let stop = s.node_context(stack.node);
        let mut context = s.node_context(value.node);
        let branch = loop {
            match context.filter(|c| stop != Some(*c)) {
                None => break None,
                Some(c) => match s.branch_data(c) {
                    Some(b) => break Some(b),
                    None => context = s.outer_context(c),
                },
            }
        };
        (backward, parallel, branch)
    };
    let scope = at.scope.in_context(Some(backward));
    let mut stack = Output::new(scope, stack.node, stack.port);
    if let Some(b) = branch {
        let predicate = {
            let s = graph.state();
            let (mut level, mut found) = (Some(gradient), None);
            while let (Some(l), None) = (level, found) {
                let g = s.gradient(l)?;
                found = g.history.get(&b.predicate).copied();
                level = g.outer;
            }
            found.unwrap_or(b.predicate)
        };
        let predicate = Output::new(scope, predicate.node, predicate.port);
        let taken = match side {
            Side::Taken => b.side,
            Side::Other => 1 - b.side,
        };
        let switch = at.op(scope.colocate_with(stack), "Switch");
        let switch = switch.input(stack).input(predicate).finish();
        stack = switch.output(taken as usize);
    }
    let value = Output::new(scope, value.node, value.port);
    let pop = at.op(scope, "StackPopV2").input(stack);
    let pop = pop.attr("elem_type", value.dtype()).out();
    let popped = built(pop)?;
    graph.set_shape(pop, value.shape());
    if parallel > 1 {
        graph.add_control(backward_sync(&at, gradient)?, popped.node);
    }
    Ok(popped)
}

/// The trigger that orders the pushes of an iteration before the next one.
fn forward_sync(at: &At<'_>, gradient: usize) -> Result<NodeId> {
    let graph = at.scope.graph();
    let (known, context, index) = {
        let s = graph.state();
        let g = s.gradient(gradient)?;
        (g.forward_sync, g.forward, g.forward_index)
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let made = sync(at, "f_sync", context, index)?;
    graph.state().gradient_mut(gradient)?.forward_sync = Some(made);
    Ok(made)
}

/// The trigger that orders the pops of an iteration before the next one.
pub(crate) fn backward_sync(at: &At<'_>, gradient: usize) -> Result<NodeId> {
    let graph = at.scope.graph();
    let (known, context, index) = {
        let s = graph.state();
        let g = s.gradient(gradient)?;
        (g.backward_sync, g.backward, g.backward_index)
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let made = sync(at, "b_sync", context, index)?;
    graph.state().gradient_mut(gradient)?.backward_sync = Some(made);
    Ok(made)
}

fn sync(at: &At<'_>, name: &str, context: ContextId, index: NodeId) -> Result<NodeId> {
    let graph = at.scope.graph();
    let trigger = at.op(at.free(), "ControlTrigger").name(name).finish();
    graph.check()?;
    graph.state().set_node_context(trigger.id(), Some(context));
    graph.add_control(index, trigger.id());
    Ok(trigger.id())
}
