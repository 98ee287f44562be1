//! How closely each op must agree with TensorFlow's recorded results.

use tensorloom::DType;

/// An allowed difference: so many units in the last place of the value, plus so many of the largest number around.
///
/// The second part is for sums: their error grows with what is summed, not with what is left of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Units in the last place of the wanted value.
    pub ulps: f64,
    /// Units in the last place of the largest finite number among inputs and results.
    pub scale: f64,
}

impl Tolerance {
    /// Bit for bit, signs of zeros included; only NaNs may differ among each other.
    pub const EXACT: Tolerance = of(0.0, 0.0);

    /// Whether nothing may differ.
    pub fn is_exact(self) -> bool {
        self == Tolerance::EXACT
    }
}

const fn of(ulps: f64, scale: f64) -> Tolerance {
    Tolerance { ulps, scale }
}

/// Ops, and what is allowed for float, double and complex numbers, and for half and bfloat16 (where TensorFlow rounds
/// after each step of a formula). An op that is not here is exact, but for complex numbers.
const TABLE: &[(&[&str], Tolerance, Tolerance)] = &[
    // The sign of a zero is left open.
    (
        &["Maximum", "Minimum", "Max", "Min", "Relu", "Relu6"],
        of(0.5, 0.0),
        of(0.5, 0.0),
    ),
    // TensorFlow starts from an approximate reciprocal.
    (&["Inv", "Reciprocal"], of(2.0, 0.0), of(1.0, 0.0)),
    // One library function each.
    (
        &[
            "Exp", "Expm1", "Log", "Log1p", "Sin", "Cos", "Tan", "Tanh", "Sinh", "Cosh", "Asin",
            "Acos", "Atan", "Atan2", "Asinh", "Acosh", "Atanh", "Erf", "Erfc",
        ],
        of(4.0, 0.0),
        of(1.0, 0.0),
    ),
    (
        &["Sigmoid", "Softsign", "Pow", "Rsqrt"],
        of(4.0, 0.0),
        of(3.0, 0.0),
    ),
    // In bfloat16 TensorFlow takes exp(x) and x for it, from -2.8 down and from 2.8 up.
    (&["Softplus"], of(4.0, 0.0), of(8.0, 0.0)),
    // An exponential less 1.
    (&["Elu", "Selu"], of(8.0, 0.0), of(4.0, 0.0)),
    (
        &["Lgamma", "Digamma", "Polygamma"],
        of(8.0, 4.0),
        of(4.0, 4.0),
    ),
    // Short formulas, whose steps may be fused.
    (
        &[
            "InvGrad",
            "ReciprocalGrad",
            "SqrtGrad",
            "RsqrtGrad",
            "TanhGrad",
            "SigmoidGrad",
            "EluGrad",
            "SeluGrad",
            "SoftplusGrad",
            "SoftsignGrad",
        ],
        of(4.0, 0.0),
        of(4.0, 1.0),
    ),
    // Sums and products of many.
    (
        &[
            "MatMul",
            "BatchMatMul",
            "BatchMatMulV2",
            "Conv2D",
            "Conv2DBackpropInput",
            "Conv2DBackpropFilter",
            "DepthwiseConv2dNative",
            "DepthwiseConv2dNativeBackpropInput",
            "DepthwiseConv2dNativeBackpropFilter",
            "FusedBatchNorm",
            "FusedBatchNormV2",
            "FusedBatchNormV3",
            "FusedBatchNormGrad",
            "FusedBatchNormGradV2",
            "FusedBatchNormGradV3",
        ],
        of(4.0, 16.0),
        of(4.0, 8.0),
    ),
    (
        &[
            "Sum",
            "Mean",
            "Prod",
            "AddN",
            "AccumulateNV2",
            "SegmentMean",
            "Bincount",
            "Cumsum",
            "Cumprod",
            "SegmentSum",
            "UnsortedSegmentSum",
            "BiasAddGrad",
            "AvgPool",
            "AvgPoolGrad",
            "MaxPoolGrad",
            "L2Loss",
            "LRN",
            "LRNGrad",
            "AdjustContrast",
            "AdjustContrastv2",
        ],
        of(4.0, 4.0),
        of(4.0, 4.0),
    ),
    (
        &[
            "Softmax",
            "LogSoftmax",
            "SoftmaxCrossEntropyWithLogits",
            "SparseSoftmaxCrossEntropyWithLogits",
        ],
        of(8.0, 2.0),
        of(4.0, 2.0),
    ),
    (&["LinSpace", "Range"], of(2.0, 1.0), of(2.0, 1.0)),
];

/// What is allowed for the results of an op.
pub fn of_results(op: &str, dtype: DType) -> Tolerance {
    let row = TABLE.iter().find(|(ops, ..)| ops.contains(&op));
    match (row, dtype) {
        (Some((_, _, narrow)), DType::F16 | DType::BF16) => *narrow,
        (Some((_, wide, _)), d) if d.is_floating() || d.is_complex() => *wide,
        // Products and quotients of complex numbers are formulas already.
        (None, d) if d.is_complex() => of(4.0, 0.0),
        _ => Tolerance::EXACT,
    }
}

/// What is allowed for gradients, which are formulas of several ops.
pub fn of_gradients(op: &str, dtype: DType) -> Tolerance {
    let own = of_results(op, dtype);
    of(4.0 + 2.0 * own.ulps, 4.0 + 2.0 * own.scale)
}

/// The distance between 1 and the next number.
pub fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F32 | DType::C64 => f32::EPSILON.into(),
        DType::F64 | DType::C128 => f64::EPSILON,
        DType::F16 => 1.0 / 1024.0,
        DType::BF16 => 1.0 / 128.0,
        _ => 0.0,
    }
}

/// The smallest normal number: TensorFlow's kernels flush smaller ones to zero.
pub fn smallest(dtype: DType) -> f64 {
    match dtype {
        DType::F32 | DType::C64 | DType::BF16 => f32::MIN_POSITIVE.into(),
        DType::F64 | DType::C128 => f64::MIN_POSITIVE,
        DType::F16 => 6.103_515_625e-5,
        _ => 0.0,
    }
}

/// Ops whose GPU kernels give a result where the CPU's refuse a value, since the host does not see it: indices and labels
/// out of range, whole numbers divided by 0 or raised to less than 0.
const NOT_REFUSED_ON_GPUS: &[&str] = &[
    "Div",
    "FloorDiv",
    "FloorMod",
    "Gather",
    "GatherV2",
    "Mod",
    "Pow",
    "SparseSoftmaxCrossEntropyWithLogits",
    "TruncateDiv",
    "TruncateMod",
];

/// Whether a session of this process may run the op on a GPU, which does not refuse its values.
pub fn may_not_refuse(op: &str) -> bool {
    NOT_REFUSED_ON_GPUS.contains(&op) && !tensorloom::device::cuda::discover().gpus.is_empty()
}
