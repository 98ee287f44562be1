//! Placement: which device each node of a run stands on.
//!
//! All nodes of the graph are placed, also those that a run does not need: so a node has the same device in every
//! run. What is wrong with nodes that a run has nothing to do with does not stop it.

mod groups;
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
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Node, NodeId};
use crate::kernel::DeviceType;
use crate::registry::Registry;
use groups::{Groups, Wishes};
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

/// Where nodes went, in the order in which that was decided.
pub(super) type Placed = Vec<(Arc<Node>, u32)>;

/// Gives each draft its device; tells where all nodes of the graph went.
///
/// # Errors
/// `InvalidArgument` when a draft, or a node that must stand beside it, has a malformed device, asks for one that
/// does not exist or that has no kernel, or asks for another one than those beside it.
pub(super) fn place(
    all: &[Arc<Node>],
    drafts: &mut [Draft],
    registry: &Registry,
    devices: &DeviceSet,
) -> Result<Placed> {
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
        by_group: HashMap::new(),
        items,
        numbers,
        registry,
        devices,
    };
    placer.wish();
    placer.follow_edges();
    placer.colocate();
    placer.fail_if_needed()?;
    placer.assign()?;
    let assigned = placer.assigned;
    let placed = placer
        .order
        .iter()
        .filter_map(|i| Some((placer.items[*i].node.clone(), assigned[*i]?)))
        .collect();
    let numbers = placer.numbers;
    for d in drafts {
        let found = numbers.get(&d.node.id).and_then(|i| assigned[*i]);
        d.device = found.ok_or_else(|| Error::internal("a node was not placed"))?;
    }
    Ok(placed)
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
    /// What is wrong, with a node of the group that it concerns.
    faults: Vec<(usize, Error)>,
    /// The device of each group that has one already.
    by_group: HashMap<usize, u32>,
}

impl Placer<'_> {
    fn fault(&mut self, item: usize, error: Error) {
        let n = self.items[item].node;
        let error = error.at_node(&n.name, &n.op.name);
        let error = match n.location {
            Some(l) => error.at_line(l),
            None => error,
        };
        self.faults.push((item, error));
    }

    /// What each node asks for by itself.
    fn wish(&mut self) {
        let mut all = Vec::with_capacity(self.items.len());
        for i in 0..self.items.len() {
            let item = &self.items[i];
            let node = item.node;
            let kinds = self.kinds(node);
            let resource = item.makes_resource();
            let requested = DeviceSpec::parse(&node.device);
            if kinds.is_empty() && item.needed {
                self.fault(i, words::no_kernel(node, self.registry, self.devices));
            }
            if requested.is_err() {
                let e = words::malformed(node, &self.inputs_of(&self.items[i]));
                self.fault(i, e);
            }
            let requested = requested.unwrap_or_default();
            all.push(Wishes {
                resource: match resource {
                    true => requested.clone(),
                    false => DeviceSpec::default(),
                },
                requested,
                kinds: match kinds.is_empty() {
                    true => self.devices.kinds(),
                    false => kinds,
                },
            });
        }
        self.groups = Groups::new(all, self.devices.soft_placement());
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
                if let Err(why) = self.groups.follow(source, i) {
                    let ends = (&**self.items[source].node, &**node);
                    let groups = || [self.group(source), self.group(i)];
                    let error = words::tied(ends, &why, groups);
                    self.fault(i, error);
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
                let other = *first.entry(name).or_insert(i);
                let Err(why) = self.groups.join(i, other) else {
                    continue;
                };
                if !self.devices.soft_placement() {
                    let ends = (&**node, &**self.items[other].node);
                    let groups = || [self.group(i), self.group(other)];
                    let error = words::apart(ends, &why, groups);
                    self.fault(i, error);
                }
            }
        }
    }

    /// The first thing that is wrong with a group of which the run needs a node.
    fn fail_if_needed(&mut self) -> Result<()> {
        let needed: HashSet<usize> = (0..self.items.len())
            .filter(|i| self.items[*i].needed)
            .map(|i| self.groups.root(i))
            .collect();
        let first = self
            .faults
            .iter()
            .find(|(i, _)| needed.contains(&self.groups.root(*i)));
        first.map_or(Ok(()), |(_, e)| Err(e.clone()))
    }

    fn assign(&mut self) -> Result<()> {
        let (generators, others): (Vec<usize>, Vec<usize>) =
            (0..self.items.len()).partition(|i| self.items[*i].is_generator());
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
        self.fail_if_needed()
    }

    /// Places a node: where its group is already, near what belongs to it if that is possible, or on the best device.
    fn assign_one(&mut self, i: usize, near: Option<u32>) {
        let root = self.groups.root(i);
        let device = match self.by_group.get(&root) {
            Some(d) => *d,
            None => {
                let possible = self.candidates(self.groups.wishes(i));
                let near = near.filter(|d| possible.contains(d));
                match near.or(possible.first().copied()) {
                    Some(d) => d,
                    None => {
                        let node = self.items[i].node;
                        let error =
                            words::nowhere(node, &self.group(i), self.registry, self.devices);
                        return self.fault(i, error);
                    }
                }
            }
        };
        self.by_group.insert(root, device);
        self.assigned[i] = Some(device);
        self.order.push(i);
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
