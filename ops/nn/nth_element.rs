//! NthElement: the element of each row that would stand at place n if it were sorted.

use super::rows::row_blocks;
use super::top_k::descending;
use crate::device::cpu::Disjoint;
use crate::dtype::{DType, sets::REALS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::math::number::Real;
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static NTH_ELEMENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "NthElement(input:T, n:int32) -> (values:T)",
        attrs: "reverse:bool=false; T:type{realnumber}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", REALS)], new)],
};

fn checked_place(n: i64) -> Result<usize> {
    usize::try_from(n)
        .map_err(|_| Error::invalid_argument(format!("n must be non-negative but is {n}")))
}

fn too_few(n: usize) -> Error {
    Error::invalid_argument(format!("Input must have last dimension > n = {n}"))
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let input = ctx.input(0);
    input.with_rank_at_least(1)?;
    ctx.with_rank(1, 0)?;
    let n = ctx.constant_int(1)?.map(checked_place).transpose()?;
    let Some((columns, outer)) = input.dims().and_then(|d| d.split_last()) else {
        return Ok(());
    };
    if let (Some(c), Some(n)) = (columns, n)
        && *c <= n
    {
        return Err(too_few(n));
    }
    ctx.set(0, PartialShape::of(outer.to_vec()));
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let reverse = init.attrs.bool("reverse")?;
    Ok(match init.attrs.dtype("T")? {
        DType::F32 => typed::<f32>(reverse),
        DType::F64 => typed::<f64>(reverse),
        DType::F16 => typed::<f16>(reverse),
        DType::BF16 => typed::<bf16>(reverse),
        DType::I8 => typed::<i8>(reverse),
        DType::I16 => typed::<i16>(reverse),
        DType::I32 => typed::<i32>(reverse),
        DType::I64 => typed::<i64>(reverse),
        DType::U8 => typed::<u8>(reverse),
        DType::U16 => typed::<u16>(reverse),
        DType::U32 => typed::<u32>(reverse),
        DType::U64 => typed::<u64>(reverse),
        d => {
            return Err(Error::internal(format!(
                "no order among elements of type {d}"
            )));
        }
    })
}

fn typed<T: Real>(reverse: bool) -> AnyKernel {
    AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (x, n) = (ctx.input(0)?, ctx.input(1)?);
        if !n.shape().is_scalar() {
            return Err(Error::invalid_argument(format!(
                "N must be scalar but has rank {}",
                n.shape().rank()
            )));
        }
        let n = checked_place(i64::from(n.to_scalar::<i32>()?))?;
        let Some((&columns, outer)) = x.shape().dims().split_last() else {
            return Err(Error::invalid_argument(format!(
                "Input must be at least rank 1 but is rank {}",
                x.shape().rank()
            )));
        };
        if columns <= n {
            return Err(too_few(n));
        }
        let place = if reverse { n } else { columns - 1 - n };
        let shape = Shape::of(outer)?;
        let rows = shape.elements();
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        let data = x.data::<T>()?;
        let to = Disjoint::new(out.make_mut::<T>()?);
        row_blocks(ctx.pool(), rows, columns, &|start, end| {
            let mut order: Vec<usize> = Vec::with_capacity(columns);
            for r in start..end {
                let row = &data[r * columns..(r + 1) * columns];
                order.clear();
                order.extend(0..columns);
                let (_, found, _) =
                    order.select_nth_unstable_by(place, |a, b| descending(row, *a, *b));
                // SAFETY: one element for each row.
                let to = unsafe { to.part(r, 1) };
                to[0] = row[*found];
            }
        });
        ctx.set(0, out)
    })
}

/// The gradient is shared among the elements that equal the one found.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (x, y) = (ctx.input(0), ctx.output(0));
    let equal = s.op("Equal").input(y.expand_dims(-1)).input(x).out();
    let indicators = s.cast(equal, x.dtype());
    let g = ctx.grad(0).expand_dims(-1);
    let count = indicators.sum_of_rows();
    dense([Some(indicators / count * g), None])
}

impl<'g> Scope<'g> {
    /// The element of each row (along the last dimension) at place `n` in ascending order (op `NthElement`).
    #[track_caller]
    pub fn nth_element(self, input: impl Operand<'g>, n: impl Operand<'g>) -> Output<'g> {
        self.op("NthElement").input(input).input(n).out()
    }
}
