//! What becomes of a node's inputs and control inputs when it is made inside a context.

use super::history::real_value;
use super::{Branch, ContextId, built, enters_constant};
use crate::error::Result;
use crate::graph::{Endpoint, NodeId, OpBuilder, Output, Scope, State};
use std::panic::Location;

/// Where the nodes that bring values in are made: the scope of what uses them, and the prefix of their names.
pub(crate) struct At<'g> {
    pub(crate) scope: Scope<'g>,
    prefix: String,
    pub(crate) location: &'static Location<'static>,
}

impl<'g> At<'g> {
    /// Names begin with `prefix` (with its slash, or empty).
    pub(crate) fn new(
        scope: Scope<'g>,
        prefix: String,
        location: &'static Location<'static>,
    ) -> At<'g> {
        At {
            scope,
            prefix,
            location,
        }
    }
    /// The scope without context and control dependencies.
    pub(crate) fn free(&self) -> Scope<'g> {
        let prefix = self.prefix.clone();
        self.scope.derive(|d| {
            d.context = None;
            d.controls.clear();
            d.op_name = None;
            d.prefix = prefix;
        })
    }
    /// The same names in a scope without context and control dependencies.
    pub(crate) fn outside(&self) -> At<'g> {
        At {
            scope: self.free(),
            prefix: self.prefix.clone(),
            location: self.location,
        }
    }
    pub(crate) fn op(&self, scope: Scope<'g>, op: &'g str) -> OpBuilder<'g> {
        OpBuilder::new(scope, op.into(), self.location)
    }
}

/// Shapes of forward values are taken in the forward loop, so that the backward loop need not keep the values.
const MOVED: [&str; 3] = ["Shape", "Size", "Rank"];

/// Makes a node's inputs known in the context and its control inputs such that none comes from outside of the
/// loop; gives the context in which the node is to stand.
pub(crate) fn admit<'g>(
    at: &At<'g>,
    context: ContextId,
    op: &str,
    inputs: &mut [Endpoint],
    controls: &mut Vec<NodeId>,
) -> Result<ContextId> {
    let graph = at.scope.graph();
    let (context, branch) = {
        let s = graph.state();
        let moved = inputs
            .first()
            .filter(|_| MOVED.contains(&op))
            .and_then(|e| {
                let own = s.node_context(e.node);
                let gradient = s.loop_gradients.get(s.gradient_around(Some(context))?)?;
                own.filter(|_| s.loop_around(own) == Some(gradient.forward))
            });
        let context = moved.unwrap_or(context);
        (context, s.branch_data(context))
    };
    for e in inputs.iter_mut() {
        *e = add_value(at, context, *e)?;
    }
    let outside = {
        let s = graph.state();
        let around = s.loop_around(Some(context));
        let stays = |c: &NodeId| around.is_none() || s.loop_around(s.output_context(*c)) == around;
        let (inside, outside): (Vec<NodeId>, Vec<NodeId>) = controls.iter().partition(|c| stays(c));
        *controls = inside;
        let needs_pivot = match branch {
            Some(_) => {
                inputs.is_empty()
                    && !controls
                        .iter()
                        .any(|c| s.is_within(s.node_context(*c), context))
            }
            None => controls.is_empty() && inputs.iter().all(|e| is_constant_enter(&s, *e)),
        };
        if needs_pivot && let Some(pivot) = s.control_pivot(context) {
            controls.push(pivot);
        }
        outside
    };
    if branch.is_none() {
        // What the node waits for outside of the loop enters it as a value.
        for c in outside {
            let first = Output::new(at.free().in_context(Some(context)), c, 0);
            if first.node().num_outputs() > 0 {
                let pulled = at.op(first.scope(), "Identity").input(first).finish();
                graph.check()?;
                controls.push(pulled.id());
            }
        }
    }
    Ok(context)
}

fn is_constant_enter(s: &State, e: Endpoint) -> bool {
    s.node(e.node).is_some_and(|n| enters_constant(n))
}

/// An output as it is seen in a context; what brings it in is made if need be.
pub(crate) fn add_value(at: &At<'_>, context: ContextId, e: Endpoint) -> Result<Endpoint> {
    let graph = at.scope.graph();
    let (outer, branch) = {
        let mut s = graph.state();
        let made_here = s.node_context(e.node) == Some(context);
        let is_loop = s.loop_data(context).is_some();
        let Some(c) = s.context_mut(context) else {
            return Ok(e);
        };
        let known = c.values.contains(&e) || (is_loop && made_here);
        if known {
            return Ok(c.external.get(&e).copied().unwrap_or(e));
        }
        c.values.insert(e);
        (c.outer, s.branch_data(context))
    };
    match branch {
        Some(b) => switch_in(at, context, outer, b, e),
        None => {
            if let Some(gradient) = forward_of(at, e) {
                let real = real_value(at, gradient, e)?;
                if let Some(c) = graph.state().context_mut(context) {
                    c.external.insert(e, real);
                }
                return Ok(real);
            }
            enter_in(at, context, outer, e)
        }
    }
}

/// The loop gradient under construction at this place, if the output belongs to its forward loop.
fn forward_of(at: &At<'_>, e: Endpoint) -> Option<usize> {
    let here = at.scope.context();
    let s = at.scope.graph().state();
    let gradient = s.gradient_around(here)?;
    let forward = s.loop_around(s.output_context(e.node));
    (forward == Some(s.loop_gradients.get(gradient)?.forward)).then_some(gradient)
}

fn switch_in(
    at: &At<'_>,
    context: ContextId,
    outer: Option<ContextId>,
    branch: Branch,
    e: Endpoint,
) -> Result<Endpoint> {
    let graph = at.scope.graph();
    let outside = match outer {
        Some(o) => {
            let found = add_value(at, o, e)?;
            if let Some(c) = graph.state().context_mut(context) {
                c.values.insert(found);
                c.external.insert(found, found);
            }
            found
        }
        None => e,
    };
    let scope = at.free();
    let data = Output::new(scope, outside.node, outside.port);
    let op = match data.type_ref().is_ref {
        true => "RefSwitch",
        false => "Switch",
    };
    let predicate = Output::new(scope, branch.predicate.node, branch.predicate.port);
    let switch = at.op(scope.colocate_with(data), op);
    let switch = switch.default_name("Switch");
    let switch = switch.input(data).input(predicate).finish();
    let inside = built(switch.output(branch.side as usize))?;
    let mut s = graph.state();
    s.set_node_context(inside.node, Some(context));
    s.know(context, inside);
    if let Some(c) = s.context_mut(context) {
        c.external.insert(e, inside);
    }
    Ok(inside)
}

fn enter_in(
    at: &At<'_>,
    context: ContextId,
    outer: Option<ContextId>,
    e: Endpoint,
) -> Result<Endpoint> {
    let graph = at.scope.graph();
    let outside = match outer {
        Some(o) => add_value(at, o, e)?,
        None => e,
    };
    let scope = at.free();
    let data = Output::new(scope, outside.node, outside.port);
    let entered = enter(at, scope, context, data).attr("is_constant", true);
    let entered = built(entered.out())?;
    fix_controls(at, context, entered);
    let mut s = graph.state();
    if let Some(c) = s.context_mut(context) {
        c.values.insert(entered);
        c.external.insert(e, entered);
    }
    Ok(entered)
}

/// An Enter into a loop, which is not yet said to stand in it.
pub(crate) fn enter<'g>(
    at: &At<'g>,
    scope: Scope<'g>,
    context: ContextId,
    data: Output<'g>,
) -> OpBuilder<'g> {
    let (frame, parallel) = {
        let s = scope.graph().state();
        let frame = s.context(context).map(|c| c.name.clone());
        let parallel = s.loop_data(context).map(|l| l.parallel_iterations);
        (frame.unwrap_or_default(), parallel.unwrap_or(10))
    };
    let op = match data.type_ref().is_ref {
        true => "RefEnter",
        false => "Enter",
    };
    at.op(scope, op)
        .input(data)
        .attr("frame_name", frame)
        .attr("parallel_iterations", parallel)
}

/// Puts an Enter in its loop, and lets it wait for what the scope waits for, as far as that lies within the
/// loop around.
pub(crate) fn fix_controls(at: &At<'_>, context: ContextId, entered: Endpoint) {
    let controls = at.scope.data().controls;
    let graph = at.scope.graph();
    let kept: Vec<NodeId> = {
        let s = graph.state();
        let outer = s.outer_context(context);
        let stop = s.loop_around(outer);
        let input = s
            .node(entered.node)
            .and_then(|n| n.inputs.first())
            .map(|e| e.node);
        let after = input
            .and_then(|i| s.node(i))
            .map_or(&[][..], |n| &n.after[..]);
        let reachable = |c: &NodeId| {
            let wanted = s.output_context(*c);
            let mut here = outer;
            while here != wanted {
                if here.is_none() || here == stop {
                    return false;
                }
                here = here.and_then(|h| s.outer_context(h));
            }
            true
        };
        let implied = |c: &NodeId| input == Some(*c) || after.contains(c);
        let kept = controls.iter().filter(|c| !implied(c) && reachable(c));
        kept.copied().collect()
    };
    for c in kept {
        graph.add_control(entered.node, c);
    }
    let mut s = graph.state();
    if let Some(n) = s.node_mut(entered.node) {
        n.context = Some(context);
        n.after = controls;
    }
}
