//! DecodeRaw: the bytes of strings as numbers.

use crate::dtype::DType;
use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static DECODE_RAW: OpEntry = OpEntry {
    def: OpDef {
        signature: "DecodeRaw(bytes:string) -> (output:out_type)",
        attrs: "out_type:type{half,float,double,int32,uint16,uint8,int16,int8,int64,complex64,complex128,bool,bfloat16}; little_endian:bool=true",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> crate::Result<()> {
    let shape = ctx.input(0).concat(&PartialShape::vector(None));
    ctx.set(0, shape);
    Ok(())
}

fn new(init: &KernelInit<'_>) -> crate::Result<AnyKernel> {
    let dtype = init.attrs.dtype("out_type")?;
    let little = init.attrs.bool("little_endian")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let out = decode(ctx.input(0)?, dtype, little)?;
        ctx.set(0, out)
    }))
}

fn decode(input: &Tensor, dtype: DType, little: bool) -> crate::Result<Tensor> {
    let strings = input.strings()?;
    let len = strings.first().map_or(0, |s| s.len());
    if let Some((i, s)) = strings.iter().enumerate().find(|(_, s)| s.len() != len) {
        return Err(Error::invalid_argument(format!(
            "DecodeRaw requires input strings to all be the same size, but element {i} has size {len} != {}",
            s.len()
        )));
    }
    let size = dtype.size();
    if len % size != 0 {
        return Err(Error::invalid_argument(format!(
            "Input to DecodeRaw has length {len} that is not a multiple of {size}, the size of {dtype}"
        )));
    }
    let mut dims: Vec<usize> = input.shape().dims().to_vec();
    dims.push(len / size);
    let mut out = Tensor::alloc(dtype, Shape::of(&dims)?)?;
    let bytes = out.bytes_mut()?;
    for (chunk, s) in bytes.chunks_exact_mut(len.max(1)).zip(strings) {
        chunk.copy_from_slice(s);
    }
    // A complex number is two numbers, each with its own byte order.
    let word = if dtype.is_complex() { size / 2 } else { size };
    if little != cfg!(target_endian = "little") && word > 1 {
        bytes.chunks_exact_mut(word).for_each(<[u8]>::reverse);
    }
    if dtype == DType::Bool {
        // Only 0 and 1 are valid.
        bytes.iter_mut().for_each(|b| *b = u8::from(*b != 0));
    }
    Ok(out)
}

impl<'g> Scope<'g> {
    /// The bytes of strings (all of one length) as numbers, in a new last dimension (op `DecodeRaw`).
    #[track_caller]
    pub fn decode_raw(self, bytes: impl Operand<'g>, out_type: DType) -> Output<'g> {
        self.op("DecodeRaw")
            .input(bytes)
            .attr("out_type", out_type)
            .out()
    }
}
