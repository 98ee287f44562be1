//! Where: the places of the elements that are not zero.

use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

pub(crate) static WHERE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Where(input:T) -> (index:int64)",
        attrs: "T:type{float,double,int32,uint8,int16,int8,complex64,int64,qint8,quint8,qint32,bfloat16,qint16,quint16,uint16,complex128,half,uint32,uint64,bool}=bool",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::Bool])], new::<bool>),
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I8])], new::<i8>),
        KernelDef::cpu(&[("T", &[DType::I16])], new::<i16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::cpu(&[("T", &[DType::I64])], new::<i64>),
        KernelDef::cpu(&[("T", &[DType::U8])], new::<u8>),
        KernelDef::cpu(&[("T", &[DType::U16])], new::<u16>),
        KernelDef::cpu(&[("T", &[DType::U32])], new::<u32>),
        KernelDef::cpu(&[("T", &[DType::U64])], new::<u64>),
        KernelDef::cpu(&[("T", &[DType::C64])], new::<Complex<f32>>),
        KernelDef::cpu(&[("T", &[DType::C128])], new::<Complex<f64>>),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let rank = ctx.input(0).rank();
    ctx.set(0, PartialShape::of(vec![None, rank]));
    Ok(())
}

fn new<T: Element>(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let data = x.data::<T>()?;
        let zero = T::default();
        let count = data.iter().filter(|v| **v != zero).count();
        let rank = x.shape().rank();
        let mut out = Tensor::alloc(DType::I64, Shape::of(&[count, rank])?)?;
        let found = data.iter().enumerate().filter(|(_, v)| **v != zero);
        let to = out.make_mut::<i64>()?;
        if rank > 0 {
            for ((i, _), place) in found.zip(to.chunks_exact_mut(rank)) {
                let mut rest = i;
                for (p, d) in place.iter_mut().zip(x.shape().dims()).rev() {
                    // Sizes and places fit i64; no size is zero where there is an element.
                    *p = (rest % d) as i64;
                    rest /= d;
                }
            }
        }
        ctx.set(0, out)
    }))
}

impl<'g> Scope<'g> {
    /// The places of the elements that are true (not zero), int64 `[count, rank]`, in row-major order (op `Where`).
    #[track_caller]
    pub fn where_nonzero(self, condition: impl Operand<'g>) -> Output<'g> {
        self.op("Where").input(condition).out()
    }
}
