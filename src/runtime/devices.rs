//! The devices of a session, and which of them a node runs on.

use crate::device::DeviceSpec;
use crate::device::cpu::ThreadPool;
use crate::device::cuda::Gpu;
use crate::error::{Error, Result};
use crate::graph::Node;
use crate::kernel::{DeviceType, Env};
use crate::resource::Resources;
use std::sync::Arc;

/// The devices of a session.
pub(super) struct DeviceSet {
    devices: Vec<(DeviceSpec, Arc<Env>)>,
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
                Ok((DeviceSpec::parse(&name)?, Arc::new(env)))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(DeviceSet {
            devices,
            soft_placement,
            log_placement,
        })
    }
    /// The full names.
    pub(super) fn names(&self) -> Vec<String> {
        self.devices.iter().map(|(_, e)| e.device.clone()).collect()
    }
    /// The first device: where feeds and fetches live.
    pub(super) fn client(&self) -> &Arc<Env> {
        &self.devices[0].1
    }

    /// The device of that number.
    pub(super) fn env(&self, device: u32) -> Result<&Arc<Env>> {
        let found = self.devices.get(device as usize);
        let (_, env) =
            found.ok_or_else(|| Error::internal(format!("there is no device {device}")))?;
        Ok(env)
    }

    /// What tells a device from others that had its name before.
    pub(super) fn incarnation(&self, device: u32) -> i64 {
        i64::from(device) + 1
    }

    /// Whether a node may run elsewhere when the device that it asks for does not exist.
    pub(super) fn soft_placement(&self) -> bool {
        self.soft_placement
    }
    /// The kinds of devices that there are, best first.
    pub(super) fn kinds(&self) -> Vec<DeviceType> {
        let mut kinds: Vec<DeviceType> = self.devices.iter().map(|(_, e)| device_type(e)).collect();
        kinds.sort();
        kinds.dedup();
        kinds.reverse();
        kinds
    }
    /// The numbers of the devices of these kinds that fit, best first.
    pub(super) fn matching(&self, spec: &DeviceSpec, kinds: &[DeviceType]) -> Vec<u32> {
        let fits = |k: DeviceType| {
            let all = (0u32..).zip(&self.devices);
            all.filter(move |(_, (full, env))| device_type(env) == k && spec.matches(full))
        };
        kinds
            .iter()
            .flat_map(|k| fits(*k))
            .map(|(i, _)| i)
            .collect()
    }
    /// Prints where nodes went, in TensorFlow's lines, when that is wanted.
    pub(super) fn log(&self, placed: &[(Arc<Node>, u32)]) {
        if !self.log_placement {
            return;
        }
        for (node, device) in placed {
            if let Some((_, env)) = self.devices.get(*device as usize) {
                eprintln!("{}: ({}): {}", node.name, node.op.name, env.device);
            }
        }
    }
}

/// What kind of device offers this.
pub(super) fn device_type(env: &Env) -> DeviceType {
    match env.gpu {
        Some(_) => DeviceType::Gpu,
        None => DeviceType::Cpu,
    }
}
