//! What tells one optimizer from another: its numbers, its slots, and the ops that apply it.

use crate::dtype::DType;
use crate::graph::{Endpoint, Operand, Output, Scope};
use crate::ops::state::{Initializer, Variable};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A number of an optimizer (a learning rate, say): fixed, or a tensor of the graph.
#[derive(Clone, Copy, Debug)]
pub enum Rate<'g> {
    /// Always this.
    Number(f64),
    /// A scalar that the graph computes.
    Tensor(Output<'g>),
}

impl From<f64> for Rate<'_> {
    fn from(v: f64) -> Self {
        Rate::Number(v)
    }
}
impl From<f32> for Rate<'_> {
    fn from(v: f32) -> Self {
        Rate::Number(f64::from(v))
    }
}
impl<'g> From<Output<'g>> for Rate<'g> {
    fn from(v: Output<'g>) -> Self {
        Rate::Tensor(v)
    }
}
impl<'g> From<Variable<'g>> for Rate<'g> {
    fn from(v: Variable<'g>) -> Self {
        Rate::Tensor(v.value())
    }
}
impl<'g> Operand<'g> for Rate<'g> {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g> {
        match self {
            Rate::Number(v) => v.operand(scope, like.or(Some(DType::F32))),
            Rate::Tensor(t) => t,
        }
    }
    fn output(&self) -> Option<Output<'g>> {
        match self {
            Rate::Number(_) => None,
            Rate::Tensor(t) => Some(*t),
        }
    }
}

/// An optimizer's rule with its numbers.
pub struct Plan<'g> {
    /// The rule.
    pub(super) rule: &'static Rule,
    /// Its numbers, in the order in which their nodes are made.
    pub(super) numbers: Vec<(&'static str, Number<'g>)>,
    /// The initial values of the slots.
    pub(super) slots: Vec<Initializer>,
    /// Attributes of the update ops.
    pub(super) flags: Vec<(&'static str, bool)>,
}

/// Where a number comes from.
pub(super) enum Number<'g> {
    /// The user.
    Given(Rate<'g>),
    /// Nodes built from the user's numbers.
    Built(Box<dyn Fn(Scope<'g>) -> Output<'g> + 'g>),
}

/// An update rule.
pub(super) struct Rule {
    /// What it keeps for each variable.
    pub(super) slots: &'static [Slot],
    /// The op for dense gradients, without the `Resource` of resource variables, and its inputs.
    pub(super) dense: (&'static str, &'static [Arg]),
    /// What happens to gradients of some rows.
    pub(super) sparse: Sparse,
    /// Variables that all variables share: name, and the number that is their initial value and factor.
    pub(super) powers: &'static [(&'static str, &'static str)],
}

/// A variable beside each variable.
pub(super) struct Slot {
    /// Its name in the optimizer.
    pub(super) name: &'static str,
}

/// An input of an update op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// The variable.
    Var,
    /// A slot.
    Slot(usize),
    /// One of the shared variables.
    Power(usize),
    /// A number.
    Number(&'static str),
    /// The gradient.
    Grad,
    /// The rows that it is for.
    Indices,
}

/// How gradients of some rows are applied.
pub(super) enum Sparse {
    /// By an op of its own, after repeated rows are added up.
    Op(&'static str, &'static [Arg]),
    /// By subtracting gradient times learning rate.
    Scatter,
    /// By nodes that touch all rows of the slots.
    Adam,
}

/// What every optimizer has.
#[derive(Clone, Debug)]
pub struct Common<'g> {
    /// The name of the train op and of the slots.
    pub name: String,
    /// Whether updates take the variables' locks; updates here always do.
    pub use_locking: bool,
    made: RefCell<Made<'g>>,
}

#[derive(Clone, Debug, Default)]
struct Made<'g> {
    slots: BTreeMap<(Endpoint, String), Variable<'g>>,
    powers: BTreeMap<String, Variable<'g>>,
}

impl<'g> Common<'g> {
    /// An optimizer of that name.
    pub fn named(name: &str) -> Common<'g> {
        Common {
            name: name.to_string(),
            use_locking: false,
            made: RefCell::default(),
        }
    }
    pub(super) fn slot(&self, variable: Variable<'g>, slot: &str) -> Option<Variable<'g>> {
        let key = (variable.handle().endpoint(), slot.to_string());
        self.made.borrow().slots.get(&key).copied()
    }
    pub(super) fn keep_slot(&self, variable: Variable<'g>, slot: &str, made: Variable<'g>) {
        let key = (variable.handle().endpoint(), slot.to_string());
        self.made.borrow_mut().slots.insert(key, made);
    }
    pub(super) fn power(&self, name: &str) -> Option<Variable<'g>> {
        self.made.borrow().powers.get(name).copied()
    }
    pub(super) fn keep_power(&self, name: &str, made: Variable<'g>) {
        self.made.borrow_mut().powers.insert(name.to_string(), made);
    }
    pub(super) fn variables(&self) -> Vec<Variable<'g>> {
        let made = self.made.borrow();
        let mut all: Vec<Variable<'g>> = made
            .slots
            .values()
            .chain(made.powers.values())
            .copied()
            .collect();
        all.sort_by_key(|v| v.name());
        all
    }
}
