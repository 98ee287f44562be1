//! MaxPoolWithArgmax: the greatest element of each window and its place.

use crate::device::cpu::{Disjoint, Scratch};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{NodeRef, Operand, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::max_pool::cpu;
use crate::ops::nn::pool_attrs::PoolAttrs;
use crate::ops::nn::pool_element::PoolElement;
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::Tensor;
use half::{bf16, f16};

pub(crate) static MAX_POOL_WITH_ARGMAX: OpEntry = OpEntry {
    def: OpDef {
        signature: "MaxPoolWithArgmax(input:T) -> (output:T, argmax:Targmax)",
        attrs: "ksize:list(int)>=4; strides:list(int)>=4; Targmax:type{int32,int64}=int64; padding:string{SAME,VALID}; include_batch_in_index:bool=false; T:type{realnumber}",
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
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = PoolAttrs::of(ctx.attrs)?.infer(&ctx.input(0))?;
    ctx.set(0, shape.clone());
    ctx.set(1, shape);
    Ok(())
}

fn new<T: PoolElement>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = PoolAttrs::of(init.attrs)?;
    let with_batch = init.attrs.bool("include_batch_in_index")?;
    let short = init.attrs.dtype("Targmax")? == DType::I32;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let input = ctx.input(0)?;
        if input.shape().rank() != 4 {
            return Err(Error::invalid_argument(
                "tensor_in must be 4-dimensional (2)",
            ));
        }
        if input.elements() == 0 {
            return Err(Error::invalid_argument("tensor_in must not be empty (2)"));
        }
        let g = attrs.geometry(input.shape())?;
        if g.depth_window > 1 {
            return Err(Error::unimplemented(
                "MaxPoolWithArgmax is not yet supported on the depth dimension.",
            ));
        }
        let shape = Shape::of(&g.output())?;
        let mut out = Tensor::alloc(T::DTYPE, shape.clone())?;
        let pool = ctx.pool();
        let places = if short {
            if i32::try_from(input.elements()).is_err() {
                return Err(Error::invalid_argument(
                    "the places of the maxima do not fit int32",
                ));
            }
            let mut wide = Scratch::<i64>::new(shape.elements())?;
            let (x, y) = (input.data::<T>()?, out.make_mut()?);
            cpu::max_pool_with_argmax(pool, &g, with_batch, x, y, wide.get_mut());
            let mut places = Tensor::alloc(DType::I32, shape)?;
            let wide = wide.get();
            let to = Disjoint::new(places.make_mut::<i32>()?);
            pool.for_blocks(wide.len(), 1 << 16, &|a, b| {
                // SAFETY: blocks do not overlap.
                let to = unsafe { to.part(a, b - a) };
                for (t, f) in to.iter_mut().zip(&wide[a..b]) {
                    // All places are below the number of elements, which fits.
                    *t = *f as i32;
                }
            });
            places
        } else {
            let mut places = Tensor::alloc(DType::I64, shape)?;
            let (x, y) = (input.data::<T>()?, out.make_mut()?);
            cpu::max_pool_with_argmax(pool, &g, with_batch, x, y, places.make_mut()?);
            places
        };
        ctx.set(0, out)?;
        ctx.set(1, places)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let op = ctx
        .scope
        .op("MaxPoolGradWithArgmax")
        .input(ctx.input(0))
        .input(ctx.grad(0))
        .input(ctx.output(1));
    let names = &["ksize", "strides", "padding", "include_batch_in_index"];
    dense([Some(forward_attrs(ctx, op, names).out())])
}

impl<'g> Scope<'g> {
    /// The greatest element of each window and, as int64, its place `(y * width + x) * channels + channel` in its
    /// image (op `MaxPoolWithArgmax`). Windows of `attrs` only; always NHWC.
    #[track_caller]
    pub fn max_pool_with_argmax(self, input: impl Operand<'g>, attrs: &PoolAttrs) -> NodeRef<'g> {
        self.op("MaxPoolWithArgmax")
            .input(input)
            .attr("ksize", attrs.ksize)
            .attr("strides", attrs.strides)
            .attr("padding", attrs.padding.name())
            .finish()
    }
}
