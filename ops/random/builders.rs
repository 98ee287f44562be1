//! Builders of random tensors with a given range, mean or deviation.

use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};
use crate::shape::Shape;
use crate::tensor::Tensor;

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

/// What a random builder takes for a shape: sizes, or a tensor of sizes.
pub trait ShapeOperand<'g> {
    /// The vector of sizes; a constant is made in `scope`.
    fn shape_operand(self, scope: Scope<'g>) -> Output<'g>;
}

impl<'g> ShapeOperand<'g> for Output<'g> {
    fn shape_operand(self, _: Scope<'g>) -> Output<'g> {
        self
    }
}
impl<'g> ShapeOperand<'g> for &[usize] {
    #[track_caller]
    fn shape_operand(self, scope: Scope<'g>) -> Output<'g> {
        let narrow: Option<Vec<i32>> = self.iter().map(|d| i32::try_from(*d).ok()).collect();
        scope.constant(match narrow {
            Some(sizes) => Tensor::from(sizes),
            None => Tensor::from(self.iter().map(|d| *d as i64).collect::<Vec<_>>()),
        })
    }
}
impl<'g, const N: usize> ShapeOperand<'g> for [usize; N] {
    #[track_caller]
    fn shape_operand(self, scope: Scope<'g>) -> Output<'g> {
        self[..].shape_operand(scope)
    }
}
impl<'g> ShapeOperand<'g> for &Shape {
    #[track_caller]
    fn shape_operand(self, scope: Scope<'g>) -> Output<'g> {
        self.dims().shape_operand(scope)
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
    pub fn random_uniform(
        self,
        shape: impl ShapeOperand<'g>,
        options: UniformOptions,
    ) -> Output<'g> {
        let UniformOptions {
            min,
            max,
            dtype,
            seed,
        } = options;
        let s = self.composite("random_uniform");
        let outside = self.unnamed();
        let shape = shape.shape_operand(s.named("shape"));
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
    pub fn random_normal(self, shape: impl ShapeOperand<'g>, options: NormalOptions) -> Output<'g> {
        self.normal("random_normal", "RandomStandardNormal", shape, options)
    }

    /// As [`Scope::random_normal`], where what lies more than two deviations from the mean is drawn again
    /// (op `TruncatedNormal`, scaled and shifted).
    #[track_caller]
    pub fn truncated_normal(
        self,
        shape: impl ShapeOperand<'g>,
        options: NormalOptions,
    ) -> Output<'g> {
        self.normal("truncated_normal", "TruncatedNormal", shape, options)
    }

    #[track_caller]
    fn normal(
        self,
        name: &str,
        op: &'g str,
        shape: impl ShapeOperand<'g>,
        options: NormalOptions,
    ) -> Output<'g> {
        let NormalOptions {
            mean,
            stddev,
            dtype,
            seed,
        } = options;
        let s = self.composite(name);
        let shape = shape.shape_operand(s.named("shape"));
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
