//! Partitioning: an edge from one device to another becomes a `_Send` there and a `_Recv` here.
//!
//! All devices run in one executor, so a step is cancelled as a whole and loops may span devices: a `_Recv` runs
//! after its `_Send` in the same iteration, by a control edge between them, and needs no loop of its own to be
//! started in each iteration. Control edges between devices stay as they are.

use super::devices::DeviceSet;
use super::memory::Memory;
use super::simplify::Draft;
use crate::def::{AttrValue, TypeRef};
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Node, NodeId};
use crate::op::{Attrs, OpLookup, OpSchema};
use crate::registry::Registry;
use crate::tensor::Tensor;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The numbers of nodes made here begin here, beyond those of graphs and of calls. They mean something in one plan only.
const FIRST_ID: usize = 3 << 30;

/// Whether a node was made by partitioning: its kernel belongs to the plan, not to the session.
pub(super) fn is_made_here(id: NodeId) -> bool {
    id.number() >= FIRST_ID
}

/// Whether an op passes tensors between devices.
pub(super) fn is_transfer(op: &str) -> bool {
    matches!(op, "_Send" | "_Recv" | "_HostSend" | "_HostRecv")
}

/// Where a tensor lies: on which device, and whether in host memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Spot {
    device: u32,
    on_host: bool,
}

/// For each node that passes a tensor on: the node that it was made for, and the device of that. What goes wrong with the
/// tensor is that node's error, as it is where nothing has to cross.
pub(super) type MadeFor = HashMap<NodeId, (Arc<Node>, u32)>;

/// Where fed tensors come from and fetched ones go.
const CLIENT: Spot = Spot {
    device: 0,
    on_host: true,
};

/// Replaces the edges that cross devices, or lead from a GPU's memory to the host's or back: one pair of `_Send` and
/// `_Recv` (`_HostSend`, `_HostRecv` where an end of it on a GPU lies in host memory) for each tensor and place that
/// needs it. Constants are not sent but made again. Fed tensors come from the first device, fetched ones go there.
///
/// # Errors
/// `InvalidArgument` for a reference that would have to cross, with the node that wants it.
pub(super) fn partition(
    drafts: &mut Vec<Draft>,
    all: &[Arc<Node>],
    feeds: &[Endpoint],
    fetches: &mut [Endpoint],
    registry: &Registry,
    devices: &DeviceSet,
) -> Result<MadeFor> {
    if drafts.iter().all(|d| d.device == 0) {
        return Ok(MadeFor::default());
    }
    let places: HashMap<NodeId, usize> = drafts
        .iter()
        .enumerate()
        .map(|(i, d)| (d.node.id, i))
        .collect();
    let fed: HashSet<Endpoint> = feeds.iter().copied().collect();
    let mut p = Partitioner {
        drafts,
        all,
        places,
        registry,
        devices,
        copies: HashMap::new(),
        made: 0,
        made_for: MadeFor::default(),
    };
    p.close_loops();
    let memory: Vec<Memory> = p
        .drafts
        .iter()
        .map(|d| Ok(Memory::of(&d.node, registry, devices.env(d.device)?)))
        .collect::<Result<_>>()?;
    let spot_of = |p: &Partitioner<'_>, e: &Endpoint| -> Option<Spot> {
        if fed.contains(e) {
            return Some(CLIENT);
        }
        let i = *p.places.get(&e.node)?;
        let outputs = &memory.get(i)?.outputs;
        Some(Spot {
            device: p.drafts[i].device,
            on_host: outputs.get(e.port as usize).copied().unwrap_or(true),
        })
    };
    for (i, own) in memory.iter().enumerate() {
        let device = p.drafts[i].device;
        for k in 0..p.drafts[i].inputs.len() {
            let from = p.drafts[i].inputs[k];
            let here = Spot {
                device,
                on_host: own.inputs.get(k).copied().unwrap_or(true),
            };
            let there = match spot_of(&p, &from) {
                Some(there) if there != here => there,
                _ => continue,
            };
            let brought = p.bring(from, there, here, fed.contains(&from), i);
            let brought = brought.and_then(|e| p.may_cross(i, k, there.device).map(|()| e));
            let n = &p.drafts[i].node;
            p.drafts[i].inputs[k] = brought.map_err(|e| n.located(e))?;
        }
    }
    for e in fetches {
        let there = spot_of(&p, e).filter(|there| !there.on_host);
        if let (Some(there), Some(i)) = (there, p.places.get(&e.node).copied()) {
            *e = p.bring(*e, there, CLIENT, false, i)?;
        }
    }
    Ok(p.made_for)
}

struct Partitioner<'a> {
    drafts: &'a mut Vec<Draft>,
    /// The graph's nodes.
    all: &'a [Arc<Node>],
    places: HashMap<NodeId, usize>,
    registry: &'a Registry,
    devices: &'a DeviceSet,
    /// What a tensor is called in a place that is not its own.
    copies: HashMap<(Endpoint, Spot), Endpoint>,
    made: usize,
    made_for: MadeFor,
}

impl Partitioner<'_> {
    /// A value goes to the next iteration on the device of the Merge that it enters by, so that it crosses before: the
    /// edge from NextIteration to Merge is what makes a loop. For Merges on several devices there are several of it.
    fn close_loops(&mut self) {
        let mut of_device: HashMap<(NodeId, u32), NodeId> = HashMap::new();
        let mut moved: HashSet<NodeId> = HashSet::new();
        for i in 0..self.drafts.len() {
            if !matches!(self.drafts[i].node.op.name.as_str(), "Merge" | "RefMerge") {
                continue;
            }
            let device = self.drafts[i].device;
            for k in 0..self.drafts[i].inputs.len() {
                let from = self.drafts[i].inputs[k].node;
                let Some(at) = self.places.get(&from).copied() else {
                    continue;
                };
                let op = self.drafts[at].node.op.name.as_str();
                if !matches!(op, "NextIteration" | "RefNextIteration") {
                    continue;
                }
                let here = match of_device.get(&(from, device)) {
                    Some(known) => *known,
                    None if moved.insert(from) => {
                        self.drafts[at].device = device;
                        from
                    }
                    None => {
                        let d = &self.drafts[at];
                        let mut copy = (*d.node).clone();
                        let (inputs, controls) = (d.inputs.clone(), d.controls.clone());
                        copy.id = self.next_id();
                        self.add(copy, device, inputs, controls, None)
                    }
                };
                of_device.insert((from, device), here);
                self.drafts[i].inputs[k].node = here;
            }
        }
    }

    /// A reference is of use only where the variable is.
    fn may_cross(&self, draft: usize, input: usize, there: u32) -> Result<()> {
        let d = &self.drafts[draft];
        if there == d.device || !d.node.input_types.get(input).is_some_and(|t| t.is_ref) {
            return Ok(());
        }
        Err(Error::invalid_argument(format!(
            "Nodes were connected by a reference connection (requiring them to be on the same device), but the two nodes were assigned two different devices: {} and {}",
            self.devices.env(there)?.device,
            self.devices.env(d.device)?.device,
        )))
    }

    /// The name of a tensor in another place, for the draft that wants it there.
    fn bring(
        &mut self,
        e: Endpoint,
        there: Spot,
        here: Spot,
        is_fed: bool,
        wanted_by: usize,
    ) -> Result<Endpoint> {
        if let Some(known) = self.copies.get(&(e, here)) {
            return Ok(*known);
        }
        if is_fed {
            // The node of a fed tensor is not among those that run.
            let beside = self.all.get(e.node.number()).cloned();
            let beside = beside.ok_or_else(|| Error::internal("a feed of no node"))?;
            return self.transfer(&beside, e, there, here, wanted_by);
        }
        let source = self.places.get(&e.node).map(|i| &self.drafts[*i]);
        let source = source.ok_or_else(|| Error::internal("an edge from nowhere"))?;
        let node = source.node.clone();
        let values = source.constants.clone().or_else(|| constant(&node));
        let Some(values) = values else {
            return self.transfer(&node, e, there, here, wanted_by);
        };
        let (inputs, controls) = (source.inputs.clone(), source.controls.clone());
        let mut copy = (*node).clone();
        copy.id = self.next_id();
        // One for host memory stands on the first device, whose constants lie there. Where the value goes decides, and
        // not the node: what it gives may lie in host memory wherever the node is.
        let device = if here.on_host { 0 } else { here.device };
        let mut values = values;
        if let (Some(gpu), Some(value)) = (
            &self.devices.env(device)?.gpu,
            values.get_mut(e.port as usize),
        ) {
            *value = gpu.upload(value)?;
        }
        let copy = self.add(copy, device, inputs, controls, Some(values));
        let copy = Endpoint {
            node: copy,
            port: e.port,
        };
        self.copies.insert((e, here), copy);
        Ok(copy)
    }

    fn transfer(
        &mut self,
        source: &Node,
        e: Endpoint,
        there: Spot,
        here: Spot,
        wanted_by: usize,
    ) -> Result<Endpoint> {
        let ty = source.outputs.get(e.port as usize);
        let ty = *ty.ok_or_else(|| Error::internal("an edge from no output"))?;
        let dtype = ty.base;
        let d = &self.drafts[wanted_by];
        let wanted = (d.node.clone(), d.device, d.controls.clone());
        let value = TypeRef {
            base: dtype,
            is_ref: false,
        };
        let attrs = |type_name: &str| -> Result<BTreeMap<String, AttrValue>> {
            let text = |s: String| AttrValue::Bytes(s.into_bytes());
            let device = |d: u32| Ok(text(self.devices.env(d)?.device.clone()));
            let pairs = [
                (type_name, AttrValue::Type(dtype)),
                (
                    "tensor_name",
                    text(format!("edge_{}_{}", self.made, source.name)),
                ),
                ("send_device", device(there.device)?),
                (
                    "send_device_incarnation",
                    AttrValue::Int(self.devices.incarnation(there.device) as i64),
                ),
                ("recv_device", device(here.device)?),
                ("client_terminated", AttrValue::Bool(false)),
            ];
            Ok(pairs.map(|(k, v)| (k.to_string(), v)).into())
        };
        let (send_attrs, recv_attrs) = (attrs("T")?, attrs("tensor_type")?);
        let is_gpu = |d: u32| Ok::<bool, Error>(self.devices.env(d)?.gpu.is_some());
        let send = match there.on_host && is_gpu(there.device)? {
            true => "_HostSend",
            false => "_Send",
        };
        let recv = match here.on_host && is_gpu(here.device)? {
            true => "_HostRecv",
            false => "_Recv",
        };
        let mut send = self.node(send, source, send_attrs)?;
        send.input_types = vec![value];
        send.location = wanted.0.location;
        let mut recv = self.node(recv, source, recv_attrs)?;
        recv.outputs = vec![value];
        recv.location = wanted.0.location;
        recv.shapes = source
            .shapes
            .get(e.port as usize)
            .cloned()
            .into_iter()
            .collect();
        let controls = match ty.is_ref {
            true => wanted.2,
            false => Vec::new(),
        };
        let send = self.add(send, there.device, vec![e], controls, None);
        let recv = self.add(recv, here.device, Vec::new(), vec![send], None);
        for made in [send, recv] {
            self.made_for.insert(made, (wanted.0.clone(), wanted.1));
        }
        let copy = Endpoint {
            node: recv,
            port: 0,
        };
        // A variable's value is that of the time when it is wanted: each has its own.
        if !ty.is_ref {
            self.copies.insert((e, here), copy);
        }
        Ok(copy)
    }

    fn next_id(&mut self) -> NodeId {
        let id = NodeId::new(FIRST_ID + self.made);
        self.made += 1;
        id
    }

    /// A node of ours beside another.
    fn node(
        &mut self,
        op: &str,
        beside: &Node,
        attrs: BTreeMap<String, AttrValue>,
    ) -> Result<Node> {
        let schema: Option<&Arc<OpSchema>> = self.registry.schema(op);
        let schema = schema
            .ok_or_else(|| Error::not_found(format!("Op type not registered '{op}'")))?
            .clone();
        let number = self.made;
        Ok(Node {
            id: self.next_id(),
            name: format!("{}/_{number}", beside.name),
            op: schema,
            attrs: Attrs(attrs),
            inputs: Vec::new(),
            controls: Vec::new(),
            input_types: Vec::new(),
            outputs: Vec::new(),
            shapes: Vec::new(),
            handles: Vec::new(),
            after: Vec::new(),
            ..beside.clone()
        })
    }

    fn add(
        &mut self,
        node: Node,
        device: u32,
        inputs: Vec<Endpoint>,
        controls: Vec<NodeId>,
        constants: Option<Vec<Tensor>>,
    ) -> NodeId {
        let id = node.id;
        self.places.insert(id, self.drafts.len());
        self.drafts.push(Draft {
            node: Arc::new(node),
            inputs,
            controls,
            device,
            constants,
        });
        id
    }
}

/// The value of a Const.
fn constant(n: &Node) -> Option<Vec<Tensor>> {
    match n.op.name.as_str() {
        "Const" => n.attrs.tensor("value").ok().map(|t| vec![t.clone()]),
        _ => None,
    }
}
