//! Function calls, compiled away: a call becomes its function's nodes, If and Case become Switch and Merge, While
//! becomes a loop of Enter and Exit. What runs then is one flat graph.

mod body;
mod lower;
mod order;
#[cfg(test)]
mod tests;

use super::prune::RunSignature;
use super::simplify::{Draft, remove_unneeded};
use crate::def::{AttrValue, NodeDef, TypeRef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph, Library, Node, NodeId};
use crate::op::{Attrs, check_attrs, signature};
use body::Body;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::Location;
use std::sync::Arc;

/// Calls within calls beyond this depth are refused.
const MAX_DEPTH: u32 = 500;
/// A run may not grow to more nodes than this (in tests to fewer, so that they are quick).
const MAX_NODES: usize = if cfg!(test) { 1 << 14 } else { 1 << 20 };
/// The numbers of nodes that come from calls begin here, far beyond those of any graph.
const FIRST_ID: usize = 1 << 31;

/// What a session remembers of calls, so that a node within one is the same in every run.
#[derive(Default)]
pub(super) struct Calls {
    bodies: Mutex<HashMap<Vec<u8>, Arc<Body>>>,
    /// By the call and what the node is within it.
    ids: Mutex<HashMap<(NodeId, String), NodeId>>,
}

impl Calls {
    fn id(&self, call: NodeId, local: String) -> NodeId {
        let mut ids = self.ids.lock();
        let next = NodeId::new(FIRST_ID + ids.len());
        *ids.entry((call, local)).or_insert(next)
    }
}

fn is_call(library: &Library, graph: &Graph, node: &Node) -> bool {
    let op = node.op.name.as_str();
    matches!(
        op,
        "PartitionedCall"
            | "StatefulPartitionedCall"
            | "If"
            | "StatelessIf"
            | "While"
            | "StatelessWhile"
            | "Case"
            | "StatelessCase"
    ) || library.get(op).is_some() && graph.ops().schema(op).is_none()
}

/// Replaces the calls among the nodes of a run; fetches and targets come to mean what the calls became, and what
/// the called functions do for its effects joins the targets.
///
/// # Errors
/// `NotFound` for an unknown function, `InvalidArgument` for one that does not fit its call, with the call's node
/// and the one within the function that is at fault.
pub(super) fn expand(
    graph: &Graph,
    calls: &Calls,
    drafts: Vec<Draft>,
    fetches: &mut [Endpoint],
    signature: &mut RunSignature,
) -> Result<Vec<Draft>> {
    let library = graph.library();
    if !drafts.iter().any(|d| is_call(&library, graph, &d.node)) {
        return Ok(drafts);
    }
    let mut e = Expander {
        graph,
        library,
        calls,
        work: drafts.into_iter().rev().map(|d| (d, 0)).collect(),
        out: Vec::new(),
        data: HashMap::new(),
        done: HashMap::new(),
        effects: Vec::new(),
    };
    while let Some((draft, depth)) = e.work.pop() {
        if !is_call(&e.library, graph, &draft.node) {
            e.out.push(draft);
            continue;
        }
        let n = draft.node.clone();
        e.call(draft, depth).map_err(|error| {
            n.located(match error.node() {
                Some(_) => error.within(&n.name),
                None => error,
            })
        })?;
    }
    let fed: HashSet<Endpoint> = signature.feeds.iter().copied().collect();
    let Expander {
        mut out,
        data,
        done,
        effects,
        ..
    } = e;
    let last = |mut e: Endpoint| {
        while let Some(next) = data.get(&e).filter(|_| !fed.contains(&e)) {
            e = *next;
        }
        e
    };
    let finished = |mut id: NodeId| {
        while let Some(next) = done.get(&id) {
            id = *next;
        }
        id
    };
    for d in &mut out {
        d.inputs.iter_mut().for_each(|e| *e = last(*e));
        d.controls.iter_mut().for_each(|c| *c = finished(*c));
        d.controls.sort();
        d.controls.dedup();
    }
    fetches.iter_mut().for_each(|e| *e = last(*e));
    signature.targets.iter_mut().for_each(|t| *t = finished(*t));
    signature.targets.extend(effects);
    remove_unneeded(&mut out, signature, fetches, &fed);
    Ok(order::inputs_first(out))
}

/// An expansion under way.
struct Expander<'a> {
    graph: &'a Graph,
    library: Arc<Library>,
    calls: &'a Calls,
    /// Nodes still to be looked at, with the number of calls around them.
    work: Vec<(Draft, u32)>,
    out: Vec<Draft>,
    /// From an output of a call to the tensor that it is.
    data: HashMap<Endpoint, Endpoint>,
    /// From a call to the node that runs when it is over.
    done: HashMap<NodeId, NodeId>,
    effects: Vec<NodeId>,
}

/// A call that is being replaced.
struct Site {
    node: Arc<Node>,
    inputs: Vec<Endpoint>,
    types: Vec<DType>,
    controls: Vec<NodeId>,
    depth: u32,
}

/// What a body became.
struct Inlined {
    rets: Vec<Endpoint>,
    /// What must have run before the call is over.
    controls: Vec<NodeId>,
}

impl Expander<'_> {
    fn call(&mut self, draft: Draft, depth: u32) -> Result<()> {
        if depth >= MAX_DEPTH {
            return Err(Error::invalid_argument(format!(
                "Functions call functions more than {MAX_DEPTH} deep"
            )));
        }
        let site = Site {
            types: draft.node.input_types.iter().map(|t| t.base).collect(),
            node: draft.node,
            inputs: draft.inputs,
            controls: draft.controls,
            depth,
        };
        match site.node.op.name.as_str() {
            "PartitionedCall" | "StatefulPartitionedCall" => {
                let body = self.body_of(site.node.attrs.get("f")?)?;
                self.plain_call(&site, &body)
            }
            "If" | "StatelessIf" => self.if_op(&site),
            "Case" | "StatelessCase" => self.case(&site),
            "While" | "StatelessWhile" => self.while_op(&site),
            name => {
                let body = self.body(name, &site.node.attrs.0)?;
                self.plain_call(&site, &body)
            }
        }
    }

    /// The body of a function that an attribute names.
    fn body_of(&self, f: &AttrValue) -> Result<Arc<Body>> {
        match f {
            AttrValue::Func(name, attrs) => self.body(name, attrs),
            v => Err(Error::invalid_argument(format!(
                "AttrValue had value with type '{}' when 'func' expected",
                v.kind()
            ))),
        }
    }

    fn body(&self, name: &str, attrs: &BTreeMap<String, AttrValue>) -> Result<Arc<Body>> {
        let function = self
            .library
            .get(name)
            .ok_or_else(|| Error::not_found(format!("Function {name} is not defined.")))?;
        let key = NodeDef {
            name: name.to_string(),
            attr: attrs.clone(),
            ..NodeDef::default()
        };
        let key = key.to_pb();
        if let Some(body) = self.calls.bodies.lock().get(&key) {
            return Ok(body.clone());
        }
        let made = body::instantiate(self.graph, function, attrs)
            .map_err(|e| e.context(format!("Function '{name}': ")))?;
        let mut bodies = self.calls.bodies.lock();
        Ok(bodies.entry(key).or_insert(Arc::new(made)).clone())
    }

    fn plain_call(&mut self, site: &Site, body: &Body) -> Result<()> {
        fits(body, &site.types, &site.node.outputs)?;
        let entry = match site.controls.is_empty() {
            true => None,
            false => Some(self.no_op(site, "input_control_node", site.controls.clone())?),
        };
        let inlined = self.inline(site, "", body, &site.inputs, entry)?;
        let mut before = inlined.controls.clone();
        before.extend(inlined.rets.iter().map(|e| e.node));
        before.extend(entry);
        if before.is_empty() {
            before.extend(site.inputs.iter().map(|e| e.node));
        }
        let done = self.no_op(site, "output_control_node", before)?;
        self.replace(site, inlined.rets, done);
        Ok(())
    }

    /// The call's outputs are these tensors, and it is over when `done` is.
    fn replace(&mut self, site: &Site, outputs: Vec<Endpoint>, done: NodeId) {
        let node = site.node.id;
        for (port, e) in (0u32..).zip(outputs) {
            self.data.insert(Endpoint { node, port }, e);
        }
        self.done.insert(node, done);
    }

    /// Copies a body to a call. What waits for nothing within the body waits for `entry`, if there is one.
    fn inline(
        &mut self,
        site: &Site,
        local: &str,
        body: &Body,
        args: &[Endpoint],
        entry: Option<NodeId>,
    ) -> Result<Inlined> {
        if self.out.len() + self.work.len() + body.nodes.len() > MAX_NODES {
            return Err(Error::resource_exhausted(format!(
                "the functions called hold more than {MAX_NODES} nodes"
            )));
        }
        let call = &site.node;
        let arg_of: HashMap<NodeId, usize> =
            body.args.iter().enumerate().map(|(i, a)| (*a, i)).collect();
        let new_id: HashMap<NodeId, NodeId> = body
            .nodes
            .iter()
            .filter(|n| !arg_of.contains_key(&n.id))
            .map(|n| (n.id, self.calls.id(call.id, format!("{local}{}", n.name))))
            .collect();
        let moved = |e: &Endpoint| match arg_of.get(&e.node) {
            Some(i) => args[*i],
            None => Endpoint {
                node: new_id[&e.node],
                port: e.port,
            },
        };
        let groups = Groups::of(body, format!("{}/{local}", call.name));
        for n in body.nodes.iter().filter(|n| new_id.contains_key(&n.id)) {
            let within = |id: &NodeId| new_id.contains_key(id);
            let waits = n.inputs.iter().any(|e| within(&e.node)) || n.controls.iter().any(within);
            let mut controls: Vec<NodeId> = n
                .controls
                .iter()
                .map(|c| {
                    new_id
                        .get(c)
                        .copied()
                        .unwrap_or_else(|| args[arg_of[c]].node)
                })
                .collect();
            controls.extend(entry.filter(|_| !waits));
            let mut copy = (**n).clone();
            copy.id = new_id[&n.id];
            copy.name = format!("{}/{local}{}", call.name, n.name);
            copy.location = call.location;
            groups.rename(&mut copy);
            if copy.device.is_empty() {
                copy.device.clone_from(&call.device);
            }
            let draft = Draft {
                inputs: n.inputs.iter().map(moved).collect(),
                controls,
                device: 0,
                constants: None,
                node: Arc::new(copy),
            };
            self.work.push((draft, site.depth + 1));
        }
        let mut rets = Vec::new();
        for (i, (e, ty)) in body.rets.iter().zip(&body.ret_types).enumerate() {
            let mut e = moved(e);
            if arg_of.contains_key(&body.rets[i].node) {
                // What only passes through waits for the call, too.
                let name = format!("{local}output_{i}");
                e = self.pass(site, &name, e, *ty, entry.into_iter().collect())?;
            }
            rets.push(e);
        }
        let ids = |list: &[NodeId]| {
            list.iter()
                .filter_map(|id| new_id.get(id).copied())
                .collect::<Vec<_>>()
        };
        self.effects.extend(ids(&body.effects));
        let controls = ids(&body.controls);
        Ok(Inlined { rets, controls })
    }

    fn no_op(&mut self, site: &Site, local: &str, controls: Vec<NodeId>) -> Result<NodeId> {
        self.node(site, local, "NoOp", Vec::new(), controls, Vec::new())
    }

    fn pass(
        &mut self,
        site: &Site,
        local: &str,
        from: Endpoint,
        ty: DType,
        controls: Vec<NodeId>,
    ) -> Result<Endpoint> {
        let attrs = vec![("T", AttrValue::Type(ty))];
        let node = self.node(site, local, "Identity", vec![from], controls, attrs)?;
        Ok(Endpoint { node, port: 0 })
    }

    /// The number that a node made for a call has or will have.
    fn id(&self, site: &Site, local: &str) -> NodeId {
        // No node of a body has such a name.
        self.calls.id(site.node.id, format!("#{local}"))
    }

    /// Adds a node of the kinds that calls are made of.
    fn node(
        &mut self,
        site: &Site,
        local: &str,
        op: &str,
        inputs: Vec<Endpoint>,
        controls: Vec<NodeId>,
        attrs: Vec<(&str, AttrValue)>,
    ) -> Result<NodeId> {
        let schema = self.graph.ops().schema(op).cloned();
        let schema =
            schema.ok_or_else(|| Error::not_found(format!("Op type not registered '{op}'")))?;
        let mut attrs = Attrs(attrs.into_iter().map(|(k, v)| (k.to_string(), v)).collect());
        check_attrs(&schema, &mut attrs)?;
        let types = signature(&schema, &attrs)?;
        let id = self.id(site, local);
        let node = Node {
            id,
            name: format!("{}/{local}", site.node.name),
            op: schema,
            attrs,
            inputs: inputs.clone(),
            controls: controls.clone(),
            device: site.node.device.clone(),
            input_types: types.inputs,
            shapes: vec![Default::default(); types.outputs.len()],
            handles: vec![None; types.outputs.len()],
            outputs: types.outputs,
            location: site.node.location as Option<&'static Location<'static>>,
            context: None,
            after: Vec::new(),
        };
        self.out.push(Draft {
            node: Arc::new(node),
            inputs,
            controls,
            device: 0,
            constants: None,
        });
        Ok(id)
    }
}

/// The colocation groups of a body, each call of which has groups of its own.
struct Groups<'a> {
    /// The names of nodes, when any node names a group.
    names: HashSet<&'a [u8]>,
    prefix: String,
}

impl<'a> Groups<'a> {
    fn of(body: &'a Body, prefix: String) -> Groups<'a> {
        let any = body.nodes.iter().any(|n| n.attrs.0.contains_key("_class"));
        let named = body.nodes.iter().filter(|_| any);
        Groups {
            names: named.map(|n| n.name.as_bytes()).collect(),
            prefix,
        }
    }
    /// Names the groups of a node as the nodes of the body are named now.
    fn rename(&self, node: &mut Node) {
        let Some(AttrValue::BytesList(groups)) = node.attrs.0.get_mut("_class") else {
            return;
        };
        for g in groups {
            let name = g.strip_prefix(b"loc:@").filter(|n| self.names.contains(n));
            if let Some(name) = name {
                *g = [b"loc:@", self.prefix.as_bytes(), name].concat();
            }
        }
    }
}

/// Whether a function takes and gives what its call does.
fn fits(body: &Body, given: &[DType], wanted: &[TypeRef]) -> Result<()> {
    let wanted: Vec<DType> = wanted.iter().map(|t| t.base).collect();
    for (what, own, theirs) in [
        ("arguments", body.arg_types.as_slice(), given),
        ("results", body.ret_types.as_slice(), &wanted),
    ] {
        if own != theirs {
            let names = |l: &[DType]| l.iter().map(|t| t.name()).collect::<Vec<_>>().join(", ");
            return Err(Error::invalid_argument(format!(
                "The function has {what} ({}) but the call has ({})",
                names(own),
                names(theirs)
            )));
        }
    }
    Ok(())
}
