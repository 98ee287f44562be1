//! Placeholder: a tensor that each run must feed.

use super::cuda;
use crate::dtype::DType;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Graph, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::PartialShape;

pub(crate) static PLACEHOLDER: OpEntry = OpEntry {
    def: OpDef {
        signature: "Placeholder() -> (output:dtype)",
        attrs: "dtype:type; shape:shape=?",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[], new),
        KernelDef::gpu(&[("dtype", cuda::ON_GPU)], new),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let shape = ctx.attrs.shape("shape")?.clone();
    if ctx.producer >= SCALARS_SINCE || shape.rank() != Some(0) {
        ctx.set(0, shape);
    }
    Ok(())
}

/// The first version whose graphs mean a scalar where they say so; older ones wrote it when nothing was known.
const SCALARS_SINCE: i32 = 24;

/// Runs only when no value was fed.
pub(super) fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let dtype = init.attrs.dtype("dtype")?;
    let shape = init.attrs.shape("shape")?;
    let mut text = format!(
        "You must feed a value for placeholder tensor '{}' with dtype {dtype}",
        init.node.name
    );
    if shape.rank().is_some_and(|r| r > 0) {
        text.push_str(&format!(" and shape {shape}"));
    }
    let error = Error::invalid_argument(text);
    Ok(AnyKernel::cheap(move |_: &mut OpContext<'_>| {
        Err(error.clone())
    }))
}

impl<'g> Scope<'g> {
    /// A tensor to be fed, of that type and of a shape known as far as given (op `Placeholder`).
    #[track_caller]
    pub fn placeholder(self, dtype: DType, shape: impl Into<PartialShape>) -> Output<'g> {
        self.op("Placeholder")
            .attr("dtype", dtype)
            .attr("shape", shape.into())
            .out()
    }
}

impl Graph {
    /// A tensor to be fed (op `Placeholder`).
    ///
    /// ```
    /// use tensorloom::{DType, Graph};
    /// let g = Graph::new();
    /// let x = g.placeholder("x", DType::F32, [None, Some(784)]);
    /// assert_eq!(x.shape().to_string(), "[?,784]");
    /// ```
    #[track_caller]
    pub fn placeholder(
        &self,
        name: &str,
        dtype: DType,
        shape: impl Into<PartialShape>,
    ) -> Output<'_> {
        self.root().named(name).placeholder(dtype, shape)
    }
}
