//! MaxPool: the greatest element of each window.

pub mod cpu;
#[cfg(test)]
mod tests;

use crate::dtype::{DType, sets::FLOATS};
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::cuda;
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::pool_attrs::PoolAttrs;
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static MAX_POOL: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPool(input:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double,int32,int64,uint8,int16,int8,uint16,qint8}=float; ksize:list(int)>=4; strides:list(int)>=4; padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW,NCHW_VECT_C}=\"NHWC\"",
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
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::max_pool),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = PoolAttrs::of(ctx.attrs)?.infer(&ctx.input(0))?;
    ctx.set(0, shape);
    Ok(())
}

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = forward::<T>(ctx, &attrs)?;
        ctx.set(0, out)
    }))
}

/// Pools input 0.
pub(crate) fn forward<T: PoolElement>(ctx: &OpContext<'_>, attrs: &PoolAttrs) -> Result<Tensor> {
    let input = ctx.input(0)?;
    let g = attrs.geometry(input.shape())?;
    let shape = Shape::of(&attrs.format.from_nhwc(g.output()))?;
    let mut out = Tensor::alloc(T::DTYPE, shape)?;
    let images = Images::<T>::new(ctx.pool(), attrs.format, g.input(), input.data()?)?;
    layout::fill(
        ctx.pool(),
        attrs.format,
        g.output(),
        out.make_mut()?,
        |out| {
            cpu::max_pool(ctx.pool(), &g, images.get(), out);
            Ok(())
        },
    )?;
    Ok(out)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx
        .scope
        .op("MaxPoolGrad")
        .input(ctx.input(0))
        .input(ctx.output(0))
        .input(ctx.grad(0));
    let names = &[
        "ksize",
        "strides",
        "padding",
        "explicit_paddings",
        "data_format",
    ];
    dense([Some(forward_attrs(ctx, op, names).out())])
}

impl<'g> Scope<'g> {
    /// The greatest element of each window of an image batch (op `MaxPool`).
    ///
    /// ```
    /// use tensorloom::{DType, Graph, ops::nn::pool_attrs::PoolAttrs};
    /// let g = Graph::new();
    /// let x = g.placeholder("x", DType::F32, [None, Some(24), Some(24), Some(64)]);
    /// let y = g.root().max_pool(x, &PoolAttrs::same(3, 2));
    /// assert_eq!(y.shape().to_string(), "[?,12,12,64]");
    /// ```
    #[track_caller]
    pub fn max_pool(self, input: impl Operand<'g>, attrs: &PoolAttrs) -> Output<'g> {
        attrs.set(self.op("MaxPool").input(input)).out()
    }
}

impl<'g> Output<'g> {
    /// As [`Scope::max_pool`] of this image batch.
    #[track_caller]
    pub fn max_pool(self, attrs: &PoolAttrs) -> Output<'g> {
        self.scope().max_pool(self, attrs)
    }
}
