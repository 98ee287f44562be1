//! The devices of a session, and which of them a node runs on.

use crate::device::DeviceSpec;
use crate::device::cpu::{ThreadPool, host_memory};
use crate::device::cuda::Gpu;
use crate::error::{Error, Result};
use crate::kernel::{DeviceType, Env};
use crate::resource::Resources;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a session says of one of its devices (TensorFlow's `DeviceAttributes`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAttributes {
    /// The full name: `/job:localhost/replica:0/task:0/device:CPU:0`.
    pub name: String,
    /// The kind.
    pub device_type: DeviceType,
    /// The bytes of memory that it may use; 0 where that is not known.
    pub memory_limit: u64,
    /// Tells the device from others that had or have its name: no other device of this process has the number.
    pub incarnation: u64,
    /// The hardware: a GPU's number, model, bus and compute capability; empty for a CPU, as TensorFlow has it.
    pub physical_device_desc: String,
}

impl DeviceAttributes {
    fn new(name: String, gpu: Option<&Gpu>) -> DeviceAttributes {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let desc = |gpu: &Gpu| {
            let facts = gpu.facts();
            let (major, minor) = facts.capability;
            format!(
                "device: {}, name: {}, pci bus id: {}, compute capability: {major}.{minor}",
                gpu.index(),
                facts.model,
                facts.bus
            )
        };
        DeviceAttributes {
            name,
            device_type: match gpu {
                Some(_) => DeviceType::Gpu,
                None => DeviceType::Cpu,
            },
            memory_limit: match gpu {
                Some(gpu) => gpu.stats().limit as u64,
                None => host_memory(),
            },
            incarnation: NEXT.fetch_add(1, Ordering::Relaxed),
            physical_device_desc: gpu.map(desc).unwrap_or_default(),
        }
    }
}

struct Device {
    spec: DeviceSpec,
    env: Arc<Env>,
}

/// The devices of a session.
pub(super) struct DeviceSet {
    devices: Vec<Device>,
    attributes: Vec<DeviceAttributes>,
    soft_placement: bool,
    log_placement: bool,
}

impl DeviceSet {
    /// That many CPU devices on one pool, and these GPUs behind them.
    pub(super) fn new(
        cpus: usize,
        gpus: &[Arc<Gpu>],
        pool: &Arc<ThreadPool>,
        soft_placement: bool,
        log_placement: bool,
    ) -> Result<DeviceSet> {
        let cpus = (0..cpus.max(1)).map(|i| (format!("CPU:{i}"), None));
        let gpus = gpus.iter().enumerate();
        let gpus = gpus.map(|(i, gpu)| (format!("GPU:{i}"), Some(gpu.clone())));
        let devices = cpus
            .chain(gpus)
            .map(|(short, gpu)| {
                let name = format!("/job:localhost/replica:0/task:0/device:{short}");
                let env = Env {
                    pool: pool.clone(),
                    resources: Resources::new(),
                    device: name.clone(),
                    gpu,
                };
                Ok(Device {
                    spec: DeviceSpec::parse(&name)?,
                    env: Arc::new(env),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let attributes = devices.iter().map(|d| {
            let env = &d.env;
            DeviceAttributes::new(env.device.clone(), env.gpu.as_deref())
        });
        Ok(DeviceSet {
            attributes: attributes.collect(),
            devices,
            soft_placement,
            log_placement,
        })
    }
    /// What there is to say of each.
    pub(super) fn attributes(&self) -> &[DeviceAttributes] {
        &self.attributes
    }
    /// The full names.
    pub(super) fn names(&self) -> Vec<String> {
        self.attributes.iter().map(|d| d.name.clone()).collect()
    }
    /// The first device: where feeds and fetches live.
    pub(super) fn client(&self) -> &Arc<Env> {
        &self.devices[0].env
    }
    /// What each offers to kernels.
    pub(super) fn envs(&self) -> impl Iterator<Item = &Arc<Env>> {
        self.devices.iter().map(|d| &d.env)
    }

    /// The device of that number.
    pub(super) fn env(&self, device: u32) -> Result<&Arc<Env>> {
        let found = self.devices.get(device as usize).map(|d| &d.env);
        found.ok_or_else(|| Error::internal(format!("there is no device {device}")))
    }

    /// The full name of a device; empty where there is none.
    pub(super) fn spec(&self, device: u32) -> DeviceSpec {
        let found = self.devices.get(device as usize);
        found.map(|d| d.spec.clone()).unwrap_or_default()
    }

    /// What tells a device from others that had its name before.
    pub(super) fn incarnation(&self, device: u32) -> u64 {
        let found = self.attributes.get(device as usize);
        found.map_or(0, |d| d.incarnation)
    }

    /// Whether a node may run elsewhere when the device that it asks for does not exist.
    pub(super) fn soft_placement(&self) -> bool {
        self.soft_placement
    }
    /// The kinds of devices that there are, best first.
    pub(super) fn kinds(&self) -> Vec<DeviceType> {
        let mut kinds: Vec<DeviceType> = self.attributes.iter().map(|d| d.device_type).collect();
        kinds.sort();
        kinds.dedup();
        kinds.reverse();
        kinds
    }
    /// The numbers of the devices of these kinds that fit, best first.
    pub(super) fn matching(&self, spec: &DeviceSpec, kinds: &[DeviceType]) -> Vec<u32> {
        let fits = |k: DeviceType| {
            let all = (0u32..).zip(&self.devices);
            all.filter(move |(_, d)| d.env.device_type() == k && spec.matches(&d.spec))
        };
        kinds
            .iter()
            .flat_map(|k| fits(*k))
            .map(|(i, _)| i)
            .collect()
    }
    /// Whether to print where nodes go.
    pub(super) fn logs_placement(&self) -> bool {
        self.log_placement
    }
}
