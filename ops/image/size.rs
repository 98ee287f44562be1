//! Sizes and offsets of images: numbers where they are known, scalars that the graph computes where they are not.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{NodeRef, Output, Scope};
use crate::ops::math::operators::binary_op;

/// A size or an offset in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size<'g> {
    /// A known number.
    Known(i64),
    /// An int32 scalar.
    Computed(Output<'g>),
}

impl From<i32> for Size<'_> {
    fn from(n: i32) -> Self {
        Size::Known(n.into())
    }
}
impl From<i64> for Size<'_> {
    fn from(n: i64) -> Self {
        Size::Known(n)
    }
}
impl From<usize> for Size<'_> {
    fn from(n: usize) -> Self {
        // Greater numbers are refused where sizes are used, as this one is.
        Size::Known(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
impl<'g> From<Output<'g>> for Size<'g> {
    fn from(o: Output<'g>) -> Self {
        Size::Computed(o)
    }
}

use Size::{Computed, Known};

/// Whether a condition on sizes holds.
#[derive(Clone, Copy)]
pub(super) enum Condition<'g> {
    Known(bool),
    Computed(Output<'g>),
}

impl<'g> Size<'g> {
    /// The number, if it is known and not negative.
    pub(super) fn dim(self) -> Option<usize> {
        match self {
            Known(n) => usize::try_from(n).ok(),
            Computed(_) => None,
        }
    }
    /// # Errors
    /// `InvalidArgument` for a known number beyond 32 bits: that keeps the sums below in range too.
    pub(super) fn in_range(self) -> Result<Size<'g>> {
        match self {
            Known(n) if i32::try_from(n).is_err() => Err(Error::invalid_argument(format!(
                "a size of {n} does not fit in 32 bits"
            ))),
            size => Ok(size),
        }
    }
    #[track_caller]
    pub(super) fn plus(self, s: Scope<'g>, other: Size<'g>) -> Size<'g> {
        match (self, other) {
            (Known(a), Known(b)) => Known(a.saturating_add(b)),
            _ => Computed(op(s, "AddV2", "add", self, other)),
        }
    }
    #[track_caller]
    pub(super) fn minus(self, s: Scope<'g>, other: Size<'g>) -> Size<'g> {
        match (self, other) {
            (Known(a), Known(b)) => Known(a.saturating_sub(b)),
            _ => Computed(op(s, "Sub", "sub", self, other)),
        }
    }
    #[track_caller]
    pub(super) fn negated(self, s: Scope<'g>) -> Size<'g> {
        match self {
            Known(a) => Known(a.saturating_neg()),
            Computed(a) => Computed(s.neg(a)),
        }
    }
    /// The half, rounded down, or 0 if that is negative.
    #[track_caller]
    pub(super) fn positive_half(self, s: Scope<'g>) -> Size<'g> {
        match self {
            Known(a) => Known(a.div_euclid(2).max(0)),
            Computed(_) => {
                let half = Computed(op(s, "FloorDiv", "floordiv", self, Known(2)));
                Computed(op(s, "Maximum", "Maximum", half, Known(0)))
            }
        }
    }
    #[track_caller]
    pub(super) fn least(self, s: Scope<'g>, other: Size<'g>) -> Size<'g> {
        match (self, other) {
            (Known(a), Known(b)) => Known(a.min(b)),
            _ => Computed(op(s, "Minimum", "Minimum", self, other)),
        }
    }
    #[track_caller]
    pub(super) fn at_least(self, s: Scope<'g>, other: Size<'g>) -> Condition<'g> {
        match (self, other) {
            (Known(a), Known(b)) => Condition::Known(a >= b),
            (Known(_), _) => Condition::Computed(op(s, "LessEqual", "LessEqual", other, self)),
            _ => Condition::Computed(op(s, "GreaterEqual", "GreaterEqual", self, other)),
        }
    }
    #[track_caller]
    pub(super) fn is_positive(self, s: Scope<'g>) -> Condition<'g> {
        match self {
            Known(a) => Condition::Known(a > 0),
            Computed(_) => Condition::Computed(op(s, "Greater", "Greater", self, Known(0))),
        }
    }
    #[track_caller]
    pub(super) fn equals(self, s: Scope<'g>, other: Size<'g>) -> Condition<'g> {
        match (self, other) {
            (Known(a), Known(b)) => Condition::Known(a == b),
            _ => Condition::Computed(op(s, "Equal", "Equal", self, other)),
        }
    }
}

impl<'g> Condition<'g> {
    /// Adds an assertion that the condition holds, where that is not known.
    ///
    /// # Errors
    /// `InvalidArgument` with the message, where it is known not to hold.
    #[track_caller]
    pub(super) fn require(
        self,
        s: Scope<'g>,
        message: &str,
        checks: &mut Vec<NodeRef<'g>>,
    ) -> Result<()> {
        match self {
            Condition::Known(true) => {}
            Condition::Known(false) => return Err(Error::invalid_argument(message)),
            Condition::Computed(c) => checks.push(s.assert_true(c, &[message.into()], 3)),
        }
        Ok(())
    }
}

#[track_caller]
fn op<'g>(s: Scope<'g>, op: &'g str, name: &str, x: Size<'g>, y: Size<'g>) -> Output<'g> {
    match (x, y) {
        (Computed(x), Computed(y)) => binary_op(s, op, name, x, y),
        (Computed(x), Known(y)) => binary_op(s, op, name, x, y),
        (Known(x), Computed(y)) => binary_op(s, op, name, x, y),
        (Known(x), Known(y)) => binary_op(s, op, name, x, y),
    }
}

/// The sizes as one vector, a constant if all are known (TensorFlow's `stack`).
#[track_caller]
pub(super) fn stack<'g>(s: Scope<'g>, sizes: &[Size<'g>]) -> Output<'g> {
    let known: Option<Vec<i32>> = sizes
        .iter()
        .map(|size| match size {
            Known(n) => i32::try_from(*n).ok(),
            Computed(_) => None,
        })
        .collect();
    if let Some(known) = known {
        return s.named("stack").constant(known);
    }
    pack(s, "stack", sizes)
}

/// The sizes as one vector (op `Pack`), known ones as constants named by their place.
#[track_caller]
pub(super) fn pack<'g>(s: Scope<'g>, name: &str, sizes: &[Size<'g>]) -> Output<'g> {
    use crate::graph::Operand;
    let inside = s.unnamed().scope(name);
    let parts: Vec<Output<'g>> = sizes
        .iter()
        .enumerate()
        .map(|(i, size)| match size {
            Known(n) => n.operand(inside.named(&i.to_string()), Some(DType::I32)),
            Computed(o) => *o,
        })
        .collect();
    s.op("Pack")
        .name(format!("{}/", inside.name()))
        .list(parts)
        .out()
}
