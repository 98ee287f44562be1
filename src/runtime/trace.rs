//! What is recorded of a traced step: when each node was ready, ran and waited, where, and what it gave.

use super::executor::Outputs;
use super::frames::Ready;
use super::plan::{Edge, Executable};
use super::usage::{DeviceMemory, InUse, NodeMemory, Watch};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernel::{Env, Value};
use crate::resource::Variable;
use crate::shape::Shape;
use crate::tensor::ledger::{Charging, Ledger, charge};
use crate::tensor::{Block, Tensor};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// One execution of a node. Times are since the trace began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeStats {
    /// The node's name.
    pub name: String,
    /// Its op type.
    pub op: String,
    /// Its device.
    pub device: String,
    /// Where its inputs come from, as GraphDefs write it: `x`, `split:1`, `^init`; the last of a Merge is last.
    pub inputs: Vec<String>,
    /// When all that it needs was there.
    pub scheduled: Duration,
    /// When a thread took it up.
    pub start: Duration,
    /// How long it took from then on, with what it waited.
    pub duration: Duration,
    /// The name of the thread that took it up.
    pub thread: String,
    /// The part of the duration in which an asynchronous kernel only waited.
    pub wait: Option<Wait>,
    /// Its outputs in order; nothing for dead ones and for variables without a value.
    pub outputs: Vec<Option<OutputStats>>,
    /// What it took from each allocator; nothing where it took nothing.
    pub memory: Vec<NodeMemory>,
    /// The bytes that it took and that are no output of its.
    pub temporary: u64,
    /// The bytes that it keeps from step to step: a constant's value, a variable's at the end of the step.
    pub persistent: u64,
}

/// How long an asynchronous kernel waited for others. Times are since the trace began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wait {
    /// When its thread left it.
    pub from: Duration,
    /// When what it waited for was there.
    pub until: Duration,
    /// When a thread went on with it.
    pub resumed: Duration,
    /// The name of that thread.
    pub thread: String,
}

/// A tensor that a node gave.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputStats {
    /// The type of its elements.
    pub dtype: DType,
    /// Its shape.
    pub shape: Shape,
    /// Its size.
    pub bytes: u64,
    /// Its memory; nothing for strings and the like.
    pub block: Option<Block>,
}

impl OutputStats {
    fn of(t: &Tensor) -> OutputStats {
        OutputStats {
            dtype: t.dtype(),
            shape: t.shape().clone(),
            bytes: t.byte_size() as u64,
            block: t.block(),
        }
    }
}

impl NodeStats {
    /// The size of its outputs in bytes.
    pub fn bytes(&self) -> u64 {
        size(&self.outputs)
    }
    /// When it ended.
    pub fn end(&self) -> Duration {
        self.start + self.duration
    }
}

/// The record of one step.
pub(super) struct Trace {
    plan: Arc<Executable>,
    begin: Instant,
    begun_at: SystemTime,
    /// When nodes became ready that have not ended yet.
    ready: Mutex<HashMap<(u32, usize), Instant>>,
    records: Mutex<Vec<Record>>,
    memory: Watch,
}

/// When and where a thread took a node up, and the memory that the node took.
#[derive(Clone)]
pub(super) struct Started {
    at: Instant,
    thread: Arc<str>,
    ledger: Arc<Ledger>,
}

impl Started {
    /// What this thread takes counts for the node for as long as the value lives.
    pub(super) fn charge(&self) -> Charging {
        charge(Some(self.ledger.clone()))
    }
}

/// From when to when an asynchronous kernel waited, and when a thread went on with it.
pub(super) type Waited = (Instant, Instant, Instant);

struct Record {
    node: u32,
    scheduled: Instant,
    started: Started,
    wait: Option<(Waited, Arc<str>)>,
    end: Instant,
    outputs: Vec<Option<OutputStats>>,
    /// The variables behind outputs that are handles.
    variables: Vec<Arc<Variable>>,
    /// The bytes that it took and that are outputs.
    given: u64,
    in_use: InUse,
}

impl Trace {
    pub(super) fn new(plan: &Arc<Executable>) -> Trace {
        Trace {
            plan: plan.clone(),
            begin: Instant::now(),
            begun_at: SystemTime::now(),
            ready: Mutex::default(),
            records: Mutex::default(),
            memory: Watch::new(plan),
        }
    }
    /// When it began, by both clocks.
    pub(super) fn begin(&self) -> (Instant, SystemTime) {
        (self.begin, self.begun_at)
    }
    /// These nodes are ready now. What is told twice counts the first time.
    pub(super) fn scheduled(&self, nodes: &[Ready]) {
        let now = Instant::now();
        let mut ready = self.ready.lock();
        for n in nodes {
            ready.entry(key(n)).or_insert(now);
        }
    }
    /// This thread takes a node up.
    pub(super) fn started(&self) -> Started {
        Started {
            at: Instant::now(),
            thread: thread_name(),
            ledger: Arc::default(),
        }
    }
    /// A node has ended, on this thread.
    pub(super) fn record(
        &self,
        node: &Ready,
        started: Started,
        wait: Option<Waited>,
        outcome: &Result<Outputs>,
    ) {
        let end = Instant::now();
        let env = &self.plan.nodes[node.node as usize].env;
        let values = outcome.as_ref().map_or(&[][..], |outputs| outputs);
        let outputs = values.iter().map(|v| match v {
            Some(Value::Tensor(t)) => Some(OutputStats::of(t)),
            Some(Value::Ref(v)) => v.lock().as_ref().map(OutputStats::of),
            None => None,
        });
        let record = Record {
            node: node.node,
            scheduled: self.ready.lock().remove(&key(node)).unwrap_or(started.at),
            outputs: outputs.collect(),
            variables: values.iter().filter_map(|v| variable(v, env)).collect(),
            given: given(values, &started.ledger),
            started,
            wait: wait.map(|w| (w, thread_name())),
            end,
            in_use: InUse::now(env),
        };
        self.records.lock().push(record);
    }
    /// What was recorded, in the order in which nodes ended.
    pub(super) fn nodes(&self) -> Vec<NodeStats> {
        let inputs = inputs(&self.plan);
        let since = |t: Instant| t.saturating_duration_since(self.begin);
        let records = self.records.lock();
        let stats = records.iter().map(|r| {
            let info = &self.plan.nodes[r.node as usize].info;
            let wait = |((from, until, resumed), thread): &(Waited, Arc<str>)| Wait {
                from: since(*from),
                until: since(*until),
                resumed: since(*resumed),
                thread: thread.to_string(),
            };
            let memory = NodeMemory::of(&r.started.ledger, self.begin, r.end, &r.in_use);
            let taken: u64 = memory.iter().map(|m| m.total).sum();
            NodeStats {
                name: info.name.clone(),
                op: info.op.clone(),
                device: info.device.clone(),
                inputs: inputs[r.node as usize].clone(),
                scheduled: since(r.scheduled),
                start: since(r.started.at),
                duration: r.end.saturating_duration_since(r.started.at),
                thread: r.started.thread.to_string(),
                wait: r.wait.as_ref().map(wait),
                outputs: r.outputs.clone(),
                temporary: taken.saturating_sub(r.given),
                memory,
                persistent: match info.op.as_str() {
                    "Const" | "Variable" | "VariableV2" => size(&r.outputs),
                    _ => r.variables.iter().map(|v| value_bytes(v)).sum(),
                },
            }
        });
        stats.collect()
    }
    /// The memory of the devices.
    pub(super) fn memory(&self) -> Vec<DeviceMemory> {
        let records = self.records.lock();
        let ended = records.iter().map(|r| {
            let env = &self.plan.nodes[r.node as usize].env;
            (env, &*r.started.ledger, r.end, &r.in_use)
        });
        self.memory.devices(self.begin, ended)
    }
}

fn size(outputs: &[Option<OutputStats>]) -> u64 {
    outputs.iter().flatten().map(|o| o.bytes).sum()
}

fn value_bytes(v: &Variable) -> u64 {
    v.lock().as_ref().map_or(0, |t| t.byte_size() as u64)
}

/// The variable that an output is a handle of.
fn variable(v: &Option<Value>, env: &Env) -> Option<Arc<Variable>> {
    let Some(Value::Tensor(t)) = v else {
        return None;
    };
    env.resources.lookup(t.handles().ok()?.first()?).ok()
}

/// How much of what counts for a node is memory of its outputs.
fn given(outputs: &[Option<Value>], ledger: &Arc<Ledger>) -> u64 {
    let mut blocks: Vec<(u64, usize)> = Vec::new();
    let mut add = |t: &Tensor| {
        let own = t.block().filter(|_| t.counts_for(ledger));
        blocks.extend(own.map(|b| (b.address, b.bytes)));
    };
    for value in outputs {
        match value {
            Some(Value::Tensor(t)) => add(t),
            Some(Value::Ref(v)) => v.lock().iter().for_each(&mut add),
            None => {}
        }
    }
    blocks.sort_unstable();
    blocks.dedup();
    blocks.iter().map(|(_, bytes)| *bytes as u64).sum()
}

/// A node in its iteration, which lives as long as the node is ready.
fn key(n: &Ready) -> (u32, usize) {
    let place = n.place.as_ref().map_or(0, |i| Arc::as_ptr(i) as usize);
    (n.node, place)
}

fn thread_name() -> Arc<str> {
    std::thread::current().name().unwrap_or("caller").into()
}

/// The inputs of each node by name, data before control.
fn inputs(plan: &Executable) -> Vec<Vec<String>> {
    let mut data: Vec<Vec<(u32, String)>> = vec![Vec::new(); plan.nodes.len()];
    let mut controls: Vec<Vec<String>> = vec![Vec::new(); plan.nodes.len()];
    let mut add = |edges: &[Edge], name: &str| {
        for edge in edges {
            if let Edge::Node { node, input } = edge {
                data[*node as usize].push((*input, name.to_string()));
            }
        }
    };
    for (edges, (name, _)) in plan.feeds.iter().zip(&plan.feed_types) {
        add(edges, name.strip_suffix(":0").unwrap_or(name));
    }
    for n in &plan.nodes {
        for (port, edges) in n.outputs.iter().enumerate() {
            match port {
                0 => add(edges, &n.info.name),
                _ => add(edges, &format!("{}:{port}", n.info.name)),
            }
        }
        for target in &n.control_outputs {
            controls[*target as usize].push(format!("^{}", n.info.name));
        }
    }
    let mut all = Vec::with_capacity(data.len());
    for (mut data, controls) in data.into_iter().zip(controls) {
        data.sort();
        let names = data.into_iter().map(|(_, name)| name);
        all.push(names.chain(controls).collect());
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::graph::Graph;
    use crate::resource::Queue;
    use crate::runtime::{NodeStats, RunOptions, Session};
    use crate::{DType, Tensor, WhileOptions};
    use std::time::Duration;

    fn traced(g: &Graph, fetch: &str, feeds: &[(&str, Tensor)]) -> Vec<NodeStats> {
        let options = RunOptions {
            trace: true,
            ..RunOptions::default()
        };
        let session = Session::new(g).unwrap();
        let run = session.run_with(feeds, [fetch], (), &options);
        run.unwrap().1.nodes
    }

    #[test]
    fn nodes_are_ready_before_they_run_and_after_their_inputs() {
        let g = Graph::new();
        let x = g.placeholder("x", DType::F32, [None]);
        let y = x.exp() + x.sqrt();
        let nodes = traced(&g, &y.name(), &[("x:0", Tensor::from([1.0f32, 4.0]))]);
        let find = |op: &str| nodes.iter().find(|n| n.op == op).unwrap();
        let (exp, add) = (find("Exp"), find("AddV2"));
        assert_eq!(exp.inputs, ["x"]);
        assert_eq!(add.inputs, ["Exp", "Sqrt"]);
        assert_eq!(add.bytes(), 8);
        let out = add.outputs[0].as_ref().unwrap();
        assert_eq!((out.dtype, out.shape.dims()), (DType::F32, &[2][..]));
        for n in &nodes {
            assert!(n.scheduled <= n.start, "{n:?}");
            assert_eq!(n.wait, None);
        }
        assert!(exp.scheduled > Duration::ZERO);
        assert!(find("Sqrt").end().max(exp.end()) <= add.scheduled);
    }

    #[test]
    fn each_iteration_counts() {
        let g = Graph::new();
        let s = g.root();
        let [i] = s.while_loop(
            |s, [i]| s.less(i, 3i32),
            |_, [i]| [i + 1i32],
            [s.constant(0i32)],
            &WhileOptions::default(),
        );
        let nodes = traced(&g, &i.name(), &[]);
        assert_eq!(nodes.iter().filter(|n| n.op == "AddV2").count(), 3);
        assert_eq!(nodes.iter().filter(|n| n.op == "Merge").count(), 4);
    }

    #[test]
    fn what_waits_says_so() {
        let g = Graph::new();
        let q = g.root().fifo_queue(&crate::ops::queue::QueueOptions {
            dtypes: vec![DType::I32],
            shapes: vec![crate::PartialShape::scalar()],
            ..Default::default()
        });
        let put = q.enqueue(&[g.root().constant(1i32)]).name();
        let got = q.dequeue()[0].name();
        let session = Session::new(&g).unwrap();
        let options = RunOptions {
            trace: true,
            ..RunOptions::default()
        };
        let pause = Duration::from_millis(100);
        let metadata = std::thread::scope(|s| {
            let waits = s.spawn(|| session.run_with((), [got.as_str()], (), &options));
            let waiting = || {
                let mut queues = session.resources().flat_map(|r| r.all::<Queue>());
                queues.any(|q| q.2.waiting().1 > 0)
            };
            while !waiting() {
                std::thread::yield_now();
            }
            std::thread::sleep(pause);
            session.run((), (), put.as_str()).unwrap();
            waits.join().unwrap().unwrap().1
        });
        let n = metadata.nodes.iter().find(|n| n.op == "QueueDequeueV2");
        let (n, w) = (n.unwrap(), n.unwrap().wait.as_ref().unwrap());
        assert!(n.start <= w.from && w.from <= w.until && w.until <= w.resumed);
        assert!(w.resumed <= n.end());
        assert!(w.until > w.from, "{n:?}");
    }
}
