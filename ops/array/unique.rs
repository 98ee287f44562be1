//! Unique and UniqueWithCounts: the different elements of a vector, in the order in which they appear.

use super::items::{Item, Move, produce};
use super::runs::take_runs;
use crate::device::cpu::ThreadPool;
use crate::dtype::{DType, sets::INDEX};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};
use std::collections::HashMap;
use std::hash::Hash;

pub(crate) static UNIQUE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Unique(x:T) -> (y:T, idx:out_idx)",
        attrs: "T:type; out_idx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", COMPARABLE), ("out_idx", INDEX)],
        new,
    )],
};

pub(crate) static UNIQUE_WITH_COUNTS: OpEntry = OpEntry {
    def: OpDef {
        signature: "UniqueWithCounts(x:T) -> (y:T, idx:out_idx, count:out_idx)",
        attrs: "T:type; out_idx:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", COMPARABLE), ("out_idx", INDEX)],
        new,
    )],
};

/// The types whose elements are told apart: real numbers, bool, strings.
pub(super) const COMPARABLE: &[DType] = &[
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::Bool,
    DType::String,
];

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let x = ctx.with_rank(0, 1)?;
    ctx.set(0, PartialShape::vector(None));
    ctx.set(1, x);
    ctx.set(2, PartialShape::vector(None));
    Ok(())
}

/// What tells elements apart: plain bits, except that 0 and −0 are one and no NaN equals another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    Bits(u64),
    Text(&'a [u8]),
    /// A NaN, by its position.
    NotANumber(usize),
}

/// One key for each element.
///
/// # Errors
/// `InvalidArgument` for types that are not [`COMPARABLE`].
pub(super) fn keys(x: &Tensor, first: usize) -> Result<Vec<Key<'_>>> {
    fn plain<'a, T: crate::dtype::Element>(
        x: &'a Tensor,
        key: impl Fn(usize, T) -> Key<'a>,
    ) -> Result<Vec<Key<'a>>> {
        Ok(x.data::<T>()?
            .iter()
            .enumerate()
            .map(|(i, v)| key(i, *v))
            .collect())
    }
    let number = |i: usize, v: f64| match v {
        v if v.is_nan() => Key::NotANumber(first + i),
        0.0 => Key::Bits(0),
        v => Key::Bits(v.to_bits()),
    };
    match x.dtype() {
        DType::F32 => plain::<f32>(x, |i, v| number(i, v.into())),
        DType::F64 => plain::<f64>(x, number),
        DType::F16 => plain::<f16>(x, |i, v| number(i, v.into())),
        DType::BF16 => plain::<bf16>(x, |i, v| number(i, v.into())),
        DType::I8 => plain::<i8>(x, |_, v| Key::Bits(v as u64)),
        DType::I16 => plain::<i16>(x, |_, v| Key::Bits(v as u64)),
        DType::I32 => plain::<i32>(x, |_, v| Key::Bits(v as u64)),
        DType::I64 => plain::<i64>(x, |_, v| Key::Bits(v as u64)),
        DType::U8 => plain::<u8>(x, |_, v| Key::Bits(v.into())),
        DType::U16 => plain::<u16>(x, |_, v| Key::Bits(v.into())),
        DType::U32 => plain::<u32>(x, |_, v| Key::Bits(v.into())),
        DType::U64 => plain::<u64>(x, |_, v| Key::Bits(v)),
        DType::Bool => plain::<bool>(x, |_, v| Key::Bits(v.into())),
        DType::String => Ok(x.strings()?.iter().map(|s| Key::Text(s)).collect()),
        d => Err(Error::invalid_argument(format!(
            "elements of type {d} cannot be told apart"
        ))),
    }
}

/// Positions as a vector of that index type.
///
/// # Errors
/// `InvalidArgument` when one does not fit int32.
pub(super) fn positions(dtype: DType, values: &[usize]) -> Result<Tensor> {
    match dtype {
        DType::I64 => Ok(Tensor::from(
            values.iter().map(|v| *v as i64).collect::<Vec<_>>(),
        )),
        _ => {
            let narrow: Option<Vec<i32>> = values.iter().map(|v| i32::try_from(*v).ok()).collect();
            narrow
                .map(Tensor::from)
                .ok_or_else(|| Error::invalid_argument("a position does not fit int32"))
        }
    }
}

/// The elements of a vector at these positions.
pub(super) fn pick(pool: &ThreadPool, x: &Tensor, at: &[usize]) -> Result<Tensor> {
    struct Pick<'a>(&'a ThreadPool, &'a [usize]);
    impl Move for Pick<'_> {
        fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
            match inputs {
                [src] => take_runs(self.0, src, 1, self.1, out),
                _ => Err(Error::internal("one input was expected")),
            }
        }
    }
    produce(x.dtype(), Shape::of(&[at.len()])?, &[x], Pick(pool, at))
}

/// For each key the number of its first like; and where each of those stands.
fn numbered<K: Hash + Eq>(keys: Vec<K>) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: HashMap<K, usize> = HashMap::with_capacity(keys.len());
    let (mut ids, mut firsts) = (Vec::with_capacity(keys.len()), Vec::new());
    for (i, key) in keys.into_iter().enumerate() {
        let next = firsts.len();
        let id = *numbers.entry(key).or_insert(next);
        if id == next {
            firsts.push(i);
        }
        ids.push(id);
    }
    (ids, firsts)
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("out_idx")?;
    let counted = init.outputs.len() > 2;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        if !x.shape().is_vector() {
            return Err(Error::invalid_argument("unique expects a 1D vector."));
        }
        let (ids, firsts) = numbered(keys(x, 0)?);
        let y = pick(ctx.pool(), x, &firsts)?;
        ctx.set(0, y)?;
        ctx.set(1, positions(dtype, &ids)?)?;
        if counted {
            let mut counts = vec![0usize; firsts.len()];
            for id in ids {
                counts[id] += 1;
            }
            ctx.set(2, positions(dtype, &counts)?)?;
        }
        Ok(())
    }))
}

impl<'g> Scope<'g> {
    /// The different elements of a vector in the order in which they appear, and for each element the number
    /// of its like among them, int32 (op `Unique`).
    #[track_caller]
    pub fn unique(self, x: impl Operand<'g>) -> [Output<'g>; 2] {
        let made = self.op("Unique").input(x).finish();
        [made.output(0), made.output(1)]
    }
    /// As [`Scope::unique`], and how often each appears (op `UniqueWithCounts`).
    #[track_caller]
    pub fn unique_with_counts(self, x: impl Operand<'g>) -> [Output<'g>; 3] {
        let made = self.op("UniqueWithCounts").input(x).finish();
        [made.output(0), made.output(1), made.output(2)]
    }
}
