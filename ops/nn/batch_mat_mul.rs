//! BatchMatMul, BatchMatMulV2: products of many matrices, the second op with broadcast batches.

use super::compute::{Compute, Widened, fill};
use super::cuda;
use super::forwarding::shape_of;
use crate::device::cpu::gemm::{Matrix, Sizes, Write, gemm_batch};
use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape, broadcast_shapes};
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static BATCH_MAT_MUL: OpEntry = OpEntry {
    def: OpDef {
        signature: "BatchMatMul(x:T, y:T) -> (output:T)",
        attrs: "T:type{bfloat16,half,float,double,int32,int64,complex64,complex128}; adj_x:bool=false; adj_y:bool=false; grad_x:bool=false; grad_y:bool=false",
        flags: Flags::PURE,
        infer: |ctx| infer(ctx, Batches::Equal),
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::C64])], new::<Complex<f32>>),
        KernelDef::cpu(&[("T", &[DType::C128])], new::<Complex<f64>>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::batch_mat_mul),
    ],
};

pub(crate) static BATCH_MAT_MUL_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "BatchMatMulV2(x:T, y:T) -> (output:T)",
        attrs: "T:type{bfloat16,half,float,double,int16,int32,int64,uint8,uint16,uint32,uint64,complex64,complex128}; adj_x:bool=false; adj_y:bool=false; grad_x:bool=false; grad_y:bool=false",
        flags: Flags::PURE,
        infer: |ctx| infer(ctx, Batches::Broadcast),
    },
    grad: Grad::Fn(grad_broadcast),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new_broadcast::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new_broadcast::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new_broadcast::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new_broadcast::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I16])], new_broadcast::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new_broadcast::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new_broadcast::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new_broadcast::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new_broadcast::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new_broadcast::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new_broadcast::<u64>),
        KernelDef::cpu(&[("T", &[DType::C64])], new_broadcast::<Complex<f32>>),
        KernelDef::cpu(&[("T", &[DType::C128])], new_broadcast::<Complex<f64>>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::batch_mat_mul),
    ],
};

/// How the batch dimensions of both inputs go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Batches {
    Equal,
    Broadcast,
}

fn infer(ctx: &mut ShapeCtx<'_>, batches: Batches) -> Result<()> {
    let (x, y) = (ctx.input(0), ctx.input(1));
    x.with_rank_at_least(2)?;
    y.with_rank_at_least(2)?;
    let (Some(a), Some(b)) = (x.dims(), y.dims()) else {
        return Ok(());
    };
    let (a_batch, a_matrix) = a.split_at(a.len() - 2);
    let (b_batch, b_matrix) = b.split_at(b.len() - 2);
    let adjoint = |name: &str| Ok::<_, Error>(usize::from(ctx.attrs.bool(name)?));
    let (ax, ay) = (adjoint("adj_x")?, adjoint("adj_y")?);
    if let (Some(k), Some(l)) = (a_matrix[1 - ax], b_matrix[ay])
        && k != l
    {
        return Err(Error::invalid_argument(format!(
            "Matrix size-incompatible: In[0]: {x}, In[1]: {y}"
        )));
    }
    let (a_batch, b_batch) = (
        PartialShape::of(a_batch.to_vec()),
        PartialShape::of(b_batch.to_vec()),
    );
    let batch = match batches {
        Batches::Equal => a_batch.merge(&b_batch)?,
        Batches::Broadcast => broadcast_shapes(&a_batch, &b_batch)?,
    };
    let matrix = PartialShape::of(vec![a_matrix[ax], b_matrix[1 - ay]]);
    ctx.set(0, batch.concat(&matrix));
    Ok(())
}

fn new<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    with_batches::<T>(init, Batches::Equal)
}

fn new_broadcast<T: Compute>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    with_batches::<T>(init, Batches::Broadcast)
}

fn with_batches<T: Compute>(init: &KernelInit<'_>, batches: Batches) -> Result<AnyKernel> {
    let (ax, ay) = (init.attrs.bool("adj_x")?, init.attrs.bool("adj_y")?);
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (x, y) = (ctx.input(0)?, ctx.input(1)?);
        let plan = Plan::new(x.shape(), y.shape(), batches, ax, ay)?;
        let x = if ax { conjugate(x)? } else { x.clone() };
        let y = if ay { conjugate(y)? } else { y.clone() };
        let mut out = Tensor::alloc(T::DTYPE, plan.shape)?;
        let pool = ctx.pool();
        let (x, y) = (
            Widened::new(pool, x.data::<T>()?)?,
            Widened::new(pool, y.data::<T>()?)?,
        );
        fill(pool, out.make_mut::<T>()?, |c| {
            let x = Matrix::new(x.get(), plan.cols.0, ax);
            let y = Matrix::new(y.get(), plan.cols.1, ay);
            gemm_batch(pool, plan.sizes, x, y, &plan.starts, c, Write::Replace)
        })?;
        ctx.set(0, out)
    }))
}

/// The complex conjugate; other types as they are.
fn conjugate(t: &Tensor) -> Result<Tensor> {
    let mut t = t.clone();
    match t.dtype() {
        DType::C64 => t
            .make_mut::<Complex<f32>>()?
            .iter_mut()
            .for_each(|v| *v = v.conj()),
        DType::C128 => t
            .make_mut::<Complex<f64>>()?
            .iter_mut()
            .for_each(|v| *v = v.conj()),
        _ => {}
    }
    Ok(t)
}

/// The sizes of all products and where their operands begin.
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) sizes: Sizes,
    /// Columns of the matrices as they are stored.
    cols: (usize, usize),
    starts: Vec<(usize, usize)>,
}

impl Plan {
    /// # Errors
    /// `InvalidArgument` for shapes that do not fit.
    pub(super) fn new(x: &Shape, y: &Shape, batches: Batches, ax: bool, ay: bool) -> Result<Plan> {
        if batches == Batches::Equal && x.rank() != y.rank() {
            return Err(Error::invalid_argument(format!(
                "In[0] and In[1] has different ndims: {x} vs. {y}"
            )));
        }
        for (i, s) in [x, y].into_iter().enumerate() {
            if s.rank() < 2 {
                return Err(Error::invalid_argument(format!(
                    "In[{i}] ndims must be >= 2: {}",
                    s.rank()
                )));
            }
        }
        let (x_batch, x_matrix) = x.dims().split_at(x.rank() - 2);
        let (y_batch, y_matrix) = y.dims().split_at(y.rank() - 2);
        if batches == Batches::Equal
            && let Some(i) = x_batch.iter().zip(y_batch).position(|(a, b)| a != b)
        {
            return Err(Error::invalid_argument(format!(
                "In[0].dim({i}) and In[1].dim({i}) must be the same: {x} vs {y}"
            )));
        }
        let rank = x_batch.len().max(y_batch.len());
        let mut batch = vec![0; rank];
        for (i, size) in batch.iter_mut().enumerate() {
            let at = |d: &[usize]| (i + d.len()).checked_sub(rank).map_or(1, |i| d[i]);
            *size = match (at(x_batch), at(y_batch)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => {
                    return Err(Error::invalid_argument(format!(
                        "In[0] and In[1] must have compatible batch dimensions: {x} vs. {y}"
                    )));
                }
            };
        }
        let pick = |m: &[usize], adjoint: bool| match adjoint {
            true => (m[1], m[0]),
            false => (m[0], m[1]),
        };
        let ((m, k), (l, n)) = (pick(x_matrix, ax), pick(y_matrix, ay));
        if k != l {
            return Err(Error::invalid_argument(format!(
                "Matrix size-incompatible: In[0]: {x}, In[1]: {y}"
            )));
        }
        let mut dims = batch.clone();
        dims.extend([m, n]);
        let shape = Shape::of(&dims)?;
        // Without elements there may be any number of products, of which none is computed.
        let starts = if shape.elements() == 0 {
            Vec::new()
        } else {
            let of = |d: &[usize], each: usize| offsets(d, &batch, each);
            let (a, b) = (of(x_batch, m * k), of(y_batch, k * n));
            a.into_iter().zip(b).collect()
        };
        Ok(Plan {
            shape,
            sizes: Sizes { m, n, k },
            cols: (x_matrix[1], y_matrix[1]),
            starts,
        })
    }
}

/// Where the matrix of each result begins in an operand of `dims` matrices of `each` elements.
fn offsets(dims: &[usize], batch: &[usize], each: usize) -> Vec<usize> {
    let mut out = vec![0];
    let mut stride = each;
    let mut strides = vec![0; batch.len()];
    for (s, d) in strides.iter_mut().rev().zip(dims.iter().rev()) {
        *s = if *d == 1 { 0 } else { stride };
        stride *= d;
    }
    for (size, step) in batch.iter().zip(strides) {
        out = out
            .iter()
            .flat_map(|at| (0..*size).map(move |i| at + i * step))
            .collect();
    }
    out
}

/// The gradients of both inputs, in the batch of the result.
fn products<'g>(ctx: &GradCtx<'g>) -> Result<[Output<'g>; 2]> {
    let (x, y, g) = (ctx.input(0), ctx.input(1), ctx.grad(0));
    let (ax, ay) = (ctx.attrs().bool("adj_x")?, ctx.attrs().bool("adj_y")?);
    let mm = |a: Output<'g>, b: Output<'g>, ta: bool, tb: bool| {
        ctx.scope
            .op("BatchMatMulV2")
            .name("MatMul")
            .input(a)
            .input(b)
            .attr("adj_x", ta)
            .attr("adj_y", tb)
            .out()
    };
    Ok(match (ax, ay) {
        (false, false) => [mm(g, y, false, true), mm(x, g, true, false)],
        (false, true) => [mm(g, y, false, false), mm(g, x, true, false)],
        (true, false) => [mm(y, g, false, true), mm(x, g, false, false)],
        (true, true) => [mm(y, g, true, true), mm(g, x, true, true)],
    })
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let [gx, gy] = products(ctx)?;
    dense([Some(gx), Some(gy)])
}

fn grad_broadcast<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (s, x, y) = (ctx.scope, ctx.input(0), ctx.input(1));
    let [gx, gy] = products(ctx)?;
    let batch = |o: Output<'g>| {
        let shape = o.shape();
        let dims = shape.dims()?;
        dims.get(..dims.len().checked_sub(2)?)?
            .iter()
            .copied()
            .collect::<Option<Vec<usize>>>()
    };
    if let (Some(a), Some(b)) = (batch(x), batch(y))
        && a == b
    {
        return dense([Some(gx), Some(gy)]);
    }
    let (sx, sy) = (shape_of(ctx, x), shape_of(ctx, y));
    let without_matrix = |shape: Output<'g>| {
        let s = s.composite("strided_slice");
        s.op("StridedSlice")
            .input(shape)
            .input(s.named("stack").constant([0i32]))
            .input(s.named("stack_1").constant([-2i32]))
            .input(s.named("stack_2").constant([1i32]))
            .attr("begin_mask", 1i64)
            .out()
    };
    let axes = s
        .op("BroadcastGradientArgs")
        .input(without_matrix(sx))
        .input(without_matrix(sy))
        .finish();
    let reduced = |g: Output<'g>, axes: Output<'g>, shape: Output<'g>| {
        let sum = s.op("Sum").input(g).input(axes).out();
        Some(s.op("Reshape").input(sum).input(shape).out())
    };
    dense([
        reduced(gx, axes.output(0), sx),
        reduced(gy, axes.output(1), sy),
    ])
}

impl<'g> Scope<'g> {
    /// The products of matrices in the last two dimensions; the others are broadcast (op `BatchMatMulV2`).
    ///
    /// ```
    /// use tensorloom::{DType, Graph};
    /// let g = Graph::new();
    /// let x = g.placeholder("x", DType::F32, [8, 1, 2, 3]);
    /// let y = g.placeholder("y", DType::F32, [5, 3, 4]);
    /// assert_eq!(g.root().batch_matmul(x, y).shape().to_string(), "[8,5,2,4]");
    /// ```
    #[track_caller]
    pub fn batch_matmul(self, x: impl Operand<'g>, y: impl Operand<'g>) -> Output<'g> {
        self.op("BatchMatMulV2").input(x).input(y).out()
    }
}
