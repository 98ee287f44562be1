//! What each node of a step cost, and the same as a file that trace viewers show.

use crate::kernel::{NodeInfo, Value};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::BTreeMap;
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
    /// The size of its outputs in bytes, as far as they are values.
    pub bytes: u64,
}

impl Trace {
    pub(super) fn new() -> Trace {
        Trace {
            begin: Instant::now(),
            nodes: Mutex::new(Vec::new()),
        }
    }
    pub(super) fn record<'a>(
        &self,
        node: &NodeInfo,
        start: Instant,
        outputs: impl IntoIterator<Item = &'a Value>,
    ) {
        let duration = start.elapsed();
        let bytes = outputs.into_iter().map(|v| match v {
            Value::Tensor(t) => t.byte_size() as u64,
            Value::Ref(_) => 0,
        });
        let stats = NodeStats {
            name: node.name.clone(),
            op: node.op.clone(),
            device: node.device.clone(),
            start: start.duration_since(self.begin),
            duration,
            thread: std::thread::current()
                .name()
                .unwrap_or("caller")
                .to_string(),
            bytes: bytes.sum(),
        };
        self.nodes.lock().push(stats);
    }
    /// What was recorded, in the order in which nodes ended.
    pub fn nodes(&self) -> Vec<NodeStats> {
        self.nodes.lock().clone()
    }
    /// When it began.
    pub(super) fn begin(&self) -> Instant {
        self.begin
    }
}

/// Traced nodes in Chrome's trace event format, which Perfetto and `chrome://tracing` show: devices as processes,
/// threads as threads, times in microseconds, and the op, the step and the bytes as arguments.
///
/// ```
/// use tensorloom::runtime::{ChromeTrace, NodeStats};
/// use std::time::Duration;
/// let mut trace = ChromeTrace::default();
/// trace.add(1, Duration::ZERO, &[NodeStats {
///     name: "logits/MatMul".into(),
///     op: "MatMul".into(),
///     device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
///     start: Duration::from_micros(5),
///     duration: Duration::from_micros(120),
///     thread: "worker-0".into(),
///     bytes: 5120,
/// }]);
/// assert!(trace.to_json().contains("\"dur\":120.0"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChromeTrace {
    events: Vec<serde_json::Value>,
    /// Devices by name, with the threads seen on each.
    devices: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
}

impl ChromeTrace {
    /// Adds the nodes of a step that began at `offset`.
    pub fn add(&mut self, step: u64, offset: Duration, nodes: &[NodeStats]) {
        let micros = |d: Duration| d.as_nanos() as f64 / 1e3;
        for n in nodes {
            let next = self.devices.len() + 1;
            let (pid, threads) = self
                .devices
                .entry(n.device.clone())
                .or_insert_with(|| (next, BTreeMap::new()));
            let next = threads.len() + 1;
            let tid = *threads.entry(n.thread.clone()).or_insert(next);
            self.events.push(json!({
                "ph": "X", "cat": "op", "name": n.op, "pid": *pid, "tid": tid,
                "ts": micros(offset + n.start), "dur": micros(n.duration),
                "args": {"node": n.name, "op": n.op, "step": step, "bytes": n.bytes},
            }));
        }
    }
    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.events.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
    /// The file's content.
    pub fn to_json(&self) -> String {
        let mut events = Vec::new();
        for (device, (pid, threads)) in &self.devices {
            events.push(json!({
                "ph": "M", "name": "process_name", "pid": pid, "args": {"name": device},
            }));
            for (thread, tid) in threads {
                events.push(json!({
                    "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": thread},
                }));
            }
        }
        events.extend(self.events.iter().cloned());
        json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_processes_and_threads_threads() {
        let node = |device: &str, thread: &str, start: u64| NodeStats {
            name: "n".into(),
            op: "Add".into(),
            device: device.into(),
            start: Duration::from_nanos(start),
            duration: Duration::from_nanos(1500),
            thread: thread.into(),
            bytes: 8,
        };
        let mut trace = ChromeTrace::default();
        assert!(trace.is_empty());
        let first = [node("cpu:0", "a", 100), node("cpu:1", "a", 200)];
        trace.add(1, Duration::from_micros(1), &first);
        trace.add(2, Duration::from_micros(50), &[node("cpu:0", "b", 0)]);
        assert_eq!(trace.len(), 3);
        let v: serde_json::Value = serde_json::from_str(&trace.to_json()).unwrap();
        let events = v["traceEvents"].as_array().unwrap();
        let spans: Vec<_> = events.iter().filter(|e| e["ph"] == "X").collect();
        assert_eq!(events.len() - spans.len(), 5);
        assert_eq!(spans[0]["ts"], 1.1);
        assert_eq!(spans[0]["dur"], 1.5);
        assert_eq!(spans[2]["args"]["step"], 2);
        assert_ne!(spans[0]["pid"], spans[1]["pid"]);
        assert_eq!(spans[0]["pid"], spans[2]["pid"]);
        assert_ne!(spans[0]["tid"], spans[2]["tid"]);
    }
}
