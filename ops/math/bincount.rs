//! Bincount: how often each whole number occurs, or the sum of the weights that go with it.

use super::elementwise::for_type;
use super::number::Number;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static BINCOUNT: OpEntry = OpEntry {
    def: OpDef {
        signature: "Bincount(arr:int32, size:int32, weights:T) -> (bins:T)",
        attrs: "T:type{int32,int64,float,double}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: KERNELS,
};

const KERNELS: &[KernelDef] = &[
    for_type::<i32>(new::<i32>),
    for_type::<i64>(new::<i64>),
    for_type::<f32>(new::<f32>),
    for_type::<f64>(new::<f64>),
];

fn negative(size: i64) -> Error {
    Error::invalid_argument(format!("size ({size}) must be non-negative"))
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 0)?;
    let size = match ctx.constant_int(1)? {
        Some(n) => Some(usize::try_from(n).map_err(|_| negative(n))?),
        None => None,
    };
    ctx.set(0, PartialShape::vector(size));
    Ok(())
}

fn new<T: Number>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(compute::<T>))
}

fn compute<T: Number>(ctx: &mut OpContext<'_>) -> Result<()> {
    let values = ctx.data::<i32>(0)?;
    if !ctx.input(1)?.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "Shape must be rank 0 but is rank {}",
            ctx.input(1)?.shape().rank()
        )));
    }
    let size = i64::from(ctx.scalar::<i32>(1, "size")?);
    let bins = usize::try_from(size).map_err(|_| negative(size))?;
    let weights = ctx.data::<T>(2)?;
    if !weights.is_empty() && weights.len() != values.len() {
        return Err(Error::invalid_argument(
            "Input indices and weights must have the same size.",
        ));
    }
    if values.iter().any(|v| *v < 0) {
        return Err(Error::invalid_argument("Input arr must be non-negative!"));
    }
    let mut out = Tensor::zeros(T::DTYPE, Shape::of(&[bins])?)?;
    let counts = out.make_mut::<T>()?;
    for (i, v) in values.iter().enumerate() {
        // Numbers beyond the last bin are not counted.
        if let Some(count) = counts.get_mut(*v as usize) {
            *count = count.plus(weights.get(i).copied().unwrap_or(T::ONE));
        }
    }
    ctx.set(0, out)
}

impl<'g> Scope<'g> {
    /// How often each number from 0 to `size - 1` occurs in `arr`, or the sums of the weights that go with the
    /// numbers, if there are any weights (op `Bincount`).
    #[track_caller]
    pub fn bincount(
        self,
        arr: impl Operand<'g>,
        size: impl Operand<'g>,
        weights: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("Bincount")
            .input(arr)
            .input(size)
            .input(weights)
            .out()
    }
}
