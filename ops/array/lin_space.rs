//! LinSpace: evenly spaced numbers with both ends.

use crate::dtype::{DType, Element, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static LIN_SPACE: OpEntry = OpEntry {
    def: OpDef {
        signature: "LinSpace(start:T, stop:T, num:Tidx) -> (output:T)",
        attrs: "T:type{bfloat16,half,float,double}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32]), ("Tidx", INDEX)], |_| {
            new(|start: f32, stop, i, n| start + (stop - start) / (n - 1) as f32 * i as f32)
        }),
        KernelDef::cpu(&[("T", &[DType::F64]), ("Tidx", INDEX)], |_| {
            new(|start: f64, stop, i, n| start + (stop - start) / (n - 1) as f64 * i as f64)
        }),
    ],
};

fn checked_number(num: i64) -> Result<usize> {
    match usize::try_from(num) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::invalid_argument(format!("Requires num > 0: {num}"))),
    }
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 0..3 {
        ctx.with_rank(i, 0)?;
    }
    let n = ctx.constant_int(2)?.map(checked_number).transpose()?;
    ctx.set(0, PartialShape::vector(n));
    Ok(())
}

/// `at(start, stop, i, n)` is number `i` of `n`.
fn new<T: Element>(at: fn(T, T, usize, usize) -> T) -> Result<AnyKernel> {
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        for (i, name) in ["start", "stop", "num"].iter().enumerate() {
            let shape = ctx.input(i)?.shape();
            if !shape.is_scalar() {
                return Err(Error::invalid_argument(format!(
                    "{name} must be a scalar, not shape {shape}"
                )));
            }
        }
        let num = ctx.input(2)?.to_i64s()?.first().copied();
        let n = checked_number(num.unwrap_or_default())?;
        let (start, stop) = (ctx.scalar::<T>(0, "start")?, ctx.scalar::<T>(1, "stop")?);
        let mut out = Tensor::alloc(T::DTYPE, Shape::of(&[n])?)?;
        for (i, o) in out.make_mut::<T>()?.iter_mut().enumerate() {
            // The ends are exact.
            *o = match i {
                0 => start,
                i if i == n - 1 => stop,
                i => at(start, stop, i, n),
            };
        }
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// `num` evenly spaced numbers from `start` to `stop`, both included (op `LinSpace`).
    #[track_caller]
    pub fn lin_space(
        self,
        start: impl Operand<'g>,
        stop: impl Operand<'g>,
        num: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("LinSpace")
            .input(start)
            .input(stop)
            .input(num)
            .out()
    }
}
