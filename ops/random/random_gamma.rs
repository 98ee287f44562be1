//! RandomGamma, StatelessRandomGammaV2, StatelessRandomGammaV3: samples of gamma distributions of scale 1.

use super::distributions::{normals_f64, uniform_f64};
use super::generator::Generator;
use super::per_parameter::{Backwards, infer, stateful, stateless};
use super::stateless_floats::{infer_keyed, infer_seeded, keyed, seeded};
use crate::dtype::DType;
use crate::error::Result;
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef};
use crate::ops::array::Sizes;
use crate::registry::OpEntry;
use crate::resource::Philox;

/// The types of the samples.
const TYPES: &[DType] = &[DType::F16, DType::F32, DType::F64];

pub(crate) static RANDOM_GAMMA: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomGamma(shape:S, alpha:T) -> (output:T)",
        attrs: "seed:int=0; seed2:int=0; S:type{int32,int64}; T:type{half,float,double}",
        flags: Flags::STATEFUL,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", TYPES)], |init| {
        let generator = Generator::new(init)?;
        let dtype = init.attrs.dtype("T")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            stateful(ctx, &generator, dtype, gamma)
        }))
    })],
};

pub(crate) static STATELESS_GAMMA_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomGammaV2(shape:T, seed:Tseed, alpha:dtype) -> (output:dtype)",
        attrs: "dtype:type{half,float,double}; T:type{int32,int64}; Tseed:type{int32,int64}=int64",
        flags: Flags::PURE,
        infer: infer_seeded,
    },
    grad: Grad::Fn(grad_stateless),
    kernels: &[KernelDef::cpu(&[("dtype", TYPES)], |init| {
        let dtype = init.attrs.dtype("dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let from = seeded(ctx)?;
            stateless(ctx, from, 2, dtype, gamma)
        }))
    })],
};

pub(crate) static STATELESS_GAMMA_V3: OpEntry = OpEntry {
    def: OpDef {
        signature: "StatelessRandomGammaV3(shape:shape_dtype, key:uint64, counter:uint64, alg:int32, alpha:dtype) -> (output:dtype)",
        attrs: "dtype:type{half,float,double}; shape_dtype:type{int32,int64}=int32",
        flags: Flags::PURE,
        infer: infer_keyed,
    },
    grad: Grad::Fn(grad_stateless),
    kernels: &[KernelDef::cpu(&[("dtype", TYPES)], |init| {
        let dtype = init.attrs.dtype("dtype")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let from = keyed(ctx)?;
            stateless(ctx, from, 4, dtype, gamma)
        }))
    })],
};

/// One sample (Marsaglia and Tsang's method: a cubed normal number, refused by a uniform one).
fn gamma(mut stream: Philox, alpha: f64) -> Result<f64> {
    let mut uniforms = Backwards::new(|stream: &mut Philox| {
        let [a, b, c, d] = stream.next();
        [uniform_f64(a, b), uniform_f64(c, d)]
    });
    let mut normals = Backwards::new(|stream: &mut Philox| normals_f64(stream.next()));
    if alpha == 1.0 {
        return Ok(-(-uniforms.next(&mut stream)).ln_1p());
    }
    // Below 1 a sample of alpha + 1 is drawn and made smaller.
    let small = alpha < 1.0;
    let d = alpha + if small { 2.0 / 3.0 } else { -1.0 / 3.0 };
    let c = 1.0 / 3.0 / d.sqrt();
    loop {
        let x = normals.next(&mut stream);
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        let u = uniforms.next(&mut stream);
        let surely = u < 1.0 - 0.0331 * (x * x) * (x * x);
        if surely || u.ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            let sample = d * v;
            if !small {
                return Ok(sample);
            }
            return Ok(sample * uniforms.next(&mut stream).powf(1.0 / alpha));
        }
    }
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let leading = first(s, s.shape(ctx.input(0)));
    let gradient = alpha_gradient(ctx, s, ctx.input(1), leading);
    dense([None, Some(gradient)])
}

fn grad_stateless<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.after_grad();
    let last = ctx.node.inputs().len() - 1;
    let alpha = ctx.input(last);
    let leading = first(s, s.shape(ctx.input(0))) - s.op("Rank").input(alpha).out();
    let gradient = alpha_gradient(ctx, s, alpha, leading);
    let mut all = vec![None; last];
    all.push(Some(gradient));
    dense(all)
}

/// The first element of a vector.
fn first<'g>(s: Scope<'g>, vector: Output<'g>) -> Output<'g> {
    let begin = vector.in_scope(s);
    s.op("StridedSlice")
        .name("strided_slice")
        .input(begin)
        .input([0i32])
        .input([1i32])
        .input([1i32])
        .attr("shrink_axis_mask", 1i64)
        .out()
}

/// The gradient of alpha, summed over the `leading` dimensions of the samples.
fn alpha_gradient<'g>(
    ctx: &GradCtx<'g>,
    s: Scope<'g>,
    alpha: Output<'g>,
    leading: Output<'g>,
) -> Output<'g> {
    let alpha = alpha.in_scope(s);
    let count = s.op("Pack").list([leading]).attr("N", 1i64).out();
    let ones = s.op("Fill").name("ones").input(count).input(1i32).out();
    let shape = s.concat(&[ones, s.shape(alpha)], 0i32);
    let wide = s.op("Reshape").input(alpha).input(shape).out();
    let partial = s.random_gamma_grad(wide, ctx.output(0));
    let product = (ctx.grad(0) * partial).in_scope(s);
    let axes = s.range(0i32, leading, 1i32);
    s.op("Sum").input(product).input(axes).out()
}

impl<'g> Scope<'g> {
    /// Samples of gamma distributions of scale 1, as many as `shape` says for each element of `alpha`; the result's
    /// shape is `shape`, then that of `alpha` (op `RandomGamma`). The gradient flows to `alpha`.
    #[track_caller]
    pub fn random_gamma(
        self,
        shape: impl Sizes<'g>,
        alpha: impl Operand<'g>,
        seed: Option<i64>,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op("RandomGamma").input(shape).input(alpha);
        let (seed, seed2) = self.graph().seeds(seed);
        builder.attr("seed", seed).attr("seed2", seed2).out()
    }

    /// As [`Scope::random_gamma`], from a seed of two integers; here `shape` is that of the whole result, and ends
    /// with the shape of `alpha` (op `StatelessRandomGammaV2`).
    #[track_caller]
    pub fn stateless_random_gamma(
        self,
        shape: impl Sizes<'g>,
        seed: impl Operand<'g>,
        alpha: impl Operand<'g>,
    ) -> Output<'g> {
        let shape = shape.vector(self);
        let builder = self.op("StatelessRandomGammaV2").input(shape).input(seed);
        builder.input(alpha).out()
    }
}
