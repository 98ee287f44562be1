//! AddN: the sum of tensors of one shape, added up in TensorFlow's order.

use super::cuda;
use super::elementwise::{BLOCK, CHUNK, Stage, blocks, for_type};
use super::number::Number;
use crate::device::cpu::{Disjoint, Loop, vectorized};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients};
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static ADD_N: OpEntry = OpEntry {
    def: OpDef {
        signature: "AddN(inputs:N*T) -> (sum:T)",
        attrs: "N:int>=1; T:type{float,double,int32,uint8,int16,int8,complex64,int64,qint8,quint8,qint32,bfloat16,qint16,quint16,uint16,complex128,half,uint32,uint64,variant}",
        flags: Flags::AGGREGATE,
        infer: infer::merged,
    },
    grad: Grad::Fn(grad),
    kernels: &kernels(),
};

/// The kernels of AddN, for all numbers and for lists.
pub(crate) const fn kernels() -> [KernelDef; 17] {
    [
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
        KernelDef::cpu(&[("T", &[DType::Variant])], |_| {
            Ok(AnyKernel::new(crate::ops::list::arithmetic::add_n))
        }),
        KernelDef::gpu(cuda::ON_REALS, |init| cuda::add_n(init, first_pass)),
        cuda::int32_on_host(&["inputs", "sum"], new::<i32>),
    ]
}

struct AddTo<'a, T>(&'a mut [T], &'a [T]);

impl<T: Number> Loop for AddTo<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (sum, x) in self.0.iter_mut().zip(self.1) {
            *sum = sum.plus(*x);
        }
    }
}

fn new<T: Number>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(compute::<T>))
}

/// How many inputs the first pass adds up; each further pass adds the sum of eight.
fn first_pass(n: usize) -> usize {
    match n % 8 {
        0 => 8,
        1 if n > 1 => 9,
        r => r,
    }
}

fn compute<T: Number>(ctx: &mut OpContext<'_>) -> Result<()> {
    let n = ctx.num_inputs();
    let shape = ctx.input(0)?.shape().clone();
    for i in 0..n {
        ctx.data::<T>(i)?;
        if *ctx.input(i)?.shape() != shape {
            return Err(Error::invalid_argument(format!(
                "Inputs to operation {} of type {} must have the same size and shape.  Input 0: {shape} != input {i}: {}",
                ctx.node.name,
                ctx.node.op,
                ctx.input(i)?.shape()
            )));
        }
    }
    if n == 1 {
        let x = ctx.take_input(0)?;
        return ctx.set(0, x);
    }
    let candidates: Vec<usize> = (0..n).collect();
    let (mut out, reused) = ctx.forward_or_alloc(&candidates, T::DTYPE, &shape)?;
    {
        let sources: Vec<Option<&[T]>> = (0..n)
            .map(|i| match reused {
                Some(r) if r == i => Ok(None),
                _ => ctx.data::<T>(i).map(Some),
            })
            .collect::<Result<_>>()?;
        let values = Disjoint::new(out.make_mut::<T>()?);
        let per_job = (2 * BLOCK / n).max(CHUNK) / CHUNK * CHUNK;
        blocks(ctx.pool(), values.len(), per_job, &|start, end| {
            let (mut total, mut group) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
            let mut stage = Stage::new();
            for at in (start..end).step_by(CHUNK) {
                let len = CHUNK.min(end - at);
                // SAFETY: blocks and their pieces do not overlap.
                let part = unsafe { values.part(at, len) };
                // What the reused input holds here, before it is overwritten.
                let here: &[T] = stage.copy(part);
                let piece = |i: usize| sources[i].map_or(here, |s| &s[at..at + len]);
                let sum = |to: &mut Vec<T>, range: std::ops::Range<usize>| {
                    to.clear();
                    to.extend_from_slice(piece(range.start));
                    for i in range.skip(1) {
                        vectorized(AddTo(to, piece(i)));
                    }
                };
                let mut done = first_pass(n);
                sum(&mut total, 0..done);
                while done < n {
                    sum(&mut group, done..done + 8);
                    vectorized(AddTo(&mut total, &group));
                    done += 8;
                }
                part.copy_from_slice(&total);
            }
        });
    }
    ctx.set(0, out)
}

/// Each input gets the whole gradient.
pub(crate) fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    Ok(vec![
        ctx.grads.first().copied().flatten();
        ctx.node.inputs().len()
    ])
}

impl<'g> Scope<'g> {
    /// The sum of tensors of one shape (op `AddN`).
    #[track_caller]
    pub fn add_n(self, inputs: impl IntoIterator<Item = Output<'g>>) -> Output<'g> {
        self.op("AddN").list(inputs).out()
    }
}
