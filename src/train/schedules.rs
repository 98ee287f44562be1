//! Learning rates that follow the global step, with the nodes and names of TensorFlow 1.

use super::optimizer::Rate;
use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};

/// How a learning rate decays with the step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    /// The steps in which the rate decays by `rate`.
    pub steps: i64,
    /// The factor, or the speed.
    pub rate: f64,
    /// Whether it falls in stairs: only whole multiples of `steps` count.
    pub staircase: bool,
}

/// How a learning rate goes down to an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialDecay {
    /// The step at which the end is reached.
    pub steps: i64,
    /// The rate at the end.
    pub end: f64,
    /// The power of the polynomial: 1 is a straight line.
    pub power: f64,
    /// Whether to begin again, with a multiple of `steps`, when the end is reached.
    pub cycle: bool,
}

impl Default for PolynomialDecay {
    /// A straight line down to 0.0001 in 10,000 steps.
    fn default() -> PolynomialDecay {
        PolynomialDecay {
            steps: 10_000,
            end: 1e-4,
            power: 1.0,
            cycle: false,
        }
    }
}

/// A schedule under construction: its scope, the initial rate, the step in the rate's type.
struct Parts<'g> {
    s: Scope<'g>,
    outside: Scope<'g>,
    rate: Output<'g>,
}

impl<'g> Parts<'g> {
    #[track_caller]
    fn begin(scope: Scope<'g>, name: &str, rate: Rate<'g>) -> Parts<'g> {
        let s = scope.composite(name);
        let rate = rate.operand(s.named("initial_learning_rate"), None);
        Parts {
            s,
            outside: scope.unnamed(),
            rate,
        }
    }
    fn dtype(&self) -> DType {
        self.rate.dtype()
    }
    /// A whole number, cast to the type of the rate.
    #[track_caller]
    fn whole(&self, v: i64) -> Output<'g> {
        let builder = self.s.op("Cast").attr("DstT", self.dtype());
        match i32::try_from(v) {
            Ok(v) => builder.input(v).out(),
            Err(_) => builder.input(v).out(),
        }
    }
    /// A number of the type of the rate, in the place where TensorFlow casts it.
    #[track_caller]
    fn number(&self, v: f64) -> Output<'g> {
        let inner = self.s.scope("Cast");
        v.operand(inner.named("x"), Some(self.dtype()))
    }
    #[track_caller]
    fn step(&self, step: Output<'g>) -> Output<'g> {
        self.s.cast(step, self.dtype())
    }
    #[track_caller]
    fn two(&self, op: &'g str, name: &'g str, x: Output<'g>, y: Output<'g>) -> Output<'g> {
        self.s.op(op).default_name(name).input(x).input(y).out()
    }
    /// Steps over the steps of the decay, rounded down for stairs.
    #[track_caller]
    fn exponent(&self, step: Output<'g>, steps: Output<'g>, staircase: bool) -> Output<'g> {
        let p = self.two("RealDiv", "truediv", step, steps);
        match staircase {
            true => self.s.op("Floor").input(p).out(),
            false => p,
        }
    }
    #[track_caller]
    fn result(&self, op: &'g str, x: Output<'g>, y: Output<'g>) -> Output<'g> {
        let out = self.s.result_op(op).input(x).input(y).out();
        out.in_scope(self.outside)
    }
}

impl<'g> Scope<'g> {
    /// `rate · decay.rate ^ (step / decay.steps)` (TensorFlow's `exponential_decay`).
    ///
    /// ```
    /// use tensorloom::{Graph, train::Decay};
    /// let g = Graph::new();
    /// let step = g.get_or_create_global_step();
    /// let decay = Decay { steps: 1000, rate: 0.1, staircase: true };
    /// let rate = g.root().exponential_decay(0.5, step.value(), &decay);
    /// assert_eq!(rate.name(), "ExponentialDecay:0");
    /// ```
    #[track_caller]
    pub fn exponential_decay(
        self,
        rate: impl Into<Rate<'g>>,
        step: Output<'g>,
        decay: &Decay,
    ) -> Output<'g> {
        let p = Parts::begin(self, "ExponentialDecay", rate.into());
        let (steps, base) = (p.whole(decay.steps), p.number(decay.rate));
        let exponent = p.exponent(p.step(step), steps, decay.staircase);
        let factor = p.two("Pow", "Pow", base, exponent);
        p.result("Mul", p.rate, factor)
    }

    /// `rate · exp(−decay.rate · step / decay.steps)` (TensorFlow's `natural_exp_decay`).
    #[track_caller]
    pub fn natural_exp_decay(
        self,
        rate: impl Into<Rate<'g>>,
        step: Output<'g>,
        decay: &Decay,
    ) -> Output<'g> {
        let named = self.op_name();
        let bare = self.unnamed();
        let speed = bare.op("Neg").input_like(decay.rate, DType::F32).out();
        let base = bare.op("Exp").input(speed).out();
        let s = named.map_or(bare, |n| bare.named(&n));
        let p = Parts::begin(s, "ExponentialDecay", rate.into());
        let steps = p.whole(decay.steps);
        let base = p.s.cast(base, p.dtype());
        let exponent = p.exponent(p.step(step), steps, decay.staircase);
        let factor = p.two("Pow", "Pow", base, exponent);
        p.result("Mul", p.rate, factor)
    }

    /// `rate / (1 + decay.rate · step / decay.steps)` (TensorFlow's `inverse_time_decay`).
    #[track_caller]
    pub fn inverse_time_decay(
        self,
        rate: impl Into<Rate<'g>>,
        step: Output<'g>,
        decay: &Decay,
    ) -> Output<'g> {
        let p = Parts::begin(self, "InverseTimeDecay", rate.into());
        let (steps, speed) = (p.whole(decay.steps), p.number(decay.rate));
        let progress = p.exponent(p.step(step), steps, decay.staircase);
        let one = p.s.constant(1i32);
        let one = p.s.cast(one, p.dtype());
        let part = p.two("Mul", "Mul", speed, progress);
        let sum = p.two("AddV2", "Add", one, part);
        p.result("RealDiv", p.rate, sum)
    }

    /// `(rate − end) · (1 − step / steps) ^ power + end` until `steps` (TensorFlow's `polynomial_decay`).
    #[track_caller]
    pub fn polynomial_decay(
        self,
        rate: impl Into<Rate<'g>>,
        step: Output<'g>,
        decay: &PolynomialDecay,
    ) -> Output<'g> {
        let p = Parts::begin(self, "PolynomialDecay", rate.into());
        let s = p.s;
        let (end, power) = (p.number(decay.end), p.number(decay.power));
        let step = p.step(step);
        let steps = p.whole(decay.steps);
        let dtype = p.dtype();
        let (step, steps) = if decay.cycle {
            let at_zero = s.op("Equal").input(step).input_like(0.0, dtype).out();
            let cycles = s
                .op("RealDiv")
                .default_name("truediv")
                .input(step)
                .input_like(decay.steps as f64, dtype)
                .out();
            let cycles = s.op("Ceil").input(cycles).out();
            let cycles = s
                .op("SelectV2")
                .input(at_zero)
                .input_like(1.0, dtype)
                .input(cycles)
                .out();
            (step, p.two("Mul", "Mul", steps, cycles))
        } else {
            (p.two("Minimum", "Minimum", step, steps), steps)
        };
        let progress = p.two("RealDiv", "truediv", step, steps);
        let span = p.two("Sub", "sub", p.rate, end);
        let rest = s
            .op("Sub")
            .default_name("sub")
            .input_like(1.0, dtype)
            .input(progress)
            .out();
        let factor = p.two("Pow", "Pow", rest, power);
        let part = p.two("Mul", "Mul", span, factor);
        p.result("AddV2", part, end)
    }

    /// Half a cosine from `rate` down to `alpha · rate` in `steps` (TensorFlow's `cosine_decay`).
    #[track_caller]
    pub fn cosine_decay(
        self,
        rate: impl Into<Rate<'g>>,
        step: Output<'g>,
        steps: i64,
        alpha: f64,
    ) -> Output<'g> {
        let p = Parts::begin(self, "CosineDecay", rate.into());
        let (s, dtype) = (p.s, p.dtype());
        let steps = p.whole(steps);
        let step = p.two("Minimum", "Minimum", p.step(step), steps);
        let progress = p.two("RealDiv", "truediv", step, steps);
        let pi = std::f64::consts::PI.operand(s.named("Const"), Some(dtype));
        let angle = p.two("Mul", "mul", pi, progress);
        let cos = s.op("Cos").input(angle).out();
        let plus = |x: Output<'g>| {
            let b = s.op("AddV2").default_name("add");
            b.input_like(1.0, dtype).input(x).out()
        };
        let scale = |v: f64, x: Output<'g>| {
            let b = s.op("Mul").default_name("mul");
            b.input_like(v, dtype).input(x).out()
        };
        let decayed = scale(1.0 - alpha, scale(0.5, plus(cos)));
        let b = s.op("AddV2").default_name("add").input(decayed);
        let decayed = b.input_like(alpha, dtype).out();
        p.two("Mul", "Mul", p.rate, decayed).in_scope(p.outside)
    }

    /// `values[i]` while `boundaries[i − 1] < step ≤ boundaries[i]` (TensorFlow's `piecewise_constant`).
    ///
    /// The values are picked by the number of boundaries that the step has passed.
    #[track_caller]
    pub fn piecewise_constant(
        self,
        step: Output<'g>,
        boundaries: &[i64],
        values: &[f32],
    ) -> Output<'g> {
        let s = self.composite("PiecewiseConstant");
        if values.len() != boundaries.len() + 1 {
            let e = crate::Error::invalid_argument(
                "The length of boundaries should be 1 less than the length of values",
            );
            let e = e.at_node(s.name(), "GatherV2");
            self.graph().fail(e.at_line(std::panic::Location::caller()));
            return Output::broken(self);
        }
        let step = s.cast(step, DType::I64);
        let limits = s.named("boundaries").constant(boundaries.to_vec());
        let passed = s.op("Greater").input(step).input(limits).out();
        let passed = s.op("Cast").input(passed).attr("DstT", DType::I32).out();
        let count = s.op("Sum").input(passed).input([0i32]).out();
        let values = s.named("values").constant(values.to_vec());
        let out = s.result_op("GatherV2").input(values).input(count);
        out.input(0i32).out().in_scope(self.unnamed())
    }
}
