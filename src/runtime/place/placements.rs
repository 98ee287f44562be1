//! What a session remembers of placement.

use super::{Decision, decide};
use crate::error::Result;
use crate::graph::{Graph, Node, NodeId};
use crate::registry::Registry;
use crate::runtime::devices::DeviceSet;
use crate::runtime::simplify::Draft;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A graph as it is at the moment.
#[derive(Clone, Copy)]
pub(in crate::runtime) struct Snapshot<'a> {
    /// All of its nodes.
    pub(in crate::runtime) nodes: &'a [Arc<Node>],
    /// Its version.
    pub(in crate::runtime) version: u64,
}

/// Where the nodes with a state stand (they never move), and which nodes were logged.
#[derive(Default)]
pub(in crate::runtime) struct Placements(Mutex<Memory>);

#[derive(Default)]
pub(super) struct Memory {
    pub(super) fixed: HashMap<NodeId, u32>,
    /// The version of the graph whose nodes were logged.
    version: Option<u64>,
    logged: HashSet<NodeId>,
}

impl Placements {
    /// Gives each draft its device, and logs where all nodes of the graph went: once for each version of the graph, as
    /// TensorFlow does when a graph grows; nodes of called functions when a run first needs them.
    ///
    /// # Errors
    /// `InvalidArgument` when a draft, or a node that must stand beside it, has no kernel, has a malformed device, asks
    /// for one that does not exist, or for another one than those beside it.
    pub(in crate::runtime) fn place(
        &self,
        graph: Snapshot<'_>,
        drafts: &mut [Draft],
        registry: &Registry,
        devices: &DeviceSet,
    ) -> Result<()> {
        let mut memory = self.0.lock();
        let decision = decide(graph.nodes, drafts, registry, devices, &memory.fixed);
        if devices.logs_placement() {
            for line in memory.lines(graph.version, &decision, devices) {
                eprintln!("{line}");
            }
        }
        memory.keep(decision)
    }

    /// Logs a graph that grew, when that was not done yet.
    ///
    /// # Errors
    /// None that a run does not have.
    pub(in crate::runtime) fn log(
        &self,
        graph: &Graph,
        registry: &Registry,
        devices: &DeviceSet,
    ) -> Result<()> {
        let version = graph.version();
        if !devices.logs_placement() || self.0.lock().version == Some(version) {
            return Ok(());
        }
        let nodes = &graph.nodes();
        self.place(Snapshot { nodes, version }, &mut [], registry, devices)
    }
}

impl Memory {
    /// The lines that are new. What fails is logged again each time, as far as it went.
    pub(super) fn lines(
        &mut self,
        version: u64,
        decision: &Decision,
        devices: &DeviceSet,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        if self.version != Some(version) {
            self.logged.clear();
            lines.extend(decision.ignored.iter().cloned());
        }
        let names = devices.names();
        let until = match &decision.fault {
            Some((placed, _)) => *placed,
            None => decision.placed.len(),
        };
        for (node, device) in &decision.placed[..until] {
            let device = names.get(*device as usize);
            if let Some(device) = device.filter(|_| !self.logged.contains(&node.id)) {
                lines.push(format!("{}: ({}): {device}", node.name, node.op.name));
            }
        }
        if decision.fault.is_none() {
            self.version = Some(version);
            self.logged
                .extend(decision.placed.iter().map(|(n, _)| n.id));
        }
        lines
    }

    /// Nodes with a state stay where they went.
    pub(super) fn keep(&mut self, decision: Decision) -> Result<()> {
        if let Some((_, error)) = decision.fault {
            return Err(error);
        }
        let stateful = decision.placed.iter().filter(|(n, _)| n.op.flags.stateful);
        self.fixed
            .extend(stateful.map(|(n, device)| (n.id, *device)));
        Ok(())
    }
}
