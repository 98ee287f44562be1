//! RandomGammaGrad: how a sample of a gamma distribution moves with the distribution's parameter.

use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::op::{Flags, OpDef, infer};
use crate::ops::math::binary::{Binary, binary_for};
use crate::ops::math::special::{digamma, lgamma};
use crate::registry::OpEntry;

pub(crate) static RANDOM_GAMMA_GRAD: OpEntry = OpEntry {
    def: OpDef {
        signature: "RandomGammaGrad(alpha:T, sample:T) -> (output:T)",
        attrs: "T:type{float,double}",
        flags: Flags::PURE,
        infer: infer::broadcast,
    },
    grad: Grad::Missing,
    kernels: &[
        binary_for::<SampleDerivative, f32>(),
        binary_for::<SampleDerivative, f64>(),
    ],
};

struct SampleDerivative;

impl Binary<f64> for SampleDerivative {
    type Out = f64;
    fn apply(alpha: f64, sample: f64) -> f64 {
        sample_derivative(alpha, sample, f64::MIN_POSITIVE)
    }
}
impl Binary<f32> for SampleDerivative {
    type Out = f32;
    fn apply(alpha: f32, sample: f32) -> f32 {
        sample_derivative(alpha.into(), sample.into(), f32::MIN_POSITIVE.into()) as f32
    }
}

/// Terms of a series, or steps of a fraction, at most.
const STEPS: usize = 500;

/// dx/da of a sample x whose distribution function P(a, x) stays as it is: −(∂P/∂a) / (∂P/∂x).
///
/// P is computed from its series or its continued fraction, which are differentiated term by term. Where the factor
/// of these is below `tiny`, P is taken for constant, and the result is 0, as in TensorFlow.
fn sample_derivative(a: f64, x: f64, tiny: f64) -> f64 {
    if x == 0.0 {
        return 0.0;
    }
    if x < 0.0 || a <= 0.0 || a.is_nan() || x.is_nan() {
        return f64::NAN;
    }
    if x > 1.0 && x > a {
        if x.is_infinite() || (a * x.ln() - x - lgamma(a)).exp() < tiny {
            return 0.0;
        }
        let (value, derivative) = upper_fraction(a, x);
        (derivative + value * (x.ln() - digamma(a))) * x
    } else {
        if (a * x.ln() - x - lgamma(a + 1.0)).exp() < tiny {
            return 0.0;
        }
        let (value, derivative) = lower_series(a, x);
        -(derivative + value * (x.ln() - digamma(a + 1.0))) * x / a
    }
}

/// Σ xⁿ / ((a + 1) … (a + n)), and its derivative by a.
fn lower_series(a: f64, x: f64) -> (f64, f64) {
    let (mut sum, mut d_sum) = (1.0, 0.0);
    let (mut term, mut d_term) = (1.0, 0.0f64);
    let mut r = a;
    for _ in 0..STEPS {
        r += 1.0;
        let factor = x / r;
        d_term = factor * d_term - x / (r * r) * term;
        d_sum += d_term;
        term *= factor;
        sum += term;
        if d_term.abs() <= f64::EPSILON / 2.0 * f64::abs(d_sum) {
            break;
        }
    }
    (sum, d_sum)
}

/// A numerator and a denominator of a fraction, and their derivatives by a.
#[derive(Clone, Copy)]
struct Convergent {
    p: f64,
    q: f64,
    dp: f64,
    dq: f64,
}

impl Convergent {
    fn value(self) -> (f64, f64) {
        let value = self.p / self.q;
        (value, (self.dp - value * self.dq) / self.q)
    }
    fn scaled(self, by: f64) -> Convergent {
        Convergent {
            p: self.p * by,
            q: self.q * by,
            dp: self.dp * by,
            dq: self.dq * by,
        }
    }
}

/// The continued fraction of Γ(a, x) eˣ x⁻ᵃ, and its derivative by a.
fn upper_fraction(a: f64, x: f64) -> (f64, f64) {
    let (mut c, mut y) = (0.0, 1.0 - a);
    let mut z = x + y + 1.0;
    let mut before = Convergent {
        p: 1.0,
        q: x,
        dp: 0.0,
        dq: 0.0,
    };
    let mut last = Convergent {
        p: x + 1.0,
        q: z * x,
        dp: 0.0,
        dq: -x,
    };
    let mut best = last.value();
    for _ in 0..STEPS {
        c += 1.0;
        y += 1.0;
        z += 2.0;
        let weight = y * c;
        let next = Convergent {
            p: last.p * z - before.p * weight,
            q: last.q * z - before.q * weight,
            dp: last.dp * z - last.p - before.dp * weight + before.p * c,
            dq: last.dq * z - last.q - before.dq * weight + before.q * c,
        };
        if next.q != 0.0 {
            let value = next.value();
            let done = (value.1 - best.1).abs() <= f64::EPSILON / 2.0;
            best = value;
            if done {
                break;
            }
        }
        (before, last) = (last, next);
        if last.p.abs() > 1.0 / f64::EPSILON {
            before = before.scaled(f64::EPSILON);
            last = last.scaled(f64::EPSILON);
        }
    }
    best
}

impl<'g> Scope<'g> {
    /// How samples of gamma distributions move with the parameters that they were drawn with (op `RandomGammaGrad`),
    /// with broadcasting.
    #[track_caller]
    pub fn random_gamma_grad(
        self,
        alpha: impl Operand<'g>,
        sample: impl Operand<'g>,
    ) -> Output<'g> {
        self.op("RandomGammaGrad").input(alpha).input(sample).out()
    }
}
