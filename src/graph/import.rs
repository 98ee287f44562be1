//! A GraphDef brought into a graph: checked, ordered, typed, its shapes inferred.

use super::build::{check_types, infer_shapes};
use super::library::Library;
use super::names::is_valid_node_name;
use super::{Endpoint, Graph, Node, NodeId, Output, State};
use crate::def::{AttrValue, GraphDef, InputRef, NodeDef, TypeRef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{Attrs, OpLookup, check_attrs, signature};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// How to import.
#[derive(Clone, Default)]
pub struct ImportOptions<'g> {
    /// Put before all names, with a slash; made unique when taken. Empty: names stay as they are.
    pub prefix: String,
    /// Inputs of the definition (`node:k`) to be replaced by outputs of the graph.
    pub input_map: Vec<(String, Output<'g>)>,
    /// Names of tensors (`node:k`) whose outputs in the graph are wanted.
    pub return_elements: Vec<String>,
    /// The device of nodes that ask for none.
    pub default_device: String,
}

impl Graph {
    /// Adds the nodes of a definition, each checked against its op: names, inputs, attributes, types, shapes.
    /// Time and memory are linear in its size. When it fails, no node is added.
    ///
    /// # Errors
    /// `InvalidArgument` for what is malformed, `NotFound` for an unknown op.
    pub fn import<'g>(
        &'g self,
        def: &GraphDef,
        options: &ImportOptions<'g>,
    ) -> Result<Vec<Output<'g>>> {
        def.check_versions()?;
        let prefix = self.import_prefix(&options.prefix)?;
        let plan = Plan::new(def)?;
        let mut mapped: HashMap<(&str, usize), Output<'g>> = HashMap::new();
        for (name, output) in &options.input_map {
            match InputRef::parse(name)? {
                InputRef::Data(node, port) => mapped.insert((node, port), *output),
                InputRef::Control(_) => {
                    return Err(Error::invalid_argument("control inputs cannot be mapped"));
                }
            };
        }
        let mapped: Mapped<'_> = mapped
            .into_iter()
            .map(|(k, o)| (k, (o.endpoint(), o.type_ref())))
            .collect();
        let ops = self.ops().clone();
        let mut s = self.state();
        let mut library = s.library.clone();
        if !def.kept.is_empty() {
            Arc::make_mut(&mut library).add(def.library()?)?;
        }
        if prefix.is_empty()
            && let Some(n) = def.node.iter().find(|n| s.by_name.contains_key(&n.name))
        {
            return Err(Error::invalid_argument(format!(
                "Node name '{}' already exists in the Graph",
                n.name
            )));
        }
        let base = s.nodes.node_count();
        let mut place = vec![usize::MAX; def.node.len()];
        for (position, i) in plan.order.iter().enumerate() {
            place[*i] = base + position;
        }
        let import = Import {
            ops: &*ops,
            library: &library,
            prefix: &prefix,
            plan: &plan,
            place: &place,
            mapped,
            options,
        };
        for &i in &plan.order {
            let n = &def.node[i];
            match import.node(&s, n) {
                Ok(node) => {
                    s.names.reserve(&node.name);
                    s.insert(node);
                }
                Err(e) => {
                    for id in (base..s.nodes.node_count()).rev() {
                        if let Some(n) = s.nodes.remove_node(NodeId::new(id).index()) {
                            s.by_name.remove(&n.name);
                        }
                    }
                    return Err(e.at_node(&n.name, &n.op));
                }
            }
        }
        // The edges of loops point back in the order of insertion; `insert` left them out.
        for id in base..s.nodes.node_count() {
            let Some(n) = s.node(NodeId::new(id)).cloned() else {
                continue;
            };
            for (k, e) in n
                .inputs
                .iter()
                .enumerate()
                .filter(|(_, e)| e.node.number() >= id)
            {
                let edge = super::Edge::Data {
                    port: e.port,
                    input: k as u32,
                };
                s.nodes.add_edge(e.node.index(), n.id.index(), edge);
            }
        }
        s.set_library(library);
        drop(s);
        options
            .return_elements
            .iter()
            .map(|name| self.output(&format!("{prefix}{name}")))
            .collect()
    }

    fn import_prefix(&self, prefix: &str) -> Result<String> {
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            return Ok(String::new());
        }
        if !is_valid_node_name(prefix) {
            return Err(Error::invalid_argument(format!(
                "Imported node name prefix '{prefix}/' would lead to invalid node names"
            )));
        }
        Ok(format!("{}/", self.state().names.unique(prefix)))
    }
}

type Mapped<'d> = HashMap<(&'d str, usize), (Endpoint, TypeRef)>;

/// Which node is where, and an order in which inputs come first.
struct Plan<'d> {
    index: HashMap<&'d str, usize>,
    order: Vec<usize>,
}

impl<'d> Plan<'d> {
    fn new(def: &'d GraphDef) -> Result<Plan<'d>> {
        let mut index = HashMap::with_capacity(def.node.len());
        for (i, n) in def.node.iter().enumerate() {
            let at = |e: Error| e.at_node(&n.name, &n.op);
            if !(is_valid_node_name(&n.name) || n.name.starts_with('_')) {
                return Err(at(Error::invalid_argument(format!(
                    "Node '{}': Node name contains invalid characters",
                    n.name
                ))));
            }
            if n.op.is_empty() {
                return Err(at(Error::invalid_argument(format!(
                    "Node '{}' does not specify an operation",
                    n.name
                ))));
            }
            if index.insert(n.name.as_str(), i).is_some() {
                return Err(at(Error::invalid_argument(format!(
                    "Node '{}' is not unique",
                    n.name
                ))));
            }
        }
        let count = def.node.len();
        let mut pending = vec![0usize; count];
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (i, n) in def.node.iter().enumerate() {
            let at = |e: Error| e.at_node(&n.name, &n.op);
            let mut controls = false;
            for text in &n.input {
                let (from, is_control) = match InputRef::parse(text).map_err(at)? {
                    InputRef::Data(node, _) => (node, false),
                    InputRef::Control(node) => (node, true),
                };
                if controls && !is_control {
                    return Err(at(Error::invalid_argument(format!(
                        "Node '{}': Control dependencies must come after regular dependencies",
                        n.name
                    ))));
                }
                controls |= is_control;
                let Some(&from) = index.get(from) else {
                    return Err(at(Error::invalid_argument(format!(
                        "Node '{}': Unknown input node '{text}'",
                        n.name
                    ))));
                };
                if is_back_edge(&def.node[from], n) {
                    continue;
                }
                pending[i] += 1;
                users[from].push(i);
            }
        }
        // Among the nodes that are ready the first in the file comes first, so that a sorted file keeps its order.
        let mut ready: BinaryHeap<Reverse<usize>> = (0..count)
            .filter(|i| pending[*i] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse(i)) = ready.pop() {
            order.push(i);
            for &u in &users[i] {
                pending[u] -= 1;
                if pending[u] == 0 {
                    ready.push(Reverse(u));
                }
            }
        }
        if order.len() < count {
            let stuck = (0..count).filter(|i| pending[*i] > 0).count();
            let first = (0..count).find(|i| pending[*i] > 0).unwrap_or(0);
            let n = &def.node[first];
            return Err(Error::invalid_argument(format!("{stuck} nodes in a cycle"))
                .at_node(&n.name, &n.op));
        }
        Ok(Plan { index, order })
    }
}

fn is_back_edge(from: &NodeDef, to: &NodeDef) -> bool {
    matches!(from.op.as_str(), "NextIteration" | "RefNextIteration")
        && matches!(to.op.as_str(), "Merge" | "RefMerge")
}

/// An import under way.
struct Import<'a, 'g> {
    ops: &'a dyn OpLookup,
    library: &'a Library,
    prefix: &'a str,
    plan: &'a Plan<'a>,
    /// The place in the graph of each node of the definition.
    place: &'a [usize],
    mapped: Mapped<'a>,
    options: &'a ImportOptions<'g>,
}

impl Import<'_, '_> {
    fn node(&self, state: &State, def: &NodeDef) -> Result<Node> {
        let called = || self.library.get(&def.op).map(|f| &f.schema);
        let schema = self.ops.schema(&def.op).or_else(called).cloned().ok_or_else(|| {
            Error::not_found(format!(
                "Op type not registered '{}'. Make sure the Op and Kernel are registered in the binary running in this process.",
                def.op
            ))
        })?;
        let mut attrs = Attrs(def.attr.clone());
        let output_shapes = attrs.0.remove("_output_shapes");
        attrs
            .0
            .retain(|name, _| name.starts_with('_') || schema.attr(name).is_some());
        if let Some(AttrValue::BytesList(groups)) = attrs.0.get_mut("_class")
            && !self.prefix.is_empty()
        {
            for g in groups.iter_mut() {
                if let Some(rest) = g.strip_prefix(b"loc:@") {
                    *g = [b"loc:@", self.prefix.as_bytes(), rest].concat();
                }
            }
        }
        for (name, v) in attrs.0.iter().filter(|(n, _)| !n.starts_with('_')) {
            v.check()
                .map_err(|e| e.context(format!("attr '{name}': ")))?;
        }
        check_attrs(&schema, &mut attrs)?;
        let signature = signature(&schema, &attrs)?;
        let (inputs, given, controls) = self.inputs(state, def, &signature.inputs)?;
        if inputs.len() != signature.inputs.len() {
            let types: Vec<&str> = signature.inputs.iter().map(|t| t.base.name()).collect();
            return Err(Error::invalid_argument(format!(
                "NodeDef expected inputs '{}' do not match {} inputs specified",
                types.join(", "),
                inputs.len()
            )));
        }
        check_types(&inputs, &given, &signature.inputs, state)?;
        let device = if def.device.is_empty() {
            &self.options.default_device
        } else {
            &def.device
        };
        crate::device::DeviceSpec::parse(device)?;
        let (mut shapes, handles) =
            infer_shapes(state, &schema, &attrs, &inputs, signature.outputs.len())?;
        if let Some(given) = output_shapes {
            let given = match given {
                AttrValue::ShapeList(l) => l,
                AttrValue::EmptyList => Vec::new(),
                v => {
                    return Err(Error::invalid_argument(format!(
                        "attr '_output_shapes' has kind {}",
                        v.kind()
                    )));
                }
            };
            if given.len() < shapes.len() {
                return Err(Error::invalid_argument(format!(
                    "Node '{}' has {} outputs but the _output_shapes attribute specifies shapes for {} outputs",
                    def.name,
                    shapes.len(),
                    given.len()
                )));
            }
            for (s, g) in shapes.iter_mut().zip(&given) {
                *s = s.merge(g).map_err(|e| {
                    e.context(format!(
                        "Node '{}' has an _output_shapes attribute inconsistent with the inferred shape: ",
                        def.name
                    ))
                })?;
            }
        }
        Ok(Node {
            id: NodeId::new(0),
            name: format!("{}{}", self.prefix, def.name),
            op: schema,
            attrs,
            inputs,
            controls,
            device: device.to_string(),
            input_types: signature.inputs,
            shapes,
            handles,
            outputs: signature.outputs,
            location: None,
            cond: None,
            after: Vec::new(),
        })
    }

    fn inputs(
        &self,
        state: &State,
        def: &NodeDef,
        expected: &[TypeRef],
    ) -> Result<(Vec<Endpoint>, Vec<TypeRef>, Vec<NodeId>)> {
        let (mut inputs, mut given, mut controls) = (Vec::new(), Vec::new(), Vec::new());
        for text in &def.input {
            let (node, port) = match InputRef::parse(text)? {
                InputRef::Control(node) => {
                    let id = NodeId::new(self.place[self.plan.index[node]]);
                    if !controls.contains(&id) {
                        controls.push(id);
                    }
                    continue;
                }
                InputRef::Data(node, port) => (node, port),
            };
            if let Some((endpoint, ty)) = self.mapped.get(&(node, port)) {
                inputs.push(*endpoint);
                given.push(*ty);
                continue;
            }
            let id = NodeId::new(self.place[self.plan.index[node]]);
            let ty = match state.node(id) {
                Some(from) => *from.outputs.get(port).ok_or_else(|| {
                    Error::invalid_argument(format!(
                        "Node '{}': Connecting to invalid output {port} of source node {node} which has {} outputs.",
                        def.name,
                        from.outputs.len()
                    ))
                })?,
                // A back edge, from a NextIteration that is not made yet: it has one output, of the type asked for.
                None if port == 0 => match expected.get(inputs.len()) {
                    Some(t) => *t,
                    None => TypeRef::from(DType::F32),
                },
                None => {
                    return Err(Error::invalid_argument(format!(
                        "Node '{}': Connecting to invalid output {port} of source node {node} which has 1 outputs.",
                        def.name
                    )));
                }
            };
            inputs.push(Endpoint {
                node: id,
                port: port as u32,
            });
            given.push(ty);
        }
        Ok((inputs, given, controls))
    }
}
