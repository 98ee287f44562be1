//! Builders of random tensors with a given range, mean or deviation.

use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};
use crate::ops::array::{Sizes, sizes_tensor};
use std::panic::Location;

/// What [`Scope::random_uniform`] draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UniformOptions {
    /// The smallest value.
    pub min: f64,
    /// The values are below this.
    pub max: f64,
    /// half, bfloat16, float, double, int32 or int64.
    pub dtype: DType,
    /// The op-level seed (see [`Graph::seeds`](crate::Graph::seeds)).
    pub seed: Option<i64>,
}

impl Default for UniformOptions {
    fn default() -> UniformOptions {
        UniformOptions {
            min: 0.0,
            max: 1.0,
            dtype: DType::F32,
            seed: None,
        }
    }
}

/// What [`Scope::random_normal`] and [`Scope::truncated_normal`] draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalOptions {
    /// The mean.
    pub mean: f64,
    /// The standard deviation (before the truncation, if any).
    pub stddev: f64,
    /// half, bfloat16, float or double.
    pub dtype: DType,
    /// The op-level seed (see [`Graph::seeds`](crate::Graph::seeds)).
    pub seed: Option<i64>,
}

impl Default for NormalOptions {
    fn default() -> NormalOptions {
        NormalOptions {
            mean: 0.0,
            stddev: 1.0,
            dtype: DType::F32,
            seed: None,
        }
    }
}

/// The shape input, named `shape` when it is a constant.
#[track_caller]
fn shape_input<'g>(s: Scope<'g>, sizes: impl Sizes<'g>) -> Output<'g> {
    match sizes.known() {
        Some(Ok(shape)) => s.named("shape").constant(sizes_tensor(&shape)),
        Some(Err(e)) => {
            let e = e.at_node(s.name(), "RandomUniform");
            s.graph().fail(e.at_line(Location::caller()));
            Output::broken(s)
        }
        None => sizes.vector(s),
    }
}

impl<'g> Scope<'g> {
    /// Numbers that are equally likely between `min` and `max` (ops `RandomUniform`, or `RandomUniformInt`).
    ///
    /// ```
    /// use tensorloom::{Graph, ops::random::UniformOptions};
    /// let g = Graph::new();
    /// let options = UniformOptions { min: -1.0, seed: Some(3), ..Default::default() };
    /// let x = g.root().random_uniform([2, 3], options);
    /// assert_eq!((x.name(), x.shape().to_string()), ("random_uniform:0".into(), "[2,3]".into()));
    /// ```
    #[track_caller]
    pub fn random_uniform(self, shape: impl Sizes<'g>, options: UniformOptions) -> Output<'g> {
        let UniformOptions {
            min,
            max,
            dtype,
            seed,
        } = options;
        let s = self.composite("random_uniform");
        let outside = self.unnamed();
        let shape = shape_input(s, shape);
        let number = |name: &str, v: f64| v.operand(s.named(name), Some(dtype));
        if dtype.is_integer() {
            let integer = |name: &str, v: f64| (v as i64).operand(s.named(name), Some(dtype));
            let (low, high) = (integer("min", min), integer("max", max));
            let (seed, seed2) = self.graph().seeds(seed);
            return s
                .op("RandomUniformInt")
                .name(format!("{}/", s.name()))
                .input(shape)
                .input(low)
                .input(high)
                .attr("seed", seed)
                .attr("seed2", seed2)
                .out()
                .in_scope(outside);
        }
        let is_unit = min == 0.0 && max == 1.0;
        let bounds = (!is_unit).then(|| (number("min", min), number("max", max)));
        let (seed, seed2) = self.graph().seeds(seed);
        let unit = s
            .op("RandomUniform")
            .input(shape)
            .attr("dtype", dtype)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .out();
        let Some((low, high)) = bounds else {
            return unit.in_scope(outside);
        };
        let scaled = if min == 0.0 {
            s.op("Mul").input(unit).input(high).out()
        } else {
            let range = s.op("Sub").name("sub").input(high).input(low).out();
            let scaled = s.op("Mul").name("mul").input(unit).input(range).out();
            s.op("AddV2")
                .name(format!("{}/", s.name()))
                .input(scaled)
                .input(low)
                .out()
        };
        scaled.in_scope(outside)
    }

    /// Normally distributed numbers (op `RandomStandardNormal`, scaled and shifted).
    #[track_caller]
    pub fn random_normal(self, shape: impl Sizes<'g>, options: NormalOptions) -> Output<'g> {
        self.normal("random_normal", "RandomStandardNormal", shape, options)
    }

    /// As [`Scope::random_normal`], where what lies more than two deviations from the mean is drawn again
    /// (op `TruncatedNormal`, scaled and shifted).
    #[track_caller]
    pub fn truncated_normal(self, shape: impl Sizes<'g>, options: NormalOptions) -> Output<'g> {
        self.normal("truncated_normal", "TruncatedNormal", shape, options)
    }

    #[track_caller]
    fn normal(
        self,
        name: &str,
        op: &'g str,
        shape: impl Sizes<'g>,
        options: NormalOptions,
    ) -> Output<'g> {
        let NormalOptions {
            mean,
            stddev,
            dtype,
            seed,
        } = options;
        let s = self.composite(name);
        let shape = shape_input(s, shape);
        let number = |name: &str, v: f64| v.operand(s.named(name), Some(dtype));
        let (mean, stddev) = (number("mean", mean), number("stddev", stddev));
        let (seed, seed2) = self.graph().seeds(seed);
        let unit = s
            .op(op)
            .input(shape)
            .attr("dtype", dtype)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .out();
        let scaled = s.op("Mul").name("mul").input(unit).input(stddev).out();
        s.op("AddV2")
            .name(format!("{}/", s.name()))
            .input(scaled)
            .input(mean)
            .out()
            .in_scope(self.unnamed())
    }
}
