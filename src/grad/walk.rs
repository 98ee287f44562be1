//! The walk: which ops lie between, in which order their gradients are built, and how gradients add up.

use super::{Grad, GradCtx, Gradient, IndexedSlices};
use crate::error::{Code, Error, Result};
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
    let nodes = graph.nodes();
    // Gradient nodes run after what the scope names; nodes inside of a branch are nothing to wait for out here.
    let scope = match scope.data().cond {
        Some(_) => scope.without_control(),
        None => scope,
    };
    let scope = scope.composite("gradients");
    let between = Between::new(&nodes, ys, xs, options);
    let mut walk = Walk {
        graph,
        scope,
        nodes: &nodes,
        sums: HashMap::new(),
        options,
    };
    walk.seed(ys)?;
    let mut pending = between.pending.clone();
    let mut queue: VecDeque<NodeId> = VecDeque::new();
    let mut queued: HashSet<NodeId> = HashSet::new();
    for y in ys {
        let id = y.endpoint().node;
        let free = pending.get(&id).is_none_or(|p| *p == 0);
        if free && queued.insert(id) {
            queue.push_back(id);
        }
    }
    let stops: HashSet<NodeId> = options
        .stop_gradients
        .iter()
        .map(|o| o.endpoint().node)
        .chain(between.stops(&nodes, xs))
        .collect();
    while let Some(id) = queue.pop_front() {
        let node = &nodes[id.number()];
        let grads = walk.output_gradients(node);
        let flows =
            grads.iter().any(Option::is_some) && between.contains(id) && !stops.contains(&id);
        let results = if flows {
            walk.differentiate(node, grads, lookup, location)?
        } else {
            Vec::new()
        };
        for (i, e) in node.inputs.iter().enumerate() {
            if let Some(Some(g)) = results.get(i) {
                walk.sums.entry(*e).or_default().push(*g);
            }
        }
        for e in &node.inputs {
            let Some(p) = pending.get_mut(&e.node) else {
                continue;
            };
            *p = p.saturating_sub(1);
            if *p == 0 && between.contains(e.node) && queued.insert(e.node) {
                queue.push_back(e.node);
            }
        }
    }
    graph.check()?;
    xs.iter().map(|x| Ok(walk.total(x.endpoint()))).collect()
}

/// The ops on differentiable paths from xs to ys.
struct Between {
    members: HashSet<NodeId>,
    /// For each, how many of its consumers among the members have not been differentiated yet.
    pending: HashMap<NodeId, usize>,
}

impl Between {
    fn new(
        nodes: &[Arc<Node>],
        ys: &[Output<'_>],
        xs: &[Output<'_>],
        options: &GradientOptions<'_>,
    ) -> Between {
        let mut users: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for n in nodes {
            for e in &n.inputs {
                let trainable = nodes
                    .get(e.node.number())
                    .and_then(|from| from.outputs.get(e.port as usize))
                    .is_some_and(|t| t.base.is_trainable());
                if trainable {
                    users.entry(e.node).or_default().push(n.id);
                }
            }
        }
        let stop: HashSet<NodeId> = options
            .stop_gradients
            .iter()
            .map(|o| o.endpoint().node)
            .collect();
        let mut reached: HashSet<NodeId> = HashSet::new();
        let mut stack: Vec<NodeId> = xs.iter().map(|x| x.endpoint().node).collect();
        while let Some(id) = stack.pop() {
            if reached.insert(id) && !stop.contains(&id) {
                stack.extend(users.get(&id).into_iter().flatten());
            }
        }
        let mut members = HashSet::new();
        let mut stack: Vec<NodeId> = ys.iter().map(|y| y.endpoint().node).collect();
        while let Some(id) = stack.pop() {
            let n = &nodes[id.number()];
            if reached.contains(&id) && members.insert(id) && !leaves_loop(n) {
                stack.extend(n.inputs.iter().map(|e| e.node));
            }
        }
        let mut pending: HashMap<NodeId, usize> = HashMap::new();
        for id in &members {
            for e in &nodes[id.number()].inputs {
                if members.contains(&e.node) {
                    *pending.entry(e.node).or_insert(0) += 1;
                }
            }
        }
        Between { members, pending }
    }
    fn contains(&self, id: NodeId) -> bool {
        self.members.contains(&id)
    }
    /// The xs that nothing else among the members feeds: there is no need to go behind them.
    fn stops(&self, nodes: &[Arc<Node>], xs: &[Output<'_>]) -> Vec<NodeId> {
        xs.iter()
            .map(|x| x.endpoint().node)
            .filter(|id| {
                !nodes[id.number()]
                    .inputs
                    .iter()
                    .any(|e| self.members.contains(&e.node))
            })
            .collect()
    }
}

/// Nothing inside of a loop is waited for: its nodes wait for each other in a circle. Exit has no gradient, so that one
/// that arrives there is an error.
fn leaves_loop(n: &Node) -> bool {
    matches!(n.op.name.as_str(), "Exit" | "RefExit")
}

struct Walk<'a, 'g> {
    graph: &'g Graph,
    scope: Scope<'g>,
    nodes: &'a [Arc<Node>],
    /// The gradients that have arrived for each output, in order.
    sums: HashMap<Endpoint, Vec<Gradient<'g>>>,
    options: &'a GradientOptions<'g>,
}

impl<'g> Walk<'_, 'g> {
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
    fn total(&mut self, e: Endpoint) -> Option<Gradient<'g>> {
        let list = self.sums.get(&e)?.clone();
        let total = match list.as_slice() {
            [] => return None,
            [one] => *one,
            many => self.add(many),
        };
        self.sums.insert(e, vec![total]);
        Some(total)
    }

    fn add(&self, many: &[Gradient<'g>]) -> Gradient<'g> {
        let slices: Option<Vec<IndexedSlices<'g>>> = many
            .iter()
            .map(|g| match g {
                Gradient::Slices(s) => Some(*s),
                Gradient::Dense(_) => None,
            })
            .collect();
        if let Some(slices) = slices {
            let axis = || self.scope.named("concat/axis").constant(0i32);
            let concat = |parts: Vec<Output<'g>>| {
                let axis = axis();
                self.scope
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
                    self.scope
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
        let dense: Vec<Output<'g>> = many.iter().map(|g| g.dense(self.scope)).collect();
        let at = dense
            .first()
            .map_or(self.scope, |o| self.scope.colocate_with(*o));
        Gradient::Dense(at.op("AddN").list(dense).out())
    }

    fn output_gradients(&mut self, node: &Arc<Node>) -> Vec<Option<Gradient<'g>>> {
        (0..node.outputs.len())
            .map(|port| {
                self.total(Endpoint {
                    node: node.id,
                    port: port as u32,
                })
            })
            .collect()
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
            Some(Grad::Missing) | None => {
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
        let handle = NodeRef::new(self.scope, node.id);
        let mut scope = self.scope.scope(&format!("{}_grad", node.name));
        if self.options.colocate {
            scope = scope.colocate_with(handle);
        } else if !node.device.is_empty() {
            scope = scope.device(&node.device);
        }
        let ctx = GradCtx::new(scope, self.scope, handle, grads);
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
