//! Bitcast: the same bytes as elements of another type.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static BITCAST: OpEntry = OpEntry {
    def: OpDef {
        signature: "Bitcast(input:T) -> (output:type)",
        attrs: "T:type{bfloat16,half,float,double,int64,int32,uint8,uint16,uint32,uint64,int8,int16,complex64,complex128,qint8,quint8,qint16,quint16,qint32}; type:type{bfloat16,half,float,double,int64,int32,uint8,uint16,uint32,uint64,int8,int16,complex64,complex128,qint8,quint8,qint16,quint16,qint32}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

/// A shape after its elements of one size are taken for elements of another size: a last dimension goes, or
/// a new one comes.
fn reshaped(dims: &[Dim], from: usize, to: usize) -> Result<Vec<Dim>> {
    let mut dims = dims.to_vec();
    if from < to {
        let ratio = to / from;
        let last = dims.pop().unwrap_or(Some(1));
        if last.is_some_and(|d| d != ratio) {
            return Err(Error::invalid_argument(format!(
                "Cannot bitcast from {} to {}",
                ratio,
                last.unwrap_or(1)
            )));
        }
    } else if from > to {
        dims.push(Some(from / to));
    }
    Ok(dims)
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (from, to) = (ctx.attrs.dtype("T")?, ctx.attrs.dtype("type")?);
    if let Some(dims) = ctx.input(0).dims() {
        let dims = reshaped(dims, from.size(), to.size())?;
        ctx.set(0, PartialShape::of(dims));
    }
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let to = init.attrs.dtype("type")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let bytes = x.bytes()?;
        let dims: Vec<Dim> = x.shape().dims().iter().map(|d| Some(*d)).collect();
        let dims: Vec<usize> = reshaped(&dims, x.dtype().size(), to.size())?
            .into_iter()
            .flatten()
            .collect();
        let mut y = Tensor::alloc(to, Shape::of(&dims)?)?;
        y.bytes_mut()?.copy_from_slice(bytes);
        ctx.set(0, y)
    }))
}

impl<'g> Scope<'g> {
    /// The same bytes as elements of another type (op `Bitcast`); wider elements swallow the last dimension,
    /// narrower ones make a new one.
    #[track_caller]
    pub fn bitcast(self, input: impl Operand<'g>, to: DType) -> Output<'g> {
        self.op("Bitcast").input(input).attr("type", to).out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::run_op;
    use crate::{AttrValue, Attrs, Registry};

    fn bitcast(x: impl Into<Tensor>, to: DType) -> Result<Tensor> {
        let mut attrs = Attrs::default();
        attrs.0.insert("type".into(), AttrValue::Type(to));
        let x = vec![vec![x.into()]];
        Ok(run_op(&Registry::builtin(), "Bitcast", x, attrs)?[0].clone())
    }

    #[test]
    fn bytes_stay_and_shapes_follow() {
        let y = bitcast([1.0f32, 2.0], DType::U8).unwrap();
        assert_eq!(y.shape().dims(), &[2, 4]);
        assert_eq!(y.data::<u8>().unwrap()[..4], [0, 0, 128, 63]);
        let back = bitcast(y, DType::F32).unwrap();
        assert_eq!(back.data::<f32>().unwrap(), &[1.0, 2.0]);
        let same = bitcast([-1i32], DType::U32).unwrap();
        assert_eq!(same.data::<u32>().unwrap(), &[u32::MAX]);
        let e = bitcast([1u8, 2, 3], DType::I32).unwrap_err();
        assert_eq!(e.message(), "Cannot bitcast from 4 to 3");
        assert!(bitcast(1.0f32, DType::F64).is_err());
    }
}
