//! One op by itself, without a graph: for constant folding, and for tests of kernels.

use super::find_kernel;
use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::Node;
use crate::kernel::{
    AnyKernel, AsyncCall, Cancellation, DeviceType, Env, KernelInit, NodeInfo, OpContext,
    Rendezvous, Step, Value,
};
use crate::op::{Attrs, infer_attrs, signature};
use crate::registry::Registry;
use crate::resource::Resources;
use crate::tensor::Tensor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A kernel made for one node, which can be called again and again.
pub struct SingleOp {
    kernel: AnyKernel,
    node: Arc<NodeInfo>,
    env: Arc<Env>,
    outputs: usize,
}

impl SingleOp {
    /// The kernel of an op on the device, for arguments of these types (one list for each argument of the op).
    ///
    /// # Errors
    /// When types or attributes do not fit the op, or it has no kernel for them.
    pub fn new(
        registry: &Registry,
        env: &Arc<Env>,
        op: &str,
        types: &[Vec<DType>],
        mut attrs: Attrs,
    ) -> Result<SingleOp> {
        use crate::op::OpLookup;
        let schema = registry
            .schema(op)
            .ok_or_else(|| Error::not_found(format!("Op type not registered '{op}'")))?;
        infer_attrs(schema, types, &mut attrs)?;
        SingleOp::with_attrs(registry, env, (op, op), &attrs)
    }

    /// The kernel of a node of a graph.
    pub(super) fn for_node(registry: &Registry, env: &Arc<Env>, node: &Node) -> Result<SingleOp> {
        SingleOp::with_attrs(registry, env, (&node.name, &node.op.name), &node.attrs)
    }

    fn with_attrs(
        registry: &Registry,
        env: &Arc<Env>,
        (name, op): (&str, &str),
        attrs: &Attrs,
    ) -> Result<SingleOp> {
        use crate::op::OpLookup;
        let schema = registry
            .schema(op)
            .ok_or_else(|| Error::not_found(format!("Op type not registered '{op}'")))?;
        let types = signature(schema, attrs)?;
        let device = match env.gpu {
            None => DeviceType::Cpu,
            Some(_) => DeviceType::Gpu,
        };
        let def = find_kernel(registry, op, device, attrs)?;
        let node = Arc::new(NodeInfo {
            name: name.into(),
            op: op.into(),
            device: env.device.clone(),
        });
        let init = KernelInit {
            node: &node,
            attrs,
            inputs: &types.inputs,
            outputs: &types.outputs,
            env,
        };
        let kernel = (def.new)(&init)?;
        Ok(SingleOp {
            kernel,
            node,
            env: env.clone(),
            outputs: types.outputs.len(),
        })
    }

    /// Calls the kernel and waits for its outputs.
    ///
    /// # Errors
    /// What the kernel gives, with the op's name.
    pub fn run(&self, inputs: Vec<Value>) -> Result<Vec<Value>> {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
        let step = Arc::new(Step {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            cancellation: Cancellation::default(),
            resources: Resources::default(),
            rendezvous: Rendezvous::default(),
        });
        let outcome = match &self.kernel {
            AnyKernel::Sync(k) => {
                let mut inputs: Vec<Option<Value>> = inputs.into_iter().map(Some).collect();
                let mut outputs: Vec<Option<Value>> = vec![None; self.outputs];
                let mut ctx =
                    OpContext::new(&self.node, &self.env, &step, &mut inputs, &mut outputs);
                k.compute(&mut ctx).and_then(|()| {
                    let made: Option<Vec<Value>> = outputs.into_iter().collect();
                    made.ok_or_else(|| Error::internal("an output was not set"))
                })
            }
            AnyKernel::Async(k) => {
                let (tx, rx) = std::sync::mpsc::channel();
                let done = Box::new(move |r| {
                    let _ = tx.send(r);
                });
                k.start(AsyncCall::new(
                    self.node.clone(),
                    self.env.clone(),
                    step,
                    inputs.into_iter().collect(),
                    done,
                ));
                rx.recv()
                    .unwrap_or_else(|_| Err(Error::internal("the call was dropped")))
            }
        };
        outcome.map_err(|e| e.at_node(&self.node.name, &self.node.op))
    }
}

/// Runs one op on tensors, on a CPU device of its own with two threads.
///
/// # Errors
/// When the arguments do not fit the op, or the kernel fails.
///
/// ```
/// use tensorloom::{Attrs, Registry, Tensor, runtime::run_op};
/// let x = vec![vec![Tensor::from([1.0f32, 2.0])]];
/// let y = run_op(&Registry::builtin(), "Identity", x, Attrs::default()).unwrap();
/// assert_eq!(y[0].data::<f32>().unwrap(), &[1.0, 2.0]);
/// ```
pub fn run_op(
    registry: &Registry,
    op: &str,
    args: Vec<Vec<Tensor>>,
    attrs: Attrs,
) -> Result<Vec<Tensor>> {
    let env = Arc::new(Env {
        pool: ThreadPool::new(2),
        resources: Resources::new(),
        device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
        gpu: None,
    });
    let types: Vec<Vec<DType>> = args
        .iter()
        .map(|a| a.iter().map(Tensor::dtype).collect())
        .collect();
    let single = SingleOp::new(registry, &env, op, &types, attrs)?;
    let outputs = single.run(args.into_iter().flatten().map(Value::Tensor).collect())?;
    outputs
        .into_iter()
        .map(|v| match v {
            Value::Tensor(t) => Ok(t),
            Value::Ref(v) => v.read(),
        })
        .collect()
}

#[cfg(test)]
#[path = "gpu_tests.rs"]
mod gpu_tests;
