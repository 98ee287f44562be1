//! `moments`, `zero_fraction` and `dropout`: builders that are composed of other ops, as TensorFlow does it.

use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{Operand, Output, Scope};
use crate::ops::array::number;
use crate::ops::math::KeepDims;
use crate::ops::random::UniformOptions;
use std::panic::Location;

/// How [`Scope::dropout`] drops.
#[derive(Clone, Copy, Debug, Default)]
pub struct DropoutOptions<'g> {
    /// The shape of the random decisions, an int32 vector that broadcasts to that of the input: what they have
    /// in common is kept or dropped together. `None`: each element by itself.
    pub noise_shape: Option<Output<'g>>,
    /// The op-level seed (see [`Graph::seeds`](crate::Graph::seeds)).
    pub seed: Option<i64>,
}

impl<'g> Scope<'g> {
    /// Mean and variance over these axes, which are then gone, or kept with size 1. Halves are computed in float.
    #[track_caller]
    pub fn moments(
        self,
        x: impl Operand<'g>,
        axes: &[i32],
        keep_dims: KeepDims,
    ) -> [Output<'g>; 2] {
        let plain = self.unnamed();
        let x = x.operand(plain, None);
        let s = self.composite("moments");
        let half = x.is_valid() && matches!(x.dtype(), DType::F16 | DType::BF16);
        let y = if half { s.cast(x, DType::F32) } else { x };
        let mean = s.named("mean").mean(y, axes, KeepDims::Yes);
        let centre = s.stop_gradient(mean);
        let squares = s.squared_difference(y, centre);
        let variance = s.named("variance").mean(squares, axes, KeepDims::Yes);
        let finish = |v: Output<'g>| {
            let v = match keep_dims {
                KeepDims::Yes => v,
                KeepDims::No => {
                    let axes: Vec<i64> = axes.iter().map(|a| i64::from(*a)).collect();
                    s.squeeze(v, &axes)
                }
            };
            let v = if half { s.cast(v, x.dtype()) } else { v };
            v.in_scope(plain)
        };
        [finish(mean), finish(variance)]
    }

    /// The fraction of zeros among the elements of `x`, a float scalar.
    #[track_caller]
    pub fn zero_fraction(self, x: impl Operand<'g>) -> Output<'g> {
        let plain = self.unnamed();
        let x = x.operand(plain, None);
        let s = self.composite("zero_fraction");
        let zero = match number(x.dtype(), 0) {
            Ok(zero) => s.named("zero").constant(zero),
            Err(e) => {
                self.graph()
                    .fail(e.at_node(s.name(), "Equal").at_line(Location::caller()));
                return Output::broken(plain);
            }
        };
        let equal = s.equal(x, zero);
        s.cast(equal, DType::F32).in_scope(s).mean().in_scope(plain)
    }

    /// Each element of `x` becomes 0 with probability `1 − keep_prob`; the others grow by `1 / keep_prob`, so
    /// that the mean stays.
    #[track_caller]
    pub fn dropout(
        self,
        x: impl Operand<'g>,
        keep_prob: f32,
        options: DropoutOptions<'g>,
    ) -> Output<'g> {
        let plain = self.unnamed();
        let x = x.operand(plain, None);
        let rate = 1.0 - f64::from(keep_prob);
        if !(keep_prob > 0.0 && keep_prob <= 1.0) || x.is_valid() && !x.dtype().is_floating() {
            let e = Error::invalid_argument(format!(
                "dropout needs floating-point elements and a keep_prob in (0, 1], got {} and {keep_prob}",
                x.dtype()
            ));
            self.graph()
                .fail(e.at_node("dropout", "Mul").at_line(Location::caller()));
            return Output::broken(plain);
        }
        if keep_prob == 1.0 {
            return x;
        }
        let s = self.composite("dropout");
        let dtype = x.dtype();
        let scale = (1.0 / f64::from(keep_prob)).operand(s.unnamed(), Some(dtype));
        let grown = s.op("Mul").input(x).input(scale).out();
        let shape = options.noise_shape.unwrap_or_else(|| s.shape(x));
        let uniform = s.random_uniform(
            shape,
            UniformOptions {
                dtype,
                seed: options.seed,
                ..Default::default()
            },
        );
        let keep = s.op("GreaterEqual").input(uniform).input_as(rate, 0).out();
        let zero = 0.0f32.operand(s.unnamed(), Some(dtype));
        let select = s.op("SelectV2").input(keep).input(grown).input(zero);
        let kept = select.out().in_scope(plain);
        kept.with_shape(x.shape())
    }
}

impl<'g> Output<'g> {
    /// The fraction of zeros among the elements, a float scalar (see [`Scope::zero_fraction`]).
    #[track_caller]
    pub fn zero_fraction(self) -> Output<'g> {
        self.scope().zero_fraction(self)
    }
    /// Drops elements at random (see [`Scope::dropout`]).
    #[track_caller]
    pub fn dropout(self, keep_prob: f32, options: DropoutOptions<'g>) -> Output<'g> {
        self.scope().dropout(self, keep_prob, options)
    }
}
