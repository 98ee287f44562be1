//! Arithmetic on outputs: `+ - * / %`, unary `-`, and for bool `& | !`, also with Rust numbers on either side.

use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};

/// A node with two inputs of one type; a Rust number becomes a constant of the other input's type.
#[track_caller]
pub(crate) fn binary_op<'g>(
    scope: Scope<'g>,
    op: &'g str,
    default_name: &str,
    x: impl Operand<'g>,
    y: impl Operand<'g>,
) -> Output<'g> {
    let name = scope.op_name().unwrap_or_else(|| default_name.to_string());
    let builder = scope.op(op).name(name);
    if x.output().is_none() && y.output().is_some() {
        let y = y.operand(scope, None);
        return builder.input_like(x, y.dtype()).input(y).out();
    }
    let builder = builder.input(x);
    match builder.latest_dtype() {
        Some(d) => builder.input_like(y, d).out(),
        None => builder.input(y).out(),
    }
}

/// The op behind `+`: strings are joined by `Add` only.
pub(crate) fn add_op(dtype: DType) -> &'static str {
    if dtype == DType::String {
        "Add"
    } else {
        "AddV2"
    }
}

/// The type in which Python divides integers.
fn quotient_type(dtype: DType) -> Option<DType> {
    use DType::*;
    match dtype {
        I8 | U8 | I16 | U16 => Some(F32),
        I32 | U32 | I64 | U64 => Some(F64),
        _ => None,
    }
}

/// `x / y` as Python's true division: integers are cast first.
#[track_caller]
pub(crate) fn true_divide<'g>(scope: Scope<'g>, x: Output<'g>, y: impl Operand<'g>) -> Output<'g> {
    let Some(wide) = quotient_type(x.dtype()) else {
        return binary_op(scope, "RealDiv", "truediv", x, y);
    };
    let inner = scope.composite("truediv");
    let y = y.operand(inner.named("y"), Some(x.dtype()));
    let cast = |v: Output<'g>| inner.op("Cast").attr("DstT", wide).input(v).out();
    let (x, y) = (cast(x), cast(y));
    inner
        .op("RealDiv")
        .name(format!("{}/", inner.name()))
        .input(x)
        .input(y)
        .out()
}

impl<'g> Scope<'g> {
    /// True division, as in Python: integers become float or double first (op `RealDiv`).
    #[track_caller]
    pub fn true_div(self, x: Output<'g>, y: impl Operand<'g>) -> Output<'g> {
        true_divide(self, x, y)
    }
}

impl<'g, R: Operand<'g>> Add<R> for Output<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn add(self, y: R) -> Output<'g> {
        binary_op(self.scope(), add_op(self.dtype()), "add", self, y)
    }
}
impl<'g, R: Operand<'g>> Sub<R> for Output<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn sub(self, y: R) -> Output<'g> {
        binary_op(self.scope(), "Sub", "sub", self, y)
    }
}
impl<'g, R: Operand<'g>> Mul<R> for Output<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn mul(self, y: R) -> Output<'g> {
        binary_op(self.scope(), "Mul", "mul", self, y)
    }
}
impl<'g, R: Operand<'g>> Div<R> for Output<'g> {
    type Output = Output<'g>;
    /// True division, as in Python: integers become float or double first.
    #[track_caller]
    fn div(self, y: R) -> Output<'g> {
        true_divide(self.scope(), self, y)
    }
}
impl<'g, R: Operand<'g>> Rem<R> for Output<'g> {
    type Output = Output<'g>;
    /// The rest of a division rounded down, as in Python: it has the sign of `y`.
    #[track_caller]
    fn rem(self, y: R) -> Output<'g> {
        binary_op(self.scope(), "FloorMod", "mod", self, y)
    }
}
impl<'g, R: Operand<'g>> BitAnd<R> for Output<'g> {
    type Output = Output<'g>;
    /// Both (op `LogicalAnd`).
    #[track_caller]
    fn bitand(self, y: R) -> Output<'g> {
        binary_op(self.scope(), "LogicalAnd", "and", self, y)
    }
}
impl<'g, R: Operand<'g>> BitOr<R> for Output<'g> {
    type Output = Output<'g>;
    /// Either (op `LogicalOr`).
    #[track_caller]
    fn bitor(self, y: R) -> Output<'g> {
        binary_op(self.scope(), "LogicalOr", "or", self, y)
    }
}
impl<'g> Neg for Output<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn neg(self) -> Output<'g> {
        self.scope().op("Neg").input(self).out()
    }
}
impl<'g> Not for Output<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn not(self) -> Output<'g> {
        self.scope().op("LogicalNot").input(self).out()
    }
}

macro_rules! numbers_on_the_left {
    ($($t:ty),*) => { $(
        impl<'g> Add<Output<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn add(self, y: Output<'g>) -> Output<'g> {
                binary_op(y.scope(), "AddV2", "add", self, y)
            }
        }
        impl<'g> Sub<Output<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn sub(self, y: Output<'g>) -> Output<'g> {
                binary_op(y.scope(), "Sub", "sub", self, y)
            }
        }
        impl<'g> Mul<Output<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn mul(self, y: Output<'g>) -> Output<'g> {
                binary_op(y.scope(), "Mul", "mul", self, y)
            }
        }
        impl<'g> Div<Output<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn div(self, y: Output<'g>) -> Output<'g> {
                if quotient_type(y.dtype()).is_none() {
                    return binary_op(y.scope(), "RealDiv", "truediv", self, y);
                }
                let x = self.operand(y.scope().named("truediv/x"), Some(y.dtype()));
                true_divide(y.scope(), x, y)
            }
        }
        impl<'g> Rem<Output<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn rem(self, y: Output<'g>) -> Output<'g> {
                binary_op(y.scope(), "FloorMod", "mod", self, y)
            }
        }
    )* };
}
// One type of floating-point and one of whole numbers: so a literal's type is clear. Any number may stand right.
numbers_on_the_left!(f64, i32);
