//! ApplyGradientDescent: plain gradient descent.

use super::super::number::{FLOATS_AND_COMPLEX, Float, for_float};
use super::engine::{Layout, Sign};
use crate::device::cuda::{Arg, Source, source_file};
use crate::error::Result;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext, Value};
use crate::op::{Flags, OpDef};
use crate::ops::math::cuda::{FLOATS, ON_FLOATS, prepare, run};
use crate::registry::OpEntry;

/// Where the inputs are.
const DENSE: Layout<1, 1> = Layout {
    vars: ["var"],
    scalars: [(1, "alpha", Sign::Any)],
    grad: (2, "delta"),
    indices: None,
};

const ON_CPU: KernelDef = KernelDef::cpu(&[("T", FLOATS_AND_COMPLEX)], |init| new(init, DENSE));

pub(crate) static SOURCE: Source = Source {
    name: "state/gradient_descent",
    files: &[source_file!("ops/state/apply/gradient_descent.cu")],
    types: FLOATS,
};

/// The step on a variable in device memory, in place where nobody else holds its value.
fn on_gpu(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = init.attrs.dtype("T")?;
    prepare(init, &SOURCE, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let variable = ctx.variable(0)?;
        {
            let mut guard = variable.lock();
            let var = guard.as_mut().ok_or_else(|| variable.uninitialized())?;
            DENSE.check(ctx, &[var])?;
            let (alpha, delta) = (ctx.input(1)?.device_ptr()?, ctx.input(2)?.device_ptr()?);
            let (old, n) = (var.device_ptr()?, var.elements());
            let fresh = match var.is_unique() {
                true => var.clone(),
                false => ctx.alloc(dtype, var.shape())?,
            };
            let args = [old, alpha, delta, fresh.device_ptr()?, Arg::I64(n as i64)];
            // SAFETY: the arguments are the kernel's; `check` found that variable and gradient have `n` elements, alpha one.
            unsafe {
                run(
                    ctx.gpu()?,
                    (&SOURCE, dtype),
                    "apply_gradient_descent",
                    n,
                    args,
                )
            }?;
            // Not before the launch: the old block may be given to others as soon as it is dropped.
            *var = fresh;
        }
        match ctx.num_outputs() {
            0 => Ok(()),
            _ => ctx.set(0, Value::Ref(variable)),
        }
    }))
}

pub(crate) static APPLY_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ApplyGradientDescent(var:ref T, alpha:T, delta:T) -> (out:ref T)",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::PURE,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[ON_CPU, KernelDef::gpu(ON_FLOATS, on_gpu)],
};

pub(crate) static RESOURCE_APPLY_GRADIENT_DESCENT: OpEntry = OpEntry {
    def: OpDef {
        signature: "ResourceApplyGradientDescent(var:resource, alpha:T, delta:T) -> ()",
        attrs: "T:type{number}; use_locking:bool=false",
        flags: Flags::STATEFUL,
        infer: |ctx| DENSE.infer(ctx),
    },
    grad: Grad::NotDifferentiable,
    kernels: &[ON_CPU, KernelDef::gpu_host(ON_FLOATS, &["var"], on_gpu)],
};

fn new(init: &KernelInit<'_>, layout: Layout<1, 1>) -> Result<AnyKernel> {
    for_float!(init.attrs.dtype("T")?, T => Ok(layout.kernel(rule::<T>)))
}

#[inline(always)]
fn rule<T: Float>([var]: [&mut [T]; 1], grad: &[T], [alpha]: [T; 1]) {
    for (w, g) in var.iter_mut().zip(grad) {
        *w = w.minus(g.times(alpha));
    }
}
