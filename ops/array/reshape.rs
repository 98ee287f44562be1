//! Reshape: the same elements in another shape, without a copy.

use super::cuda;
use crate::dtype::sets::INDEX;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{MAX_RANK, PartialShape, Shape};

pub(crate) static RESHAPE: OpEntry = OpEntry {
    def: OpDef {
        signature: "Reshape(tensor:T, shape:Tshape) -> (output:T)",
        attrs: "T:type; Tshape:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("Tshape", INDEX)], new),
        KernelDef::gpu_host(&[("T", cuda::ON_GPU), ("Tshape", INDEX)], &["shape"], new),
        KernelDef::gpu_host(
            &[("T", cuda::INT32), ("Tshape", INDEX)],
            &["tensor", "shape", "output"],
            new,
        ),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    if ctx.input(1).rank().is_some_and(|r| r > 1) {
        return Err(Error::invalid_argument(format!(
            "Shape must be rank 1 but is rank {}",
            ctx.input(1).rank().unwrap_or_default()
        )));
    }
    let out = ctx.constant_shape(1)?;
    let (Some(dims), Some(total)) = (out.dims(), ctx.input(0).elements()) else {
        ctx.set(0, out);
        return Ok(());
    };
    let unknown: Vec<usize> = (0..dims.len()).filter(|i| dims[*i].is_none()).collect();
    let known: usize = dims.iter().flatten().product();
    match unknown[..] {
        [] if known != total => {
            return Err(Error::invalid_argument(format!(
                "Cannot reshape a tensor with {total} elements to shape {out} ({known} elements)"
            )));
        }
        [i] if known > 0 => {
            if total % known != 0 {
                return Err(Error::invalid_argument(format!(
                    "Dimension size must be evenly divisible by {known} but is {total}"
                )));
            }
            let mut dims = dims.to_vec();
            dims[i] = Some(total / known);
            ctx.set(0, PartialShape::of(dims));
            return Ok(());
        }
        _ => {}
    }
    ctx.set(0, out);
    Ok(())
}

fn new(_: &KernelInit<'_>) -> Result<AnyKernel> {
    Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
        let sizes = ctx.input(1)?;
        if sizes.shape().rank() > 1 {
            return Err(Error::invalid_argument(format!(
                "sizes input must be 1-D, not {}",
                sizes.shape()
            )));
        }
        let shape = target(ctx.input(0)?.shape(), &sizes.to_i64s()?)?;
        let x = ctx.take_input(0)?;
        ctx.set(0, x.into_shape(shape)?)
    }))
}

/// The shape that is asked for, its -1 filled in.
fn target(input: &Shape, sizes: &[i64]) -> Result<Shape> {
    if sizes.len() > MAX_RANK {
        return Err(Error::invalid_argument(format!(
            "too many dimensions: must be < {MAX_RANK}, but received {}",
            sizes.len()
        )));
    }
    let too_many = || {
        let text: Vec<String> = sizes.iter().map(i64::to_string).collect();
        Error::invalid_argument(format!("Shape [{}] has too many elements", text.join(", ")))
    };
    let mut dims = Vec::with_capacity(sizes.len());
    let (mut unknown, mut product, mut has_zero) = (None, 1usize, false);
    for (i, &size) in sizes.iter().enumerate() {
        match usize::try_from(size) {
            Ok(0) => {
                has_zero = true;
                dims.push(0);
            }
            Ok(d) => {
                // After a zero, large sizes cannot make too many elements.
                product = match product.checked_mul(d).filter(|p| *p <= i64::MAX as usize) {
                    Some(p) => p,
                    None if has_zero => usize::MAX,
                    None => return Err(too_many()),
                };
                dims.push(d);
            }
            Err(_) if size == -1 => {
                if let Some(first) = unknown {
                    return Err(Error::invalid_argument(format!(
                        "Only one input size may be -1, not both {first} and {i}"
                    )));
                }
                unknown = Some(i);
                dims.push(1);
            }
            Err(_) => {
                return Err(Error::invalid_argument(format!(
                    "Size {i} must be non-negative, not {size}"
                )));
            }
        }
    }
    if let Some(i) = unknown {
        // With a zero asked for, zero sizes of the input do not count: [0,3] to [-1,0] is [3,0].
        let mut count = 1usize;
        let mut dropped = false;
        for d in input.dims() {
            if *d > 0 || !has_zero {
                count = count.saturating_mul(*d);
            } else {
                dropped = true;
            }
        }
        let missing = count / product;
        if !dropped && missing.checked_mul(product) != Some(count) {
            return Err(Error::invalid_argument(format!(
                "Input to reshape is a tensor with {count} values, but the requested shape requires a multiple of {product}"
            )));
        }
        dims[i] = missing;
    }
    let shape = Shape::of(&dims)?;
    if shape.elements() != input.elements() {
        return Err(Error::invalid_argument(format!(
            "Input to reshape is a tensor with {} values, but the requested shape has {}",
            input.elements(),
            shape.elements()
        )));
    }
    Ok(shape)
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    dense([Some(like_input(ctx)), None])
}

/// The incoming gradient in the shape of input 0: the gradient of all ops that only change the shape.
pub(super) fn like_input<'g>(ctx: &GradCtx<'g>) -> Output<'g> {
    let shape = ctx.scope.shape(ctx.input(0));
    ctx.grad(0).reshape(shape)
}

impl<'g> Scope<'g> {
    /// The elements of `x` in another shape; one size may be -1 and is then inferred (op `Reshape`).
    #[track_caller]
    pub fn reshape(self, x: impl Operand<'g>, shape: impl Operand<'g>) -> Output<'g> {
        self.op("Reshape").input(x).input(shape).out()
    }
}

impl<'g> Output<'g> {
    /// The same elements in another shape; one size may be -1 and is then inferred (op `Reshape`).
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let x = g.root().zeros([2, 3], tensorloom::DType::F32);
    /// assert_eq!(x.reshape([3, -1]).shape().to_string(), "[3,2]");
    /// ```
    #[track_caller]
    pub fn reshape(self, shape: impl Operand<'g>) -> Output<'g> {
        self.scope().reshape(self, shape)
    }
}
