//! Assert: the step fails, printing tensors, unless a condition holds.

use crate::dtype::DType;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{NodeRef, Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static ASSERT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Assert(condition:bool, data:T) -> ()",
        attrs: "T:list(type)>=1; summarize:int=3",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let summarize = init.attrs.int("summarize")?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let condition = ctx.input(0)?;
        if !condition.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "In[0] should be a scalar: {}",
                condition.shape()
            )));
        }
        if condition.to_scalar::<bool>()? {
            return Ok(());
        }
        let mut text = String::from("assertion failed:");
        for i in 1..ctx.num_inputs() {
            text.push_str(&format!(" [{}]", ctx.input(i)?.summarize(summarize)));
        }
        Err(Error::invalid_argument(text))
    }))
}

/// What a failed assertion prints: a tensor of the graph, or a value.
#[derive(Clone, Debug)]
pub enum AssertData<'g> {
    /// A tensor of the graph.
    Output(Output<'g>),
    /// A value, which becomes a constant.
    Value(Tensor),
}

impl<'g> From<Output<'g>> for AssertData<'g> {
    fn from(o: Output<'g>) -> Self {
        AssertData::Output(o)
    }
}
impl From<&str> for AssertData<'_> {
    fn from(text: &str) -> Self {
        AssertData::Value(Tensor::string(text))
    }
}
impl From<Tensor> for AssertData<'_> {
    fn from(t: Tensor) -> Self {
        AssertData::Value(t)
    }
}

impl<'g> AssertData<'g> {
    fn dtype(&self) -> DType {
        match self {
            AssertData::Output(o) => o.dtype(),
            AssertData::Value(t) => t.dtype(),
        }
    }
}

impl<'g> Scope<'g> {
    /// A node that fails the step unless `condition` holds, printing up to `summarize` elements of each of
    /// `data` (TensorFlow's `tf.Assert`: what must be copied to be printed is touched only on failure).
    #[track_caller]
    pub fn assert_true(
        self,
        condition: impl Operand<'g>,
        data: &[AssertData<'g>],
        summarize: i64,
    ) -> NodeRef<'g> {
        let s = self.composite("Assert");
        for d in data {
            if let AssertData::Value(t) = d {
                s.constant(t.clone());
            }
        }
        let condition = condition.operand(s.named("Condition"), None);
        let build = |s: Scope<'g>| {
            let name = s.unique_name("Assert");
            let inner = s.scope(&format!("{name}/"));
            let data: Vec<Output<'g>> = data
                .iter()
                .enumerate()
                .map(|(i, d)| match d {
                    AssertData::Output(o) => *o,
                    AssertData::Value(t) => inner.named(&format!("data_{i}")).constant(t.clone()),
                })
                .collect();
            s.op("Assert")
                .name(format!("{name}/"))
                .input(condition)
                .list(data)
                .attr("summarize", summarize)
                .finish()
        };
        // Strings and shapes are cheap to bring along; large tensors go through a Switch.
        if data
            .iter()
            .all(|d| matches!(d.dtype(), DType::String | DType::I32))
        {
            return build(s);
        }
        s.named("AssertGuard")
            .cond(condition, |s| s.op("NoOp").finish(), build)
    }
}
