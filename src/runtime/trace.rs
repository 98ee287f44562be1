//! What each node of a step cost.

use crate::kernel::NodeInfo;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Times of the nodes of one or more steps.
pub struct Trace {
    begin: Instant,
    nodes: Mutex<Vec<NodeStats>>,
}

/// One execution of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStats {
    /// The node's name.
    pub name: String,
    /// Its op type.
    pub op: String,
    /// Its device.
    pub device: String,
    /// When it started, since the trace began.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// The name of the thread.
    pub thread: String,
}

impl Trace {
    pub(super) fn new() -> Trace {
        Trace {
            begin: Instant::now(),
            nodes: Mutex::new(Vec::new()),
        }
    }
    pub(super) fn record(&self, node: &NodeInfo, start: Instant) {
        let stats = NodeStats {
            name: node.name.clone(),
            op: node.op.clone(),
            device: node.device.clone(),
            start: start.duration_since(self.begin),
            duration: start.elapsed(),
            thread: std::thread::current()
                .name()
                .unwrap_or("caller")
                .to_string(),
        };
        self.nodes.lock().push(stats);
    }
    /// What was recorded, in the order in which nodes ended.
    pub fn nodes(&self) -> Vec<NodeStats> {
        self.nodes.lock().clone()
    }
}
