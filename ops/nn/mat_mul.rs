//! MatMul: the product of two matrices, either of them transposed.

use super::compute::{Compute, Widened, fill};
use super::cuda;
use crate::device::cpu::gemm::{Matrix, Sizes, Write, gemm};
use crate::dtype::{DType, sets::FLOATS};
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

pub(crate) static MAT_MUL: OpEntry = OpEntry {
    def: OpDef {
        signature: "MatMul(a:T, b:T) -> (product:T)",
        attrs: "transpose_a:bool=false; transpose_b:bool=false; T:type{bfloat16,half,float,double,int32,int64,uint8,uint16,uint32,uint64,complex64,complex128}; grad_a:bool=false; grad_b:bool=false",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
        KernelDef::cpu(&[("T", &[DType::C64])], new::<Complex<f32>>),
        KernelDef::cpu(&[("T", &[DType::C128])], new::<Complex<f64>>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::mat_mul),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (a, b) = (ctx.with_rank(0, 2)?, ctx.with_rank(1, 2)?);
    let at = usize::from(ctx.attrs.bool("transpose_a")?);
    let bt = usize::from(ctx.attrs.bool("transpose_b")?);
    if let (Some(x), Some(y)) = (a.dim(1 - at), b.dim(bt))
        && x != y
    {
        return Err(Error::invalid_argument(format!(
            "Matrix size-incompatible: In[0]: {a}, In[1]: {b}"
        )));
    }
    ctx.set(0, PartialShape::of(vec![a.dim(at), b.dim(1 - bt)]));
    Ok(())
}

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let transposed = (
        init.attrs.bool("transpose_a")?,
        init.attrs.bool("transpose_b")?,
    );
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = product::<T>(ctx, transposed)?;
        ctx.set(0, out)
    }))
}

/// Checks the shapes of both operands (each transposed or not) and gives the result's rows and columns and the terms
/// of its sums.
pub(super) fn sizes(sa: &Shape, sb: &Shape, (at, bt): (bool, bool)) -> Result<[usize; 3]> {
    if sa.rank() != sb.rank() {
        return Err(Error::invalid_argument(format!(
            "In[0] and In[1] has different ndims: {sa} vs. {sb}"
        )));
    }
    let ([a0, a1], [b0, b1]) = (matrix(sa)?, matrix(sb)?);
    let (m, k) = if at { (a1, a0) } else { (a0, a1) };
    let (k2, n) = if bt { (b1, b0) } else { (b0, b1) };
    if k != k2 {
        return Err(Error::invalid_argument(format!(
            "Matrix size-incompatible: In[0]: {sa}, In[1]: {sb}"
        )));
    }
    Ok([m, n, k])
}

fn product<T: Compute>(ctx: &OpContext<'_>, (at, bt): (bool, bool)) -> Result<Tensor> {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    let [m, n, k] = sizes(a.shape(), b.shape(), (at, bt))?;
    let (a1, b1) = (a.shape().dims()[1], b.shape().dims()[1]);
    let mut out = Tensor::alloc(T::DTYPE, Shape::of(&[m, n])?)?;
    let (x, y) = (
        Widened::new(ctx.pool(), a.data::<T>()?)?,
        Widened::new(ctx.pool(), b.data::<T>()?)?,
    );
    fill(ctx.pool(), out.make_mut::<T>()?, |c| {
        let (x, y) = (Matrix::new(x.get(), a1, at), Matrix::new(y.get(), b1, bt));
        gemm(ctx.pool(), Sizes { m, n, k }, x, y, c, Write::Replace)
    })?;
    Ok(out)
}

fn matrix(s: &Shape) -> Result<[usize; 2]> {
    <[usize; 2]>::try_from(s.dims())
        .map_err(|_| Error::invalid_argument(format!("In[0] ndims must be == 2: {}", s.rank())))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (at, bt) = (
        ctx.attrs().bool("transpose_a")?,
        ctx.attrs().bool("transpose_b")?,
    );
    let conj = |x: Output<'g>| match x.dtype().is_complex() {
        true => ctx.scope.op("Conj").input(x).out(),
        false => x,
    };
    let (a, b, g) = (conj(ctx.input(0)), conj(ctx.input(1)), ctx.grad(0));
    let mm = |of: &'static str, x: Output<'g>, y: Output<'g>, xt: bool, yt: bool| {
        let product = ctx.scope.op("MatMul").input(x).input(y);
        let product = product.attr("transpose_a", xt).attr("transpose_b", yt);
        Some(product.attr(of, true).out())
    };
    dense(match (at, bt) {
        (false, false) => [
            mm("grad_a", g, b, false, true),
            mm("grad_b", a, g, true, false),
        ],
        (false, true) => [
            mm("grad_a", g, b, false, false),
            mm("grad_b", g, a, true, false),
        ],
        (true, false) => [
            mm("grad_a", b, g, false, true),
            mm("grad_b", a, g, false, false),
        ],
        (true, true) => [
            mm("grad_a", b, g, true, true),
            mm("grad_b", g, a, true, true),
        ],
    })
}

impl<'g> Scope<'g> {
    /// The product of two matrices (op `MatMul`).
    #[track_caller]
    pub fn matmul(self, a: impl Operand<'g>, b: impl Operand<'g>) -> Output<'g> {
        self.op("MatMul").input(a).input(b).out()
    }
}
impl<'g> Output<'g> {
    /// The product of this matrix with another one (op `MatMul`).
    #[track_caller]
    pub fn matmul(self, b: impl Operand<'g>) -> Output<'g> {
        self.scope().matmul(self, b)
    }
}
