//! Which inputs and outputs of a node lie in host memory and which in its GPU's.

use super::find_kernel;
use crate::def::TypeRef;
use crate::graph::Node;
use crate::kernel::{DeviceType, Env};
use crate::op::ArgDef;
use crate::registry::Registry;

/// Whether each input and each output lies in host memory.
pub(super) struct Memory {
    pub(super) inputs: Vec<bool>,
    pub(super) outputs: Vec<bool>,
}

impl Memory {
    /// Of a node on a device. On a GPU all lies in its memory but what is no plain data and what the kernel names.
    pub(super) fn of(node: &Node, registry: &Registry, env: &Env) -> Memory {
        let all = |host: bool| Memory {
            inputs: vec![host; node.input_types.len()],
            outputs: vec![host; node.outputs.len()],
        };
        if env.gpu.is_none() {
            return all(true);
        }
        // A node without a kernel gets its error when the plan is made.
        let Ok(def) = find_kernel(registry, &node.op.name, DeviceType::Gpu, &node.attrs) else {
            return all(true);
        };
        let named = |arg: &ArgDef| {
            let count = arg.length(&node.attrs).unwrap_or(0);
            std::iter::repeat_n(def.host_memory.contains(&arg.name.as_str()), count)
        };
        let host = |args: &[ArgDef], types: &[TypeRef]| {
            let flags = args.iter().flat_map(named).chain(std::iter::repeat(false));
            let pairs = types.iter().zip(flags);
            pairs.map(|(t, named)| named || !t.base.is_pod()).collect()
        };
        Memory {
            inputs: host(&node.op.inputs, &node.input_types),
            outputs: host(&node.op.outputs, &node.outputs),
        }
    }
}
