//! The kernel behind Select and SelectV2: each element from one of two tensors, with broadcasting of all three.

use super::elementwise::{BLOCK, blocks};
use crate::device::cpu::{Disjoint, Loop, ThreadPool, vectorized};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::OpContext;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How three operands combine: the result's shape, its sizes with dimensions that broadcast alike merged, and
/// the strides of each operand along them.
pub(crate) struct Plan {
    pub(super) shape: Shape,
    pub(super) dims: Vec<usize>,
    pub(super) strides: [Vec<usize>; 3],
}

impl Plan {
    /// `None` when the shapes cannot be broadcast together.
    pub(crate) fn new(shapes: [&Shape; 3]) -> Option<Plan> {
        let rank = shapes.iter().map(|s| s.rank()).max().unwrap_or(0);
        let size = |s: &Shape, i: usize| {
            let missing = rank - s.rank();
            if i < missing {
                1
            } else {
                s.dims()[i - missing]
            }
        };
        let mut whole = Vec::with_capacity(rank);
        for i in 0..rank {
            let mut n = 1;
            for s in shapes {
                match (n, size(s, i)) {
                    (a, b) if a == b || b == 1 => {}
                    (1, b) => n = b,
                    _ => return None,
                }
            }
            whole.push(n);
        }
        let mut plan = Plan {
            shape: Shape::of(&whole).ok()?,
            dims: Vec::new(),
            strides: [const { Vec::new() }; 3],
        };
        let (mut steps, mut previous) = ([1usize; 3], None);
        for i in (0..rank).rev().filter(|i| whole[*i] != 1) {
            let repeated = shapes.map(|s| size(s, i) == 1);
            match plan.dims.last_mut() {
                Some(last) if previous == Some(repeated) => *last *= whole[i],
                _ => {
                    plan.dims.push(whole[i]);
                    for k in 0..3 {
                        plan.strides[k].push(if repeated[k] { 0 } else { steps[k] });
                    }
                }
            }
            previous = Some(repeated);
            for k in 0..3 {
                steps[k] = steps[k].saturating_mul(size(shapes[k], i));
            }
        }
        plan.dims.reverse();
        plan.strides.iter_mut().for_each(|s| s.reverse());
        Some(plan)
    }
    /// The length of the rows along which strides are 0 or 1.
    fn inner(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }
    /// The strides along a row.
    fn steps(&self) -> [usize; 3] {
        [0, 1, 2].map(|k| self.strides[k].last().copied().unwrap_or(0))
    }
    /// Where row `row` begins in each operand.
    fn starts(&self, mut row: usize) -> [usize; 3] {
        let mut starts = [0; 3];
        for d in (0..self.dims.len().saturating_sub(1)).rev() {
            let i = row % self.dims[d];
            row /= self.dims[d];
            for (k, start) in starts.iter_mut().enumerate() {
                *start += i * self.strides[k][d];
            }
        }
        starts
    }
}

struct Row<'a, T> {
    condition: &'a [bool],
    then: &'a [T],
    otherwise: &'a [T],
    steps: [usize; 3],
    out: &'a mut [T],
}

impl<T: Copy> Loop for Row<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        match self.steps {
            [1, 1, 1] => {
                let sources = self.condition[..n]
                    .iter()
                    .zip(&self.then[..n])
                    .zip(&self.otherwise[..n]);
                for (out, ((c, t), e)) in self.out.iter_mut().zip(sources) {
                    *out = if *c { *t } else { *e };
                }
            }
            [0, t, e] => {
                let (from, step) = if self.condition[0] {
                    (self.then, t)
                } else {
                    (self.otherwise, e)
                };
                match step {
                    0 => self.out.fill(from[0]),
                    _ => self.out.copy_from_slice(&from[..n]),
                }
            }
            [c, t, e] => {
                for (i, out) in self.out.iter_mut().enumerate() {
                    *out = if self.condition[i * c] {
                        self.then[i * t]
                    } else {
                        self.otherwise[i * e]
                    };
                }
            }
        }
    }
}

fn run<T: Copy + Send + Sync>(pool: &ThreadPool, plan: &Plan, bytes: Operands<'_>) {
    let (then, otherwise) = (view::<T>(bytes.then), view::<T>(bytes.otherwise));
    let n = bytes.out.len() / std::mem::size_of::<T>();
    // SAFETY: as in `view`; the bytes are borrowed mutably.
    let out = unsafe { std::slice::from_raw_parts_mut(bytes.out.as_mut_ptr() as *mut T, n) };
    let (inner, steps) = (plan.inner(), plan.steps());
    let out = Disjoint::new(out);
    let long = plan.dims.len() == 1;
    let block = if long {
        BLOCK
    } else {
        (BLOCK / inner.max(1)).max(1) * inner
    };
    blocks(pool, n, block, &|start, end| {
        let mut at = start;
        while at < end {
            let (row, column) = (at / inner, at % inner);
            let len = (inner - column).min(end - at);
            let starts = plan.starts(row);
            let from = |k: usize| starts[k] + column * steps[k];
            // SAFETY: blocks and their rows do not overlap.
            let out = unsafe { out.part(at, len) };
            vectorized(Row {
                condition: &bytes.condition[from(0)..],
                then: &then[from(1)..],
                otherwise: &otherwise[from(2)..],
                steps,
                out,
            });
            at += len;
        }
    });
}

/// The operands and the result as bytes.
struct Operands<'a> {
    condition: &'a [bool],
    then: &'a [u8],
    otherwise: &'a [u8],
    out: &'a mut [u8],
}

fn view<T>(bytes: &[u8]) -> &[T] {
    assert!(bytes.as_ptr().cast::<T>().is_aligned());
    // SAFETY: a tensor's bytes, aligned, taken as whole numbers of the elements' size; any bits are such a number.
    unsafe {
        std::slice::from_raw_parts(
            bytes.as_ptr() as *const T,
            bytes.len() / std::mem::size_of::<T>(),
        )
    }
}

/// Computes output 0 from the inputs 0 (condition), 1 and 2, of which the first may be seen in another shape.
pub(crate) fn select(ctx: &mut OpContext<'_>, plan: &Plan) -> Result<()> {
    if ctx.input(0)?.is_on_gpu() {
        return super::cuda::select(ctx, plan);
    }
    let condition = ctx.data::<bool>(0)?;
    let (then, otherwise) = (ctx.input(1)?, ctx.input(2)?);
    crate::dtype::expect_dtype(then.dtype(), otherwise.dtype())?;
    let out = match then.dtype() {
        DType::String => {
            let (t, e) = (then.strings()?, otherwise.strings()?);
            Tensor::from_strings(plan.shape.clone(), picked(plan, condition, t, e))?
        }
        DType::Resource => {
            let (t, e) = (then.handles()?, otherwise.handles()?);
            Tensor::from_handles(plan.shape.clone(), picked(plan, condition, t, e))?
        }
        dtype => {
            let mut out = Tensor::alloc(dtype, plan.shape.clone())?;
            let bytes = Operands {
                condition,
                then: then.bytes()?,
                otherwise: otherwise.bytes()?,
                out: out.bytes_mut()?,
            };
            match dtype.size() {
                1 => run::<u8>(ctx.pool(), plan, bytes),
                2 => run::<u16>(ctx.pool(), plan, bytes),
                4 => run::<u32>(ctx.pool(), plan, bytes),
                8 => run::<u64>(ctx.pool(), plan, bytes),
                16 => run::<[u64; 2]>(ctx.pool(), plan, bytes),
                _ => return Err(Error::internal(format!("{dtype} has no selection"))),
            }
            out
        }
    };
    ctx.set(0, out)
}

/// The selected elements, cloned one by one.
fn picked<T: Clone>(plan: &Plan, condition: &[bool], then: &[T], otherwise: &[T]) -> Vec<T> {
    let (inner, steps) = (plan.inner(), plan.steps());
    (0..plan.shape.elements())
        .map(|i| {
            let starts = plan.starts(i / inner);
            let from = |k: usize| starts[k] + i % inner * steps[k];
            if condition[from(0)] {
                then[from(1)].clone()
            } else {
                otherwise[from(2)].clone()
            }
        })
        .collect()
}
