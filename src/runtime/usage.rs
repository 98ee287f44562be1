//! What a traced step takes of memory: by node, and by device over time.

use super::plan::Executable;
use crate::kernel::Env;
use crate::resource::Variable;
use crate::tensor::ledger::{Entry, Ledger};
use crate::tensor::{Allocator, memory_limit, pool_stats};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a node took from an allocator, in bytes. Times are since the trace began.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeMemory {
    /// The allocator.
    pub allocator: Allocator,
    /// All that it took.
    pub total: u64,
    /// The most of it that lived at once, until the node ended.
    pub peak: u64,
    /// What of it lived when the node ended.
    pub live: u64,
    /// What the allocator had given out to everybody when the node ended.
    pub in_use: u64,
    /// What it took and, negative, what of that was given back, also after its end.
    pub changes: Vec<(Duration, i64)>,
}

/// The memory of a device in a traced step, in bytes.
///
/// The devices of CPUs share a pool of buffers. What counts for each is the values that its variables had when the step
/// began, and what its kernels took during the step; a buffer counts where it was taken until its last owner lets go,
/// wherever that is. What other steps took, what the caller feeds, constants, and elements of queues that other steps
/// put there count for no device. The device `host` stands for all of the pool, whoever took it.
///
/// The memory of a GPU is all that its allocator has given out, and that of its pinned buffers all that there are.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceMemory {
    /// The device's full name, or `host`.
    pub device: String,
    /// The allocator.
    pub allocator: Allocator,
    /// What was in use when the step ended.
    pub in_use: u64,
    /// The most that was in use at once.
    pub peak: u64,
    /// The most that there may be; nothing where none is set.
    pub limit: Option<u64>,
    /// What was in use from when on, since the trace began.
    pub changes: Vec<(Duration, u64)>,
}

/// The name of what stands for all devices of the host.
const HOST: &str = "host";

/// What allocators had given out at some time: the host's, and a GPU's with its pinned buffers.
#[derive(Clone, Copy)]
pub(super) struct InUse {
    host: u64,
    gpu: Option<(usize, u64, u64)>,
}

impl InUse {
    /// Now, as far as a device uses them.
    pub(super) fn now(env: &Env) -> InUse {
        let gpu = env.gpu.as_ref().map(|gpu| {
            let (device, pinned) = (gpu.stats().in_use, gpu.pinned_bytes());
            (gpu.index(), device as u64, pinned as u64)
        });
        InUse {
            host: pool_stats().in_use as u64,
            gpu,
        }
    }
    fn of(&self, allocator: Allocator) -> Option<u64> {
        let gpu = |i: usize| self.gpu.filter(|(index, _, _)| *index == i);
        match allocator {
            Allocator::Host => Some(self.host),
            Allocator::Gpu(i) => gpu(i).map(|(_, device, _)| device),
            Allocator::Pinned(i) => gpu(i).map(|(_, _, pinned)| pinned),
        }
    }
}

impl NodeMemory {
    /// Of a node that ended then.
    pub(super) fn of(ledger: &Ledger, begin: Instant, end: Instant, then: &InUse) -> Vec<Self> {
        let mut all: Vec<(NodeMemory, i64)> = Vec::new();
        for e in ledger.entries() {
            let found = all.iter().position(|(m, _)| m.allocator == e.allocator);
            let i = found.unwrap_or(all.len());
            if found.is_none() {
                let own = NodeMemory {
                    allocator: e.allocator,
                    total: 0,
                    peak: 0,
                    live: 0,
                    in_use: then.of(e.allocator).unwrap_or(e.in_use),
                    changes: Vec::new(),
                };
                all.push((own, 0));
            }
            let (m, live) = &mut all[i];
            *live += e.bytes;
            m.total += e.bytes.max(0) as u64;
            m.changes
                .push((e.at.saturating_duration_since(begin), e.bytes));
            if e.at <= end {
                m.live = (*live).max(0) as u64;
                m.peak = m.peak.max(m.live);
            }
        }
        all.into_iter().map(|(m, _)| m).collect()
    }
}

/// The devices of a step, as they were when it began.
pub(super) struct Watch(Vec<Device>);

struct Device {
    env: Arc<Env>,
    /// The bytes of its variables' values in host memory.
    variables: u64,
    /// Told when they are given back.
    ledger: Arc<Ledger>,
    begun: InUse,
}

/// Of a node that has ended: its device, what it took, when it ended, and what was in use then.
pub(super) type Ended<'a> = (&'a Arc<Env>, &'a Ledger, Instant, &'a InUse);

impl Watch {
    pub(super) fn new(plan: &Executable) -> Watch {
        let mut devices: Vec<Device> = Vec::new();
        for n in &plan.nodes {
            if devices.iter().all(|d| !Arc::ptr_eq(&d.env, &n.env)) {
                devices.push(Device::new(&n.env));
            }
        }
        devices.sort_by(|a, b| a.env.device.cmp(&b.env.device));
        Watch(devices)
    }

    /// The memory of each device and, last, of the host.
    pub(super) fn devices<'a>(
        &self,
        begin: Instant,
        ended: impl Iterator<Item = Ended<'a>>,
    ) -> Vec<DeviceMemory> {
        let ended: Vec<Ended<'a>> = ended.collect();
        let mut entries: Vec<(&Arc<Env>, Entry)> = Vec::new();
        for (env, ledger, _, _) in &ended {
            entries.extend(ledger.entries().into_iter().map(|e| (*env, e)));
        }
        for d in &self.0 {
            entries.extend(d.ledger.entries().into_iter().map(|e| (&d.env, e)));
        }
        entries.sort_by_key(|(_, e)| e.at);
        // What an allocator says of itself, whenever it was asked.
        let said = |allocator: Allocator| {
            let told = entries.iter().filter(|(_, e)| e.allocator == allocator);
            let asked = ended
                .iter()
                .filter_map(|(_, _, end, then)| Some((*end, then.of(allocator)?)));
            let mut all: Vec<(Instant, u64)> = told.map(|(_, e)| (e.at, e.in_use)).collect();
            all.extend(asked);
            all.sort_by_key(|(at, _)| *at);
            all
        };
        let mut found = Vec::new();
        let mut add = |device: &str, allocator, limit: Option<usize>, first, changes| {
            let limit = limit.map(|l| l as u64);
            found.push(DeviceMemory::new(
                device, allocator, limit, begin, first, changes,
            ));
        };
        for d in &self.0 {
            let own: Vec<&Entry> = entries
                .iter()
                .filter(|(env, e)| Arc::ptr_eq(env, &d.env) && e.allocator == Allocator::Host)
                .map(|(_, e)| e)
                .collect();
            if d.env.gpu.is_none() || d.variables > 0 || !own.is_empty() {
                let mut now = d.variables as i64;
                let changes = own.into_iter().map(|e| {
                    now += e.bytes;
                    (e.at, now.max(0) as u64)
                });
                let limit = Some(memory_limit());
                let changes = changes.collect();
                add(&d.env.device, Allocator::Host, limit, d.variables, changes);
            }
            if let Some(gpu) = &d.env.gpu {
                let limits = [
                    (Allocator::Gpu(gpu.index()), Some(gpu.stats().limit)),
                    (Allocator::Pinned(gpu.index()), None),
                ];
                for (allocator, limit) in limits {
                    let first = d.begun.of(allocator).unwrap_or(0);
                    add(&d.env.device, allocator, limit, first, said(allocator));
                }
            }
        }
        let first = self.0.first().map_or(0, |d| d.begun.host);
        let limit = Some(memory_limit());
        add(HOST, Allocator::Host, limit, first, said(Allocator::Host));
        found
    }
}

impl Device {
    fn new(env: &Arc<Env>) -> Device {
        let ledger = Arc::new(Ledger::default());
        let (mut variables, mut seen) = (0, HashSet::new());
        for (_, _, variable) in env.resources.all::<Variable>() {
            if let Some(value) = &*variable.lock()
                && let Some(block) = value.block().filter(|b| b.allocator == Allocator::Host)
                && seen.insert(block.address)
            {
                value.tell(&ledger);
                variables += block.bytes as u64;
            }
        }
        Device {
            env: env.clone(),
            variables,
            ledger,
            begun: InUse::now(env),
        }
    }
}

impl DeviceMemory {
    fn new(
        device: &str,
        allocator: Allocator,
        limit: Option<u64>,
        begin: Instant,
        first: u64,
        changes: Vec<(Instant, u64)>,
    ) -> DeviceMemory {
        let mut all = vec![(Duration::ZERO, first)];
        for (at, in_use) in changes {
            all.push((at.saturating_duration_since(begin), in_use));
        }
        all.dedup_by_key(|(_, in_use)| *in_use);
        DeviceMemory {
            device: device.to_string(),
            allocator,
            in_use: all.last().map_or(0, |(_, in_use)| *in_use),
            peak: all.iter().map(|(_, in_use)| *in_use).max().unwrap_or(0),
            limit,
            changes: all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::runtime::{NodeStats, RunMetadata, RunOptions, Session, SessionOptions};
    use crate::{DType, PartialShape, Tensor, init};

    const CPU: &str = "/job:localhost/replica:0/task:0/device:CPU:";

    fn session(g: &Graph) -> Session {
        let options = SessionOptions {
            cpu_devices: 2,
            gpu_devices: 0,
            // A loop's scratch may then be taken on any of several threads.
            threads: 3,
            ..SessionOptions::default()
        };
        Session::with_options(g, &options).unwrap()
    }
    fn traced() -> RunOptions {
        RunOptions {
            trace: true,
            ..RunOptions::default()
        }
    }
    fn node<'m>(m: &'m RunMetadata, op: &str) -> &'m NodeStats {
        m.nodes.iter().find(|n| n.op == op).unwrap()
    }
    fn device<'m>(m: &'m RunMetadata, name: &str) -> &'m DeviceMemory {
        m.memory.iter().find(|d| d.device == name).unwrap()
    }

    #[test]
    fn memory_counts_for_the_node_and_the_device_that_took_it() {
        let g = Graph::new();
        let x = g.placeholder("x", DType::F32, [None]);
        let there = g.device("/cpu:1");
        let w = there.get_variable("w", [1000], init::zeros());
        let y = x.in_scope(g.device("/cpu:0")).exp();
        let z = y.in_scope(there).sin().sum() + w.sum();
        let session = session(&g);
        session.run_target(g.init_op()).unwrap();
        let fed = Tensor::zeros(DType::F32, crate::Shape::of(&[100_000]).unwrap()).unwrap();
        for _ in 0..2 {
            let run = session.run_with([(x, fed.clone())], [z], (), &traced());
            let m = run.unwrap().1;
            let exp = node(&m, "Exp");
            let [took] = &exp.memory[..] else {
                panic!("{:?}", exp.memory)
            };
            let block = exp.outputs[0].as_ref().unwrap().block.unwrap();
            assert_eq!(
                (block.allocator, took.allocator),
                (Allocator::Host, block.allocator)
            );
            let size = block.bytes as u64;
            assert!((400_000..500_000).contains(&size));
            assert_eq!((took.total, took.peak, took.live), (size, size, size));
            assert_eq!((exp.temporary, exp.persistent), (0, 0));
            assert!(took.in_use >= size);
            let bytes: Vec<i64> = took.changes.iter().map(|c| c.1).collect();
            assert_eq!(bytes[0], block.bytes as i64);
            // The other device may take the buffer over, which stays where it was taken.
            let (here, there) = (
                device(&m, &format!("{CPU}0")),
                device(&m, &format!("{CPU}1")),
            );
            assert!(here.peak >= size && here.peak < 2 * size, "{here:?}");
            assert_eq!(there.changes[0], (Duration::ZERO, 4000));
            assert!(there.in_use >= 4000 && there.in_use < 5000, "{there:?}");
            assert!(m.memory.iter().all(|d| d.limit.unwrap() > d.peak));
            let host = device(&m, "host");
            assert!(host.peak >= size + 4000, "{host:?}");
            assert_eq!(node(&m, "VariableV2").persistent, 4000);
            assert!(node(&m, "Sum").memory.iter().all(|m| m.total < 5000));
        }
    }

    #[test]
    fn what_a_variable_had_before_is_given_back() {
        let g = Graph::new();
        let x = g.placeholder("x", DType::F32, [None]);
        let w = g.get_variable("w", PartialShape::vector(Some(2000)), init::zeros());
        let set = w.assign(x * 2.0);
        let session = session(&g);
        session.run_target(g.init_op()).unwrap();
        let fed = Tensor::zeros(DType::F32, crate::Shape::of(&[2000]).unwrap()).unwrap();
        // The first value is the initializer's, which keeps it.
        session.run([(x, fed.clone())], (), [set.node()]).unwrap();
        for _ in 0..3 {
            let run = session.run_with([(x, fed.clone())], (), [set.node()], &traced());
            let m = run.unwrap().1;
            let d = device(&m, &format!("{CPU}0"));
            assert_eq!((d.changes[0].1, d.in_use), (8192, 8192), "{d:?}");
        }
    }

    #[test]
    fn a_batch_counts_for_the_dequeue_whoever_completes_it() {
        let g = Graph::new();
        let q = g.root().fifo_queue(&crate::ops::queue::QueueOptions {
            dtypes: vec![DType::F32],
            shapes: vec![PartialShape::vector(Some(5000))],
            ..Default::default()
        });
        let element = g.placeholder("element", DType::F32, [Some(5000)]);
        let put = q.enqueue(&[element]).name();
        let got = q.dequeue_many(g.root().constant(2i32))[0].name();
        let session = session(&g);
        let fed = Tensor::zeros(DType::F32, crate::Shape::of(&[5000]).unwrap()).unwrap();
        let m = std::thread::scope(|s| {
            let waits = s.spawn(|| session.run_with((), [got.as_str()], (), &traced()));
            for _ in 0..2 {
                let fed = [(element, fed.clone())];
                session.run(fed, (), put.as_str()).unwrap();
            }
            waits.join().unwrap().unwrap().1
        });
        let took = &node(&m, "QueueDequeueManyV2").memory;
        assert_eq!(took.len(), 1);
        assert!(took[0].live >= 40_000, "{took:?}");
    }
}
