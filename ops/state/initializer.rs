//! Initial values of variables, built with the nodes and names of TensorFlow's initializers.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Output, Scope};
use crate::ops::random::{NormalOptions, UniformOptions};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Where a variable's initial value comes from; see [`init`].
#[derive(Clone, Debug)]
pub struct Initializer {
    kind: Kind,
    seed: Option<i64>,
}

/// Builds an initial value in a scope, of that shape and type.
type Build = dyn for<'g> Fn(Scope<'g>, &Shape, DType) -> Output<'g> + Send + Sync;

#[derive(Clone)]
enum Kind {
    Zeros,
    Ones,
    Constant(f64),
    Value(Tensor),
    Normal {
        mean: f64,
        stddev: f64,
        truncated: bool,
    },
    Uniform {
        min: f64,
        max: f64,
    },
    Scaled(VarianceScaling),
    By(Arc<Build>),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Zeros => f.write_str("zeros"),
            Kind::Ones => f.write_str("ones"),
            Kind::Constant(v) => write!(f, "constant({v})"),
            Kind::Value(t) => write!(f, "value of shape {}", t.shape()),
            Kind::Normal { mean, stddev, .. } => write!(f, "normal({mean}, {stddev})"),
            Kind::Uniform { min, max } => write!(f, "uniform({min}, {max})"),
            Kind::Scaled(s) => write!(f, "{s:?}"),
            Kind::By(_) => f.write_str("a function"),
        }
    }
}

/// What the spread of [`VarianceScaling`] follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// The number of inputs of a unit.
    In,
    /// The number of its outputs.
    Out,
    /// The mean of both.
    Average,
}

/// The distribution of [`VarianceScaling`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Normal, cut off at two standard deviations.
    TruncatedNormal,
    /// Normal.
    Normal,
    /// Uniform.
    Uniform,
}

/// Values of variance `scale` / fan, as Glorot and Bengio 2010 and He et al. 2015 propose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VarianceScaling {
    /// The factor.
    pub scale: f64,
    /// What it is divided by.
    pub fan: Fan,
    /// The distribution.
    pub spread: Spread,
}

/// The initializers.
pub mod init {
    use super::{Fan, Initializer, Kind, Spread, VarianceScaling};
    use crate::dtype::DType;
    use crate::graph::{Output, Scope};
    use crate::shape::Shape;
    use crate::tensor::Tensor;
    use std::sync::Arc;

    fn of(kind: Kind) -> Initializer {
        Initializer { kind, seed: None }
    }
    /// Zeros (false, empty strings).
    pub fn zeros() -> Initializer {
        of(Kind::Zeros)
    }
    /// Ones (true).
    pub fn ones() -> Initializer {
        of(Kind::Ones)
    }
    /// One value for all elements.
    pub fn constant(value: f64) -> Initializer {
        of(Kind::Constant(value))
    }
    /// A given tensor.
    pub fn value(value: impl Into<Tensor>) -> Initializer {
        of(Kind::Value(value.into()))
    }
    /// Normal with mean 0, values beyond two standard deviations drawn again.
    pub fn truncated_normal(stddev: f64) -> Initializer {
        of(Kind::Normal {
            mean: 0.0,
            stddev,
            truncated: true,
        })
    }
    /// Normal with mean 0.
    pub fn random_normal(stddev: f64) -> Initializer {
        of(Kind::Normal {
            mean: 0.0,
            stddev,
            truncated: false,
        })
    }
    /// Uniform in `[min, max)`.
    pub fn random_uniform(min: f64, max: f64) -> Initializer {
        of(Kind::Uniform { min, max })
    }
    /// Values whose variance follows from the number of inputs and outputs.
    pub fn variance_scaling(scaling: VarianceScaling) -> Initializer {
        of(Kind::Scaled(scaling))
    }
    fn scaled(scale: f64, fan: Fan, spread: Spread) -> Initializer {
        variance_scaling(VarianceScaling { scale, fan, spread })
    }
    /// Uniform in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010; also known as Xavier).
    pub fn glorot_uniform() -> Initializer {
        scaled(1.0, Fan::Average, Spread::Uniform)
    }
    /// Truncated normal of variance 2 / (inputs + outputs).
    pub fn glorot_normal() -> Initializer {
        scaled(1.0, Fan::Average, Spread::TruncatedNormal)
    }
    /// Another name of [`glorot_uniform`].
    pub fn xavier() -> Initializer {
        glorot_uniform()
    }
    /// Uniform of variance 2 / inputs (He et al. 2015).
    pub fn he_uniform() -> Initializer {
        scaled(2.0, Fan::In, Spread::Uniform)
    }
    /// Truncated normal of variance 2 / inputs (He et al. 2015).
    pub fn he_normal() -> Initializer {
        scaled(2.0, Fan::In, Spread::TruncatedNormal)
    }
    /// Uniform of variance 1 / inputs (LeCun et al. 1998).
    pub fn lecun_uniform() -> Initializer {
        scaled(1.0, Fan::In, Spread::Uniform)
    }
    /// Truncated normal of variance 1 / inputs (LeCun et al. 1998).
    pub fn lecun_normal() -> Initializer {
        scaled(1.0, Fan::In, Spread::TruncatedNormal)
    }
    /// What a function builds.
    pub fn from_fn(
        build: impl for<'g> Fn(Scope<'g>, &Shape, DType) -> Output<'g> + Send + Sync + 'static,
    ) -> Initializer {
        of(Kind::By(Arc::new(build)))
    }
}

impl Initializer {
    /// The op-level seed of a random initializer.
    pub fn seed(mut self, seed: i64) -> Initializer {
        self.seed = Some(seed);
        self
    }
    /// The mean of a normal initializer; others stay as they are.
    pub fn mean(mut self, value: f64) -> Initializer {
        if let Kind::Normal { mean, .. } = &mut self.kind {
            *mean = value;
        }
        self
    }
    /// The shape that the initializer itself determines.
    pub(super) fn shape(&self) -> Option<&Shape> {
        match &self.kind {
            Kind::Value(t) => Some(t.shape()),
            _ => None,
        }
    }

    /// Builds the value in a scope.
    #[track_caller]
    pub(super) fn build<'g>(&self, s: Scope<'g>, shape: &Shape, dtype: DType) -> Output<'g> {
        match &self.kind {
            Kind::Value(t) => s.constant(t.clone()),
            Kind::Constant(v) => match repeated(*v, shape, dtype) {
                Ok(t) => s.constant(t),
                Err(e) => {
                    let e = e.at_node(format!("{}/Const", s.name()), "Const");
                    s.graph().fail(e.at_line(Location::caller()));
                    Output::broken(s)
                }
            },
            Kind::Zeros => s.zeros(shape, dtype),
            Kind::Ones => s.ones(shape, dtype),
            Kind::Normal {
                mean,
                stddev,
                truncated,
            } => self.normal(s, shape, dtype, [*mean, *stddev], *truncated),
            Kind::Uniform { min, max } => self.uniform(s, shape, dtype, [*min, *max]),
            Kind::Scaled(scaling) => {
                let (fan_in, fan_out) = fans(shape);
                let n = match scaling.fan {
                    Fan::In => fan_in,
                    Fan::Out => fan_out,
                    Fan::Average => (fan_in + fan_out) / 2.0,
                };
                let variance = scaling.scale / n.max(1.0);
                // The deviation of a normal that is cut off at two of its own.
                const CUT: f64 = 0.879_625_661_034_239_8;
                match scaling.spread {
                    Spread::Uniform => {
                        let limit = (3.0 * variance).sqrt();
                        self.uniform(s, shape, dtype, [-limit, limit])
                    }
                    Spread::Normal => self.normal(s, shape, dtype, [0.0, variance.sqrt()], false),
                    Spread::TruncatedNormal => {
                        self.normal(s, shape, dtype, [0.0, variance.sqrt() / CUT], true)
                    }
                }
            }
            Kind::By(build) => build(s, shape, dtype),
        }
    }

    #[track_caller]
    fn normal<'g>(
        &self,
        s: Scope<'g>,
        shape: &Shape,
        dtype: DType,
        [mean, stddev]: [f64; 2],
        truncated: bool,
    ) -> Output<'g> {
        let options = NormalOptions {
            mean,
            stddev,
            dtype,
            seed: self.seed,
        };
        if truncated {
            s.truncated_normal(shape, options)
        } else {
            s.random_normal(shape, options)
        }
    }

    #[track_caller]
    fn uniform<'g>(
        &self,
        s: Scope<'g>,
        shape: &Shape,
        dtype: DType,
        [min, max]: [f64; 2],
    ) -> Output<'g> {
        let options = UniformOptions {
            min,
            max,
            dtype,
            seed: self.seed,
        };
        s.random_uniform(shape, options)
    }
}

/// A tensor of one repeated value.
fn repeated(value: f64, shape: &Shape, dtype: DType) -> Result<Tensor> {
    let one = scalar(value, dtype)?;
    let one = one.bytes()?;
    let mut t = Tensor::alloc(dtype, shape.clone())?;
    for element in t.bytes_mut()?.chunks_exact_mut(one.len().max(1)) {
        element.copy_from_slice(one);
    }
    Ok(t)
}

fn scalar(value: f64, dtype: DType) -> Result<Tensor> {
    Ok(match dtype {
        DType::F32 => Tensor::from(value as f32),
        DType::F64 => Tensor::from(value),
        DType::F16 => Tensor::from(half::f16::from_f64(value)),
        DType::BF16 => Tensor::from(half::bf16::from_f64(value)),
        DType::I8 => Tensor::from(value as i8),
        DType::I16 => Tensor::from(value as i16),
        DType::I32 => Tensor::from(value as i32),
        DType::I64 => Tensor::from(value as i64),
        DType::U8 => Tensor::from(value as u8),
        DType::U16 => Tensor::from(value as u16),
        DType::U32 => Tensor::from(value as u32),
        DType::U64 => Tensor::from(value as u64),
        DType::Bool => Tensor::from(value != 0.0),
        DType::C64 => Tensor::from(num_complex::Complex::new(value as f32, 0.0)),
        DType::C128 => Tensor::from(num_complex::Complex::new(value, 0.0)),
        d => {
            return Err(Error::invalid_argument(format!(
                "there is no constant of type {d}"
            )));
        }
    })
}

/// How many inputs and outputs a unit has, by the shape of its weights.
fn fans(shape: &Shape) -> (f64, f64) {
    match shape.dims() {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [rest @ .., i, o] => {
            let field: f64 = rest.iter().map(|d| *d as f64).product();
            (field * *i as f64, field * *o as f64)
        }
    }
}
