//! What is said when a node has no place.

use super::groups::Wishes;
use crate::device::DeviceSpec;
use crate::error::Error;
use crate::graph::Node;
use crate::registry::Registry;
use crate::runtime::devices::DeviceSet;
use std::fmt::Write;
use std::sync::Arc;

pub(super) fn malformed(e: &Error, node: &Node) -> Error {
    Error::invalid_argument(format!("{} in node: {}", e.message(), node.name))
}

pub(super) fn no_kernel(node: &Node, registry: &Registry, devices: &DeviceSet) -> Error {
    let types: Vec<String> = node
        .attrs
        .0
        .iter()
        .filter_map(|(name, v)| match v {
            crate::def::AttrValue::Type(d) => Some(format!("{name}={}", d.wire_name())),
            _ => None,
        })
        .collect();
    let kinds: Vec<&str> = devices.kinds().iter().map(|k| k.name()).collect();
    let mut text = format!(
        "No OpKernel was registered to support Op '{}' used by {{{{node {}}}}} with these attrs: [{}]\nRegistered devices: [{}]\nRegistered kernels:",
        node.op.name,
        node.name,
        types.join(", "),
        kinds.join(", ")
    );
    let kernels = registry.entry(&node.op.name).map_or(&[][..], |e| e.kernels);
    for k in kernels {
        let _ = write!(text, "\n  device='{}'", k.device.name());
        for (attr, types) in k.when {
            let types: Vec<String> = types.iter().map(|t| t.wire_name().to_string()).collect();
            let _ = write!(text, "; {attr} in [{}]", types.join(", "));
        }
    }
    if kernels.is_empty() {
        text.push_str("\n  <no registered kernels>");
    }
    Error::not_found(text)
}

pub(super) fn resources_apart(
    (source, from): (&Node, &DeviceSpec),
    (target, to): (&Node, &DeviceSpec),
) -> Error {
    Error::invalid_argument(format!(
        "Cannot place the graph because a reference or resource edge connects colocation groups with incompatible resource devices: {from} vs {to}. The edge src node is name='{}' (op='{}'), and the dst node is name='{}' (op='{}').",
        source.name, source.op.name, target.name, target.op.name
    ))
}

pub(super) fn apart(a: &Node, b: &Node, why: &Error) -> Error {
    Error::invalid_argument(colocation(a, b, why))
}

pub(super) fn tied(source: &Node, target: &Node, why: &Error) -> Error {
    Error::invalid_argument(format!(
        "Nodes were connected by a reference or resource connection (requiring them to be on the same device), but the two nodes were assigned two different devices: {}",
        colocation(source, target, why)
    ))
}

fn colocation(a: &Node, b: &Node, why: &Error) -> String {
    format!(
        "Cannot colocate nodes {{{{colocation_node {}}}}} and {{{{colocation_node {}}}}}: {}",
        a.name,
        b.name,
        why.message()
    )
}

/// No device fits what a node's group asks for.
pub(super) fn nowhere(
    node: &Node,
    wishes: &Wishes,
    members: &[&Arc<Node>],
    devices: &DeviceSet,
) -> Error {
    let name = &node.name;
    let all = devices.names().join(", ");
    let own = DeviceSpec::parse(&node.device).unwrap_or_default();
    let exists = !devices
        .matching(&wishes.requested, &devices.kinds())
        .is_empty();
    let no_gpu = match wishes.requested.kind.as_deref() {
        Some("GPU") if !devices.kinds().contains(&crate::kernel::DeviceType::Gpu) => {
            " The requested device appears to be a GPU, but there is none."
        }
        _ => "",
    };
    if !exists && own == wishes.requested {
        return Error::invalid_argument(format!(
            "Cannot assign a device for operation {name}: {{{{node {name}}}}} was explicitly assigned to {} but available devices are [ {all} ]. Make sure the device specification refers to a valid device.{no_gpu}",
            node.device
        ));
    }
    let why = match exists {
        true => format!(
            "no supported kernel for {} devices is available.",
            wishes.requested.kind.as_deref().unwrap_or("those")
        ),
        false => format!(
            "the node {{{{colocation_node {name}}}}} was colocated with a group of nodes that required incompatible device '{}'. All available devices [{all}].{no_gpu}",
            wishes.requested
        ),
    };
    let kinds: Vec<&str> = wishes.kinds.iter().map(|k| k.name()).collect();
    let mut text = format!(
        "Cannot assign a device for operation {name}: Could not satisfy explicit device specification '{}' because {why}\nColocation Debug Info:\nThe group can be on: {}\nColocation members, user-requested devices, and framework assigned devices, if any:",
        node.device,
        kinds.join(" ")
    );
    for m in members.iter().take(20) {
        let _ = write!(text, "\n  {} ({}) {}", m.name, m.op.name, m.device);
    }
    if members.len() > 20 {
        let _ = write!(text, "\n  and {} more", members.len() - 20);
    }
    Error::invalid_argument(text)
}
