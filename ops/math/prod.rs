//! Prod: the product of the elements along some axes.

use super::axes::{KeepDims, reduce_all_axes, reduction_op, spread_dynamically};
use super::cumulative::Running;
use super::gradient::{conj, shape_of};
use super::number::{Accumulate, Number};
use super::reduction::{Reduce, number_reductions};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;

pub(crate) static PROD: OpEntry = OpEntry {
    def: OpDef {
        signature: "Prod(input:T, reduction_indices:Tidx) -> (output:T)",
        attrs: "keep_dims:bool=false; T:type{number}; Tidx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer::reduction,
    },
    grad: Grad::Fn(grad),
    kernels: &number_reductions::<Prod>(),
};

struct Prod;

impl<T: Accumulate> Reduce<T> for Prod {
    type Acc = T::Sum;
    #[inline(always)]
    fn start() -> T::Sum {
        <T::Sum as Number>::ONE
    }
    #[inline(always)]
    fn add(acc: T::Sum, x: T) -> T::Sum {
        acc.times(x.widen())
    }
    #[inline(always)]
    fn merge(a: T::Sum, b: T::Sum) -> T::Sum {
        a.times(b)
    }
    fn finish(acc: T::Sum, _: usize) -> T {
        T::narrow(acc)
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, x) = (ctx.scope, ctx.input(0));
    let shape = shape_of(s, x);
    let axes = s.op("Reshape").input(ctx.input(1)).input([-1i32]).out();
    let g = spread_dynamically(ctx, shape);
    // All reduced dimensions become one, in front, so that products of the others come from two running products.
    let rank = s.op("Rank").input(x).out();
    let reduced = (s.cast(axes, DType::I32) + rank) % rank;
    let all = s.op("Range").input(0i32).input(rank).input(1i32).out();
    let others = s.op("ListDiff").input(all).input(reduced).out();
    let axis = s.named("concat/axis").constant(0i32);
    let order = s
        .op("ConcatV2")
        .name("concat")
        .list([reduced, others])
        .input(axis)
        .out();
    let size = |axes: Output<'g>| {
        let sizes = s.op("GatherV2").input(shape).input(axes).input(0i32).out();
        s.prod(sizes, [0i32], KeepDims::No)
    };
    let flat = [size(reduced), size(others)];
    let permuted = s
        .op("Transpose")
        .name("transpose")
        .input(x)
        .input(order)
        .out();
    let permuted_shape = shape_of(s, permuted);
    let flat = s.op("Pack").list(flat).out();
    let flat = s.op("Reshape").input(permuted).input(flat).out();
    let before = Running {
        exclusive: true,
        reverse: false,
    };
    let after = Running {
        exclusive: true,
        reverse: true,
    };
    let left = s.cumprod(flat, 0i32, before);
    let right = s.cumprod(flat, 0i32, after);
    let y = s
        .op("Reshape")
        .input(conj(left) * conj(right))
        .input(permuted_shape)
        .out();
    let back = s.op("InvertPermutation").input(order).out();
    let y = s
        .op("Transpose")
        .name("transpose_1")
        .input(y)
        .input(back)
        .out();
    let out = g * y;
    dense([Some(s.op("Reshape").input(out).input(shape).out()), None])
}

impl<'g> Scope<'g> {
    /// The product over these axes, which are then gone, or kept with size 1 (op `Prod`).
    #[track_caller]
    pub fn prod(
        self,
        input: impl Operand<'g>,
        axes: impl Operand<'g>,
        keep_dims: KeepDims,
    ) -> Output<'g> {
        reduction_op(self, "Prod", input, axes, keep_dims)
    }
}

impl<'g> Output<'g> {
    /// The product over all axes (op `Prod`).
    #[track_caller]
    pub fn prod(self) -> Output<'g> {
        reduce_all_axes(self, "Prod")
    }
    /// The product over these axes, which are then gone, or kept with size 1 (op `Prod`).
    #[track_caller]
    pub fn prod_axes(self, axes: &[i32], keep_dims: KeepDims) -> Output<'g> {
        reduction_op(self.scope(), "Prod", self, axes, keep_dims)
    }
}
