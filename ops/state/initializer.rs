//! Initial values of variables, built with the nodes and names of TensorFlow's initializers.

use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{Operand, Output, Scope};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Where a variable's initial value comes from; see [`init`].
#[derive(Clone, Debug)]
pub struct Initializer {
    kind: Kind,
    seed: Option<i64>,
}

#[derive(Clone, Debug)]
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
    /// Glorot and Bengio 2010, He et al. 2015: the spread follows from the number of inputs and outputs.
    Scaled {
        scale: f64,
        mode: FanMode,
        uniform: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum FanMode {
    In,
    Average,
}

/// The initializers.
pub mod init {
    use super::{FanMode, Initializer, Kind};
    use crate::tensor::Tensor;

    fn of(kind: Kind) -> Initializer {
        Initializer { kind, seed: None }
    }
    /// Zeros.
    pub fn zeros() -> Initializer {
        of(Kind::Zeros)
    }
    /// Ones.
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
    /// Uniform in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010).
    pub fn glorot_uniform() -> Initializer {
        of(Kind::Scaled {
            scale: 1.0,
            mode: FanMode::Average,
            uniform: true,
        })
    }
    /// Truncated normal of variance 2 / inputs (He et al. 2015).
    pub fn he_normal() -> Initializer {
        of(Kind::Scaled {
            scale: 2.0,
            mode: FanMode::In,
            uniform: false,
        })
    }
}

impl Initializer {
    /// The op-level seed of a random initializer.
    pub fn seed(mut self, seed: i64) -> Initializer {
        self.seed = Some(seed);
        self
    }
    /// The mean of a normal initializer.
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
            Kind::Value(t) => s.named("Const").constant(t.clone()),
            Kind::Constant(v) => filled(s, "Const", shape, dtype, *v, false),
            Kind::Zeros => filled(s, "zeros", shape, dtype, 0.0, true),
            Kind::Ones => filled(s, "ones", shape, dtype, 1.0, true),
            Kind::Normal {
                mean,
                stddev,
                truncated,
            } => self.normal(s, shape, dtype, [*mean, *stddev], *truncated),
            Kind::Uniform { min, max } => self.uniform(s, shape, dtype, [*min, *max]),
            Kind::Scaled {
                scale,
                mode,
                uniform,
            } => {
                let (fan_in, fan_out) = fans(shape);
                let n = match mode {
                    FanMode::In => fan_in,
                    FanMode::Average => (fan_in + fan_out) / 2.0,
                };
                let variance = scale / n.max(1.0);
                if *uniform {
                    let limit = (3.0 * variance).sqrt();
                    self.uniform(s, shape, dtype, [-limit, limit])
                } else {
                    // The standard deviation of a normal that is cut off at two of its own.
                    let stddev = variance.sqrt() / 0.879_625_661_034_239_8;
                    self.normal(s, shape, dtype, [0.0, stddev], true)
                }
            }
        }
    }

    #[track_caller]
    fn normal<'g>(
        &self,
        s: Scope<'g>,
        shape: &Shape,
        dtype: DType,
        p: [f64; 2],
        truncated: bool,
    ) -> Output<'g> {
        let (name, op) = match truncated {
            true => ("truncated_normal", "TruncatedNormal"),
            false => ("random_normal", "RandomStandardNormal"),
        };
        let inner = s.scope(name);
        let dims = shape_tensor(inner.named("shape"), shape);
        let mean = p[0].operand(inner.named("mean"), Some(dtype));
        let stddev = p[1].operand(inner.named("stddev"), Some(dtype));
        let x = self.draw(inner, op, dims, dtype);
        let x = inner.op("Mul").input(x).input(stddev).name("mul").out();
        inner
            .op("AddV2")
            .input(x)
            .input(mean)
            .name(format!("{}/", inner.name()))
            .out()
    }

    #[track_caller]
    fn uniform<'g>(&self, s: Scope<'g>, shape: &Shape, dtype: DType, p: [f64; 2]) -> Output<'g> {
        let inner = s.scope("random_uniform");
        let dims = shape_tensor(inner.named("shape"), shape);
        let min = p[0].operand(inner.named("min"), Some(dtype));
        let max = p[1].operand(inner.named("max"), Some(dtype));
        let x = self.draw(inner, "RandomUniform", dims, dtype);
        let span = inner.op("Sub").input(max).input(min).name("sub").out();
        let x = inner.op("Mul").input(x).input(span).name("mul").out();
        inner
            .op("AddV2")
            .input(x)
            .input(min)
            .name(format!("{}/", inner.name()))
            .out()
    }

    #[track_caller]
    fn draw<'g>(
        &self,
        s: Scope<'g>,
        op: &'static str,
        dims: Output<'g>,
        dtype: DType,
    ) -> Output<'g> {
        let (seed, seed2) = s.graph().seeds(self.seed);
        s.op(op)
            .input(dims)
            .attr("dtype", dtype)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .out()
    }
}

/// A constant of one value; as TensorFlow's zeros and ones it becomes a Fill from a thousand elements on.
#[track_caller]
fn filled<'g>(
    s: Scope<'g>,
    name: &str,
    shape: &Shape,
    dtype: DType,
    value: f64,
    may_fill: bool,
) -> Output<'g> {
    let one = match scalar(value, dtype) {
        Ok(t) => t,
        Err(e) => {
            s.graph().fail(e.at_line(std::panic::Location::caller()));
            return Output::broken(s);
        }
    };
    if may_fill && shape.elements() >= 1000 {
        let inner = s.scope(name);
        let dims = shape_tensor(inner.named("shape_as_tensor"), shape);
        let one = inner.named("Const").constant(one);
        return s
            .op("Fill")
            .input(dims)
            .input(one)
            .name(format!("{}/", inner.name()))
            .out();
    }
    match repeat(&one, shape) {
        Ok(t) => s.named(name).constant(t),
        Err(e) => {
            s.graph().fail(e.at_line(std::panic::Location::caller()));
            Output::broken(s)
        }
    }
}

fn repeat(one: &Tensor, shape: &Shape) -> crate::Result<Tensor> {
    let bytes = one.bytes()?.to_vec();
    let mut t = Tensor::alloc(one.dtype(), shape.clone())?;
    for chunk in t.bytes_mut()?.chunks_exact_mut(bytes.len().max(1)) {
        chunk.copy_from_slice(&bytes);
    }
    Ok(t)
}

fn scalar(value: f64, dtype: DType) -> crate::Result<Tensor> {
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
                "a variable of type {d} needs an initial value"
            )));
        }
    })
}

#[track_caller]
fn shape_tensor<'g>(s: Scope<'g>, shape: &Shape) -> Output<'g> {
    let dims: Option<Vec<i32>> = shape
        .dims()
        .iter()
        .map(|d| i32::try_from(*d).ok())
        .collect();
    match dims {
        Some(d) => s.constant(d),
        None => s.constant(shape.dims_i64().to_vec()),
    }
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
