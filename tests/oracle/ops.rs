//! Every op against the answers in tests/data/op_cases.
//!
//! `TENSORLOOM_OPS=Conv2D,Relu` runs only these; `TENSORLOOM_OP_CASES=DIR` reads other cases (op_cases.py --extra).

use super::case::{Way, cases};
use super::{data, report};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use tensorloom::Registry;
use tensorloom::def::GraphDef;
use tensorloom::op::OpLookup;

/// The ops that must have a file of cases.
const OPS: &str = "
    Identity IdentityN StopGradient PreventGradient CheckNumerics Assert Shape ShapeN Size Rank Reshape ExpandDims Squeeze
    Transpose InvertPermutation Concat ConcatV2 ConcatOffset Split SplitV Pack Unpack Slice StridedSlice StridedSliceGrad
    Pad PadV2 MirrorPad MirrorPadGrad Tile Fill ZerosLike OnesLike Range LinSpace OneHot Gather GatherV2 GatherNd ScatterNd
    SparseToDense Where Unique Reverse ReverseV2 BroadcastArgs BroadcastGradientArgs BroadcastTo DynamicPartition
    DynamicStitch Cast Bitcast Select SelectV2 ListDiff Diag Add AddV2 Sub Mul Div RealDiv FloorDiv TruncateDiv Mod FloorMod
    TruncateMod Maximum Minimum Pow SquaredDifference Neg Abs Sign Square Sqrt Rsqrt Exp Expm1 Log Log1p Inv Reciprocal
    InvGrad ReciprocalGrad SqrtGrad RsqrtGrad Tanh TanhGrad Sigmoid SigmoidGrad Sin Cos Floor Ceil Round Rint IsNan IsInf
    IsFinite Erf Lgamma Digamma Less LessEqual Greater GreaterEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot AddN
    MatMul BatchMatMul BatchMatMulV2 Sum Mean Prod Max Min All Any ArgMax ArgMin Cumsum Cumprod SegmentSum
    UnsortedSegmentSum Conv2D Conv2DBackpropInput Conv2DBackpropFilter BiasAdd BiasAddV1 BiasAddGrad MaxPool MaxPoolGrad
    MaxPoolV2 AvgPool AvgPoolGrad LRN LRNGrad Relu ReluGrad Relu6 Relu6Grad Elu EluGrad LeakyRelu LeakyReluGrad Softplus
    SoftplusGrad Softsign SoftsignGrad Softmax LogSoftmax SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits
    L2Loss InTopK InTopKV2 TopK TopKV2 DecodeRaw AdjustContrastv2 AdjustContrast StringJoin StringToNumber AsString
    ScalarSummary HistogramSummary ImageSummary MergeSummary ShardedFilename ShardedFilespec ConjugateTranspose DiagPart
    EnsureShape NthElement PlaceholderWithDefault ReverseSequence Selu SeluGrad UniqueWithCounts
    EncodeBase64 DecodeBase64 DecodeCSV ReduceJoin StringSplit Substr SerializeTensor ParseTensor TensorSummary
    TensorSummaryV2 AudioSummary AudioSummaryV2 Print PlaceholderV2 MaxPoolWithArgmax MaxPoolGradWithArgmax
    MaxPoolGradV2 MaxPoolGradGrad MaxPoolGradGradV2 Acos Acosh Asin Asinh Atan Atanh Tan Sinh Cosh Erfc Atan2 DivNoNan
    Polygamma Complex Real Imag Angle ComplexAbs Conj Bincount AccumulateNV2 SegmentMean
    RegexFullMatch RegexReplace StaticRegexFullMatch StaticRegexReplace ToBool";

#[test]
fn ops_answer_as_tensorflow_does() {
    let folder = std::env::var_os("TENSORLOOM_OP_CASES");
    let random = folder.is_some(); // few random calls of an op may all be of a kind that TensorFlow does not have
    let folder = folder.map_or_else(|| data("op_cases"), Into::into);
    let only = std::env::var("TENSORLOOM_OPS").unwrap_or_default();
    let wanted = if only.is_empty() {
        OPS.split_whitespace().collect()
    } else {
        only.split(',').collect::<Vec<_>>()
    };
    let (next, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let problems = Mutex::new(Vec::new());
    let registry = Registry::builtin();
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while let Some(op) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let file = folder.join(format!("{op}.pb"));
                    let Ok(bytes) = std::fs::read(&file) else {
                        problems
                            .lock()
                            .push(format!("{op}: no cases in {}", file.display()));
                        continue;
                    };
                    if registry.schema(op).is_none() {
                        problems.lock().push(format!("{op}: not implemented"));
                        continue;
                    }
                    let count = one_op(op, &bytes, &problems);
                    if count == 0 && !random {
                        problems.lock().push(format!("{op}: no case"));
                    }
                    total.fetch_add(count, Ordering::Relaxed);
                }
            });
        }
    });
    report("calls", total.into_inner(), problems.into_inner());
}

fn one_op(op: &str, bytes: &[u8], problems: &Mutex<Vec<String>>) -> usize {
    let graph = match GraphDef::from_pb(bytes) {
        Ok(graph) => graph,
        Err(e) => {
            problems.lock().push(format!("{op}: {e:?}"));
            return 0;
        }
    };
    let all = cases(&graph);
    for case in &all {
        for way in [Way::Constant, Way::Fed] {
            let found = catch_unwind(AssertUnwindSafe(|| case.check(way)));
            let found = found.unwrap_or_else(|_| vec!["a panic".into()]);
            let place = format!("{op} {} {} {way:?}", case.name, case.dtype());
            problems
                .lock()
                .extend(found.into_iter().map(|p| format!("{place}: {p}")));
        }
    }
    2 * all.len()
}
