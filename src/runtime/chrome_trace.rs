//! Traced steps in Chrome's trace event format, which Perfetto and `chrome://tracing` show.

use super::run_metadata::RunMetadata;
use super::trace::NodeStats;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// Traced nodes as a file for trace viewers. Devices are processes, threads are threads, times are in microseconds; op,
/// step, bytes and the time from ready to running are arguments. What passes from device to device stands in rows of its
/// own, `_Send` and `_Recv`, with an arrow from the one to the other; what an asynchronous kernel only waited is a span beside
/// the threads; the memory in use is a counter of each device and allocator.
///
/// ```
/// use tensorloom::runtime::ChromeTrace;
/// use tensorloom::{Graph, RunOptions, Session};
/// use std::time::Duration;
/// let g = Graph::new();
/// let y = g.root().constant([2.0f32, 3.0]).exp();
/// let options = RunOptions { trace: true, ..RunOptions::default() };
/// let (_, metadata) = Session::new(&g)?.run_with((), [y], (), &options)?;
/// let mut trace = ChromeTrace::default();
/// trace.add(1, Duration::ZERO, &metadata);
/// std::fs::write(std::env::temp_dir().join("trace.json"), trace.to_json()).unwrap();
/// # assert!(trace.to_json().contains("memory in use by cpu"));
/// # Ok::<(), tensorloom::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChromeTrace {
    /// Events with their times.
    events: Vec<(f64, Value)>,
    /// Devices by name, with the rows of each.
    devices: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    nodes: usize,
    /// Ids of arrows and of waits given so far.
    ids: u64,
}

/// A row of a device.
#[derive(Clone, Copy)]
struct Row {
    pid: usize,
    tid: usize,
}

impl ChromeTrace {
    /// Adds a traced step that began at `offset`: its nodes, and the memory of its devices.
    pub fn add(&mut self, step: u64, offset: Duration, metadata: &RunMetadata) {
        let at = |d: Duration| micros(offset + d);
        let mut order: Vec<&NodeStats> = metadata.nodes.iter().collect();
        order.sort_by_key(|n| n.start);
        // Where rows of transfers are free again, and the sends whose other end has not come, by name.
        let mut busy: HashMap<(&str, &str), Vec<Duration>> = HashMap::new();
        let mut sent: HashMap<&str, VecDeque<(Row, Duration)>> = HashMap::new();
        for n in order {
            let is_transfer = is_send(&n.op) || sender(n).is_some();
            let row = match is_transfer {
                true => {
                    let lanes = busy.entry((&n.device, &n.op)).or_default();
                    let lane = lanes.iter().position(|free| *free <= n.start);
                    let lane = lane.unwrap_or(lanes.len());
                    lanes.resize(lanes.len().max(lane + 1), Duration::ZERO);
                    lanes[lane] = n.end();
                    self.row(&n.device, &format!("{} {lane}", n.op))
                }
                false => self.row(&n.device, &n.thread),
            };
            let args = json!({
                "node": n.name, "op": n.op, "step": step, "bytes": n.bytes(), "inputs": n.inputs,
                "queued": micros(n.start.saturating_sub(n.scheduled)),
            });
            // A transfer's row is its own; elsewhere a thread does other things while a kernel waits.
            match &n.wait {
                Some(w) if !is_transfer => {
                    self.span(row, &n.op, at(n.start), at(w.from), &args);
                    self.wait(row, n, at(w.from), at(w.until), &args);
                    let row = self.row(&n.device, &w.thread);
                    self.span(row, &n.op, at(w.resumed), at(n.end()), &args);
                }
                _ => self.span(row, &n.op, at(n.start), at(n.end()), &args),
            }
            if is_send(&n.op) {
                sent.entry(&n.name).or_default().push_back((row, n.start));
            }
            let from = sender(n).and_then(|send| sent.get_mut(send)?.pop_front());
            if let Some((from, start)) = from {
                let arrives = n.wait.as_ref().map_or(n.start, |w| w.resumed);
                self.arrow((from, at(start)), (row, at(arrives)));
            }
            self.nodes += 1;
        }
        for m in &metadata.memory {
            let pid = self.process(&m.device).0;
            for (time, bytes) in &m.changes {
                let event = json!({
                    "ph": "C", "name": format!("memory in use by {}", m.allocator), "pid": pid,
                    "ts": at(*time), "args": {"bytes": bytes},
                });
                self.events.push((at(*time), event));
            }
        }
    }
    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes == 0
    }
    /// The file's content.
    pub fn to_json(&self) -> String {
        let mut events = Vec::new();
        for (device, (pid, rows)) in &self.devices {
            events.push(json!({
                "ph": "M", "name": "process_name", "pid": pid, "args": {"name": device},
            }));
            for (row, tid) in rows {
                events.push(json!({
                    "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": row},
                }));
            }
        }
        let mut timed: Vec<&(f64, Value)> = self.events.iter().collect();
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        events.extend(timed.into_iter().map(|(_, e)| e.clone()));
        json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
    }

    fn process(&mut self, device: &str) -> &mut (usize, BTreeMap<String, usize>) {
        let next = self.devices.len() + 1;
        let entry = self.devices.entry(device.to_string());
        entry.or_insert_with(|| (next, BTreeMap::new()))
    }
    fn row(&mut self, device: &str, name: &str) -> Row {
        let (pid, rows) = self.process(device);
        let next = rows.len() + 1;
        let tid = *rows.entry(name.to_string()).or_insert(next);
        Row { pid: *pid, tid }
    }
    fn span(&mut self, row: Row, op: &str, from: f64, to: f64, args: &Value) {
        let event = json!({
            "ph": "X", "cat": "op", "name": op, "pid": row.pid, "tid": row.tid,
            "ts": from, "dur": to - from, "args": args,
        });
        self.events.push((from, event));
    }
    fn wait(&mut self, row: Row, n: &NodeStats, from: f64, to: f64, args: &Value) {
        self.ids += 1;
        for (phase, ts) in [("b", from), ("e", to)] {
            let event = json!({
                "ph": phase, "cat": "wait", "name": format!("{} waits", n.op), "id": self.ids,
                "pid": row.pid, "tid": row.tid, "ts": ts, "args": args,
            });
            self.events.push((ts, event));
        }
    }
    fn arrow(&mut self, from: (Row, f64), to: (Row, f64)) {
        self.ids += 1;
        let event = |phase: &str, (row, ts): (Row, f64)| {
            json!({
                "ph": phase, "cat": "transfer", "name": "transfer", "id": self.ids,
                "pid": row.pid, "tid": row.tid, "ts": ts,
            })
        };
        let (start, mut finish) = (event("s", from), event("f", to));
        // It ends in the span that is there then, not in the next one.
        finish["bp"] = json!("e");
        self.events.push((from.1, start));
        self.events.push((to.1, finish));
    }
}

fn micros(d: Duration) -> f64 {
    d.as_nanos() as f64 / 1e3
}

/// Whether an op gives a tensor to another device.
pub(super) fn is_send(op: &str) -> bool {
    matches!(op, "_Send" | "_HostSend")
}

/// The node that sends what this one, if it is a `_Recv`, receives: the control edge between them comes last.
pub(super) fn sender(n: &NodeStats) -> Option<&str> {
    match n.op.as_str() {
        "_Recv" | "_HostRecv" => n.inputs.last()?.strip_prefix('^'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::Wait;
    use super::*;

    fn node(name: &str, op: &str, device: &str, start: u64, nanos: u64) -> NodeStats {
        NodeStats {
            name: name.into(),
            op: op.into(),
            device: device.into(),
            start: Duration::from_nanos(start),
            duration: Duration::from_nanos(nanos),
            thread: "a".into(),
            ..NodeStats::default()
        }
    }
    fn step(nodes: impl Into<Vec<NodeStats>>) -> RunMetadata {
        RunMetadata {
            nodes: nodes.into(),
            ..RunMetadata::default()
        }
    }
    fn events(trace: &ChromeTrace, phase: &str) -> Vec<Value> {
        let v: Value = serde_json::from_str(&trace.to_json()).unwrap();
        let all = v["traceEvents"].as_array().unwrap();
        all.iter().filter(|e| e["ph"] == phase).cloned().collect()
    }

    #[test]
    fn devices_are_processes_and_threads_threads() {
        let mut trace = ChromeTrace::default();
        assert!(trace.is_empty());
        let other = NodeStats {
            thread: "b".into(),
            ..node("n", "Add", "cpu:0", 0, 1500)
        };
        let first = [
            node("n", "Add", "cpu:0", 100, 1500),
            node("m", "Add", "cpu:1", 200, 1500),
        ];
        trace.add(1, Duration::from_micros(1), &step(first));
        trace.add(2, Duration::from_micros(50), &step([other]));
        assert_eq!(trace.len(), 3);
        assert_eq!(events(&trace, "M").len(), 5);
        let spans = events(&trace, "X");
        assert_eq!(spans[0]["ts"], 1.1);
        assert_eq!(spans[0]["dur"], 1.5);
        assert_eq!(spans[2]["args"]["step"], 2);
        assert_ne!(spans[0]["pid"], spans[1]["pid"]);
        assert_eq!(spans[0]["pid"], spans[2]["pid"]);
        assert_ne!(spans[0]["tid"], spans[2]["tid"]);
    }

    #[test]
    fn arrows_go_from_sends_to_their_receives() {
        let recv = |name: &str, from: &str, start| NodeStats {
            inputs: vec![format!("^{from}")],
            ..node(name, "_Recv", "cpu:1", start, 10)
        };
        let mut trace = ChromeTrace::default();
        // Two sends at once, of which the first passes a tensor in each of two iterations.
        let nodes = [
            node("s", "_Send", "cpu:0", 0, 40),
            node("t", "_Send", "cpu:0", 20, 40),
            recv("r", "s", 50),
            recv("u", "t", 70),
            node("s", "_Send", "cpu:0", 100, 10),
            recv("r", "s", 120),
        ];
        trace.add(1, Duration::ZERO, &step(nodes));
        let (starts, ends) = (events(&trace, "s"), events(&trace, "f"));
        assert_eq!((starts.len(), ends.len()), (3, 3));
        for (s, f) in starts.iter().zip(&ends) {
            assert_eq!(s["id"], f["id"]);
            assert_ne!(s["pid"], f["pid"]);
        }
        assert_eq!(ends[2]["ts"], 0.12);
        assert_ne!(starts[0]["tid"], starts[1]["tid"]);
        assert_eq!(starts[0]["tid"], starts[2]["tid"]);
    }

    #[test]
    fn waits_stand_beside_the_threads() {
        let nanos = Duration::from_nanos;
        let waits = NodeStats {
            wait: Some(Wait {
                from: nanos(10),
                until: nanos(500),
                resumed: nanos(600),
                thread: "b".into(),
            }),
            ..node("q", "QueueDequeueV2", "cpu:0", 5, 620)
        };
        let mut trace = ChromeTrace::default();
        trace.add(1, Duration::ZERO, &step([waits]));
        let spans = events(&trace, "X");
        assert_eq!(
            (&spans[0]["ts"], &spans[0]["dur"]),
            (&json!(0.005), &json!(0.005))
        );
        assert_eq!(spans[1]["ts"], 0.6);
        assert_ne!(spans[0]["tid"], spans[1]["tid"]);
        let (begins, ends) = (events(&trace, "b"), events(&trace, "e"));
        assert_eq!(
            (&begins[0]["ts"], &ends[0]["ts"]),
            (&json!(0.01), &json!(0.5))
        );
        assert_eq!(begins[0]["id"], ends[0]["id"]);
    }
}
