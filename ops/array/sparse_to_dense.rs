//! SparseToDense: values at given places of a tensor that is otherwise filled with a default.

use super::items::{Item, Move, produce};
use super::runs::list;
use crate::dtype::sets::{INDEX, PODS_AND_STRING};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;

pub(crate) static SPARSE_TO_DENSE: OpEntry = OpEntry {
    def: OpDef {
        signature: "SparseToDense(sparse_indices:Tindices, output_shape:Tindices, sparse_values:T, default_value:T) -> (dense:T)",
        attrs: "validate_indices:bool=true; T:type; Tindices:type{int32,int64}",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(
        &[("T", PODS_AND_STRING), ("Tindices", INDEX)],
        new,
    )],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let shape = ctx.constant_shape(1)?;
    ctx.set(0, shape);
    Ok(())
}

/// Puts value `i` (or the only one) at place `places[i]`.
struct Put<'a>(&'a [usize]);

impl Move for Put<'_> {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        let [values, [default]] = inputs else {
            return Err(Error::internal("values and a default were expected"));
        };
        out.fill(default.clone());
        for (i, place) in self.0.iter().enumerate() {
            let value = match values {
                [only] => Some(only),
                many => many.get(i),
            };
            match (out.get_mut(*place), value) {
                (Some(o), Some(v)) => *o = v.clone(),
                _ => return Err(Error::internal("a place beyond its tensor")),
            }
        }
        Ok(())
    }
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let validate = init.attrs.bool("validate_indices")?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let indices = ctx.input(0)?;
        if indices.shape().rank() > 2 {
            return Err(Error::invalid_argument(format!(
                "sparse_indices should be a scalar, vector, or matrix, got shape {}",
                indices.shape()
            )));
        }
        let count = indices.shape().dim(0).unwrap_or(1);
        let depth = indices.shape().dim(1).unwrap_or(1);
        let sizes = ctx.input(1)?;
        if !sizes.shape().is_vector() {
            return Err(Error::invalid_argument(format!(
                "output_shape must be rank 1, got shape {}",
                sizes.shape()
            )));
        }
        if sizes.elements() != depth {
            return Err(Error::invalid_argument(format!(
                "output_shape has incorrect number of elements: {} should be: {depth}",
                sizes.elements()
            )));
        }
        let values = ctx.input(2)?;
        let fits = values.shape().is_scalar() || values.shape().dims() == [count];
        if !fits {
            return Err(Error::invalid_argument(format!(
                "sparse_values has incorrect shape {}, should be [] or [{count}]",
                values.shape()
            )));
        }
        let default = ctx.input(3)?;
        if !default.shape().is_scalar() {
            return Err(Error::invalid_argument("default_value should be a scalar."));
        }
        let shape = Shape::new(&sizes.to_i64s()?)?;
        let tuples = indices.to_i64s()?;
        let places = places(&tuples, depth, &shape, validate)?;
        let out = produce(values.dtype(), shape, &[values, default], Put(&places))?;
        ctx.set(0, out)
    }))
}

/// The place of each tuple in a row-major tensor; in order and without repetition where that is asked for.
fn places(tuples: &[i64], depth: usize, shape: &Shape, validate: bool) -> Result<Vec<usize>> {
    let mut out: Vec<usize> = Vec::new();
    if depth == 0 {
        return Ok(out);
    }
    let sizes = list(shape.dims());
    for (i, tuple) in tuples.chunks_exact(depth).enumerate() {
        let place = tuple
            .iter()
            .zip(shape.dims())
            .try_fold(0usize, |at, (i, d)| {
                let i = usize::try_from(*i).ok().filter(|i| i < d)?;
                Some(at * d + i)
            });
        let Some(place) = place else {
            return Err(Error::invalid_argument(if validate {
                format!(
                    "indices[{i}] = [{}] is out of bounds: need 0 <= index < [{sizes}]",
                    list(tuple)
                )
            } else {
                format!("Indices are not valid (out of bounds).  Shape: {shape}")
            }));
        };
        if let Some(last) = out.last().filter(|l| validate && **l >= place) {
            return Err(Error::invalid_argument(if *last == place {
                format!("indices[{i}] = [{}] is repeated", list(tuple))
            } else {
                format!(
                    "indices[{i}] = [{}] is out of order. Many sparse ops require sorted indices.\n    Use `tf.sparse.reorder` to create a correctly ordered copy.\n\n",
                    list(tuple)
                )
            }));
        }
        out.push(place);
    }
    Ok(out)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let g = ctx.grad(0);
    let mut indices = ctx.input(0);
    // A vector of indices means one number each, a scalar one place.
    if let Some(rank @ 0..=1) = indices.shape().rank() {
        indices = indices.reshape(if rank == 0 { vec![1i32] } else { vec![-1, 1] });
    }
    let values = g.gather_nd(indices);
    let values_like = ctx.input(2);
    let rest = s.op("Sub").default_name("sub");
    let rest = rest
        .input(super::fill::sum_all(s, g))
        .input(super::fill::sum_all(s, values))
        .out();
    let values = if values_like.shape().is_scalar() {
        super::fill::sum_all(s, values)
    } else {
        values
    };
    dense([None, None, Some(values), Some(rest)])
}

impl<'g> Scope<'g> {
    /// A tensor of that shape with `values` at `indices` (scalar, vector, or a matrix of tuples) and `default`
    /// elsewhere (op `SparseToDense`).
    #[track_caller]
    pub fn sparse_to_dense(
        self,
        indices: impl Operand<'g>,
        shape: impl Operand<'g>,
        values: impl Operand<'g>,
        default: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("SparseToDense")
            .input(indices)
            .input(shape)
            .input(values)
            .input_as(default, 2)
            .out()
    }
}
