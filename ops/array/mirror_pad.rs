//! MirrorPad: a border that mirrors the tensor.

use super::items::produce;
use super::pad::{Padding, infer_padded, read_paddings};
use super::strided::{BoxCopy, Boxes, Layout};
use crate::device::cpu::ThreadPool;
use crate::dtype::sets::{INDEX, PODS_AND_STRING};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::SmallVec;

pub(crate) static MIRROR_PAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "MirrorPad(input:T, paddings:Tpaddings) -> (output:T)",
        attrs: "T:type; Tpaddings:type{int32,int64}=int32; mode:string{REFLECT,SYMMETRIC}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(
        &[("T", PODS_AND_STRING), ("Tpaddings", INDEX)],
        new,
    )],
};

/// How a border mirrors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Around the outermost element, which is not repeated.
    Reflect,
    /// Around the edge: the outermost element comes twice.
    Symmetric,
}

impl Mirror {
    /// The attribute `mode`.
    pub(super) fn of(attrs: &Attrs) -> Result<Mirror> {
        match attrs.str("mode")? {
            "REFLECT" => Ok(Mirror::Reflect),
            "SYMMETRIC" => Ok(Mirror::Symmetric),
            m => Err(Error::invalid_argument(format!(
                "mode must be either REFLECT or SYMMETRIC, not {m}"
            ))),
        }
    }
    /// How many of the outermost elements a border leaves out.
    pub(super) fn offset(self) -> usize {
        match self {
            Mirror::Reflect => 1,
            Mirror::Symmetric => 0,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Mirror::Reflect => "REFLECT",
            Mirror::Symmetric => "SYMMETRIC",
        }
    }
    /// A row of paddings checked against the size of the dimension that is mirrored.
    pub(super) fn checked(self, pad: (i64, i64), size: i64, what: &str) -> Result<Padding> {
        let (before, after) = pad;
        let fits = match self {
            Mirror::Symmetric => before <= size && after <= size,
            Mirror::Reflect => before < size && after < size,
        };
        match (usize::try_from(before), usize::try_from(after)) {
            (Ok(b), Ok(a)) if fits => Ok((b, a)),
            _ => Err(Error::invalid_argument(match self {
                Mirror::Symmetric => format!(
                    "paddings must be no greater than the {what}dimension size: {before}, {after} greater than {size}"
                ),
                Mirror::Reflect => format!(
                    "paddings must be less than the {what}dimension size: {before}, {after} not less than {size}"
                ),
            })),
        }
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    infer_padded(ctx, 1)
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let mode = Mirror::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        let paddings = read_paddings(ctx.input(1)?, &shape, ",")?;
        let mut pads: Vec<Padding> = Vec::with_capacity(paddings.len());
        for (pad, n) in paddings.iter().zip(shape.dims_i64()) {
            if pad.0 < 0 || pad.1 < 0 {
                return Err(Error::invalid_argument(format!(
                    "paddings must be non-negative: {} {}",
                    pad.0, pad.1
                )));
            }
            pads.push(mode.checked(*pad, n, "")?);
        }
        let mut x = ctx.take_input(0)?;
        for (axis, pad) in pads.iter().enumerate().filter(|(_, p)| **p != (0, 0)) {
            x = mirrored(ctx.pool(), &x, axis, *pad, mode)?;
        }
        ctx.set(0, x)
    }))
}

/// The tensor with a mirrored border along one axis.
fn mirrored(
    pool: &ThreadPool,
    x: &Tensor,
    axis: usize,
    (before, after): Padding,
    mode: Mirror,
) -> Result<Tensor> {
    let shape = x.shape();
    let n = shape.dims()[axis];
    // Each border is at most as large as the tensor.
    let out = shape.with_dim(axis, before + n + after)?;
    let skip = mode.offset();
    let piece = |count: usize, first: usize, backwards: bool, to: usize| -> Result<BoxCopy> {
        let mut dims: SmallVec<[usize; 6]> = SmallVec::from_slice(shape.dims());
        dims[axis] = count;
        let at = |shape: &Shape, i: usize| {
            let mut begin = vec![0; shape.rank()];
            begin[axis] = i;
            Layout::at(shape, &begin)
        };
        let mut from = at(shape, first)?;
        if backwards {
            from.steps[axis] = -from.steps[axis];
        }
        Ok(BoxCopy {
            input: 0,
            dims,
            from,
            to: at(&out, to)?,
        })
    };
    let mut copies = vec![piece(n, 0, false, before)?];
    if before > 0 {
        copies.push(piece(before, before - 1 + skip, true, 0)?);
    }
    if after > 0 {
        copies.push(piece(after, n - 1 - skip, true, before + n)?);
    }
    let job = Boxes {
        pool,
        fill: None,
        copies: &copies,
    };
    produce(x.dtype(), out, &[x], job)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx.scope.op("MirrorPadGrad").input(ctx.grad(0));
    let op = op.input(ctx.input(1));
    let mode = ctx.attrs().get("mode")?.clone();
    dense([Some(op.attr("mode", mode).out()), None])
}

impl<'g> Scope<'g> {
    /// `x` with a border that mirrors it; `paddings` holds for each dimension how many before and after
    /// (op `MirrorPad`).
    #[track_caller]
    pub fn mirror_pad(
        self,
        x: impl Operand<'g>,
        paddings: impl Operand<'g>,
        mode: Mirror,
    ) -> Output<'g> {
        self.op("MirrorPad")
            .input(x)
            .input(paddings)
            .attr("mode", mode.name())
            .out()
    }
}
