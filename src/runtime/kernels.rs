//! Finding the kernel of a node.

use crate::error::{Error, Result};
use crate::kernel::{DeviceType, KernelDef};
use crate::op::Attrs;
use crate::registry::Registry;

/// The kernel that computes an op with these attributes on a kind of device.
///
/// # Errors
/// `NotFound` when the op has none there; `Unimplemented` when it has none for these types.
pub fn find_kernel(
    registry: &Registry,
    op: &str,
    device: DeviceType,
    attrs: &Attrs,
) -> Result<KernelDef> {
    let entry = registry
        .entry(op)
        .ok_or_else(|| Error::not_found(format!("Op type not registered '{op}'")))?;
    let found = entry
        .kernels
        .iter()
        .find(|k| k.device == device && k.matches(attrs));
    found.copied().ok_or_else(|| {
        let types: Vec<String> = attrs
            .0
            .iter()
            .filter_map(|(name, v)| match v {
                crate::def::AttrValue::Type(d) => Some(format!("{name}={}", d.wire_name())),
                _ => None,
            })
            .collect();
        Error::not_found(format!(
            "No OpKernel was registered to support Op '{op}' with these attrs: [{}]. Registered devices: [{}]",
            types.join(", "),
            device.name()
        ))
    })
}
