//! The walk: which ops lie between, in which order their gradients are built, and how gradients add up.

use super::calls::inline_calls;
use super::loops::{Loops, is_loop_switch};
use super::{Grad, GradCtx, Gradient, IndexedSlices};
use crate::error::{Code, Error, Result};
use crate::graph::context::leaves_loop;
use crate::graph::{Endpoint, Graph, Node, NodeId, NodeRef, Output, Scope};
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::Location;
use std::sync::Arc;

/// Options of [`gradients`].
#[derive(Clone, Default)]
pub struct GradientOptions<'g> {
    /// The gradients of the ys; ones where missing.
    pub grad_ys: Vec<Option<Output<'g>>>,
    /// Outputs at which gradients stop.
    pub stop_gradients: Vec<Output<'g>>,
    /// Makes all input gradients of an op available at the same time (TensorFlow's GATE_OP).
    pub gate: bool,
    /// Places gradient nodes with the nodes that they differentiate.
    pub colocate: bool,
}

/// Builds the gradients of the sum of `ys` with respect to each of `xs`, under the name scope `gradients`.
///
/// A gradient is `None` where no differentiable path leads from x to y.
///
/// # Errors
/// `NotFound` "No gradient defined for operation …" when an op on the path has none; otherwise the first
/// mistake of the graph.
pub fn gradients<'g>(
    scope: Scope<'g>,
    lookup: &dyn Fn(&str) -> Option<Grad>,
    ys: &[Output<'g>],
    xs: &[Output<'g>],
    options: &GradientOptions<'g>,
    location: &'static Location<'static>,
) -> Result<Vec<Option<Gradient<'g>>>> {
    let graph = scope.graph();
    graph.check()?;
    if ys.is_empty() || xs.is_empty() || ys.iter().chain(xs).any(|o| !o.is_valid()) {
        return Err(
            Error::invalid_argument("gradients need at least one y and one x").at_line(location),
        );
    }
    inline_calls(scope, lookup, ys, xs, location)?;
    let nodes = graph.nodes();
    let caller = scope.unnamed();
    let scope = scope.composite("gradients");
    let mut walk = Walk {
        graph,
        scope,
        nodes: &nodes,
        users: users(&nodes),
        sums: HashMap::new(),
        loops: Loops::new(scope, location),
        queue: VecDeque::new(),
        pending: HashMap::new(),
        options,
    };
    walk.seed(ys)?;
    let between = walk.between(ys, xs)?;
    let first: Vec<NodeId> = ys.iter().map(|y| y.endpoint().node).collect();
    let mut started = HashSet::new();
    for id in first {
        if walk.pending(id) == 0 && between.contains(&id) && started.insert(id) {
            walk.queue.push_back(id);
        }
    }
    walk.begin_unused_exits(&started)?;
    let stops: HashSet<NodeId> = options
        .stop_gradients
        .iter()
        .map(|o| o.endpoint().node)
        .chain(walk.stops(xs))
        .collect();
    while let Some(id) = walk.queue.pop_front() {
        let node = &nodes[id.number()];
        let grads = walk.output_gradients(node);
        if grads.iter().any(Option::is_some) && !stops.contains(&id) {
            let results = walk.differentiate(node, grads, lookup, location)?;
            for (e, g) in node.inputs.iter().zip(results) {
                if let Some(g) = g {
                    walk.sums.entry(*e).or_default().push(g);
                }
            }
        }
        walk.release_inputs(node)?;
    }
    walk.loops.finish(caller)?;
    graph.check()?;
    xs.iter()
        .map(|x| Ok(walk.total(x.endpoint(), scope)))
        .collect()
}

/// What uses each node's trainable outputs, once for each input.
fn users(nodes: &[Arc<Node>]) -> HashMap<NodeId, Vec<NodeId>> {
    let mut users: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for n in nodes {
        for e in &n.inputs {
            users.entry(e.node).or_default().push(n.id);
        }
    }
    users
}

struct Walk<'a, 'g> {
    graph: &'g Graph,
    scope: Scope<'g>,
    nodes: &'a [Arc<Node>],
    users: HashMap<NodeId, Vec<NodeId>>,
    /// The gradients that have arrived for each output, in order.
    sums: HashMap<Endpoint, Vec<Gradient<'g>>>,
    loops: Loops<'g>,
    queue: VecDeque<NodeId>,
    /// For each node between, how many of its uses there have not been differentiated yet.
    pending: HashMap<NodeId, i64>,
    options: &'a GradientOptions<'g>,
}

impl<'g> Walk<'_, 'g> {
    fn pending(&self, id: NodeId) -> i64 {
        self.pending.get(&id).copied().unwrap_or(0)
    }

    /// The ops on differentiable paths from xs to ys, with all Exits of the loops among them; begins the backward
    /// loops.
    fn between(&mut self, ys: &[Output<'g>], xs: &[Output<'g>]) -> Result<HashSet<NodeId>> {
        let mut reached: HashSet<NodeId> = HashSet::new();
        let mut stack: Vec<NodeId> = xs.iter().map(|x| x.endpoint().node).collect();
        while let Some(id) = stack.pop() {
            if reached.insert(id) {
                let trainable = |u: &&NodeId| {
                    self.nodes[u.number()].inputs.iter().any(|e| {
                        e.node == id
                            && self.nodes[id.number()]
                                .outputs
                                .get(e.port as usize)
                                .is_some_and(|t| t.base.is_trainable())
                    })
                };
                stack.extend(self.users.get(&id).into_iter().flatten().filter(trainable));
            }
        }
        let mut members = HashSet::new();
        let mut list = Vec::new();
        let mut queue: VecDeque<NodeId> = ys.iter().map(|y| y.endpoint().node).collect();
        while let Some(id) = queue.pop_front() {
            if reached.remove(&id) {
                members.insert(id);
                list.push(id);
                let n = &self.nodes[id.number()];
                // Nothing inside of a loop without context is waited for: its nodes wait for each other in a circle.
                if !leaves_loop(n) || n.context.is_some() {
                    queue.extend(n.inputs.iter().map(|e| e.node));
                }
            }
        }
        let mut next = 0;
        while let Some(id) = list.get(next).copied() {
            next += 1;
            let n = &self.nodes[id.number()];
            if !leaves_loop(n) || n.context.is_none() {
                continue;
            }
            let scope = match self.options.colocate {
                true => self.scope.colocate_with(NodeRef::new(self.scope, id)),
                false => self.scope,
            };
            for exit in self.loops.add(n, scope)? {
                if exit.node.number() < self.nodes.len() && members.insert(exit.node) {
                    list.push(exit.node);
                }
            }
        }
        for id in list {
            for e in &self.nodes[id.number()].inputs {
                if members.contains(&e.node) {
                    *self.pending.entry(e.node).or_insert(0) += 1;
                }
            }
        }
        Ok(members)
    }

    /// The xs that nothing else between feeds: there is no need to go behind them.
    fn stops(&self, xs: &[Output<'g>]) -> Vec<NodeId> {
        xs.iter()
            .map(|x| x.endpoint().node)
            .filter(|id| {
                let inputs = &self.nodes[id.number()].inputs;
                !inputs.iter().any(|e| self.pending(e.node) > 0)
            })
            .collect()
    }

    /// Exits that nothing between uses have no gradient of their own, but zeros where other Exits of the loop have one.
    fn begin_unused_exits(&mut self, started: &HashSet<NodeId>) -> Result<()> {
        let mut ready = Vec::new();
        let pending = &mut self.pending;
        for state in self.loops.states.values_mut() {
            for exit in state.exits.clone() {
                if pending.get(&exit.node).copied().unwrap_or(0) == 0 {
                    state.pending = state.pending.saturating_sub(1);
                    if !started.contains(&exit.node) {
                        state.unused.push(exit.node);
                    }
                    if state.pending == 0 {
                        ready.append(&mut state.unused);
                    }
                }
            }
            for enter in state.enters(self.graph) {
                let uses = pending.entry(enter.node).or_insert(0);
                if *uses == 0 {
                    *uses = 1;
                }
            }
        }
        for exit in ready {
            self.add_zeros_for_exit(exit)?;
        }
        Ok(())
    }

    fn add_zeros_for_exit(&mut self, exit: NodeId) -> Result<()> {
        let e = Endpoint {
            node: exit,
            port: 0,
        };
        let trainable = self.nodes[exit.number()].outputs.first();
        if trainable.is_some_and(|t| t.base.is_trainable()) {
            let zeros = self.loops.zeros_for_exit(e)?;
            self.sums.entry(e).or_default().push(zeros);
        }
        self.queue.push_back(exit);
        Ok(())
    }

    /// A node was differentiated: those that fed it come one use nearer to their turn.
    fn release_inputs(&mut self, node: &Node) -> Result<()> {
        for e in &node.inputs {
            let from = &self.nodes[e.node.number()];
            let uses = self.pending.entry(e.node).or_insert(0);
            *uses -= 1;
            let users = self.users.get(&e.node).map_or(&[][..], |u| &u[..]);
            let ready = *uses == 0 || *uses > 0 && is_loop_switch(self.graph, from, users);
            if !ready {
                continue;
            }
            if !leaves_loop(from) {
                self.queue.push_back(e.node);
                continue;
            }
            // The Exits of a loop are differentiated together, once it is known which of them have gradients.
            let has_gradient = |sums: &HashMap<Endpoint, Vec<Gradient<'g>>>, id: NodeId| {
                let e = Endpoint { node: id, port: 0 };
                sums.get(&e).is_some_and(|l| !l.is_empty())
            };
            let Some(state) = self.loops.state_mut(from) else {
                self.queue.push_back(e.node);
                continue;
            };
            state.deferred.push(e.node);
            state.pending = state.pending.saturating_sub(1);
            if state.pending > 0 {
                continue;
            }
            let (used, unused): (Vec<NodeId>, Vec<NodeId>) = std::mem::take(&mut state.deferred)
                .into_iter()
                .partition(|id| has_gradient(&self.sums, *id));
            let mut rest = std::mem::take(&mut state.unused);
            rest.extend(unused);
            let any = !used.is_empty();
            self.queue.extend(used);
            for exit in rest {
                match any {
                    true => self.add_zeros_for_exit(exit)?,
                    false => self.queue.push_back(exit),
                }
            }
        }
        Ok(())
    }

    fn seed(&mut self, ys: &[Output<'g>]) -> Result<()> {
        for (i, y) in ys.iter().enumerate() {
            let y = y.in_scope(self.scope);
            let given = self.options.grad_ys.get(i).copied().flatten();
            let seed = match given {
                Some(g) => {
                    if g.dtype() != y.dtype() {
                        return Err(Error::invalid_argument(format!(
                            "Gradient type {} generated for real or integer-valued tensor {} with type {} must match",
                            g.dtype(),
                            y.name(),
                            y.dtype()
                        )));
                    }
                    g
                }
                None => {
                    let d = y.dtype();
                    if d.is_complex() || !d.is_trainable() {
                        return Err(Error::invalid_argument(format!(
                            "gradients of {} need a grad_y: it has type {d}",
                            y.name()
                        )));
                    }
                    // As TensorFlow names them: Shape, then Const and Fill in `grad_ys_<i>`.
                    let shape = match y.shape().to_shape() {
                        Some(s) => {
                            let dims: Option<Vec<i32>> =
                                s.dims().iter().map(|d| i32::try_from(*d).ok()).collect();
                            dims.map(|d| self.scope.named("Shape").constant(d))
                        }
                        None => None,
                    };
                    let shape = shape.unwrap_or_else(|| self.scope.op("Shape").input(y).out());
                    let name = format!("grad_ys_{i}");
                    let one = crate::graph::Operand::operand(
                        1.0f32,
                        self.scope.named(&format!("{name}/Const")),
                        Some(d),
                    );
                    self.scope
                        .op("Fill")
                        .name(name)
                        .input(shape)
                        .input(one)
                        .out()
                }
            };
            self.sums.entry(y.endpoint()).or_default().push(seed.into());
        }
        Ok(())
    }

    /// The sum of what arrived for an output.
    fn total(&mut self, e: Endpoint, scope: Scope<'g>) -> Option<Gradient<'g>> {
        let list = self.sums.get(&e)?.clone();
        let total = match list.as_slice() {
            [] => return None,
            [one] => *one,
            many => add(scope, many),
        };
        self.sums.insert(e, vec![total]);
        Some(total)
    }

    fn output_gradients(&mut self, node: &Arc<Node>) -> Vec<Option<Gradient<'g>>> {
        let scope = self.loops.scope_of(node, true);
        let port = |port| Endpoint {
            node: node.id,
            port,
        };
        let ports = 0..node.outputs.len() as u32;
        ports.map(|p| self.total(port(p), scope)).collect()
    }

    fn differentiate(
        &mut self,
        node: &Arc<Node>,
        grads: Vec<Option<Gradient<'g>>>,
        lookup: &dyn Fn(&str) -> Option<Grad>,
        location: &'static Location<'static>,
    ) -> Result<Vec<Option<Gradient<'g>>>> {
        let grad_fn = match lookup(&node.op.name) {
            Some(Grad::Fn(f)) => f,
            Some(Grad::NotDifferentiable) => return Ok(Vec::new()),
            Some(Grad::Missing | Grad::Inline(_)) | None => {
                return Err(Error::new(
                    Code::NotFound,
                    format!(
                        "No gradient defined for operation '{}' (op type: {})",
                        node.name, node.op.name
                    ),
                )
                .at_node(&node.name, &node.op.name)
                .at_line(node.location.unwrap_or(location)));
            }
        };
        let outer = self.loops.scope_of(node, false);
        let handle = NodeRef::new(outer, node.id);
        let mut scope = outer.scope(&format!("{}_grad", node.name));
        if self.options.colocate {
            scope = scope.colocate_with(handle);
        } else if !node.device.is_empty() {
            scope = scope.device(&node.device);
        }
        let ctx = GradCtx::new(scope, outer, handle, grads, location);
        let mut results =
            grad_fn(&ctx).map_err(|e| e.at_node(&node.name, &node.op.name).at_line(location))?;
        self.graph.check()?;
        if results.len() != node.inputs.len() {
            return Err(Error::internal(format!(
                "Num gradients {} generated for op {} do not match num inputs {}",
                results.len(),
                node.name,
                node.inputs.len()
            )));
        }
        for (g, e) in results.iter_mut().zip(&node.inputs) {
            let from = &self.nodes[e.node.number()];
            if !from.outputs[e.port as usize].base.is_trainable() {
                *g = None;
            }
        }
        if self.options.gate && results.iter().flatten().count() > 1 {
            gate(scope, &mut results);
        }
        for (g, e) in results.iter().zip(&node.inputs) {
            if let Some(Gradient::Dense(o)) = g {
                let shape = self.nodes[e.node.number()].shapes[e.port as usize].clone();
                if self.nodes[e.node.number()].outputs[e.port as usize].base
                    != crate::dtype::DType::Resource
                {
                    self.graph.set_shape(*o, shape);
                }
            }
        }
        Ok(results)
    }
}

/// TensorFlow's `tuple`: nothing passes before all are there.
fn gate<'g>(scope: Scope<'g>, grads: &mut [Option<Gradient<'g>>]) {
    let inner = scope.scope("tuple");
    let nodes: Vec<NodeRef<'g>> = grads
        .iter()
        .flatten()
        .flat_map(|g| match g {
            Gradient::Dense(o) => vec![o.node()],
            Gradient::Slices(s) => vec![s.values.node(), s.indices.node()],
        })
        .collect();
    let group = inner.after(nodes).op("NoOp").name("group_deps").finish();
    let pass = |o: Output<'g>| {
        inner
            .colocate_with(o)
            .op("Identity")
            .name("control_dependency")
            .input(o)
            .after(group)
            .out()
    };
    for g in grads.iter_mut().flatten() {
        *g = match *g {
            Gradient::Dense(o) => Gradient::Dense(pass(o)),
            Gradient::Slices(s) => Gradient::Slices(IndexedSlices {
                values: pass(s.values),
                ..s
            }),
        };
    }
}

/// The sum of several gradients.
fn add<'g>(scope: Scope<'g>, many: &[Gradient<'g>]) -> Gradient<'g> {
    let slices: Option<Vec<IndexedSlices<'g>>> = many
        .iter()
        .map(|g| match g {
            Gradient::Slices(s) => Some(*s),
            Gradient::Dense(_) => None,
        })
        .collect();
    if let Some(slices) = slices {
        let axis = || scope.named("concat/axis").constant(0i32);
        let concat = |parts: Vec<Output<'g>>| {
            let axis = axis();
            scope
                .op("ConcatV2")
                .name("concat")
                .list(parts)
                .input(axis)
                .out()
        };
        // Indices of one kind only can be put together; int32 ones are widened.
        let wide = slices
            .iter()
            .any(|s| s.indices.dtype() != slices[0].indices.dtype());
        let indices = slices.iter().map(|s| {
            if wide && s.indices.dtype() != crate::dtype::DType::I64 {
                scope
                    .op("Cast")
                    .input(s.indices)
                    .attr("DstT", crate::dtype::DType::I64)
                    .out()
            } else {
                s.indices
            }
        });
        return Gradient::Slices(IndexedSlices {
            values: concat(slices.iter().map(|s| s.values).collect()),
            indices: concat(indices.collect()),
            dense_shape: slices[0].dense_shape,
        });
    }
    let dense: Vec<Output<'g>> = many.iter().map(|g| g.dense(scope)).collect();
    let at = dense.first().map_or(scope, |o| scope.colocate_with(*o));
    Gradient::Dense(at.op("AddN").list(dense).out())
}
