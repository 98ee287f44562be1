//! What a run tells besides its results, and the same as TensorFlow's message.

use super::chrome_trace::{is_send, sender};
use super::trace::{NodeStats, OutputStats};
use super::usage::{DeviceMemory, NodeMemory};
use crate::def::shape_to_proto;
use crate::proto;
use crate::shape::PartialShape;
use prost::Message;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a run tells besides its results: nothing, unless it was traced.
///
/// ```
/// use tensorloom::{Graph, RunOptions, Session};
/// let g = Graph::new();
/// let y = g.root().constant(2.0f32).exp();
/// let options = RunOptions { trace: true, ..RunOptions::default() };
/// let session = Session::new(&g).unwrap();
/// let (_, metadata) = session.run_with((), [y], (), &options).unwrap();
/// let stats = metadata.to_proto().step_stats.unwrap();
/// assert!(stats.dev_stats[0].device.ends_with("/device:CPU:0"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct RunMetadata {
    /// What each node cost, in the order in which they ended.
    pub nodes: Vec<NodeStats>,
    /// The memory of each device that ran a node, in the order of names, and of the host.
    pub memory: Vec<DeviceMemory>,
    /// When their times began.
    pub begin: Option<Instant>,
    /// The same by the clock on the wall.
    pub begun_at: Option<SystemTime>,
}

impl RunMetadata {
    /// TensorFlow's message (`tf.compat.v1.RunMetadata`), with the step's statistics by device and nodes by start.
    pub fn to_proto(&self) -> proto::RunMetadata {
        let begun = self.begun_at.unwrap_or(UNIX_EPOCH);
        // A clock before 1970 gives 0.
        let begun = begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        let transfers = Transfers::of(&self.nodes);
        let mut devices: BTreeMap<&str, Device> = BTreeMap::new();
        let mut nodes: Vec<&NodeStats> = self.nodes.iter().collect();
        nodes.sort_by_key(|n| n.start);
        for n in nodes {
            let d = devices.entry(&n.device).or_default();
            let stats = d.stats(n, begun, transfers.label(n));
            d.nodes.push(stats);
        }
        let dev_stats = devices
            .into_iter()
            .map(|(device, d)| proto::DeviceStepStats {
                device: device.to_string(),
                node_stats: d.nodes,
                thread_names: d.threads.into_iter().map(|(name, id)| (id, name)).collect(),
            });
        proto::RunMetadata {
            step_stats: Some(proto::StepStats {
                dev_stats: dev_stats.collect(),
            }),
            ..Default::default()
        }
    }

    /// The message's bytes, as `FileWriter::add_run_metadata` wants them.
    pub fn to_pb(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }
}

#[derive(Default)]
struct Device {
    nodes: Vec<proto::NodeExecStats>,
    threads: BTreeMap<String, u32>,
}

impl Device {
    fn stats(&mut self, n: &NodeStats, begun: Duration, label: String) -> proto::NodeExecStats {
        let next = self.threads.len() as u32;
        let thread_id = *self.threads.entry(n.thread.clone()).or_insert(next);
        let output = |(slot, o): (usize, &Option<OutputStats>)| {
            let o = o.as_ref()?;
            Some(proto::NodeOutput {
                slot: slot as i32,
                tensor_description: Some(proto::TensorDescription {
                    dtype: o.dtype as i32,
                    shape: Some(shape_to_proto(&PartialShape::from(&o.shape))),
                    allocation_description: o.block.map(|b| proto::AllocationDescription {
                        requested_bytes: o.bytes as i64,
                        allocated_bytes: b.bytes as i64,
                        allocator_name: b.allocator.to_string(),
                        has_single_reference: b.is_sole,
                        ptr: b.address,
                        ..Default::default()
                    }),
                }),
            })
        };
        let (start, scheduled) = (begun + n.start, begun + n.scheduled);
        // What follows the wait is bookkeeping; a kernel that does not wait fills all of it.
        let op_end = n
            .wait
            .as_ref()
            .map_or(n.duration, |w| w.until.saturating_sub(n.start));
        proto::NodeExecStats {
            node_name: n.name.clone(),
            all_start_micros: micros(start),
            all_start_nanos: nanos(start),
            op_start_rel_micros: 0,
            op_start_rel_nanos: 0,
            op_end_rel_micros: micros(op_end),
            op_end_rel_nanos: nanos(op_end),
            all_end_rel_micros: micros(n.duration),
            all_end_rel_nanos: nanos(n.duration),
            scheduled_micros: micros(scheduled),
            scheduled_nanos: nanos(scheduled),
            timeline_label: label,
            thread_id,
            output: n.outputs.iter().enumerate().filter_map(output).collect(),
            memory: n.memory.iter().map(|m| used(m, begun)).collect(),
            memory_stats: Some(proto::MemoryStats {
                temp_memory_size: n.temporary as i64,
                persistent_memory_size: n.persistent as i64,
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

fn used(m: &NodeMemory, begun: Duration) -> proto::AllocatorMemoryUsed {
    let record = |(at, bytes): &(Duration, i64)| proto::AllocationRecord {
        alloc_micros: micros(begun + *at),
        alloc_bytes: *bytes,
    };
    proto::AllocatorMemoryUsed {
        allocator_name: m.allocator.to_string(),
        total_bytes: m.total as i64,
        peak_bytes: m.peak as i64,
        live_bytes: m.live as i64,
        allocator_bytes_in_use: m.in_use as i64,
        allocation_records: m.changes.iter().map(record).collect(),
    }
}

/// What a timeline writes before a node that took much: the allocator, all that was taken, the most that lived.
fn much(m: &NodeMemory) -> Option<String> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    (mib(m.total) >= 0.1).then(|| {
        format!(
            "[{} {:.1}MB {:.1}MB] ",
            m.allocator,
            mib(m.total),
            mib(m.peak)
        )
    })
}

/// Both ends of what passes from device to device, by the name of the sending node.
#[derive(Default)]
struct Transfers<'a> {
    sends: HashMap<&'a str, &'a NodeStats>,
    receives: HashMap<&'a str, &'a NodeStats>,
}

impl<'a> Transfers<'a> {
    fn of(nodes: &'a [NodeStats]) -> Transfers<'a> {
        let mut all = Transfers::default();
        for n in nodes {
            if is_send(&n.op) {
                all.sends.insert(&n.name, n);
            } else if let Some(send) = sender(n) {
                all.receives.insert(send, n);
            }
        }
        all
    }
    /// What a timeline writes beside a node, as TensorFlow does: `name = op(inputs)`, for transfers
    /// `name = op(tensor @device at the other end)`; before it the memory that it took, where that is much.
    fn label(&self, n: &NodeStats) -> String {
        let send = sender(n).unwrap_or(&n.name);
        let other = match is_send(&n.op) {
            true => self.receives.get(send),
            false => self.sends.get(send),
        };
        let inputs = match (self.sends.get(send), other) {
            (Some(send), Some(other)) => {
                let tensor = send.inputs.first().map_or("", String::as_str);
                format!("{tensor} @{}", other.device)
            }
            _ => n.inputs.join(", "),
        };
        let memory: String = n.memory.iter().filter_map(much).collect();
        format!("{memory}{} = {}({inputs})", n.name, n.op)
    }
}

fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}
