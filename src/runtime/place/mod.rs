//! Placement: which device each node of a run stands on.
//!
//! All nodes of the graph are placed, also those that a run does not need: so a node has the same device in every
//! run. A node with a state stays where it is when the graph grows. What is wrong with nodes that a run has nothing to
//! do with does not stop it.

mod groups;
mod placements;
#[cfg(test)]
mod recorded;
mod summary;
#[cfg(test)]
mod tests;
mod words;

use super::devices::DeviceSet;
use super::simplify::Draft;
use crate::def::AttrValue;
use crate::device::DeviceSpec;
use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{Endpoint, Node, NodeId};
use crate::kernel::DeviceType;
use crate::registry::Registry;
use groups::{Groups, Wishes};
pub(super) use placements::{Placements, Snapshot};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Ops that the executor itself does, on any device.
const ANYWHERE: [&str; 12] = [
    "ControlTrigger",
    "Enter",
    "Exit",
    "Merge",
    "NextIteration",
    "RefEnter",
    "RefExit",
    "RefMerge",
    "RefNextIteration",
    "RefSwitch",
    "Switch",
    "_SwitchN",
];

/// What became of the nodes of a graph.
struct Decision {
    /// Wishes that are not granted, in TensorFlow's words.
    ignored: Vec<String>,
    /// Where nodes went, in the order in which that was decided.
    placed: Vec<(Arc<Node>, u32)>,
    /// What is wrong with what the run needs, and how many nodes were placed before that was noticed.
    fault: Option<(usize, Error)>,
}

/// Gives each draft its device, and finds one for all other nodes of the graph. `fixed` says where nodes stand already.
fn decide(
    all: &[Arc<Node>],
    drafts: &mut [Draft],
    registry: &Registry,
    devices: &DeviceSet,
    fixed: &HashMap<NodeId, u32>,
) -> Decision {
    let of_draft: HashMap<NodeId, &Draft> = drafts.iter().map(|d| (d.node.id, d)).collect();
    let mut items: Vec<Item<'_>> = Vec::with_capacity(all.len());
    for node in all {
        match of_draft.get(&node.id) {
            Some(draft) => items.push(Item::of(draft)),
            // Calls are compiled away.
            None if registry
                .entry(&node.op.name)
                .is_none_or(|e| e.kernels.is_empty()) => {}
            None => items.push(Item {
                node,
                inputs: &node.inputs,
                controls: &node.controls,
                needed: false,
            }),
        }
    }
    let known = |d: &Draft| all.get(d.node.id.number()).is_some();
    items.extend(drafts.iter().filter(|d| !known(d)).map(Item::of));
    let number = |(i, item): (usize, &Item<'_>)| (item.node.id, i);
    let numbers = items.iter().enumerate().map(number).collect();
    let mut placer = Placer {
        groups: Groups::new(Vec::new(), devices.soft_placement()),
        assigned: vec![None; items.len()],
        order: Vec::with_capacity(items.len()),
        faults: Vec::new(),
        ignored: Vec::new(),
        by_group: HashMap::new(),
        items,
        numbers,
        registry,
        devices,
        fixed,
    };
    placer.wish();
    placer.follow_edges();
    placer.colocate();
    let mut fault = placer.fault_of_needed();
    if fault.is_none() {
        placer.assign();
        fault = placer.fault_of_needed();
    }
    let Placer {
        items,
        numbers,
        assigned,
        order,
        ignored,
        ..
    } = placer;
    let placed = order
        .iter()
        .filter_map(|i| Some((items[*i].node.clone(), assigned[*i]?)))
        .collect();
    for d in drafts {
        if let Some(device) = numbers.get(&d.node.id).and_then(|i| assigned[*i]) {
            d.device = device;
        }
    }
    Decision {
        ignored,
        placed,
        fault,
    }
}

/// A node with its inputs as the run has them.
struct Item<'a> {
    node: &'a Arc<Node>,
    inputs: &'a [Endpoint],
    controls: &'a [NodeId],
    /// Whether the run needs it.
    needed: bool,
}

impl<'a> Item<'a> {
    fn of(draft: &'a Draft) -> Item<'a> {
        Item {
            node: &draft.node,
            inputs: &draft.inputs,
            controls: &draft.controls,
            needed: true,
        }
    }
    /// Whether it only makes one value: such a node goes where its consumers are.
    fn is_generator(&self) -> bool {
        let n = self.node;
        self.inputs.is_empty() && matches!(n.outputs.as_slice(), [t] if !t.is_ref)
    }
    /// Whether it only looks at what describes its input: such a node goes where its input is.
    fn is_metadata(&self) -> bool {
        matches!(self.node.op.name.as_str(), "Shape" | "Size" | "Rank")
    }
    /// Whether it only renames a value and asks for no device: such a node goes where its input is, unless who uses it, or
    /// who made it, asks for one.
    fn is_plain_identity(&self) -> bool {
        let n = self.node;
        n.op.name == "Identity" && n.device.is_empty() && self.controls.is_empty()
    }
    /// Whether it makes a variable, queue or other resource.
    fn makes_resource(&self) -> bool {
        let held = |t: &crate::def::TypeRef| t.is_ref || t.base == DType::Resource;
        self.inputs.is_empty() && matches!(self.node.outputs.as_slice(), [t] if held(t))
    }
}

struct Placer<'a> {
    items: Vec<Item<'a>>,
    numbers: HashMap<NodeId, usize>,
    registry: &'a Registry,
    devices: &'a DeviceSet,
    groups: Groups,
    assigned: Vec<Option<u32>>,
    order: Vec<usize>,
    faults: Vec<Fault>,
    ignored: Vec<String>,
    /// The device of each group that was come to already; none where none fits.
    by_group: HashMap<usize, Option<u32>>,
    fixed: &'a HashMap<NodeId, u32>,
}

/// Something that is wrong.
struct Fault {
    /// A node of the group that it concerns.
    item: usize,
    /// How many nodes were placed before.
    placed: usize,
    error: Error,
}

impl Placer<'_> {
    fn fault(&mut self, item: usize, error: Error) {
        self.faults.push(Fault {
            item,
            placed: self.order.len(),
            error: self.items[item].node.located(error),
        });
    }

    /// What each node asks for by itself.
    fn wish(&mut self) {
        let mut all = Vec::with_capacity(self.items.len());
        for i in 0..self.items.len() {
            all.push(self.wishes_of(i));
        }
        self.groups = Groups::new(all, self.devices.soft_placement());
    }

    fn wishes_of(&mut self, i: usize) -> Wishes {
        let item = &self.items[i];
        let node = item.node;
        let (makes_resource, needed) = (item.makes_resource(), item.needed);
        let mut kinds = self.kinds(node);
        if let Some(device) = self.fixed.get(&node.id) {
            let spec = self.devices.spec(*device);
            return Wishes {
                requested: spec.clone(),
                resource: DeviceSpec::default(),
                fixed: spec,
                kinds,
            };
        }
        if kinds.is_empty() {
            if needed {
                self.fault(i, words::no_kernel(node, self.registry, self.devices));
            }
            kinds = self.devices.kinds();
        }
        let requested = DeviceSpec::parse(&node.device).unwrap_or_else(|_| {
            let error = words::malformed(node, &self.inputs_of(&self.items[i]));
            self.fault(i, error);
            DeviceSpec::default()
        });
        Wishes {
            resource: match makes_resource {
                true => requested.clone(),
                false => DeviceSpec::default(),
            },
            requested,
            kinds,
            fixed: DeviceSpec::default(),
        }
    }

    /// The names of what a node takes, as a definition has them.
    fn inputs_of(&self, item: &Item<'_>) -> Vec<String> {
        let name = |id: &NodeId| {
            let found = self.numbers.get(id).map(|i| &self.items[*i].node.name);
            found.map_or("?", String::as_str)
        };
        let data = item.inputs.iter().map(|e| match e.port {
            0 => name(&e.node).to_string(),
            port => format!("{}:{port}", name(&e.node)),
        });
        let controls = item.controls.iter().map(|c| format!("^{}", name(c)));
        data.chain(controls).collect()
    }

    /// The kinds of devices that have a kernel for a node, best first.
    fn kinds(&self, node: &Node) -> Vec<DeviceType> {
        let mut kinds = self.devices.kinds();
        if !ANYWHERE.contains(&node.op.name.as_str()) {
            let kernels = self
                .registry
                .entry(&node.op.name)
                .map_or(&[][..], |e| e.kernels);
            let fits = |kind: &DeviceType| {
                kernels
                    .iter()
                    .any(|k| k.device == *kind && k.matches(&node.attrs))
            };
            kinds.retain(fits);
        }
        kinds
    }

    /// Ties the ends of references and of resource handles.
    fn follow_edges(&mut self) {
        for i in 0..self.items.len() {
            let node = self.items[i].node;
            for (e, t) in self.items[i].inputs.iter().zip(&node.input_types) {
                let tied = t.is_ref || t.base == DType::Resource;
                let Some(source) = self.numbers.get(&e.node).copied().filter(|_| tied) else {
                    continue;
                };
                let ends = (&**self.items[source].node, &**node);
                let (from, to) = (self.groups.wishes(source), self.groups.wishes(i));
                let contradicts = from.requested.merge(&to.requested).is_err();
                let ignored = contradicts.then(|| words::overridden(ends, from, to));
                match self.groups.follow(source, i) {
                    Err(why) => {
                        let groups = || [self.group(source), self.group(i)];
                        let error = words::tied(ends, &why, groups);
                        self.fault(i, error);
                    }
                    Ok(()) => self.ignored.extend(ignored),
                }
            }
        }
    }

    /// Puts together what shares a `loc:@…` in `_class`; a node also belongs to the group of its own name.
    fn colocate(&mut self) {
        let mut first: HashMap<String, usize> = HashMap::new();
        for i in 0..self.items.len() {
            let node = self.items[i].node;
            let mut names = classes(node);
            names.push(node.name.clone());
            for name in names {
                let other = *first.entry(name.clone()).or_insert(i);
                let Err(why) = self.groups.join(i, other) else {
                    continue;
                };
                let ends = (&**node, &**self.items[other].node);
                let groups = || [self.group(i), self.group(other)];
                let error = words::apart(ends, &why, groups);
                match self.devices.soft_placement() {
                    true => self.ignored.push(words::not_colocated(node, &name, &error)),
                    false => self.fault(i, error),
                }
            }
        }
    }

    /// The first thing that is wrong with a group of which the run needs a node, and how many were placed before.
    fn fault_of_needed(&self) -> Option<(usize, Error)> {
        let needed: HashSet<usize> = match self.faults.is_empty() {
            true => return None,
            false => (0..self.items.len())
                .filter(|i| self.items[*i].needed)
                .map(|i| self.groups.root(i))
                .collect(),
        };
        let concerns = |f: &&Fault| needed.contains(&self.groups.root(f.item));
        let first = self.faults.iter().find(concerns)?;
        Some((first.placed, first.error.clone()))
    }

    fn assign(&mut self) {
        let (generators, others): (Vec<usize>, Vec<usize>) = (0..self.items.len()).partition(|i| {
            let item = &self.items[*i];
            item.is_generator() && !self.fixed.contains_key(&item.node.id)
        });
        let mut consumers = vec![Vec::new(); self.items.len()];
        for (i, item) in self.items.iter().enumerate() {
            let sources = item.inputs.iter().map(|e| &e.node).chain(item.controls);
            for source in sources.filter_map(|id| self.numbers.get(id)) {
                consumers[*source].push(i);
            }
        }
        for i in others {
            let item = &self.items[i];
            let input = item.inputs.first().and_then(|e| self.numbers.get(&e.node));
            let asks = |k: &usize| !self.items[*k].node.device.is_empty();
            let follows = item.is_metadata()
                || item.is_plain_identity()
                    && consumers[i].len() <= 1
                    && !consumers[i].iter().chain(input).any(asks);
            let near = input.filter(|_| follows).and_then(|k| self.assigned[*k]);
            self.assign_one(i, near);
        }
        for i in generators {
            let mut at = consumers[i].iter().map(|c| self.assigned[*c]);
            let near = match at.next().flatten() {
                Some(d) if at.all(|o| o == Some(d)) => Some(d),
                _ => None,
            };
            self.assign_one(i, near);
        }
    }

    /// Places a node: where its group is already, near what belongs to it if that is possible, or on the best device.
    fn assign_one(&mut self, i: usize, near: Option<u32>) {
        let root = self.groups.root(i);
        let device = match self.by_group.get(&root) {
            Some(device) => *device,
            None => {
                let possible = self.candidates(self.groups.wishes(i));
                let near = near.filter(|d| possible.contains(d));
                let device = near.or(possible.first().copied());
                if device.is_none() {
                    let (node, group) = (self.items[i].node, self.group(i));
                    let error = words::nowhere(node, &group, self.registry, self.devices);
                    self.fault(i, error);
                }
                self.by_group.insert(root, device);
                device
            }
        };
        if device.is_some() {
            self.assigned[i] = device;
            self.order.push(i);
        }
    }

    /// The devices that fit, best first. With soft placement, when none fits, those that only fit the kind and number
    /// of the resources; then any.
    fn candidates(&self, wishes: &Wishes) -> Vec<u32> {
        let wanted = &wishes.requested;
        let mut found = self.devices.matching(wanted, &wishes.kinds);
        if self.devices.soft_placement() {
            let (kept, any) = (&wishes.resource, DeviceSpec::default());
            for least in [kept, &any] {
                if found.is_empty() {
                    let spec = DeviceSpec {
                        kind: wanted.kind.clone().filter(|_| least.kind.is_some()),
                        id: wanted.id.filter(|_| least.id.is_some()),
                        ..wanted.clone()
                    };
                    found = self.devices.matching(&spec, &wishes.kinds);
                }
            }
        }
        found
    }

    /// The group of a node, for messages.
    fn group(&self, i: usize) -> words::Group<'_> {
        let root = self.groups.root(i);
        let members = (0..self.items.len()).filter(|k| self.groups.root(*k) == root);
        words::Group {
            wishes: self.groups.wishes(i),
            members: members
                .map(|k| &**self.items[k].node)
                .map(|n| (n, self.kinds(n)))
                .collect(),
        }
    }
}

/// The groups that a node names.
fn classes(node: &Node) -> Vec<String> {
    let Some(AttrValue::BytesList(list)) = node.attrs.0.get("_class") else {
        return Vec::new();
    };
    let name = |b: &Vec<u8>| {
        Some(
            String::from_utf8_lossy(b)
                .strip_prefix("loc:@")?
                .to_string(),
        )
    };
    list.iter().filter_map(name).collect()
}
