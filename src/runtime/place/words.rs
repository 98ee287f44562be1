//! What is said when a node has no place.

use super::groups::{Apart, Wishes};
use super::summary;
use crate::device::DeviceSpec;
use crate::error::Error;
use crate::graph::Node;
use crate::kernel::DeviceType;
use crate::registry::Registry;
use crate::runtime::devices::DeviceSet;
use std::collections::BTreeMap;
use std::fmt::Write;

/// `inputs` are the names of what it takes, as a definition has them.
pub(super) fn malformed(node: &Node, inputs: &[String]) -> Error {
    Error::invalid_argument(format!(
        "Malformed device specification '{}' in node: {}",
        node.device,
        summary::node(node, inputs)
    ))
}

pub(super) fn no_kernel(node: &Node, registry: &Registry, devices: &DeviceSet) -> Error {
    let mut kinds = kinds(&devices.kinds());
    kinds.sort_unstable();
    Error::invalid_argument(format!(
        "No OpKernel was registered to support Op '{}' used by {{{{node {}}}}} with these attrs: [{}]\nRegistered devices: [{}]\nRegistered kernels:{}",
        node.op.name,
        node.name,
        summary::attrs(&node.attrs),
        kinds.join(", "),
        kernels(node, registry),
    ))
}

fn kinds(all: &[DeviceType]) -> Vec<&'static str> {
    all.iter().map(|k| k.name()).collect()
}

/// A line for each kernel of a node's op.
fn kernels(node: &Node, registry: &Registry) -> String {
    let mut text = String::new();
    let kernels = registry.entry(&node.op.name).map_or(&[][..], |e| e.kernels);
    for k in kernels {
        let _ = write!(text, "\n  device='{}'", k.device.name());
        for (attr, types) in k.when {
            let types: Vec<&str> = types.iter().map(|t| t.wire_name()).collect();
            let _ = write!(text, "; {attr} in [{}]", types.join(", "));
        }
    }
    if kernels.is_empty() {
        text.push_str("\n  <no registered kernels>");
    }
    text
}

/// Two nodes that name a common group cannot stand together.
pub(super) fn apart<'a>(
    ends: (&Node, &Node),
    why: &Apart,
    groups: impl Fn() -> [Group<'a>; 2],
) -> Error {
    Error::invalid_argument(colocation(ends, why, groups))
}

/// The ends of an edge of a reference or of a resource cannot stand together.
pub(super) fn tied<'a>(
    ends: (&Node, &Node),
    why: &Apart,
    groups: impl Fn() -> [Group<'a>; 2],
) -> Error {
    let (source, target) = ends;
    let (what, [from, to]) = match why {
        Apart::Fixed(both) => ("assigned", &**both),
        Apart::Resources(both) => ("resource", &**both),
        Apart::Wanted(_) | Apart::Kinds => {
            return Error::invalid_argument(format!(
                "Nodes were connected by a reference or resource connection (requiring them to be on the same device), but the two nodes were assigned two different devices: {}",
                colocation(ends, why, groups)
            ));
        }
    };
    Error::invalid_argument(format!(
        "Cannot place the graph because a reference or resource edge connects colocation groups with incompatible {what} devices: {} vs {}. The edge src node is name='{}' (op='{}'), and the dst node is name='{}' (op='{}').",
        from.told(),
        to.told(),
        source.name,
        source.op.name,
        target.name,
        target.op.name
    ))
}

/// The source of an edge has its way.
pub(super) fn overridden((source, target): (&Node, &Node), from: &Wishes, to: &Wishes) -> String {
    format!(
        "Ignoring device specification {} for node '{}' because the input edge from '{}' is a reference connection and already has a device field set to {}",
        to.requested.told(),
        target.name,
        source.name,
        from.requested.told()
    )
}

/// Soft placement lets a node stand elsewhere than its group.
pub(super) fn not_colocated(node: &Node, group: &str, why: &Error) -> String {
    format!(
        "Ignoring request to colocate node '{0}' with nodes in colocation group '{group}' because soft placement is on and an attempt at doing so resulted in the following error: INVALID_ARGUMENT: {1}\n\t [[{{{{node {0}}}}}]]",
        node.name,
        why.message()
    )
}

fn colocation<'a>(
    (a, b): (&Node, &Node),
    why: &Apart,
    groups: impl Fn() -> [Group<'a>; 2],
) -> String {
    let why = match why {
        Apart::Wanted(e) => format!(": {}", e.message()),
        Apart::Kinds | Apart::Fixed(..) | Apart::Resources(..) => format!(
            " because no device type supports both of those nodes and the other nodes colocated with them.{}",
            groups().iter().map(debug_info).collect::<String>()
        ),
    };
    format!(
        "Cannot colocate nodes {{{{colocation_node {}}}}} and {{{{colocation_node {}}}}}{why}",
        a.name, b.name
    )
}

/// A group of nodes that must stand together.
pub(super) struct Group<'a> {
    pub(super) wishes: &'a Wishes,
    /// Its nodes with the kinds of devices that have a kernel for each.
    pub(super) members: Vec<(&'a Node, Vec<DeviceType>)>,
}

/// No device fits what a node's group asks for.
pub(super) fn nowhere(
    node: &Node,
    group: &Group<'_>,
    registry: &Registry,
    devices: &DeviceSet,
) -> Error {
    let (name, device) = (&node.name, &node.device);
    let own = DeviceSpec::parse(device).unwrap_or_default();
    let wanted = &group.wishes.requested;
    let exists = !devices.matching(wanted, &devices.kinds()).is_empty();
    let unsatisfied = format!("Could not satisfy explicit device specification '{device}'");
    let why = if own != *wanted {
        format!(
            "{unsatisfied} because the node {{{{colocation_node {name}}}}} was colocated with a group of nodes that required incompatible device '{}'. All available devices [{}]. {}",
            wanted.told(),
            devices.names().join(", "),
            debug_info(group)
        )
    } else if !exists {
        let mut names = devices.names();
        names.sort();
        let is_gpu = wanted
            .kind
            .as_deref()
            .is_some_and(|k| k.eq_ignore_ascii_case("gpu"));
        let no_gpu = match is_gpu && !devices.kinds().contains(&DeviceType::Gpu) {
            true => " The requested device appears to be a GPU, but CUDA is not enabled.",
            false => "",
        };
        format!(
            "{{{{node {name}}}}} was explicitly assigned to {device} but available devices are [ {} ]. Make sure the device specification refers to a valid device.{no_gpu}",
            names.join(", ")
        )
    } else if let Some(kind) = &wanted.kind {
        format!(
            "{unsatisfied} because no supported kernel for {kind} devices is available.{}\nOp: {}\nNode attrs: {}\nRegistered kernels:{}",
            debug_info(group),
            node.op.name,
            summary::attrs(&node.attrs),
            kernels(node, registry)
        )
    } else {
        unsatisfied + &debug_info(group)
    };
    Error::invalid_argument(format!(
        "Cannot assign a device for operation {name}: {why}"
    ))
}

fn debug_info(group: &Group<'_>) -> String {
    let wishes = group.wishes;
    let mut text = format!(
        "\nColocation Debug Info:\nColocation group had the following types and supported devices: \nRoot Member(assigned_device_name_index_=-1 requested_device_name_='{}' assigned_device_name_='' resource_device_name_='{}' supported_device_types_=[{}] possible_devices_=[]",
        wishes.requested.told(),
        wishes.resource.told(),
        kinds(&wishes.kinds).join(", "),
    );
    let ops: BTreeMap<&str, &[DeviceType]> = group
        .members
        .iter()
        .map(|(n, k)| (n.op.name.as_str(), k.as_slice()))
        .collect();
    for (op, on) in ops {
        let _ = write!(text, "\n{op}: ");
        for kind in kinds(on) {
            let _ = write!(text, "{kind} ");
        }
    }
    text.push_str(
        "\n\nColocation members, user-requested devices, and framework assigned devices, if any:",
    );
    for (m, _) in &group.members {
        let _ = write!(text, "\n  {} ({}) {}", m.name, m.op.name, m.device);
    }
    text.push('\n');
    text
}
