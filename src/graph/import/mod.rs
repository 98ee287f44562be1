//! A GraphDef brought into a graph, as TensorFlow's `import_graph_def` does.

mod names;
mod node;
mod plan;

use super::names::{is_valid_node_name, is_valid_scope_name};
use super::{Edge, Endpoint, Graph, Node, NodeId, NodeRef, Output, Scope, State, device_function};
use crate::def::{GraphDef, TypeRef};
use crate::device::DeviceSpec;
use crate::error::{Error, Result};
use crate::proto;
use plan::Plan;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// How to import. The default adds all nodes under their own names.
#[derive(Clone, Default)]
pub struct ImportOptions<'g> {
    /// The name scope of the new nodes: opened in the scope of the import and made unique there, or, with a slash at its
    /// end, taken as it is. Empty: names stay as they are, whatever scope is open. (TensorFlow's default is `import`.)
    pub prefix: String,
    /// Inputs of the definition's nodes, `node:k` (`node` is output 0) or `^node` for a control input, to be replaced by
    /// outputs of the graph, or their nodes. They need not be in the definition.
    pub input_map: Vec<(String, Output<'g>)>,
    /// What is wanted back, by its name in the definition: a tensor `node:k`, or a node.
    pub return_elements: Vec<String>,
    /// The ops as the definition's maker knew them: attributes that are unknown here are left out when they have the
    /// value that is the default there.
    pub producer_ops: Option<proto::OpList>,
    /// Nodes may be colocated with nodes that the definition does not have (as within functions), and keep their devices.
    pub partial: bool,
}

/// What an import gives.
#[derive(Debug)]
pub struct Imported<'g> {
    /// The wanted nodes and tensors, in the order of the wishes.
    pub elements: Vec<ImportedElement<'g>>,
    /// What stands before the new names, with its slash; empty when there is nothing.
    pub prefix: String,
}

/// A node or a tensor.
#[derive(Clone, Copy, Debug)]
pub enum ImportedElement<'g> {
    /// A node.
    Node(NodeRef<'g>),
    /// One of its outputs.
    Output(Output<'g>),
}

impl<'g> Imported<'g> {
    /// The tensors among the elements.
    pub fn outputs(&self) -> Vec<Output<'g>> {
        let outputs = self.elements.iter().filter_map(|e| match e {
            ImportedElement::Output(o) => Some(*o),
            ImportedElement::Node(_) => None,
        });
        outputs.collect()
    }
    /// The nodes among the elements.
    pub fn nodes(&self) -> Vec<NodeRef<'g>> {
        let nodes = self.elements.iter().filter_map(|e| match e {
            ImportedElement::Node(n) => Some(*n),
            ImportedElement::Output(_) => None,
        });
        nodes.collect()
    }
}

impl Graph {
    /// Imports into the root scope; see [`Scope::import`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use tensorloom::{Graph, ImportOptions, def::GraphDef};
    /// let def = GraphDef::from_pbtxt(r#"
    ///     node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
    ///     node { name: "y" op: "Neg" input: "x" attr { key: "T" value { type: DT_FLOAT } } }"#)?;
    /// let g = Graph::new();
    /// let three = g.root().constant(3.0f32);
    /// let options = ImportOptions {
    ///     prefix: "import".into(),
    ///     input_map: vec![("x:0".into(), three)],
    ///     return_elements: vec!["y:0".into()],
    ///     ..ImportOptions::default()
    /// };
    /// let y = g.import(&def, &options)?.outputs()[0];
    /// assert_eq!(y.name(), "import/y:0");
    /// assert_eq!(tensorloom::Session::new(&g)?.fetch(y)?.to_scalar::<f32>()?, -3.0);
    /// # Ok::<(), tensorloom::Error>(())
    /// ```
    pub fn import<'g>(
        &'g self,
        def: &GraphDef,
        options: &ImportOptions<'g>,
    ) -> Result<Imported<'g>> {
        self.root().import(def, options)
    }
}

impl<'g> Scope<'g> {
    /// Adds the nodes of a definition (TensorFlow's `import_graph_def`), each checked against its op: names, inputs,
    /// attributes, types, shapes; defaults of attributes are filled in, functions of the library added. A name that is
    /// taken gets a number. The scope's device and control dependencies hold for all new nodes; a node that is colocated
    /// with others has the device of the first of them that has one.
    /// Time and memory are linear in the size of the definition. When it fails, no node is added.
    ///
    /// # Errors
    /// `InvalidArgument` for what is malformed, mapped inputs and wanted elements that are not there, versions that may
    /// not be read; `NotFound` for an unknown op; `Unimplemented` within a loop or a branch.
    pub fn import(self, def: &GraphDef, options: &ImportOptions<'g>) -> Result<Imported<'g>> {
        def.check_versions()?;
        let scope = self.data();
        if scope.context.is_some() {
            return Err(Error::unimplemented(
                "a definition cannot be imported into a loop or a branch",
            ));
        }
        let mapped = Mapped::new(self.graph(), &options.input_map)?;
        let plan = Plan::new(def, &mapped)?;
        let prefix = open_prefix(self, &options.prefix)?;
        let ops = self.graph().ops().clone();
        let mut guard = self.graph().state();
        let s = &mut *guard;
        let mut library = s.library.clone();
        if !def.kept.is_empty() {
            Arc::make_mut(&mut library).add(def.library()?)?;
        }
        let base = s.nodes.node_count();
        let mut place = vec![NodeId::BROKEN; def.node.len()];
        for (position, i) in plan.order.iter().enumerate() {
            place[*i] = NodeId::new(base + position);
        }
        let import = node::Import {
            ops: &*ops,
            library: &library,
            names: names::NewNames::new(s, def, &plan, &prefix),
            prefix: &prefix,
            plan: &plan,
            place: &place,
            mapped: &mapped,
            producer_ops: options.producer_ops.as_ref().map(node::producer_ops),
            partial: options.partial,
            device: &DeviceSpec::parse(&scope.device)?,
            controls: &scope.controls,
        };
        // The shapes of old graphs are read by old rules.
        let newest = s.versions.producer;
        s.versions.producer = newest.min(def.versions.producer);
        let made = import
            .nodes(s, def)
            .and_then(|()| mapped.check(s, &plan, &place))
            .and_then(|()| import.wanted(s, &options.return_elements));
        let wanted = match made {
            Ok(wanted) => wanted,
            Err(e) => {
                s.versions.producer = newest;
                for id in (base..s.nodes.node_count()).rev() {
                    if let Some(n) = s.nodes.remove_node(NodeId::new(id).index()) {
                        s.by_name.remove(&n.name);
                    }
                }
                return Err(e);
            }
        };
        add_back_edges(s, base);
        for n in s.nodes.node_weights().skip(base) {
            s.names.reserve(&n.name);
        }
        s.versions.min_consumer = s.versions.min_consumer.max(def.versions.min_consumer);
        s.versions.bad_consumers.extend(&def.versions.bad_consumers);
        s.versions.bad_consumers.sort_unstable();
        s.versions.bad_consumers.dedup();
        s.set_library(library);
        let made = base..s.nodes.node_count();
        let alone = |id: &NodeId| {
            let node = s.node(*id);
            node.is_some_and(|n| colocated_with(n).next().is_none())
        };
        let alone: Vec<NodeId> = made.clone().map(NodeId::new).filter(alone).collect();
        drop(guard);
        if let Err(e) = device_function::place(self.graph(), &scope, &alone) {
            self.graph().fail(e);
        }
        if !options.partial {
            place_colocated(&mut self.graph().state(), made);
        }
        let elements = wanted.into_iter().map(|w| match w {
            node::Wanted::Node(id) => ImportedElement::Node(NodeRef::new(self, id)),
            node::Wanted::Output(e) => ImportedElement::Output(self.output_at(e)),
        });
        Ok(Imported {
            elements: elements.collect(),
            prefix,
        })
    }
}

/// The prefix of the new names, with its slash.
fn open_prefix(scope: Scope<'_>, prefix: &str) -> Result<String> {
    let outer = scope.data().prefix;
    let name = prefix.trim_end_matches('/');
    if name.is_empty() {
        return Ok(String::new());
    }
    let at_root = outer.is_empty() || name.len() < prefix.len();
    let valid = match at_root {
        true => is_valid_node_name(name),
        false => is_valid_scope_name(name, false),
    };
    if !valid {
        return Err(Error::invalid_argument(format!(
            "'{prefix}' is not a valid{} scope name",
            if at_root { " root" } else { "" }
        )));
    }
    match name.len() < prefix.len() {
        true => Ok(format!("{name}/")),
        false => Ok(format!("{}/", scope.unique_name(name))),
    }
}

/// What stands for inputs of the definition.
pub(super) struct Mapped {
    data: HashMap<(String, usize), (Endpoint, TypeRef)>,
    controls: HashMap<String, NodeId>,
    used: std::cell::RefCell<std::collections::HashSet<(String, Option<usize>)>>,
}

impl Mapped {
    fn new(graph: &Graph, map: &[(String, Output<'_>)]) -> Result<Mapped> {
        let mut mapped = Mapped {
            data: HashMap::new(),
            controls: HashMap::new(),
            used: Default::default(),
        };
        for (key, output) in map {
            if !output.is_valid() || !output.graph().same(graph) {
                return Err(Error::invalid_argument(format!(
                    "the input '{key}' is mapped to an output of a different graph"
                )));
            }
            match key.strip_prefix('^') {
                Some(node) => {
                    let id = output.endpoint().node;
                    mapped.controls.insert(node.to_string(), id);
                }
                None => {
                    let (node, port) = tensor_name(key)?;
                    let to = (output.endpoint(), output.type_ref());
                    mapped.data.insert((node.to_string(), port), to);
                }
            }
        }
        Ok(mapped)
    }

    /// What stands for an output.
    pub(super) fn data(&self, node: &str, port: usize) -> Option<(Endpoint, TypeRef)> {
        if self.data.is_empty() {
            return None;
        }
        let key = (node.to_string(), port);
        let found = self.data.get(&key).copied()?;
        self.used.borrow_mut().insert((key.0, Some(port)));
        Some(found)
    }
    /// What stands for a control input.
    pub(super) fn control(&self, node: &str) -> Option<NodeId> {
        let found = self.controls.get(node).copied()?;
        self.used.borrow_mut().insert((node.to_string(), None));
        Some(found)
    }

    /// Keys that neither an input names nor the definition has are likely mistakes.
    fn check(&self, s: &State, plan: &Plan<'_>, place: &[NodeId]) -> Result<()> {
        let used = self.used.borrow();
        let node = |name: &str| plan.index.get(name).and_then(|i| s.node(place[*i]));
        let data = self.data.keys().filter_map(|(name, port)| {
            let known = used.contains(&(name.clone(), Some(*port)))
                || node(name).is_some_and(|n| *port < n.outputs.len());
            (!known).then(|| format!("{name}:{port}"))
        });
        let controls = self.controls.keys().filter_map(|name| {
            let known = used.contains(&(name.clone(), None)) || node(name).is_some();
            (!known).then(|| format!("^{name}"))
        });
        let mut missing: Vec<String> = data.chain(controls).collect();
        missing.sort();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid_argument(format!(
                "Attempted to map inputs that were not found in graph_def: [{}]",
                missing.join(", ")
            ))),
        }
    }
}

/// The parts of `node:k` or `node`.
pub(super) fn tensor_name(text: &str) -> Result<(&str, usize)> {
    let bad = |why: String| {
        Err(Error::invalid_argument(format!(
            "Cannot convert '{text}' to a tensor name. {why}"
        )))
    };
    let Some((node, port)) = text.split_once(':') else {
        return Ok((text, 0));
    };
    if port.contains(':') {
        let count = text.matches(':').count();
        return bad(format!(
            "Tensor names should not contain more than 1 `:`. Obtained {count}"
        ));
    }
    match port.parse::<u32>() {
        Ok(k) => Ok((node, k as usize)),
        Err(_) => bad(format!(
            "Second component of the name following the `:` should be an int. Got {port}."
        )),
    }
}

/// Gives each new node that is colocated with others the device of the first of them that has one.
fn place_colocated(s: &mut State, made: Range<usize>) {
    for id in made {
        let Some(n) = s.node(NodeId::new(id)) else {
            continue;
        };
        let mut others = colocated_with(n).peekable();
        if others.peek().is_none() {
            continue;
        }
        let devices = others.filter_map(|name| s.node(*s.by_name.get(name)?));
        let device = devices.map(|o| o.device.as_str()).find(|d| !d.is_empty());
        let device = device.unwrap_or_default().to_string();
        if let Some(n) = s.node_mut(NodeId::new(id)) {
            n.device = device;
        }
    }
}

/// The other nodes whose groups a node is in.
fn colocated_with(n: &Node) -> impl Iterator<Item = &str> {
    let groups: &[Vec<u8>] = match n.attrs.0.get("_class") {
        Some(crate::def::AttrValue::BytesList(l)) => l,
        _ => &[],
    };
    let names = groups
        .iter()
        .filter_map(|g| std::str::from_utf8(g.strip_prefix(b"loc:@")?).ok());
    names.filter(|name| *name != n.name)
}

/// The edges of loops point back in the order of insertion, in which they could not be added yet.
fn add_back_edges(s: &mut State, base: usize) {
    for id in base..s.nodes.node_count() {
        let Some(n) = s.node(NodeId::new(id)).cloned() else {
            continue;
        };
        let inputs = n.inputs.iter().enumerate();
        for (k, e) in inputs.filter(|(_, e)| e.node.number() >= id) {
            let edge = Edge::Data {
                port: e.port,
                input: k as u32,
            };
            s.nodes.add_edge(e.node.index(), n.id.index(), edge);
        }
    }
}
