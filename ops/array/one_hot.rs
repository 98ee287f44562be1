//! OneHot: for each index, a vector that is on at that index and off elsewhere.

use super::items::{Item, MOVABLE, Move, produce};
use super::zeros::number;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};

pub(crate) static ONE_HOT: OpEntry = OpEntry {
    def: OpDef {
        signature: "OneHot(indices:TI, depth:int32, on_value:T, off_value:T) -> (output:T)",
        attrs: "axis:int=-1; T:type; TI:type{uint8,int8,int32,int64}=int64",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[("T", MOVABLE), ("TI", INDICES)], new)],
};

const INDICES: &[DType] = &[DType::U8, DType::I8, DType::I32, DType::I64];

/// Where the new dimension goes, for indices of that rank.
fn place(axis: i64, rank: usize) -> Result<usize> {
    match usize::try_from(axis) {
        _ if axis == -1 => Ok(rank),
        Ok(a) if a <= rank => Ok(a),
        _ => Err(Error::invalid_argument(format!(
            "Expected axis to be -1 or between [0, {}).  But received: {axis}",
            rank + 1
        ))),
    }
}

fn checked_depth(depth: i64) -> Result<usize> {
    usize::try_from(depth)
        .map_err(|_| Error::invalid_argument(format!("depth must be non-negative, got: {depth}")))
}

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 1..4 {
        ctx.with_rank(i, 0)?;
    }
    let depth = ctx.constant_int(1)?.map(checked_depth).transpose()?;
    let axis = ctx.attrs.int("axis")?;
    if axis < -1 {
        return Err(Error::invalid_argument("axis must be >= -1"));
    }
    if let Some(dims) = ctx.input(0).dims() {
        let mut dims = dims.to_vec();
        dims.insert(place(axis, dims.len())?, depth);
        ctx.set(0, PartialShape::of(dims));
    }
    Ok(())
}

/// Turns on, in each of `outer` blocks of `depth` times `inner` elements, one for each inner index.
struct TurnOn<'a> {
    indices: &'a [i64],
    depth: usize,
    inner: usize,
}

impl Move for TurnOn<'_> {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        let [[on], [off]] = inputs else {
            return Err(Error::internal("on and off were expected"));
        };
        out.fill(off.clone());
        let block = self.depth.saturating_mul(self.inner);
        if block == 0 {
            return Ok(());
        }
        for (indices, out) in self.indices.chunks(self.inner).zip(out.chunks_mut(block)) {
            for (j, index) in indices.iter().enumerate() {
                // Indices out of range turn nothing on.
                if let Some(i) = usize::try_from(*index).ok().filter(|i| *i < self.depth) {
                    out[i * self.inner + j] = on.clone();
                }
            }
        }
        Ok(())
    }
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let axis = init.attrs.int("axis")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let indices = ctx.input(0)?;
        let shape = indices.shape();
        let axis = place(axis, shape.rank())?;
        for (i, name) in ["depth", "on_value", "off_value"].iter().enumerate() {
            let shape = ctx.input(i + 1)?.shape();
            if !shape.is_scalar() {
                return Err(Error::invalid_argument(format!(
                    "{name} must be a scalar, but got: {shape}"
                )));
            }
        }
        let depth = checked_depth(i64::from(ctx.input(1)?.to_scalar::<i32>()?))?;
        let mut dims = shape.dims().to_vec();
        dims.insert(axis, depth);
        let out = Shape::of(&dims)?;
        let values = indices.to_i64s()?;
        let job = TurnOn {
            indices: &values,
            depth,
            inner: shape.product(axis..shape.rank()).max(1),
        };
        let (on, off) = (ctx.input(2)?, ctx.input(3)?);
        let hot = produce(on.dtype(), out, &[on, off], job)?;
        ctx.set(0, hot)
    }))
}

/// What [`Scope::one_hot_with`] takes besides indices and depth.
#[derive(Clone, Copy, Debug)]
pub struct OneHot<'g> {
    /// The value at the index.
    pub on: Output<'g>,
    /// The value elsewhere, of the same type.
    pub off: Output<'g>,
    /// Where the new dimension goes; -1: last.
    pub axis: i64,
}

impl<'g> Scope<'g> {
    /// Vectors of length `depth` along a new last dimension, 1 at each index and 0 elsewhere, of that type
    /// (op `OneHot`).
    #[track_caller]
    pub fn one_hot(
        self,
        indices: impl Operand<'g>,
        depth: impl Operand<'g>,
        dtype: DType,
    ) -> Output<'g> {
        let indices = indices.operand(self.unnamed(), None);
        let inside = self.composite("one_hot");
        let made = number(dtype, 1).and_then(|on| Ok((on, number(dtype, 0)?)));
        let (on, off) = match made {
            Ok((on, off)) => (
                inside.named("on_value").constant(on),
                inside.named("off_value").constant(off),
            ),
            Err(e) => {
                let e = e.at_node(inside.name(), "OneHot");
                self.graph().fail(e.at_line(std::panic::Location::caller()));
                return Output::broken(self);
            }
        };
        one_hot(inside, indices, depth, OneHot { on, off, axis: -1 })
    }
    /// Vectors of length `depth` along a new dimension, `on` at each index and `off` elsewhere (op `OneHot`).
    #[track_caller]
    pub fn one_hot_with(
        self,
        indices: impl Operand<'g>,
        depth: impl Operand<'g>,
        options: OneHot<'g>,
    ) -> Output<'g> {
        let indices = indices.operand(self.unnamed(), None);
        one_hot(self.composite("one_hot"), indices, depth, options)
    }
}

#[track_caller]
fn one_hot<'g>(
    inside: Scope<'g>,
    indices: Output<'g>,
    depth: impl Operand<'g>,
    options: OneHot<'g>,
) -> Output<'g> {
    let depth = depth.operand(inside.named("depth"), None);
    inside
        .result_op("OneHot")
        .input(indices)
        .input(depth)
        .input(options.on)
        .input(options.off)
        .attr("axis", options.axis)
        .out()
}

impl<'g> Output<'g> {
    /// Vectors of length `depth`, 1 at each index and 0 elsewhere (see [`Scope::one_hot`]).
    #[track_caller]
    pub fn one_hot(self, depth: impl Operand<'g>, dtype: DType) -> Output<'g> {
        self.scope().one_hot(self, depth, dtype)
    }
}
