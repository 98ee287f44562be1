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

    /// Whether there is a device for a node.
    ///
    /// # Errors
    /// `InvalidArgument` with the devices that there are.
    pub(super) fn check(&self, node: &Node) -> Result<()> {
        self.find(node).map(|_| ())
    }

    /// The device of a node: the first that fits its request; with soft placement any, when none fits.
    pub(super) fn place(&self, node: &Node, registry: &Registry) -> Result<Arc<Env>> {
        let env = self.find(node)?;
        if registry
            .entry(&node.op.name)
            .is_some_and(|e| !e.kernels.is_empty())
        {
            find_kernel(registry, &node.op.name, DeviceType::Cpu, &node.attrs)?;
        }
        if self.log_placement {
            eprintln!("{}: ({}): {}", node.name, node.op.name, env.device);
        }
        Ok(env.clone())
    }

    fn find(&self, node: &Node) -> Result<&Arc<Env>> {
        let spec = DeviceSpec::parse(&node.device)?;
        let mut found = self.devices.iter().find(|(full, _)| spec.matches(full));
        if found.is_none() && self.soft_placement {
            let relaxed = DeviceSpec {
                kind: None,
                id: None,
                ..spec
            };
            found = self.devices.iter().find(|(full, _)| relaxed.matches(full));
        }
        let Some((_, env)) = found else {
            return Err(Error::invalid_argument(format!(
                "Cannot assign a device for operation {}: {{{{node {}}}}} was explicitly assigned to {} but available devices are [ {} ]. Make sure the device specification refers to a valid device.",
                node.name,
                node.name,
                node.device,
                self.names().join(", ")
            )));
        };
        Ok(env)
    }
}
