//! The devices of a session, and which of them a node runs on.

use super::find_kernel;
use crate::device::DeviceSpec;
use crate::device::cpu::ThreadPool;
use crate::error::{Error, Result};
use crate::graph::Node;
use crate::kernel::{DeviceType, Env};
use crate::registry::Registry;
use crate::resource::Resources;
use std::sync::Arc;

/// The devices of a session.
pub(super) struct DeviceSet {
    devices: Vec<(DeviceSpec, Arc<Env>)>,
    soft_placement: bool,
    log_placement: bool,
}

impl DeviceSet {
    /// That many CPU devices on one pool.
    pub(super) fn new(
        cpus: usize,
        pool: &Arc<ThreadPool>,
        soft_placement: bool,
        log_placement: bool,
    ) -> Result<DeviceSet> {
        let devices = (0..cpus.max(1))
            .map(|i| {
                let name = format!("/job:localhost/replica:0/task:0/device:CPU:{i}");
                let env = Env {
                    pool: pool.clone(),
                    resources: Resources::new(),
                    device: name.clone(),
                    gpu: None,
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

    /// The number of a node's device: the first that fits its request; with soft placement any, when none fits.
    ///
    /// # Errors
    /// `InvalidArgument` with the devices that there are; `NotFound` without a kernel.
    pub(super) fn place(&self, node: &Node, registry: &Registry) -> Result<u32> {
        let device = self.find(node)?;
        if registry
            .entry(&node.op.name)
            .is_some_and(|e| !e.kernels.is_empty())
        {
            find_kernel(registry, &node.op.name, DeviceType::Cpu, &node.attrs)?;
        }
        if self.log_placement {
            let name = &self.env(device)?.device;
            eprintln!("{}: ({}): {name}", node.name, node.op.name);
        }
        Ok(device)
    }

    fn find(&self, node: &Node) -> Result<u32> {
        let spec = DeviceSpec::parse(&node.device)?;
        let first =
            |spec: &DeviceSpec| self.devices.iter().position(|(full, _)| spec.matches(full));
        let mut found = first(&spec);
        if found.is_none() && self.soft_placement {
            found = first(&DeviceSpec {
                kind: None,
                id: None,
                ..spec
            });
        }
        match found {
            Some(i) => Ok(i as u32),
            None => Err(Error::invalid_argument(format!(
                "Cannot assign a device for operation {}: {{{{node {}}}}} was explicitly assigned to {} but available devices are [ {} ]. Make sure the device specification refers to a valid device.",
                node.name,
                node.name,
                node.device,
                self.names().join(", ")
            ))),
        }
    }
}
