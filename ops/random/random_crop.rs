//! RandomCrop: a part of an image at a random place.

use super::generator::Generator;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::resource::Words;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

/// The types of the images.
const TYPES: &[DType] = &[
    DType::U8,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::F32,
    DType::F64,
];

pub(crate) static RANDOM_CROP: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomCrop(image:T, size:int64) -> (output:T)",
        attrs: "T:type{uint8,int8,int16,int32,int64,float,double}; seed:int=0; seed2:int=0",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", TYPES)], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let image = ctx.with_rank(0, 3)?;
    ctx.with_rank(1, 1)?.merge(&PartialShape::vector(Some(2)))?;
    let [mut height, mut width] = [None; 2];
    if let Some(&[h, w]) = ctx.constant_ints(1)?.as_deref() {
        let size = |v: i64| {
            usize::try_from(v)
                .map_err(|_| Error::invalid_argument(format!("Dimension {v} must be >= 0")))
        };
        (height, width) = (Some(size(h)?), Some(size(w)?));
    }
    ctx.set(0, PartialShape::of([height, width, image.dim(2)]));
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let generator = Generator::new(init)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (image, size) = (ctx.input(0)?, ctx.input(1)?);
        let &[height, width, channels] = image.shape().dims() else {
            return Err(Error::invalid_argument(format!(
                "input must be 3-dimensional{}",
                image.shape()
            )));
        };
        if !size.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "shape_t must be 1-dimensional{}",
                size.shape()
            )));
        }
        let &[to_height, to_width] = size.data::<i64>()? else {
            return Err(Error::invalid_argument(format!(
                "shape_t must have two elements{}",
                size.shape()
            )));
        };
        let shape = Shape::new(&[to_height, to_width, channels as i64])?;
        let (to_height, to_width) = (to_height as usize, to_width as usize);
        for (name, have, want) in [("width", width, to_width), ("height", height, to_height)] {
            if have < want {
                return Err(Error::failed_precondition(format!(
                    "{name} must be >= target_{name}: {name} = {have}, target_{name} = {want}"
                )));
            }
        }
        let mut words = Words::new(generator.reserve(1));
        let mut offset = |room: usize| match room {
            0 => 0,
            _ => (u64::from(words.word()) % (room as u64 + 1)) as usize,
        };
        let left = offset(width - to_width);
        let top = offset(height - to_height);
        let out = crop(image, shape, [top, left])?;
        ctx.set(0, out)
    }))
}

/// The part of that shape (no larger than the image) from the row and column `from` on.
fn crop(image: &Tensor, shape: Shape, from: [usize; 2]) -> Result<Tensor> {
    let pixel = image.shape().product(2..3) * image.dtype().size();
    let line = image.shape().product(1..2) * pixel;
    let mut out = Tensor::alloc(image.dtype(), shape)?;
    let part = out.shape().product(1..2) * pixel;
    let source = image.bytes()?;
    if part > 0 {
        for (y, to) in out.bytes_mut()?.chunks_exact_mut(part).enumerate() {
            let start = (from[0] + y) * line + from[1] * pixel;
            to.copy_from_slice(&source[start..start + part]);
        }
    }
    Ok(out)
}
