//! Diag: a tensor on the diagonal of one of twice the rank.

use super::items::produce;
use super::strided::{BoxCopy, Boxes, Layout, Steps};
use super::zeros::number;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use smallvec::smallvec;

pub(crate) static DIAG: OpEntry = OpEntry {
    def: OpDef {
        signature: "Diag(diagonal:T) -> (output:T)",
        attrs: "T:type{bfloat16,half,float,double,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer_diag,
    },
    grad: Grad::Fn(|ctx| unary(ctx, "DiagPart")),
    kernels: &[KernelDef::cpu(&[("T", TYPES)], new_diag)],
};

pub(crate) static DIAG_PART: OpEntry = OpEntry {
    def: OpDef {
        signature: "DiagPart(input:T) -> (diagonal:T)",
        attrs: "T:type{bfloat16,half,float,double,int32,int64,complex64,complex128}",
        flags: Flags::PURE,
        infer: infer_part,
    },
    grad: Grad::Fn(|ctx| unary(ctx, "Diag")),
    kernels: &[KernelDef::cpu(&[("T", TYPES)], new_part)],
};

const TYPES: &[DType] = &[
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::I32,
    DType::I64,
    DType::C64,
    DType::C128,
];

fn unary<'g>(ctx: &GradCtx<'g>, op: &'static str) -> Result<InputGradients<'g>> {
    dense([Some(ctx.scope.op(op).input(ctx.grad(0)).out())])
}

fn infer_diag(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let x = ctx.input(0);
    x.with_rank_at_least(1)?;
    ctx.set(0, x.concat(&x));
    Ok(())
}

fn infer_part(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let x = ctx.input(0);
    let Some(dims) = x.dims() else {
        return Ok(());
    };
    if dims.is_empty() || dims.len() % 2 != 0 {
        return Err(Error::invalid_argument(format!(
            "Input must have even and non-zero rank, input rank is {}",
            dims.len()
        )));
    }
    let (a, b) = dims.split_at(dims.len() / 2);
    let half = PartialShape::of(a.to_vec()).merge(&PartialShape::of(b.to_vec()))?;
    ctx.set(0, half);
    Ok(())
}

/// Where the diagonal of a tensor with `n` elements lies in one of n·n.
fn diagonal(n: usize) -> Layout {
    Layout {
        start: 0,
        steps: Steps::from_elem(
            isize::try_from(n.saturating_add(1)).unwrap_or(isize::MAX),
            1,
        ),
    }
}

fn new_diag(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let zero = number(init.attrs.dtype("T")?, 0)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        if x.shape().rank() == 0 {
            return Err(Error::invalid_argument(
                "Input must be at least rank 1, got 0",
            ));
        }
        let n = x.elements();
        let shape = Shape::of(&[x.shape().dims(), x.shape().dims()].concat())?;
        let copies = [BoxCopy {
            input: 0,
            dims: smallvec![n],
            from: Layout {
                start: 0,
                steps: Steps::from_elem(1, 1),
            },
            to: diagonal(n),
        }];
        let job = Boxes {
            pool: ctx.pool(),
            fill: Some(1),
            copies: &copies,
        };
        let out = produce(x.dtype(), shape, &[x, &zero], job)?;
        ctx.set(0, out)
    }))
}

fn new_part(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let dims = x.shape().dims();
        // A scalar, which the shape function refuses, is its own diagonal, as in TensorFlow.
        if dims.len() % 2 != 0 {
            return Err(Error::invalid_argument(format!(
                "The rank of the tensor should be even and positive, got shape {}",
                x.shape()
            )));
        }
        let (a, b) = dims.split_at(dims.len() / 2);
        if let Some(i) = (0..a.len()).find(|i| a[*i] != b[*i]) {
            return Err(Error::invalid_argument(format!(
                "Invalid shape {}: dimensions {i} and {} do not match.",
                x.shape(),
                i + a.len()
            )));
        }
        let shape = Shape::of(a)?;
        let n = shape.elements();
        let copies = [BoxCopy {
            input: 0,
            dims: smallvec![n],
            from: diagonal(n),
            to: Layout {
                start: 0,
                steps: Steps::from_elem(1, 1),
            },
        }];
        let job = Boxes {
            pool: ctx.pool(),
            fill: None,
            copies: &copies,
        };
        let out = produce(x.dtype(), shape, &[x], job)?;
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// A tensor of twice the rank with `diagonal` on its diagonal and zeros elsewhere (op `Diag`).
    #[track_caller]
    pub fn diag(self, diagonal: impl Operand<'g>) -> Output<'g> {
        self.op("Diag").input(diagonal).out()
    }
    /// The diagonal of a tensor whose two halves of dimensions are alike (op `DiagPart`).
    #[track_caller]
    pub fn diag_part(self, input: impl Operand<'g>) -> Output<'g> {
        self.op("DiagPart").input(input).out()
    }
}
