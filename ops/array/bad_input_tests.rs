//! Bad inputs of array ops that once crashed TensorFlow: each gives an error with TensorFlow's words.

use crate::dtype::DType;
use crate::graph::Graph;
use crate::ops::testing::{Bad, refuse};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Zeros of type float.
pub(super) fn z(dims: &[usize]) -> Tensor {
    Tensor::zeros(DType::F32, Shape::of(dims).unwrap()).unwrap()
}
pub(super) fn v(values: &[i32]) -> Tensor {
    Tensor::from(values)
}
pub(super) fn l(values: &[i64]) -> Tensor {
    Tensor::from(values)
}
pub(super) fn s(value: i32) -> Tensor {
    Tensor::from(value)
}
pub(super) fn f(value: f32) -> Tensor {
    Tensor::from(value)
}
/// int32 of any shape.
pub(super) fn m(dims: &[usize], values: &[i32]) -> Tensor {
    Tensor::from_vec(dims, values.to_vec()).unwrap()
}

pub(super) const HUGE: i64 = 1 << 40;

#[test]
fn shapes() {
    refuse(vec![
        Bad::new(
            1,
            "Reshape",
            &[z(&[2, 3]), l(&[HUGE, HUGE])],
            "Shape [1099511627776, 1099511627776] has too many elements",
        ),
        Bad::new(
            3,
            "Reshape",
            &[z(&[1]), v(&[1; 255])],
            "too many dimensions: must be < 254, but received 255",
        ),
        Bad::new(
            3,
            "Reshape",
            &[z(&[0]), v(&[0; 255])],
            "too many dimensions: must be < 254, but received 255",
        ),
        Bad::new(
            71,
            "Reshape",
            &[z(&[2, 3]), v(&[4])],
            "Input to reshape is a tensor with 6 values, but the requested shape has 4",
        ),
        Bad::new(
            71,
            "Reshape",
            &[z(&[2, 3]), v(&[-1, -1])],
            "Only one input size may be -1, not both 0 and 1",
        ),
        Bad::new(
            71,
            "Reshape",
            &[z(&[2, 3]), v(&[-2, 3])],
            "Size 0 must be non-negative, not -2",
        ),
        Bad::new(
            71,
            "Reshape",
            &[z(&[2, 3]), v(&[-1, 4])],
            "Input to reshape is a tensor with 6 values, but the requested shape requires a multiple of 4",
        ),
        Bad::new(
            71,
            "Reshape",
            &[z(&[2, 3]), m(&[1, 2], &[2, 3])],
            "sizes input must be 1-D, not [1,2]",
        ),
        Bad::new(
            106,
            "ExpandDims",
            &[z(&[1]), s(3)],
            "Tried to expand dim index 3 for tensor with 1 dimensions.",
        ),
        Bad::new(
            106,
            "ExpandDims",
            &[z(&[1]), Tensor::from(i64::MIN)],
            "Tried to expand dim index -9223372036854775808",
        ),
        Bad::new(
            106,
            "ExpandDims",
            &[z(&[1]), v(&[0, 0])],
            "'dim' must be a tensor with a single value",
        ),
        Bad::new(
            106,
            "Squeeze",
            &[z(&[2, 1])],
            "Can not squeeze dim[0], expected a dimension of 1, got 2",
        )
        .attr("squeeze_dims", [0i64]),
        Bad::new(
            106,
            "Squeeze",
            &[z(&[2, 1])],
            "Tried to squeeze dim index 5 for tensor with 2 dimensions.",
        )
        .attr("squeeze_dims", [5i64]),
        Bad::new(
            87,
            "Transpose",
            &[z(&[2, 3]), v(&[0, 0])],
            "1 is missing from {0,0}.",
        ),
        Bad::new(
            87,
            "Transpose",
            &[z(&[2, 3]), v(&[0])],
            "transpose expects a vector of size 2. But input(1) is a vector of size 1",
        ),
        Bad::new(
            87,
            "Transpose",
            &[z(&[2, 3]), v(&[0, 5])],
            "5 is out of range [0 .. 2)",
        ),
        Bad::new(
            87,
            "Transpose",
            &[z(&[2, 3]), v(&[-1, 0])],
            "-1 is out of range [0 .. 2)",
        ),
        Bad::new(
            88,
            "ConjugateTranspose",
            &[z(&[]), v(&[0])],
            "transpose expects a vector of size 0",
        ),
        Bad::new(
            89,
            "InvertPermutation",
            &[v(&[0, 5])],
            "5 is not between 0 and 2",
        ),
        Bad::new(
            89,
            "InvertPermutation",
            &[v(&[-1, 0])],
            "-1 is not between 0 and 2",
        ),
        Bad::new(
            89,
            "InvertPermutation",
            &[v(&[0, 0])],
            "0 is duplicated in the input.",
        ),
        Bad::new(
            89,
            "InvertPermutation",
            &[m(&[1, 1], &[0])],
            "invert_permutation expects a 1D vector.",
        ),
    ]);
}

#[test]
fn joins_and_splits() {
    let concat = |row, values: &[Tensor], axis: Tensor, message| {
        Bad::new(row, "ConcatV2", &[], message)
            .list(values)
            .list(&[axis])
    };
    let pair = [z(&[2, 3]), z(&[2, 3])];
    refuse(vec![
        concat(81, &pair, s(2), "ConcatOp : Expected concatenating dimensions in the range [-2, 2), but got 2"),
        concat(81, &pair, s(-3), "in the range [-2, 2), but got -3"),
        concat(81, &pair, Tensor::from(0xb500_005bi64), "in the range [-2, 2), but got 3036676187"),
        concat(81, &pair, v(&[0, 1]), "axis tensor should be a scalar integer, but got shape [2]"),
        concat(82, &[z(&[2, 3]), z(&[2, 4])], s(0), "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [2,3] vs. shape[1] = [2,4]"),
        concat(82, &[z(&[2, 3]), z(&[2])], s(0), "ConcatOp : Ranks of all input tensors should match: shape[0] = [2,3] vs. shape[1] = [2]"),
        concat(82, &[z(&[]), z(&[])], s(0), "ConcatOp : Can't concatenate scalars (use tf.stack instead)"),
        Bad::new(82, "ConcatOffset", &[s(0)], "All dimensions except 0 must match. Input 1 has shape [2 4] and doesn't match input 0 with shape [2 3].").list(&[v(&[2, 3]), v(&[2, 4])]),
        Bad::new(81, "ConcatOffset", &[s(5)], "Concat dim is out of range: 5 vs. 2").list(&[v(&[2, 3]), v(&[2, 3])]),
        Bad::new(84, "Split", &[s(0), z(&[3])], "Number of ways to split should evenly divide the split dimension, but got split_dim 0 (size = 3) and num_split 2").attr("num_split", 2i64),
        Bad::new(84, "Split", &[s(0), z(&[3])], "must be at least minimum 1").attr("num_split", 0i64),
        Bad::new(86, "Split", &[s(3), z(&[3])], "-input rank(-1) <= split_dim < input rank (1), but got 3").attr("num_split", 1i64),
        Bad::new(86, "Split", &[v(&[0, 1]), z(&[3])], "split_dim must be a scalar but has rank 1").attr("num_split", 1i64),
        Bad::new(85, "SplitV", &[z(&[3]), v(&[1, 1]), s(0)], "Determined shape must either match input shape along split_dim exactly if fully specified").attr("num_split", 2i64),
        Bad::new(85, "SplitV", &[z(&[3]), v(&[-2, 5]), s(0)], "Split size at index 0 must be >= 0. Got: -2").attr("num_split", 2i64),
        Bad::new(85, "SplitV", &[z(&[3]), v(&[-1, -1]), s(0)], "There can only be one -1 in the input.").attr("num_split", 2i64),
        Bad::new(85, "SplitV", &[z(&[3]), l(&[i64::MAX, i64::MAX]), s(0)], "Determined shape must either match").attr("num_split", 2i64),
        Bad::new(85, "SplitV", &[z(&[3]), v(&[1, 1, 1]), s(0)], "size of the split_tensor must be 1-D and have the same elements as outputs got 1 -D and 3 elements").attr("num_split", 2i64),
        Bad::new(86, "SplitV", &[z(&[3]), v(&[1, 2]), s(-2)], "-input rank(-1) <= split_dim < input rank (1), but got -2").attr("num_split", 2i64),
        Bad::new(107, "Pack", &[], "Shapes of all inputs must match: values[0].shape = [2] != values[1].shape = [3]").list(&[z(&[2]), z(&[3])]),
        Bad::new(107, "Pack", &[], "axis = 5 not in [-2, 2)").list(&[z(&[2]), z(&[2])]).attr("axis", 5i64),
        Bad::new(107, "Unpack", &[z(&[3])], "Input shape axis 0 must equal 2, got shape [3]").attr("num", 2i64),
        Bad::new(107, "Unpack", &[z(&[])], "axis = 0 not in [0, 0)").attr("num", 2i64),
    ]);
}

#[test]
fn pads_and_repetitions() {
    let pad = |row, op, dims: &[usize], paddings: Tensor, message| {
        Bad::new(row, op, &[z(dims), paddings], message)
    };
    refuse(vec![
        pad(
            97,
            "Pad",
            &[1],
            m(&[1, 2], &[-1, 0]),
            "Paddings must be non-negative: -1 0",
        ),
        pad(
            97,
            "Pad",
            &[1],
            m(&[2, 2], &[0; 4]),
            "The first dimension of paddings must be the rank of inputs[2,2] [1]",
        ),
        pad(
            97,
            "Pad",
            &[1],
            v(&[0, 0]),
            "paddings must be a matrix with 2 columns: [2]",
        ),
        pad(97, "Pad", &[1], Tensor::from([[i64::MAX, i64::MAX]]), ""),
        pad(
            97,
            "Pad",
            &[1],
            Tensor::from([[1i64 << 62, 0]]),
            "OOM when allocating tensor",
        ),
        Bad::new(
            97,
            "PadV2",
            &[z(&[1]), m(&[1, 2], &[1, 1]), z(&[2])],
            "constant_values must be a scalar. Found: [2]",
        ),
        pad(
            98,
            "MirrorPad",
            &[2],
            m(&[1, 2], &[3, 0]),
            "paddings must be no greater than the dimension size: 3, 0 greater than 2",
        )
        .attr("mode", "SYMMETRIC"),
        pad(
            98,
            "MirrorPad",
            &[2],
            m(&[1, 2], &[0, 2]),
            "paddings must be less than the dimension size: 0, 2 not less than 2",
        )
        .attr("mode", "REFLECT"),
        pad(
            98,
            "MirrorPad",
            &[2],
            Tensor::from([[i64::MAX, i64::MAX]]),
            "paddings must be no greater than",
        )
        .attr("mode", "SYMMETRIC"),
        pad(
            98,
            "MirrorPad",
            &[2],
            m(&[1, 2], &[-1, 0]),
            "paddings must be non-negative",
        )
        .attr("mode", "REFLECT"),
        pad(
            98,
            "MirrorPad",
            &[2],
            m(&[1, 2], &[0, 0]),
            "not in the list of allowed values",
        )
        .attr("mode", "OTHER"),
        pad(
            98,
            "MirrorPadGrad",
            &[3],
            m(&[1, 2], &[2, 2]),
            "Total paddings must be less than the input dimension size: 4 was not less than 3",
        )
        .attr("mode", "SYMMETRIC"),
        pad(
            98,
            "MirrorPadGrad",
            &[3],
            Tensor::from([[(1i64 << 62) + 10, 1i64 << 62]]),
            "",
        )
        .attr("mode", "SYMMETRIC"),
        pad(
            98,
            "MirrorPadGrad",
            &[3],
            m(&[1, 2], &[1, 1]),
            "paddings must be less than the output dimension size",
        )
        .attr("mode", "REFLECT"),
        Bad::new(
            99,
            "Tile",
            &[z(&[1]), v(&[-1])],
            "Expected multiples[0] >= 0, but got -1",
        ),
        Bad::new(
            99,
            "Tile",
            &[z(&[1]), v(&[1, 1])],
            "Expected multiples argument to be a vector of length 1 but got length 2",
        ),
        Bad::new(
            99,
            "Tile",
            &[z(&[2, 2]), l(&[HUGE, HUGE])],
            "Encountered overflow when multiplying 2199023255552 with 2199023255552, result: -1",
        ),
        Bad::new(
            100,
            "Fill",
            &[v(&[-1]), f(1.0)],
            "Dimension -1 must be >= 0",
        ),
        Bad::new(
            100,
            "Fill",
            &[v(&[1]), z(&[2])],
            "value must represent a scalar, got shape [2]",
        ),
        Bad::new(
            100,
            "Fill",
            &[m(&[1, 2], &[3, 3]), f(1.0)],
            "dims must represent a vector, got shape [1,2]",
        ),
        Bad::new(
            100,
            "Fill",
            &[l(&[HUGE, HUGE]), f(1.0)],
            "Shape [1099511627776,1099511627776] would have more than 2**63 - 1 elements",
        ),
        Bad::new(
            4,
            "Fill",
            &[l(&[i64::MAX]), f(1.0)],
            "OOM when allocating tensor with shape[9223372036854775807]",
        ),
        Bad::new(
            101,
            "BroadcastTo",
            &[z(&[3]), v(&[2])],
            "Incompatible shapes: [3] vs. [2]",
        ),
        Bad::new(
            101,
            "BroadcastTo",
            &[z(&[1]), l(&[HUGE, HUGE])],
            "more than 2**63 - 1 elements",
        ),
        Bad::new(
            101,
            "BroadcastTo",
            &[z(&[2, 3]), v(&[3])],
            "Rank of input (2) must be no greater than rank of output shape (1).",
        ),
        Bad::new(102, "Range", &[s(0), s(5), s(0)], "Requires delta != 0: 0"),
        Bad::new(
            102,
            "Range",
            &[s(0), s(5), s(-1)],
            "Requires start >= limit when delta < 0: 0/5",
        ),
        Bad::new(
            102,
            "Range",
            &[s(5), s(0), s(1)],
            "Requires start <= limit when delta > 0: 5/0",
        ),
        Bad::new(
            102,
            "Range",
            &[v(&[0, 1]), s(5), s(1)],
            "start must be a scalar, not shape [2]",
        ),
        Bad::new(
            102,
            "Range",
            &[f(-1e38), f(1.0), f(1.0)],
            "Requires ((limit - start) / delta) <= 9223372036854775807",
        ),
        Bad::new(
            102,
            "Range",
            &[f(f32::NAN), f(1.0), f(1.0)],
            "Requires ((limit - start) / delta) <= 9223372036854775807",
        ),
        Bad::new(
            102,
            "Range",
            &[
                Tensor::from(i64::MIN),
                Tensor::from(i64::MAX),
                Tensor::from(1i64),
            ],
            "Requires ((limit - start) / delta) <= 9223372036854775807",
        ),
        Bad::new(
            103,
            "LinSpace",
            &[f(0.0), f(1.0), s(0)],
            "Requires num > 0: 0",
        ),
        Bad::new(
            103,
            "LinSpace",
            &[f(0.0), f(1.0), v(&[2])],
            "num must be a scalar, not shape [1]",
        ),
        Bad::new(
            108,
            "Reverse",
            &[z(&[2]), Tensor::from([true, false])],
            "'dims' must have the same number of values as 'input' has dimensions. 'input' has 1'dims' has 2 values",
        ),
        Bad::new(
            109,
            "ReverseV2",
            &[z(&[2]), v(&[3])],
            "'axis'[0] = 3 is out of valid range [0, 0",
        ),
        Bad::new(
            109,
            "ReverseV2",
            &[z(&[2]), v(&[0, 0])],
            "axis 0 specified more than once.",
        ),
        Bad::new(
            109,
            "ReverseV2",
            &[z(&[2]), v(&[0, -1])],
            "axis 0 specified more than once.",
        ),
    ]);
}

#[test]
fn empty_tensors_are_no_mistake() {
    use crate::ops::testing::run;
    let ok = |op: &str, args: &[Tensor], dims: &[usize]| {
        let out = run(op, args, &[]).unwrap();
        assert_eq!(out[0].shape().dims(), dims, "{op}");
    };
    ok("Reshape", &[z(&[0, 3]), v(&[-1, 0])], &[3, 0]);
    ok("Reshape", &[z(&[0, 3]), v(&[-1, 3])], &[0, 3]);
    ok(
        "Reshape",
        &[z(&[0]), l(&[HUGE, 0, HUGE])],
        &[1 << 40, 0, 1 << 40],
    );
    ok("Slice", &[z(&[0]), l(&[0]), l(&[-1])], &[0]);
    ok("Fill", &[s(3), f(1.0)], &[3]);
    ok(
        "Reverse",
        &[z(&[0, 2]), Tensor::from([true, true])],
        &[0, 2],
    );
    ok("ReverseV2", &[z(&[0, 2]), v(&[0, 1])], &[0, 2]);
    ok("Tile", &[z(&[2, 0]), v(&[3, 4])], &[6, 0]);
    ok("Transpose", &[z(&[2, 0, 3]), v(&[2, 0, 1])], &[3, 2, 0]);
    ok("BroadcastTo", &[z(&[1]), v(&[0])], &[0]);
    ok("GatherV2", &[z(&[0, 2]), v(&[]), s(0)], &[0, 2]);
    ok("GatherV2", &[z(&[3, 0]), v(&[1, 2]), s(0)], &[2, 0]);
    ok("Where", &[z(&[3])], &[0, 1]);
    ok("Range", &[s(3), s(3), s(1)], &[0]);
}

#[test]
fn mistakes_known_while_the_graph_is_built_have_the_line() {
    let wrong: [(fn(&Graph), &str); 6] = [
        (
            |g| drop_it(g.root().zeros([2, 3], DType::F32).reshape([4])),
            "Cannot reshape a tensor with 6 elements to shape [4] (4 elements)",
        ),
        (
            |g| drop_it(g.root().zeros([2, 3], DType::F32).transpose([0, 2])),
            "2 is out of range [0 .. 2)",
        ),
        (
            |g| drop_it(g.root().zeros([3], DType::F32).index(3)),
            "slice index 3 of dimension 0 out of bounds.",
        ),
        (
            |g| drop_it(g.root().zeros([3], DType::F32).slice([1], [3])),
            "Expected size[0] in [0, 2], but got 3",
        ),
        (
            |g| drop_it(g.root().zeros([-3], DType::F32)),
            "Dimension -3 must be >= 0",
        ),
        (
            |g| {
                drop_it(g.root().concat(
                    &[
                        g.root().zeros([2], DType::F32),
                        g.root().zeros([2, 2], DType::F32),
                    ],
                    0,
                ))
            },
            "Shape must be rank 1 but is rank 2",
        ),
    ];
    for (build, message) in wrong {
        let g = Graph::new();
        build(&g);
        let e = g.check().unwrap_err();
        assert!(e.message().contains(message), "{e}");
        assert!(
            e.location().unwrap().file().ends_with("bad_input_tests.rs"),
            "{e}"
        );
    }
}

fn drop_it(_: crate::graph::Output<'_>) {}
