//! AvgPool: the mean of each window; AvgPoolGrad: its gradient.

pub mod cpu;
#[cfg(test)]
mod tests;

use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Attrs, Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::{forward_attrs, shape_of};
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::pool_attrs::{PoolAttrs, PoolGeometry, expect_four, expect_shape};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use cpu::AvgElement;
use half::{bf16, f16};

pub(crate) static AVG_POOL: OpEntry = OpEntry {
    def: OpDef {
        signature: "AvgPool(value:T) -> (output:T)",
        attrs: "ksize:list(int)>=4; strides:list(int)>=4; padding:string{SAME,VALID}; data_format:string{NHWC,NCHW}=\"NHWC\"; T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::avg_pool),
    ],
};

pub(crate) static AVG_POOL_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "AvgPoolGrad(orig_input_shape:int32, grad:T) -> (output:T)",
        attrs: "ksize:list(int)>=4; strides:list(int)>=4; padding:string{SAME,VALID}; data_format:string{NHWC,NCHW}=\"NHWC\"; T:type{half,bfloat16,float,double}",
        flags: Flags::PURE,
        infer: infer_grad,
    },
    grad: Grad::Fn(grad_grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new_grad::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new_grad::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new_grad::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new_grad::<bf16>),
        KernelDef::gpu_host(&[("T", FLOATS)], &["orig_input_shape"], cuda::avg_pool_grad),
    ],
};

const ATTRS: &[&str] = &["ksize", "strides", "padding", "data_format"];

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = checked(ctx.attrs)?.infer(&ctx.input(0))?;
    ctx.set(0, shape);
    Ok(())
}

fn infer_grad(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    ctx.with_rank(1, 4)?;
    let sizes = ctx.constant_shape(0)?;
    let shape = match sizes.rank() {
        None => PartialShape::of_rank(4),
        Some(_) => sizes.with_rank(4)?,
    };
    ctx.set(0, shape);
    Ok(())
}

/// The attributes of AvgPool, which has words of its own for a window without cells.
///
/// # Errors
/// As [`PoolAttrs::of`].
pub(crate) fn checked(attrs: &Attrs) -> Result<PoolAttrs> {
    if let Some(k) = attrs.int32s("ksize")?.iter().find(|k| **k <= 0) {
        return Err(Error::invalid_argument(format!(
            "ksize must be a positive int32 value, got:{k}"
        )));
    }
    PoolAttrs::of(attrs)
}

/// The sizes of pooling an input of that shape, over space only.
///
/// # Errors
/// As [`PoolAttrs::geometry`]; `Unimplemented` for pooling over channels.
pub(crate) fn geometry(attrs: &PoolAttrs, input: &Shape) -> Result<PoolGeometry> {
    let g = attrs.geometry(input)?;
    if g.depth_window > 1 {
        return Err(Error::unimplemented(
            "Non-spatial pooling is not yet supported. Volunteers? :)",
        ));
    }
    Ok(g)
}

fn new<T: Compute<In: AvgElement>>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = checked(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let value = ctx.input(0)?;
        let g = geometry(&attrs, value.shape())?;
        let (pool, format) = (ctx.pool(), attrs.format);
        let shape = Shape::of(&format.from_nhwc(g.output()))?;
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        let images = Images::<T>::new(pool, format, g.input(), value.data()?)?;
        let images = Widened::new(pool, images.get())?;
        layout::fill(pool, format, g.output(), out.make_mut::<T>()?, |out| {
            compute::fill(pool, out, |out| {
                cpu::avg_pool(pool, &g, images.get(), out);
                Ok(())
            })
        })?;
        ctx.set(0, out)
    }))
}

fn new_grad<T: Compute<In: AvgElement>>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (sizes, gradient) = (ctx.input(0)?, ctx.input(1)?);
        let (shape, g) = gradient_geometry(&attrs, sizes, gradient.shape())?;
        let (pool, format) = (ctx.pool(), attrs.format);
        let mut out = Tensor::alloc(T::DTYPE, shape)?;
        let from = Images::<T>::new(pool, format, g.output(), gradient.data()?)?;
        let from = Widened::new(pool, from.get())?;
        layout::fill(pool, format, g.input(), out.make_mut::<T>()?, |out| {
            compute::fill(pool, out, |out| {
                cpu::avg_pool_grad(pool, &g, from.get(), out);
                Ok(())
            })
        })?;
        ctx.set(0, out)
    }))
}

/// The shape of the input and the sizes of the pooling, of which AvgPoolGrad gets `orig_input_shape` and `grad`.
///
/// # Errors
/// `InvalidArgument` or `Unimplemented` for sizes that do not fit.
pub(crate) fn gradient_geometry(
    attrs: &PoolAttrs,
    sizes: &Tensor,
    gradient: &Shape,
) -> Result<(Shape, PoolGeometry)> {
    if !sizes.shape().is_vector() || sizes.elements() != 4 {
        return Err(Error::invalid_argument(
            "out_backprop must be 1-dimensional and 4 elements",
        ));
    }
    expect_four("out_backprop", gradient)?;
    let sizes = sizes.to_i64s()?;
    if let Some(size) = sizes.iter().find(|s| **s < 0) {
        return Err(Error::invalid_argument(format!(
            "Expected a non-negative size, got {size}"
        )));
    }
    let shape = Shape::new(&sizes)?;
    let g = geometry(attrs, &shape)?;
    check_gradient(attrs, &g, gradient)?;
    Ok((shape, g))
}

/// Checks that a gradient has the shape that pooling gives.
fn check_gradient(attrs: &PoolAttrs, g: &PoolGeometry, gradient: &Shape) -> Result<()> {
    for (i, s) in g.spatial.iter().enumerate() {
        let count = gradient.dim(attrs.format.spatial(i)).unwrap_or(0);
        if count.saturating_sub(1).saturating_mul(s.stride) > s.input {
            return Err(Error::invalid_argument(
                "index * stride must be less than or equal to input size",
            ));
        }
    }
    let want = Shape::of(&attrs.format.from_nhwc(g.output()))?;
    expect_shape("grad", &want, gradient)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx
        .scope
        .op("AvgPoolGrad")
        .input(shape_of(ctx, ctx.input(0)))
        .input(ctx.grad(0));
    dense([Some(forward_attrs(ctx, op, ATTRS).out())])
}

fn grad_grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx.scope.op("AvgPool").input(ctx.grad(0));
    dense([None, Some(forward_attrs(ctx, op, ATTRS).out())])
}

impl<'g> Scope<'g> {
    /// The mean of the cells of each window that lie inside the image (op `AvgPool`).
    ///
    /// ```
    /// use tensorloom::{DType, Graph, ops::nn::pool_attrs::PoolAttrs};
    /// let g = Graph::new();
    /// let x = g.placeholder("x", DType::F32, [None, Some(7), Some(7), Some(64)]);
    /// let y = g.root().avg_pool(x, &PoolAttrs::valid(7, 1));
    /// assert_eq!(y.shape().to_string(), "[?,1,1,64]");
    /// ```
    #[track_caller]
    pub fn avg_pool(self, value: impl Operand<'g>, attrs: &PoolAttrs) -> Output<'g> {
        attrs.set(self.op("AvgPool").input(value)).out()
    }
}

impl<'g> Output<'g> {
    /// As [`Scope::avg_pool`] of this image batch.
    #[track_caller]
    pub fn avg_pool(self, attrs: &PoolAttrs) -> Output<'g> {
        self.scope().avg_pool(self, attrs)
    }
}
