//! The plan of a run: kernels, edges and counts in flat arrays, made once for each signature.

use super::devices::DeviceSet;
use super::find_kernel;
use super::functions::{Calls, expand};
use super::loops::assign_frames;
use super::memory::Memory;
use super::partition::{MadeFor, is_made_here, is_transfer, partition};
use super::place::{Placements, Snapshot};
use super::prune::{RunSignature, prune};
use super::simplify::{Draft, simplify};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Endpoint, Graph, Node, NodeId};
use crate::kernel::{AnyKernel, AsyncKernel, Cheap, Env, Kernel, KernelInit, NodeInfo, OpContext};
use crate::registry::Registry;
use crate::tensor::Tensor;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// A run, compiled.
pub(super) struct Executable {
    pub(super) nodes: Vec<PlanNode>,
    /// Nodes that wait for nothing.
    pub(super) roots: Vec<u32>,
    /// Where each fed value goes.
    pub(super) feeds: Vec<Vec<Edge>>,
    /// Names and types of the feeds, for messages.
    pub(super) feed_types: Vec<(String, DType)>,
    pub(super) fetch_names: Vec<String>,
    /// The loops; the first entry stands for what is outside of all loops.
    pub(super) frames: Vec<FramePlan>,
    /// Node states that no step uses at the moment.
    pub(super) idle: Mutex<Vec<super::frames::States>>,
}

/// A loop of the plan.
pub(super) struct FramePlan {
    /// Its nodes.
    pub(super) nodes: Vec<u32>,
    /// How many Enter nodes lead into it.
    pub(super) enters: u32,
    /// How many iterations may run at once.
    pub(super) parallel: usize,
}

/// A node of the plan.
pub(super) struct PlanNode {
    pub(super) action: Action,
    /// Whether it is a `_Send` or a `_Recv`, which run also when they are dead.
    pub(super) is_transfer: bool,
    /// Its index among the nodes of its loop.
    pub(super) slot: u32,
    pub(super) info: Arc<NodeInfo>,
    pub(super) env: Arc<Env>,
    /// The number of its device.
    pub(super) device: u32,
    pub(super) location: Option<&'static Location<'static>>,
    /// The node whose errors its errors are, when it only passes a tensor on.
    pub(super) made_for: Option<Arc<NodeInfo>>,
    /// For each data input, whether the kernel takes a reference as it is.
    pub(super) takes_ref: Vec<bool>,
    /// The element types of the inputs of a kernel on a GPU, which takes them on trust; empty elsewhere.
    pub(super) gpu_types: Vec<DType>,
    pub(super) control_inputs: u32,
    /// The consumers of each output.
    pub(super) outputs: Vec<Vec<Edge>>,
    pub(super) control_outputs: Vec<u32>,
    /// A moving average of the kernel's time in nanoseconds.
    pub(super) cost: AtomicU32,
}

/// Where an output goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edge {
    /// Data input `input` of node `node`.
    Node { node: u32, input: u32 },
    /// The fetch of that number.
    Fetch(u32),
}

/// What a node does when it is ready.
pub(super) enum Action {
    /// Calls a kernel.
    Kernel(Arc<dyn Kernel>),
    /// Starts a kernel that completes later.
    Async(Arc<dyn AsyncKernel>),
    /// Gives its input to one of its outputs; the other is dead.
    Switch,
    /// Gives its input to the output of that number, or to the last; the others are dead.
    SwitchN,
    /// Gives the first live input; one at the head of a loop has only one input in each iteration.
    Merge { is_loop: bool },
    /// Brings a value into a loop.
    Enter { frame: u32, is_constant: bool },
    /// Brings a value out of a loop.
    Exit,
    /// Brings a value to the next iteration.
    NextIteration,
    /// Runs even when what it waits for is dead.
    ControlTrigger,
}

/// Kernels by node and device: made once in a session, so that their state lasts.
type KernelCache = Mutex<HashMap<(NodeId, u32), AnyKernel>>;

/// What lasts as long as a session.
#[derive(Default)]
pub(super) struct Lasting {
    kernels: KernelCache,
    calls: Calls,
    pub(super) placements: Placements,
}

/// Compiles a run: prune, replace calls by what they call, place, simplify, partition,
/// find kernels, lay out edges.
///
/// # Errors
/// What is wrong with the signature, a placement, or a kernel, with the node at fault.
pub(super) fn compile(
    graph: &Graph,
    registry: &Registry,
    devices: &DeviceSet,
    lasting: &Lasting,
    signature: &RunSignature,
    optimize: bool,
) -> Result<Executable> {
    graph.check()?;
    let version = graph.version();
    let all = graph.nodes();
    signature.check(graph, &all)?;
    let needed: Vec<Draft> = prune(&all, signature).into_iter().map(Draft::new).collect();
    let mut fetches = signature.fetches.clone();
    let mut flat = signature.clone();
    let mut needed = expand(graph, &lasting.calls, needed, &mut fetches, &mut flat)?;
    let snapshot = Snapshot {
        nodes: &all,
        version,
    };
    let placements = &lasting.placements;
    placements.place(snapshot, &mut needed, registry, devices)?;
    if optimize {
        simplify(&mut needed, &flat, &mut fetches, registry, devices.client());
    }
    let feeds = &signature.feeds;
    let made_for = partition(&mut needed, &all, feeds, &mut fetches, registry, devices)?;
    let mut numbers: HashMap<NodeId, u32> = HashMap::with_capacity(needed.len());
    for (i, n) in needed.iter().enumerate() {
        numbers.insert(n.node.id, i as u32);
    }
    let mut nodes = Vec::with_capacity(needed.len());
    for n in &needed {
        let mut planned = plan_node(n, registry, devices, &lasting.kernels, &numbers)
            .map_err(|e| n.node.located(e))?;
        planned.made_for = for_whom(&made_for, n, devices)?;
        nodes.push(planned);
    }
    let fed: HashMap<Endpoint, usize> = signature
        .feeds
        .iter()
        .enumerate()
        .map(|(i, e)| (*e, i))
        .collect();
    let mut feeds = vec![Vec::new(); signature.feeds.len()];
    let mut connect = |e: &Endpoint, edge: Edge, nodes: &mut Vec<PlanNode>| match fed.get(e) {
        Some(i) => feeds[*i].push(edge),
        None => {
            if let Some(from) = numbers.get(&e.node) {
                nodes[*from as usize].outputs[e.port as usize].push(edge);
            }
        }
    };
    for (i, n) in needed.iter().enumerate() {
        for (k, e) in n.inputs.iter().enumerate() {
            connect(
                e,
                Edge::Node {
                    node: i as u32,
                    input: k as u32,
                },
                &mut nodes,
            );
        }
    }
    for (i, e) in fetches.iter().enumerate() {
        connect(e, Edge::Fetch(i as u32), &mut nodes);
    }
    for (i, n) in needed.iter().enumerate() {
        for c in &n.controls {
            if let Some(from) = numbers.get(c) {
                nodes[*from as usize].control_outputs.push(i as u32);
            }
        }
    }
    let drafts: Vec<&Node> = needed.iter().map(|d| &*d.node).collect();
    let fed = signature.feeds.iter().zip(&feeds);
    let fed: Vec<(String, &[Edge])> = fed
        .map(|(e, edges)| (all[e.node.number()].name.clone(), edges.as_slice()))
        .collect();
    let frames = assign_frames(&mut nodes, &drafts, &fed)?;
    let roots = (0..nodes.len() as u32)
        .filter(|i| {
            let n = &nodes[*i as usize];
            n.control_inputs == 0 && n.takes_ref.is_empty()
        })
        .collect();
    let name = |e: &Endpoint| all[e.node.number()].output_name(e.port);
    Ok(Executable {
        roots,
        feeds,
        feed_types: signature
            .feeds
            .iter()
            .map(|e| (name(e), all[e.node.number()].outputs[e.port as usize].base))
            .collect(),
        fetch_names: signature.fetches.iter().map(name).collect(),
        nodes,
        frames,
        idle: Mutex::new(Vec::new()),
    })
}

fn plan_node(
    draft: &Draft,
    registry: &Registry,
    devices: &DeviceSet,
    kernels: &KernelCache,
    numbers: &HashMap<NodeId, u32>,
) -> Result<PlanNode> {
    let n: &Arc<Node> = &draft.node;
    let env = devices.env(draft.device)?.clone();
    let info = Arc::new(NodeInfo {
        name: n.name.clone(),
        op: n.op.name.clone(),
        device: env.device.clone(),
    });
    let action = match n.op.name.as_str() {
        "Switch" | "RefSwitch" => Action::Switch,
        "_SwitchN" => Action::SwitchN,
        "Merge" | "RefMerge" => Action::Merge { is_loop: false },
        "ControlTrigger" => Action::ControlTrigger,
        _ if draft.constants.is_some() => {
            let values = constants(draft, registry, &env)?;
            Action::Kernel(Arc::new(Cheap(move |ctx: &mut OpContext<'_>| {
                values
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, v)| ctx.set(i, v.clone()))
            })))
        }
        "Enter" | "RefEnter" => Action::Enter {
            frame: 0,
            is_constant: n.attrs.bool("is_constant")?,
        },
        "Exit" | "RefExit" => Action::Exit,
        "NextIteration" | "RefNextIteration" => Action::NextIteration,
        _ => {
            let made_here = is_made_here(n.id);
            let key = (n.id, draft.device);
            let cached = match made_here {
                true => None,
                false => kernels.lock().get(&key).cloned(),
            };
            let kernel = match cached {
                Some(k) => k,
                None => {
                    let def = find_kernel(registry, &n.op.name, env.device_type(), &n.attrs)?;
                    let init = KernelInit {
                        node: &info,
                        attrs: &n.attrs,
                        inputs: &n.input_types,
                        outputs: &n.outputs,
                        env: &env,
                    };
                    let made = (def.new)(&init)?;
                    match made_here {
                        true => made,
                        false => kernels.lock().entry(key).or_insert(made).clone(),
                    }
                }
            };
            match kernel {
                AnyKernel::Sync(k) => Action::Kernel(k),
                AnyKernel::Async(k) => Action::Async(k),
            }
        }
    };
    let gpu_types = match env.gpu {
        Some(_) => n.input_types.iter().map(|t| t.base).collect(),
        None => Vec::new(),
    };
    let keeps_ref = n.op.name.starts_with("Ref");
    Ok(PlanNode {
        action,
        is_transfer: is_transfer(&n.op.name),
        info,
        env,
        device: draft.device,
        location: n.location,
        made_for: None,
        takes_ref: draft
            .inputs
            .iter()
            .zip(&n.input_types)
            .map(|(_, t)| t.is_ref || keeps_ref && t.base != DType::Bool)
            .collect(),
        gpu_types,
        slot: 0,
        control_inputs: draft
            .controls
            .iter()
            .filter(|c| numbers.contains_key(c))
            .count() as u32,
        outputs: vec![Vec::new(); n.outputs.len()],
        control_outputs: Vec::new(),
        cost: AtomicU32::new(u32::MAX),
    })
}

/// The node that a transfer was made for.
fn for_whom(
    made_for: &MadeFor,
    draft: &Draft,
    devices: &DeviceSet,
) -> Result<Option<Arc<NodeInfo>>> {
    let Some((node, device)) = made_for.get(&draft.node.id) else {
        return Ok(None);
    };
    Ok(Some(Arc::new(NodeInfo {
        name: node.name.clone(),
        op: node.op.name.clone(),
        device: devices.env(*device)?.device.clone(),
    })))
}

/// The constants of a node as its device holds them; those that partitioning made again lie where they are wanted.
fn constants(draft: &Draft, registry: &Registry, env: &Env) -> Result<Vec<Tensor>> {
    let values = draft.constants.clone().unwrap_or_default();
    let Some(gpu) = &env.gpu else {
        return Ok(values);
    };
    let on_host = Memory::of(&draft.node, registry, env).outputs;
    let pairs = values.into_iter().zip(on_host);
    pairs
        .map(|(t, on_host)| match on_host || t.is_on_gpu() {
            true => Ok(t),
            false => gpu.upload(&t),
        })
        .collect()
}
