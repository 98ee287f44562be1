//! UnsortedSegmentSum: sums of the rows (or greater parts) that have the same number.

use super::elementwise::for_type;
use super::gradient::shape_of;
use super::number::{Accumulate, Number};
use super::segments::AddRow;
use crate::device::cpu::{Disjoint, vectorized};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static UNSORTED_SEGMENT_SUM: OpEntry = OpEntry {
    def: OpDef {
        signature: "UnsortedSegmentSum(data:T, segment_ids:Tindices, num_segments:Tnumsegments) -> (output:T)",
        attrs: "T:type{number}; Tindices:type{int16,int32,int64}; Tnumsegments:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: KERNELS,
};

const KERNELS: &[KernelDef] = &[
    for_type::<f32>(new::<f32>),
    for_type::<f64>(new::<f64>),
    for_type::<i32>(new::<i32>),
    for_type::<u8>(new::<u8>),
    for_type::<i16>(new::<i16>),
    for_type::<i8>(new::<i8>),
    for_type::<Complex<f32>>(new::<Complex<f32>>),
    for_type::<i64>(new::<i64>),
    for_type::<bf16>(new::<bf16>),
    for_type::<u16>(new::<u16>),
    for_type::<Complex<f64>>(new::<Complex<f64>>),
    for_type::<f16>(new::<f16>),
    for_type::<u32>(new::<u32>),
    for_type::<u64>(new::<u64>),
];

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(2, 0)?;
    let (data, ids) = (ctx.input(0), ctx.input(1));
    let segments = match ctx.constant_int(2)? {
        Some(n) => Some(usize::try_from(n).map_err(|_| {
            Error::invalid_argument(format!(
                "Dimension size, given by scalar input 2, must be non-negative but is {n}"
            ))
        })?),
        None => None,
    };
    let (Some(dims), Some(leading)) = (data.dims(), ids.dims()) else {
        return Ok(());
    };
    if leading.len() > dims.len() {
        return Err(Error::invalid_argument(format!(
            "Shape must be at least rank {} but is rank {}",
            leading.len(),
            dims.len()
        )));
    }
    let (first, rest) = dims.split_at(leading.len());
    PartialShape::of(first.to_vec()).merge(&ids)?;
    ctx.set(
        0,
        PartialShape::vector(segments).concat(&PartialShape::of(rest.to_vec())),
    );
    Ok(())
}

fn new<T: Accumulate>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(compute::<T>))
}

/// Columns that one job adds up.
const COLUMNS: usize = 512;

fn compute<T: Accumulate>(ctx: &mut OpContext<'_>) -> Result<()> {
    let data = ctx.data::<T>(0)?;
    let (shape, id_shape) = (ctx.input(0)?.shape(), ctx.input(1)?.shape());
    let count = ctx.input(2)?;
    if !count.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "num_segments should be a scalar, not shape {}",
            count.shape()
        )));
    }
    if !shape.dims().starts_with(id_shape.dims()) {
        return Err(Error::invalid_argument(format!(
            "data.shape = {shape} does not start with segment_ids.shape = {id_shape}"
        )));
    }
    let count = count.to_i64s()?.first().copied().unwrap_or(0);
    let segments = usize::try_from(count).map_err(|_| {
        Error::invalid_argument(format!(
            "Input num_segments == {count} must not be negative."
        ))
    })?;
    let ids = ctx.input(1)?.to_i64s()?;
    if let Some(i) = ids.iter().position(|id| *id >= count) {
        return Err(Error::invalid_argument(format!(
            "segment_ids{} = {} is out of range [0, {count})",
            place(id_shape, i),
            ids[i]
        )));
    }
    let rest = &shape.dims()[id_shape.rank()..];
    let mut dims = vec![segments];
    dims.extend_from_slice(rest);
    let mut out = Tensor::alloc(T::DTYPE, Shape::of(&dims)?)?;
    let result = out.make_mut::<T>()?;
    let width: usize = rest.iter().product();
    let mut sums = vec![<T::Sum as Number>::ZERO; result.len()];
    if !sums.is_empty() {
        let all = Disjoint::new(&mut sums);
        // Every job goes through all rows in order, for columns of its own.
        let jobs = if data.len() < 1 << 15 {
            1
        } else {
            width.div_ceil(COLUMNS)
        };
        let columns = if jobs == 1 { width } else { COLUMNS };
        ctx.pool().parallel_for(jobs, &|job| {
            let from = job * columns;
            let len = columns.min(width - from);
            // Negative numbers drop their rows.
            let rows = ids.iter().enumerate().filter(|(_, id)| **id >= 0);
            for (row, id) in rows {
                // SAFETY: jobs have columns of their own, and a job writes one row at a time.
                let sum = unsafe { all.part(*id as usize * width + from, len) };
                let at = row * width + from;
                vectorized(AddRow(sum, &data[at..at + len]));
            }
        });
    }
    for (to, sum) in result.iter_mut().zip(sums) {
        *to = T::narrow(sum);
    }
    ctx.set(0, out)
}

/// An element's place as `[i,j]`; nothing for that of a scalar.
fn place(shape: &Shape, mut index: usize) -> String {
    let mut at: Vec<String> = Vec::new();
    for n in shape.dims().iter().rev() {
        at.push((index % n).to_string());
        index /= n;
    }
    at.reverse();
    if at.is_empty() {
        String::new()
    } else {
        format!("[{}]", at.join(","))
    }
}

/// Each row gets the gradient of its segment; rows with negative numbers get nothing.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, g, ids) = (ctx.scope, ctx.grad(0), ctx.input(1));
    let clipped = s.maximum(ids, s.zeros_like(ids));
    let gathered = s.gather(g, clipped);
    let zero = 0i64.operand(s.named("GreaterEqual/y"), Some(ids.dtype()));
    let counted = s.greater_equal(ids, zero);
    // In a shape that broadcasts over rows.
    let shape = shape_of(s, counted);
    let others = s.sub(s.rank(gathered), s.rank(counted));
    let others = s.op("Pack").list([others]).out();
    let one = s.named("ones/Const").constant(1i32);
    let ones = s.op("Fill").name("ones").input(others).input(one).out();
    let shape = s.concat(&[shape, ones], 0i32);
    let counted = s.reshape(counted, shape);
    let zeros = s.zeros_like(gathered);
    dense([Some(s.select_v2(counted, gathered, zeros)), None, None])
}

impl<'g> Scope<'g> {
    /// The sums of the parts of `data` that have the same number; a negative number drops its part
    /// (op `UnsortedSegmentSum`).
    #[track_caller]
    pub fn unsorted_segment_sum(
        self,
        data: impl Operand<'g>,
        segment_ids: impl Operand<'g>,
        num_segments: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("UnsortedSegmentSum")
            .input(data)
            .input(segment_ids)
            .input_like(num_segments, DType::I32)
            .out()
    }
}
