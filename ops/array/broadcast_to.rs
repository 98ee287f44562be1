//! BroadcastTo: a tensor repeated to a larger shape.

use super::cuda;
use super::items::{MOVABLE, produce};
use super::strided::{BoxCopy, Boxes, Layout, Steps, steps_of};
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Shape, broadcast_shapes};
use smallvec::SmallVec;

pub(crate) static BROADCAST_TO: OpEntry = OpEntry {
    def: OpDef {
        signature: "BroadcastTo(input:T, shape:Tidx) -> (output:T)",
        attrs: "T:type; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", MOVABLE), ("Tidx", INDEX)], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU), ("Tidx", INDEX)], &["shape"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tidx", INDEX)],
            &["input", "shape", "output"],
            new,
        ),
    ],
};

fn incompatible(input: impl std::fmt::Display, out: impl std::fmt::Display) -> Error {
    Error::invalid_argument(format!("Incompatible shapes: {input} vs. {out}"))
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 1)?;
    let (input, out) = (ctx.input(0), ctx.constant_shape(1)?);
    if let (Some(i), Some(o)) = (input.dims(), out.dims()) {
        let fits = i.len() <= o.len()
            && i.iter()
                .rev()
                .zip(o.iter().rev())
                .all(|(a, b)| match (a, b) {
                    (Some(a), Some(b)) => a == b || *a == 1,
                    _ => true,
                })
            && broadcast_shapes(&input, &out).is_ok();
        if !fits {
            return Err(incompatible(&input, &out));
        }
    }
    ctx.set(0, out);
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let (x, sizes) = (ctx.input(0)?, ctx.input(1)?);
        if !sizes.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "shape must be a vector of {{int32,int64}}, got shape {}",
                sizes.shape()
            )));
        }
        let out = Shape::new(&sizes.to_i64s()?)?;
        let shape = x.shape();
        if *shape == out {
            let x = ctx.take_input(0)?;
            return ctx.set(0, x);
        }
        if shape.rank() > out.rank() {
            return Err(Error::invalid_argument(format!(
                "Rank of input ({}) must be no greater than rank of output shape ({}).",
                shape.rank(),
                out.rank()
            )));
        }
        let missing = out.rank() - shape.rank();
        let mut steps = Steps::from_elem(0, out.rank());
        for (i, (n, step)) in shape.dims().iter().zip(steps_of(shape)).enumerate() {
            let to = out.dims()[missing + i];
            if *n != to && *n != 1 {
                return Err(incompatible(shape, &out));
            }
            if *n > 1 {
                steps[missing + i] = step;
            }
        }
        let copies = [BoxCopy {
            input: 0,
            dims: SmallVec::from_slice(out.dims()),
            from: Layout { start: 0, steps },
            to: Layout::dense(&out),
        }];
        let job = Boxes {
            pool: ctx.pool(),
            fill: None,
            copies: &copies,
        };
        let out = produce(x.dtype(), out, &[x], job)?;
        ctx.set(0, out)
    }))
}

/// The sum over the axes along which the input was repeated.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (x, sizes, g) = (ctx.input(0), ctx.input(1), ctx.grad(0));
    let shape = s.shape_as(x, sizes.dtype());
    let axes = s
        .op("BroadcastGradientArgs")
        .input(sizes)
        .input(shape)
        .finish()
        .output(1);
    let sum = s.op("Sum").input(g).input(axes);
    let sum = sum.attr("keep_dims", true).out();
    dense([Some(sum.reshape(shape)), None])
}

impl<'g> Scope<'g> {
    /// `x` repeated to a larger shape, as arithmetic does it (op `BroadcastTo`).
    #[track_caller]
    pub fn broadcast_to(self, x: impl Operand<'g>, shape: impl Operand<'g>) -> Output<'g> {
        self.op("BroadcastTo").input(x).input(shape).out()
    }
}

impl<'g> Output<'g> {
    /// The tensor repeated to a larger shape, as arithmetic does it (op `BroadcastTo`).
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Operand<'g>) -> Output<'g> {
        self.scope().broadcast_to(self, shape)
    }
}
