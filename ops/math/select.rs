//! Select: elements (or rows) of one tensor where a condition holds, of another where not.

use super::selection::{Plan, select};
use crate::dtype::{DType, sets::PODS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;

/// The types of which elements can be selected.
pub(crate) const SELECTABLE: &[DType] = &[
    DType::F32,
    DType::F64,
    DType::I32,
    DType::U8,
    DType::I16,
    DType::I8,
    DType::String,
    DType::C64,
    DType::I64,
    DType::Bool,
    DType::BF16,
    DType::U16,
    DType::C128,
    DType::F16,
    DType::Resource,
    DType::U32,
    DType::U64,
];

pub(crate) static SELECT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Select(condition:bool, t:T, e:T) -> (output:T)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", SELECTABLE)], |_| Ok(AnyKernel::new(compute))),
        KernelDef::gpu(&[("T", PODS)], |_| Ok(AnyKernel::cheap(compute))),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let mut shape = ctx.input(1).merge(&ctx.input(2))?;
    let condition = ctx.input(0);
    match (condition.rank(), shape.rank()) {
        (Some(0), _) | (None, _) => {}
        // A vector chooses rows.
        (Some(1), Some(rank)) if rank > 1 => {
            if let Some(dims) = shape.dims() {
                let rows = crate::shape::PartialShape::vector(dims[0]).merge(&condition)?;
                let mut dims = dims.to_vec();
                dims[0] = rows.dim(0);
                shape = crate::shape::PartialShape::of(dims);
            }
        }
        (Some(1), None) => {}
        _ => shape = shape.merge(&condition)?,
    }
    ctx.set(0, shape);
    Ok(())
}

fn compute(ctx: &mut OpContext<'_>) -> Result<()> {
    let [c, t, e] = [0, 1, 2].map(|i| ctx.input(i).map(|x| x.shape().clone()));
    let (c, t, e) = (c?, t?, e?);
    let different = |i: usize, other: &Shape| {
        Error::invalid_argument(format!(
            "Inputs to operation {} of type {} must have the same size and shape.  Input 0: {c} != input {i}: {other}",
            ctx.node.name, ctx.node.op
        ))
    };
    let condition = if c.is_scalar() {
        if t != e {
            return Err(Error::invalid_argument(format!(
                "'then' and 'else' must have the same size.  but received: {t} vs. {e}"
            )));
        }
        c
    } else if c.is_vector() && !t.is_vector() {
        let Some(rows) = t.dim(0) else {
            return Err(Error::invalid_argument(format!(
                "'then' must be at least a vector, but saw shape: {t}"
            )));
        };
        if Some(rows) != c.dim(0) {
            return Err(Error::invalid_argument(format!(
                "Number of batches of 'then' must match size of 'cond', but saw: {rows} vs. {}",
                c.elements()
            )));
        }
        if t != e {
            return Err(Error::invalid_argument(format!(
                "'then' and 'else' must have the same size.  but received: {t} vs. {e}"
            )));
        }
        let mut dims = vec![1; t.rank()];
        dims[0] = rows;
        Shape::of(&dims)?
    } else if c != t {
        return Err(different(1, &t));
    } else if c != e {
        return Err(different(2, &e));
    } else {
        c
    };
    let plan = Plan::new([&condition, &t, &e])
        .ok_or_else(|| Error::internal("shapes that fit do not broadcast"))?;
    select(ctx, &plan)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g, c) = (ctx.scope, ctx.grad(0), ctx.input(0));
    let zeros = s
        .op("ZerosLike")
        .name("zeros_like")
        .input(ctx.input(1))
        .out();
    dense([
        None,
        Some(s.select(c, g, zeros)),
        Some(s.select(c, zeros, g)),
    ])
}

impl<'g> Scope<'g> {
    /// Elements of `t` where `condition` holds, of `e` where not (op `Select`). All shapes are equal; or the
    /// condition is a scalar, or a vector with one element for each row.
    #[track_caller]
    pub fn select(
        self,
        condition: impl Operand<'g>,
        t: impl Operand<'g>,
        e: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("Select").input(condition).input(t).input(e).out()
    }
}
