//! Arithmetic: elementwise, comparisons, reductions.

mod abs;
mod accumulate_n_v2;
mod acos;
mod acosh;
mod add;
mod add_n;
mod add_v2;
mod all;
mod angle;
mod any;
mod arg_max;
mod arg_min;
mod asin;
mod asinh;
mod atan;
mod atan2;
mod atanh;
mod axes;
pub(crate) mod binary;
mod bincount;
mod bitcast;
mod broadcast_args;
mod broadcast_gradient_args;
mod cast;
mod ceil;
mod clip_by_value;
mod complex;
mod complex_abs;
mod conj;
mod cos;
mod cosh;
pub(crate) mod cuda;
mod cumprod;
mod cumsum;
mod cumulative;
mod digamma;
mod div;
mod div_no_nan;
mod division;
pub(crate) mod elementwise;
mod equal;
mod equality;
mod erf;
mod erfc;
mod exp;
mod expm1;
mod extreme;
mod floor;
mod floor_div;
mod floor_mod;
mod gradient;
mod greater;
mod greater_equal;
mod imag;
mod inverse;
mod is_finite;
mod is_inf;
mod is_nan;
mod less;
mod less_equal;
mod lgamma;
mod log;
mod log1p;
mod logical_and;
mod logical_not;
mod logical_or;
mod max;
mod maximum;
mod mean;
mod min;
mod minimum;
mod modulo;
mod mul;
mod neg;
mod not_equal;
pub(crate) mod number;
pub(crate) mod operators;
mod polygamma;
mod pow;
mod prod;
mod real;
mod real_div;
mod reciprocal;
mod reciprocal_grad;
pub(crate) mod reduction;
mod rint;
mod round;
mod rsqrt;
mod rsqrt_grad;
mod segment_mean;
mod segment_sum;
mod segments;
mod select;
mod select_v2;
mod selection;
mod sigmoid;
mod sigmoid_grad;
mod sign;
mod sin;
mod sinh;
pub(crate) mod special;
mod sqrt;
mod sqrt_grad;
mod square;
mod squared_difference;
mod strings;
mod sub;
mod sum;
mod tan;
mod tanh;
mod tanh_grad;
#[cfg(test)]
mod tests;
mod truncate_div;
mod truncate_mod;
mod unsorted_segment_sum;

pub use axes::KeepDims;
pub use cumulative::Running;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &abs::ABS,
    &accumulate_n_v2::ACCUMULATE_N_V2,
    &acos::ACOS,
    &acosh::ACOSH,
    &add::ADD,
    &add_n::ADD_N,
    &add_v2::ADD_V2,
    &all::ALL,
    &angle::ANGLE,
    &any::ANY,
    &arg_max::ARG_MAX,
    &arg_min::ARG_MIN,
    &asin::ASIN,
    &asinh::ASINH,
    &atan::ATAN,
    &atan2::ATAN2,
    &atanh::ATANH,
    &bincount::BINCOUNT,
    &bitcast::BITCAST,
    &broadcast_args::BROADCAST_ARGS,
    &broadcast_gradient_args::BROADCAST_GRADIENT_ARGS,
    &cast::CAST,
    &ceil::CEIL,
    &clip_by_value::CLIP_BY_VALUE,
    &complex::COMPLEX,
    &complex_abs::COMPLEX_ABS,
    &conj::CONJ,
    &cos::COS,
    &cosh::COSH,
    &cumprod::CUMPROD,
    &cumsum::CUMSUM,
    &digamma::DIGAMMA,
    &div::DIV,
    &div_no_nan::DIV_NO_NAN,
    &equal::EQUAL,
    &erf::ERF,
    &erfc::ERFC,
    &exp::EXP,
    &expm1::EXPM1,
    &floor::FLOOR,
    &floor_div::FLOOR_DIV,
    &floor_mod::FLOOR_MOD,
    &greater::GREATER,
    &greater_equal::GREATER_EQUAL,
    &imag::IMAG,
    &is_finite::IS_FINITE,
    &is_inf::IS_INF,
    &is_nan::IS_NAN,
    &less::LESS,
    &less_equal::LESS_EQUAL,
    &lgamma::LGAMMA,
    &log::LOG,
    &log1p::LOG1P,
    &logical_and::LOGICAL_AND,
    &logical_not::LOGICAL_NOT,
    &logical_or::LOGICAL_OR,
    &max::MAX,
    &maximum::MAXIMUM,
    &mean::MEAN,
    &min::MIN,
    &minimum::MINIMUM,
    &modulo::MOD,
    &mul::MUL,
    &neg::NEG,
    &not_equal::NOT_EQUAL,
    &polygamma::POLYGAMMA,
    &pow::POW,
    &prod::PROD,
    &real::REAL,
    &real_div::REAL_DIV,
    &reciprocal::INV,
    &reciprocal::RECIPROCAL,
    &reciprocal_grad::INV_GRAD,
    &reciprocal_grad::RECIPROCAL_GRAD,
    &rint::RINT,
    &round::ROUND,
    &rsqrt::RSQRT,
    &rsqrt_grad::RSQRT_GRAD,
    &segment_mean::SEGMENT_MEAN,
    &segment_sum::SEGMENT_SUM,
    &select::SELECT,
    &select_v2::SELECT_V2,
    &sigmoid::SIGMOID,
    &sigmoid_grad::SIGMOID_GRAD,
    &sign::SIGN,
    &sin::SIN,
    &sinh::SINH,
    &sqrt::SQRT,
    &sqrt_grad::SQRT_GRAD,
    &square::SQUARE,
    &squared_difference::SQUARED_DIFFERENCE,
    &sub::SUB,
    &sum::SUM,
    &tan::TAN,
    &tanh::TANH,
    &tanh_grad::TANH_GRAD,
    &truncate_div::TRUNCATE_DIV,
    &truncate_mod::TRUNCATE_MOD,
    &unsorted_segment_sum::UNSORTED_SEGMENT_SUM,
];
