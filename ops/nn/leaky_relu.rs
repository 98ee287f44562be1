//! LeakyRelu: x above 0, else alpha · x.

use crate::device::cpu::{Disjoint, Loop, vectorized};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::cuda;
use crate::ops::math::elementwise::{BLOCK, blocks};
use crate::ops::math::number::Float;
use crate::registry::OpEntry;
use half::{bf16, f16};

pub(crate) static LEAKY_RELU: OpEntry = OpEntry {
    def: OpDef {
        signature: "LeakyRelu(features:T) -> (activations:T)",
        attrs: "alpha:float=0.2; T:type{half,bfloat16,float,double}=float",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::Fn(grad),
    kernels: KERNELS,
};

/// Also of LeakyReluGrad, which has a second input.
pub(super) const KERNELS: &[KernelDef] = &[
    KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
    KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
    KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
    KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
    KernelDef::gpu(cuda::ON_FLOATS, cuda::leaky_relu),
];

/// Multiplies by alpha what belongs to a number that is not above 0.
struct Leak<'a, T> {
    values: &'a mut [T],
    /// The numbers; `None`: the values themselves.
    signs: Option<&'a [T]>,
    alpha: T,
}

impl<T: Float> Loop for Leak<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let alpha = self.alpha;
        let leak = |v: T, sign: T| if sign > T::ZERO { v } else { v.times(alpha) };
        match self.signs {
            None => {
                for v in self.values {
                    *v = leak(*v, *v);
                }
            }
            Some(signs) => {
                for (v, s) in self.values.iter_mut().zip(signs) {
                    *v = leak(*v, *s);
                }
            }
        }
    }
}

fn new<T: Float>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let alpha = T::of(f64::from(init.attrs.float("alpha")?));
    let is_grad = init.inputs.len() > 1;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        if is_grad {
            cuda::same_shape(ctx)?;
        }
        let shape = ctx.input(0)?.shape().clone();
        ctx.data::<T>(0)?;
        let (mut out, reused) = ctx.forward_or_alloc(&[0], T::DTYPE, &shape)?;
        {
            let input = match reused {
                Some(_) => None,
                None => Some(ctx.data::<T>(0)?),
            };
            let signs = is_grad.then(|| ctx.data::<T>(1)).transpose()?;
            let values = Disjoint::new(out.make_mut::<T>()?);
            blocks(ctx.pool(), values.len(), BLOCK, &|start, end| {
                // SAFETY: blocks do not overlap.
                let part = unsafe { values.part(start, end - start) };
                if let Some(x) = input {
                    part.copy_from_slice(&x[start..end]);
                }
                vectorized(Leak {
                    values: part,
                    signs: signs.map(|s| &s[start..end]),
                    alpha,
                });
            });
        }
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let alpha = ctx.attrs().float("alpha")?;
    let g = ctx.scope.leaky_relu_grad(ctx.grad(0), ctx.input(0), alpha);
    dense([Some(g)])
}

impl<'g> Scope<'g> {
    /// x above 0, else alpha · x (op `LeakyRelu`; TensorFlow's alpha is 0.2 unless given).
    #[track_caller]
    pub fn leaky_relu(self, features: impl Operand<'g>, alpha: f32) -> Output<'g> {
        self.op("LeakyRelu")
            .input(features)
            .attr("alpha", alpha)
            .out()
    }
}

impl<'g> Output<'g> {
    /// x above 0, else alpha · x (op `LeakyRelu`).
    #[track_caller]
    pub fn leaky_relu(self, alpha: f32) -> Output<'g> {
        self.scope().leaky_relu(self, alpha)
    }
}
