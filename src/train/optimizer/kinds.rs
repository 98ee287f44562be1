//! The optimizers but for Adam: their options, slots and update ops.

use super::Optimizer;
use super::rule::{Arg, Common, Number, Plan, Rate, Rule, Slot, Sparse};
use crate::graph::{Operand, Output, Scope};
use crate::ops::state::init;

const fn slot(name: &'static str) -> Slot {
    Slot { name }
}
const LR: Arg = Arg::Number("learning_rate");
const L1: Arg = Arg::Number("l1_regularization_strength");
const L2: Arg = Arg::Number("l2_regularization_strength");

fn number<'g>(v: f64) -> Number<'g> {
    Number::Given(v.into())
}

/// Plain gradient descent (TensorFlow's `GradientDescentOptimizer`).
#[derive(Clone, Debug)]
pub struct GradientDescent<'g> {
    /// Name and locking.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
}

impl<'g> GradientDescent<'g> {
    /// Gradient descent with this learning rate.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> GradientDescent<'g> {
        GradientDescent {
            common: Common::named("GradientDescent"),
            learning_rate: learning_rate.into(),
        }
    }
}

impl<'g> Optimizer<'g> for GradientDescent<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        static RULE: Rule = Rule {
            slots: &[],
            dense: ("ApplyGradientDescent", &[Arg::Var, LR, Arg::Grad]),
            sparse: Sparse::Scatter,
            powers: &[],
        };
        Plan {
            rule: &RULE,
            numbers: vec![("learning_rate", Number::Given(self.learning_rate))],
            slots: Vec::new(),
            flags: Vec::new(),
        }
    }
}

/// Gradient descent with momentum (TensorFlow's `MomentumOptimizer`).
#[derive(Clone, Debug)]
pub struct Momentum<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// How much of the last step goes into the next one.
    pub momentum: Rate<'g>,
    /// Whether to look ahead, as Nesterov does.
    pub use_nesterov: bool,
}

impl<'g> Momentum<'g> {
    /// Plain momentum.
    pub fn new(learning_rate: impl Into<Rate<'g>>, momentum: impl Into<Rate<'g>>) -> Momentum<'g> {
        Momentum {
            common: Common::named("Momentum"),
            learning_rate: learning_rate.into(),
            momentum: momentum.into(),
            use_nesterov: false,
        }
    }
}

impl<'g> Optimizer<'g> for Momentum<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        const MOMENTUM: Arg = Arg::Number("momentum");
        static RULE: Rule = Rule {
            slots: &[slot("momentum")],
            dense: (
                "ApplyMomentum",
                &[Arg::Var, Arg::Slot(0), LR, Arg::Grad, MOMENTUM],
            ),
            sparse: Sparse::Op(
                "SparseApplyMomentum",
                &[
                    Arg::Var,
                    Arg::Slot(0),
                    LR,
                    Arg::Grad,
                    Arg::Indices,
                    MOMENTUM,
                ],
            ),
            powers: &[],
        };
        Plan {
            rule: &RULE,
            numbers: vec![
                ("learning_rate", Number::Given(self.learning_rate)),
                ("momentum", Number::Given(self.momentum)),
            ],
            slots: vec![init::zeros()],
            flags: vec![("use_nesterov", self.use_nesterov)],
        }
    }
}

/// Steps scaled by the sum of all squared gradients (Duchi et al. 2011; TensorFlow's `AdagradOptimizer`).
#[derive(Clone, Debug)]
pub struct Adagrad<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// What the sums begin with; positive.
    pub initial_accumulator_value: f64,
}

impl<'g> Adagrad<'g> {
    /// Adagrad whose sums begin with 0.1.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> Adagrad<'g> {
        Adagrad {
            common: Common::named("Adagrad"),
            learning_rate: learning_rate.into(),
            initial_accumulator_value: 0.1,
        }
    }
}

impl<'g> Optimizer<'g> for Adagrad<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        static RULE: Rule = Rule {
            slots: &[slot("accumulator")],
            dense: ("ApplyAdagrad", &[Arg::Var, Arg::Slot(0), LR, Arg::Grad]),
            sparse: Sparse::Op(
                "SparseApplyAdagrad",
                &[Arg::Var, Arg::Slot(0), LR, Arg::Grad, Arg::Indices],
            ),
            powers: &[],
        };
        Plan {
            rule: &RULE,
            numbers: vec![("learning_rate", Number::Given(self.learning_rate))],
            slots: vec![init::constant(self.initial_accumulator_value)],
            flags: Vec::new(),
        }
    }
}

/// Steps in the ratio of past updates to past gradients (Zeiler 2012; TensorFlow's `AdadeltaOptimizer`).
#[derive(Clone, Debug)]
pub struct Adadelta<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// How slowly the means change.
    pub rho: f64,
    /// Added under the square roots.
    pub epsilon: f64,
}

impl<'g> Adadelta<'g> {
    /// Adadelta with ρ = 0.95, ε = 1e-8.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> Adadelta<'g> {
        Adadelta {
            common: Common::named("Adadelta"),
            learning_rate: learning_rate.into(),
            rho: 0.95,
            epsilon: 1e-8,
        }
    }
}

impl<'g> Optimizer<'g> for Adadelta<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        const NUMBERS: [Arg; 3] = [
            Arg::Number("lr"),
            Arg::Number("rho"),
            Arg::Number("epsilon"),
        ];
        const DENSE: &[Arg] = &[
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            NUMBERS[0],
            NUMBERS[1],
            NUMBERS[2],
            Arg::Grad,
        ];
        static RULE: Rule = Rule {
            slots: &[slot("accum"), slot("accum_update")],
            dense: ("ApplyAdadelta", DENSE),
            sparse: Sparse::Op(
                "SparseApplyAdadelta",
                &[
                    Arg::Var,
                    Arg::Slot(0),
                    Arg::Slot(1),
                    NUMBERS[0],
                    NUMBERS[1],
                    NUMBERS[2],
                    Arg::Grad,
                    Arg::Indices,
                ],
            ),
            powers: &[],
        };
        Plan {
            rule: &RULE,
            numbers: vec![
                ("lr", Number::Given(self.learning_rate)),
                ("rho", number(self.rho)),
                ("epsilon", number(self.epsilon)),
            ],
            slots: vec![init::zeros(), init::zeros()],
            flags: Vec::new(),
        }
    }
}

/// Steps scaled by a running mean square of the gradient (TensorFlow's `RMSPropOptimizer`).
#[derive(Clone, Debug)]
pub struct RmsProp<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// How slowly the mean changes.
    pub decay: f64,
    /// How much of the last step goes into the next one.
    pub momentum: f64,
    /// Added under the square root.
    pub epsilon: f64,
    /// Whether to subtract the squared mean, which leaves the variance.
    pub centered: bool,
}

impl<'g> RmsProp<'g> {
    /// RMSProp with decay 0.9, no momentum, ε = 1e-10.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> RmsProp<'g> {
        RmsProp {
            common: Common::named("RMSProp"),
            learning_rate: learning_rate.into(),
            decay: 0.9,
            momentum: 0.0,
            epsilon: 1e-10,
            centered: false,
        }
    }
}

impl<'g> Optimizer<'g> for RmsProp<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        const NUMBERS: [Arg; 3] = [
            Arg::Number("decay"),
            Arg::Number("momentum"),
            Arg::Number("epsilon"),
        ];
        const PLAIN: [Arg; 9] = [
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            LR,
            NUMBERS[0],
            NUMBERS[1],
            NUMBERS[2],
            Arg::Grad,
            Arg::Indices,
        ];
        // The op takes the mean before the mean square.
        const CENTERED: [Arg; 10] = [
            Arg::Var,
            Arg::Slot(1),
            Arg::Slot(0),
            Arg::Slot(2),
            LR,
            NUMBERS[0],
            NUMBERS[1],
            NUMBERS[2],
            Arg::Grad,
            Arg::Indices,
        ];
        static RULE: Rule = Rule {
            slots: &[slot("rms"), slot("momentum")],
            dense: ("ApplyRMSProp", PLAIN.split_at(8).0),
            sparse: Sparse::Op("SparseApplyRMSProp", &PLAIN),
            powers: &[],
        };
        static CENTERED_RULE: Rule = Rule {
            slots: &[slot("rms"), slot("mg"), slot("momentum")],
            dense: ("ApplyCenteredRMSProp", CENTERED.split_at(9).0),
            sparse: Sparse::Op("SparseApplyCenteredRMSProp", &CENTERED),
            powers: &[],
        };
        let mut slots = vec![init::ones(), init::zeros()];
        if self.centered {
            slots.push(init::zeros());
        }
        Plan {
            rule: if self.centered { &CENTERED_RULE } else { &RULE },
            numbers: vec![
                ("learning_rate", Number::Given(self.learning_rate)),
                ("decay", number(self.decay)),
                ("momentum", number(self.momentum)),
                ("epsilon", number(self.epsilon)),
            ],
            slots,
            flags: Vec::new(),
        }
    }
}

/// Follow the regularized leader (McMahan et al. 2013; TensorFlow's `FtrlOptimizer`).
#[derive(Clone, Debug)]
pub struct Ftrl<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// How the learning rate falls with the accumulated squares; at most 0.
    pub learning_rate_power: f64,
    /// What the sums of squares begin with.
    pub initial_accumulator_value: f64,
    /// Pulls small weights to zero.
    pub l1_regularization_strength: f64,
    /// Keeps weights small.
    pub l2_regularization_strength: f64,
    /// Keeps weights small through the gradient.
    pub l2_shrinkage_regularization_strength: f64,
    /// Stabilizes the first steps.
    pub beta: f64,
}

impl<'g> Ftrl<'g> {
    /// FTRL without regularization.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> Ftrl<'g> {
        Ftrl {
            common: Common::named("Ftrl"),
            learning_rate: learning_rate.into(),
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
            l2_shrinkage_regularization_strength: 0.0,
            beta: 0.0,
        }
    }
}

const FTRL_POWER: Arg = Arg::Number("learning_rate_power");
const SHRINKAGE: Arg = Arg::Number("l2_shrinkage_regularization_strength");
const FTRL_SLOTS: &[Slot] = &[slot("accum"), slot("linear")];
static FTRL: Rule = Rule {
    slots: FTRL_SLOTS,
    dense: (
        "ApplyFtrl",
        &[
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            Arg::Grad,
            LR,
            L1,
            L2,
            FTRL_POWER,
        ],
    ),
    sparse: Sparse::Op(
        "SparseApplyFtrl",
        &[
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            Arg::Grad,
            Arg::Indices,
            LR,
            L1,
            L2,
            FTRL_POWER,
        ],
    ),
    powers: &[],
};
static FTRL_V2: Rule = Rule {
    slots: FTRL_SLOTS,
    dense: (
        "ApplyFtrlV2",
        &[
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            Arg::Grad,
            LR,
            L1,
            L2,
            SHRINKAGE,
            FTRL_POWER,
        ],
    ),
    sparse: Sparse::Op(
        "SparseApplyFtrlV2",
        &[
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            Arg::Grad,
            Arg::Indices,
            LR,
            L1,
            L2,
            SHRINKAGE,
            FTRL_POWER,
        ],
    ),
    powers: &[],
};

impl<'g> Optimizer<'g> for Ftrl<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        let (rate, l2, beta) = (
            self.learning_rate,
            self.l2_regularization_strength,
            self.beta,
        );
        let adjusted = move |s: Scope<'g>| adjusted_l2(s, rate, l2, beta);
        let value = self.initial_accumulator_value;
        let accumulator = init::from_fn(move |s: Scope<'_>, shape: &crate::Shape, dtype| {
            let ones = s.ones(shape, dtype);
            let builder = s.op("Mul").name("mul").input(ones);
            builder.input_like(value, dtype).out()
        });
        let shrinks = self.l2_shrinkage_regularization_strength > 0.0;
        Plan {
            rule: if shrinks { &FTRL_V2 } else { &FTRL },
            numbers: vec![
                ("learning_rate", Number::Given(rate)),
                (
                    "l1_regularization_strength",
                    number(self.l1_regularization_strength),
                ),
                (
                    "l2_regularization_strength",
                    Number::Built(Box::new(adjusted)),
                ),
                ("beta", number(beta)),
                (
                    "l2_shrinkage_regularization_strength",
                    number(self.l2_shrinkage_regularization_strength),
                ),
                ("learning_rate_power", number(self.learning_rate_power)),
            ],
            slots: vec![accumulator, init::zeros()],
            flags: Vec::new(),
        }
    }
}

/// `l2 + beta / (2 · learning rate)`.
fn adjusted_l2<'g>(s: Scope<'g>, rate: Rate<'g>, l2: f64, beta: f64) -> Output<'g> {
    let float = crate::DType::F32;
    let dtype = rate.output().map_or(float, |o| o.dtype());
    let least = s
        .op("Maximum")
        .input_like(rate, dtype)
        .input_like(1e-36, dtype)
        .out();
    let twice = s
        .op("Mul")
        .default_name("mul")
        .input_like(2.0, dtype)
        .input(least)
        .out();
    let share = s
        .op("RealDiv")
        .default_name("truediv")
        .input_like(beta, dtype)
        .input(twice)
        .out();
    s.op("AddV2")
        .default_name("add")
        .input_like(l2, dtype)
        .input(share)
        .out()
}

/// Gradient descent with soft thresholds (TensorFlow's `ProximalGradientDescentOptimizer`).
#[derive(Clone, Debug)]
pub struct ProximalGradientDescent<'g> {
    /// Name and locking.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// Pulls small weights to zero.
    pub l1_regularization_strength: f64,
    /// Keeps weights small.
    pub l2_regularization_strength: f64,
}

impl<'g> ProximalGradientDescent<'g> {
    /// Without regularization.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> ProximalGradientDescent<'g> {
        ProximalGradientDescent {
            common: Common::named("ProximalGradientDescent"),
            learning_rate: learning_rate.into(),
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
        }
    }
}

fn proximal_numbers<'g>(rate: Rate<'g>, l1: f64, l2: f64) -> Vec<(&'static str, Number<'g>)> {
    vec![
        ("learning_rate", Number::Given(rate)),
        ("l1_regularization_strength", number(l1)),
        ("l2_regularization_strength", number(l2)),
    ]
}

impl<'g> Optimizer<'g> for ProximalGradientDescent<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        static RULE: Rule = Rule {
            slots: &[],
            dense: (
                "ApplyProximalGradientDescent",
                &[Arg::Var, LR, L1, L2, Arg::Grad],
            ),
            sparse: Sparse::Op(
                "SparseApplyProximalGradientDescent",
                &[Arg::Var, LR, L1, L2, Arg::Grad, Arg::Indices],
            ),
            powers: &[],
        };
        Plan {
            rule: &RULE,
            numbers: proximal_numbers(
                self.learning_rate,
                self.l1_regularization_strength,
                self.l2_regularization_strength,
            ),
            slots: Vec::new(),
            flags: Vec::new(),
        }
    }
}

/// Adagrad with soft thresholds (TensorFlow's `ProximalAdagradOptimizer`).
#[derive(Clone, Debug)]
pub struct ProximalAdagrad<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// What the sums of squares begin with.
    pub initial_accumulator_value: f64,
    /// Pulls small weights to zero.
    pub l1_regularization_strength: f64,
    /// Keeps weights small.
    pub l2_regularization_strength: f64,
}

impl<'g> ProximalAdagrad<'g> {
    /// Without regularization; sums begin with 0.1.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> ProximalAdagrad<'g> {
        ProximalAdagrad {
            common: Common::named("ProximalAdagrad"),
            learning_rate: learning_rate.into(),
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
        }
    }
}

impl<'g> Optimizer<'g> for ProximalAdagrad<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        static RULE: Rule = Rule {
            slots: &[slot("accumulator")],
            dense: (
                "ApplyProximalAdagrad",
                &[Arg::Var, Arg::Slot(0), LR, L1, L2, Arg::Grad],
            ),
            sparse: Sparse::Op(
                "SparseApplyProximalAdagrad",
                &[Arg::Var, Arg::Slot(0), LR, L1, L2, Arg::Grad, Arg::Indices],
            ),
            powers: &[],
        };
        Plan {
            rule: &RULE,
            numbers: proximal_numbers(
                self.learning_rate,
                self.l1_regularization_strength,
                self.l2_regularization_strength,
            ),
            slots: vec![init::constant(self.initial_accumulator_value)],
            flags: Vec::new(),
        }
    }
}
