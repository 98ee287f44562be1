//! Adam: steps scaled by running means of the gradient and of its square (Kingma and Ba 2015).

use super::Optimizer;
use super::apply::Update;
use super::rule::{Arg, Common, Number, Plan, Rate, Rule, Slot, Sparse};
use crate::graph::{NodeRef, Operand, Output, Scope};
use crate::ops::state::{Variable, init};

static RULE: Rule = Rule {
    slots: &[Slot { name: "m" }, Slot { name: "v" }],
    dense: (
        "ApplyAdam",
        &[
            Arg::Var,
            Arg::Slot(0),
            Arg::Slot(1),
            Arg::Power(0),
            Arg::Power(1),
            Arg::Number("learning_rate"),
            Arg::Number("beta1"),
            Arg::Number("beta2"),
            Arg::Number("epsilon"),
            Arg::Grad,
        ],
    ),
    sparse: Sparse::Adam,
    powers: &[("beta1_power", "beta1"), ("beta2_power", "beta2")],
};

/// The Adam optimizer (TensorFlow's `AdamOptimizer`).
#[derive(Clone, Debug)]
pub struct Adam<'g> {
    /// Name, locking, slots.
    pub common: Common<'g>,
    /// The learning rate.
    pub learning_rate: Rate<'g>,
    /// How slowly the mean of the gradient changes.
    pub beta1: f64,
    /// How slowly the mean of its square changes.
    pub beta2: f64,
    /// Added to the square root in the denominator.
    pub epsilon: f64,
}

impl<'g> Adam<'g> {
    /// Adam with β1 = 0.9, β2 = 0.999, ε = 1e-8.
    pub fn new(learning_rate: impl Into<Rate<'g>>) -> Adam<'g> {
        Adam {
            common: Common::named("Adam"),
            learning_rate: learning_rate.into(),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl<'g> Optimizer<'g> for Adam<'g> {
    fn common(&self) -> &Common<'g> {
        &self.common
    }
    fn plan(&self) -> Plan<'g> {
        let number = |v: f64| Number::Given(v.into());
        Plan {
            rule: &RULE,
            numbers: vec![
                ("learning_rate", Number::Given(self.learning_rate)),
                ("beta1", number(self.beta1)),
                ("beta2", number(self.beta2)),
                ("epsilon", number(self.epsilon)),
            ],
            slots: vec![init::zeros(), init::zeros()],
            flags: Vec::new(),
        }
    }
}

/// A gradient of some rows: the means of all rows decay, and all rows of the variable move.
pub(super) fn sparse<'g>(
    update: &Update<'_, 'g>,
    values: Output<'g>,
    indices: Output<'g>,
) -> NodeRef<'g> {
    let s = update.scope;
    let parts = (
        update.slot(0),
        update.slot(1),
        update.power(0),
        update.power(1),
    );
    let (Some(m), Some(v), Some(power1), Some(power2)) = parts else {
        return NodeRef::broken(s);
    };
    let dtype = update.variable.value().dtype();
    let one_minus = |x: Output<'g>| {
        let builder = s.op("Sub").default_name("sub");
        builder.input_like(1.0f64, dtype).input(x).out()
    };
    let read = |v: Variable<'g>| s.cast(v.operand(s, None), dtype);
    let mul = |x, y| s.op("Mul").default_name("mul").input(x).input(y).out();
    let power2 = read(power2);
    let root = s.op("Sqrt").input(one_minus(power2)).out();
    let scaled = mul(update.number("learning_rate"), root);
    let power1 = read(power1);
    let rate = divide(s, scaled, one_minus(power1));

    let (beta1, beta2) = (update.number("beta1"), update.number("beta2"));
    let fresh = mul(values, one_minus(beta1));
    let m = decay_and_add(update, m, mul(m.operand(s, None), beta1), indices, fresh);
    let squares = mul(values, values);
    let fresh = mul(squares, one_minus(beta2));
    let v = decay_and_add(update, v, mul(v.operand(s, None), beta2), indices, fresh);
    let root = s.op("Sqrt").input(v).out();
    let step = mul(rate, m);
    let size = s
        .op("AddV2")
        .default_name("add")
        .input(root)
        .input(update.number("epsilon"))
        .out();
    let delta = divide(s, step, size);
    let var = update.variable;
    let changed = match var.is_resource() {
        true => {
            let builder = s.op("AssignSubVariableOp").input(var.handle());
            let changed = builder.input(delta).finish();
            var.in_scope(s.after([changed])).read_here();
            changed
        }
        false => s
            .op("AssignSub")
            .input(var.handle())
            .input(delta)
            .attr("use_locking", update.common.use_locking)
            .finish(),
    };
    s.named("group_deps").group([changed, m.node(), v.node()])
}

fn divide<'g>(s: Scope<'g>, x: Output<'g>, y: Output<'g>) -> Output<'g> {
    s.op("RealDiv")
        .default_name("truediv")
        .input(x)
        .input(y)
        .out()
}

/// Sets a slot to its decayed value, then adds rows to it, and gives the result.
fn decay_and_add<'g>(
    update: &Update<'_, 'g>,
    slot: Variable<'g>,
    decayed: Output<'g>,
    indices: Output<'g>,
    rows: Output<'g>,
) -> Output<'g> {
    let s = update.scope;
    if slot.is_resource() {
        let set = s
            .op("AssignVariableOp")
            .input(slot.handle())
            .input(decayed)
            .finish();
        let after = s.after([set]);
        let added = after
            .op("ResourceScatterAdd")
            .input(slot.handle())
            .input(indices)
            .input(rows)
            .finish();
        slot.in_scope(after).read_here();
        return slot.operand(after.after([added]), None).in_scope(s);
    }
    let locking = update.common.use_locking;
    let set = s
        .op("Assign")
        .input(slot.handle())
        .input(decayed)
        .attr("use_locking", locking)
        .out();
    s.after([set])
        .op("ScatterAdd")
        .input(slot.handle())
        .input(indices)
        .input(rows)
        .attr("use_locking", locking)
        .out()
        .in_scope(s)
}
