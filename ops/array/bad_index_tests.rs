//! Bad indices of slices, gathers and scatters: each gives an error with TensorFlow's words.

use super::bad_input_tests::{HUGE, f, l, m, s, v, z};
use crate::ops::testing::{Bad, refuse};
use crate::tensor::Tensor;

#[test]
fn slices() {
    let slice = |x: Tensor, begin: Tensor, size: Tensor, message| {
        Bad::new(74, "Slice", &[x, begin, size], message)
    };
    let strided = |row, dims: &[usize], b: &[i32], e: &[i32], s: &[i32], message| {
        Bad::new(row, "StridedSlice", &[z(dims), v(b), v(e), v(s)], message)
    };
    refuse(vec![
        slice(
            z(&[3]),
            v(&[0]),
            v(&[4]),
            "Expected size[0] in [0, 3], but got 4",
        ),
        slice(
            z(&[3]),
            v(&[-1]),
            v(&[1]),
            "Expected begin[0] in [0, 3], but got -1",
        ),
        slice(
            z(&[3]),
            v(&[4]),
            v(&[-1]),
            "Expected begin[0] in [0, 3], but got 4",
        ),
        slice(
            z(&[3]),
            v(&[0]),
            v(&[-2]),
            "Expected size[0] in [0, 3], but got -2",
        ),
        slice(
            z(&[3]),
            v(&[0, 0]),
            v(&[1, 1]),
            "Expected begin and size arguments to be 1-D tensors of size 1, but got shapes [2] and [2] instead.",
        ),
        slice(
            z(&[3]),
            v(&[0]),
            v(&[1, 1]),
            "1-D tensors of size 1, but got shapes [1] and [2] instead.",
        ),
        slice(
            z(&[0]),
            l(&[0]),
            l(&[i64::MAX]),
            "Expected size[0] in [0, 0], but got 9223372036854775807",
        ),
        slice(
            z(&[3]),
            l(&[1]),
            l(&[i64::MAX]),
            "Expected size[0] in [0, 2], but got 9223372036854775807",
        ),
        slice(
            z(&[3]),
            l(&[i64::MIN]),
            l(&[1]),
            "Expected begin[0] in [0, 3], but got -9223372036854775808",
        ),
        strided(75, &[3], &[0], &[1], &[0], "strides[0] must be non-zero"),
        strided(
            76,
            &[3],
            &[5],
            &[6],
            &[1],
            "slice index 5 of dimension 0 out of bounds.",
        )
        .attr("shrink_axis_mask", 1i64),
        strided(
            76,
            &[2],
            &[4],
            &[5],
            &[1],
            "slice index 4 of dimension 0 out of bounds.",
        )
        .attr("shrink_axis_mask", 1i64),
        strided(
            76,
            &[2],
            &[-3],
            &[-2],
            &[1],
            "slice index -1 of dimension 0 out of bounds.",
        )
        .attr("shrink_axis_mask", 1i64),
        strided(
            76,
            &[3],
            &[0],
            &[1],
            &[-1],
            "only stride 1 allowed on non-range indexing.",
        )
        .attr("shrink_axis_mask", 1i64),
        strided(
            77,
            &[3],
            &[0, 0],
            &[1, 1],
            &[1, 1],
            "Index out of range using input dim 1; input has only 1 dims",
        ),
        strided(
            77,
            &[],
            &[0],
            &[1],
            &[1],
            "Attempting to slice scalar input.",
        ),
        strided(
            78,
            &[3, 3],
            &[0, 0],
            &[1, 1],
            &[1, 1],
            "Multiple ellipses in slice spec not allowed",
        )
        .attr("ellipsis_mask", 3i64),
        strided(
            78,
            &[3],
            &[0],
            &[1, 2],
            &[1],
            "Expected begin, end, and strides to be 1D equal size tensors, but got shapes [1], [2], and [1] instead.",
        ),
        strided(
            78,
            &[3],
            &[0; 32],
            &[1; 32],
            &[1; 32],
            "Expected begin, end, and strides to be 1D equal size tensors",
        ),
        Bad::new(
            79,
            "StridedSliceGrad",
            &[v(&[3]), v(&[0]), v(&[2]), v(&[1]), z(&[3])],
            "shape of dy was [3] instead of [2]",
        ),
        Bad::new(
            79,
            "StridedSliceGrad",
            &[v(&[-3]), v(&[0]), v(&[2]), v(&[1]), z(&[2])],
            "Dimension -3 must be >= 0",
        ),
        Bad::new(
            79,
            "StridedSliceGrad",
            &[s(3), v(&[0]), v(&[2]), v(&[1]), z(&[2])],
            "shape must be 1-D",
        ),
        Bad::new(
            79,
            "StridedSliceGrad",
            &[l(&[HUGE, HUGE]), l(&[0]), l(&[2]), l(&[1]), z(&[2])],
            "more than 2**63 - 1 elements",
        ),
    ]);
}

#[test]
fn gathers_and_scatters() {
    let gather = |row, params: Tensor, indices: Tensor, axis: i64, message| {
        Bad::new(
            row,
            "GatherV2",
            &[params, indices, Tensor::from(axis)],
            message,
        )
    };
    let stitch = |indices: &[Tensor], data: &[Tensor], message| {
        Bad::new(112, "DynamicStitch", &[], message)
            .list(indices)
            .list(data)
    };
    let hot = |indices: Tensor, depth: Tensor, on: Tensor, message| {
        Bad::new(104, "OneHot", &[indices, depth, on, f(0.0)], message)
    };
    let sparse = |indices: Tensor, shape: Tensor, values: Tensor, message| {
        Bad::new(
            105,
            "SparseToDense",
            &[indices, shape, values, f(0.0)],
            message,
        )
    };
    refuse(vec![
        gather(90, z(&[2]), v(&[5]), 0, "indices[0] = 5 is not in [0, 2)"),
        gather(90, z(&[2]), v(&[-1]), 0, "indices[0] = -1 is not in [0, 2)"),
        gather(90, z(&[2]), m(&[1, 2], &[0, 2]), 0, "indices[0,1] = 2 is not in [0, 2)"),
        gather(91, z(&[2]), v(&[0]), 4, "Shape must be at least rank 5 but is rank 1"),
        gather(91, z(&[2]), v(&[0]), i64::MIN, "Shape must be at least rank 9223372036854775808 but is rank 1"),
        gather(91, z(&[2]), v(&[0]), i64::MAX, "Shape must be at least rank 9223372036854775808 but is rank 1"),
        gather(91, z(&[]), v(&[0]), 0, "params must be at least 1 dimensional"),
        gather(92, z(&[2]), v(&[0]), 0, "batch_dims (1) must be less than rank(params) (1).").attr("batch_dims", 1i64),
        gather(92, z(&[2, 2]), v(&[0]), 0, "batch_dims (1) must be less than or equal to axis (0).").attr("batch_dims", 1i64),
        gather(92, z(&[2, 2]), v(&[0]), 1, "Expected batch_dims in the range [-1, 1], but got 10").attr("batch_dims", 10i64),
        gather(92, z(&[2, 2]), v(&[0, 0, 0]), 1, "params.shape[0]: 2 should be equal to indices.shape[0]: 3").attr("batch_dims", 1i64),
        Bad::new(90, "Gather", &[z(&[2]), v(&[2])], "indices[0] = 2 is not in [0, 2)"),
        Bad::new(94, "GatherNd", &[z(&[2]), m(&[1, 1], &[5])], "indices[0] = [5] does not index into param shape [2]"),
        Bad::new(94, "GatherNd", &[z(&[5, 5, 5]), m(&[1, 3], &[6, 6, 6])], "indices[0] = [6, 6, 6] does not index into param shape [5,5,5]"),
        Bad::new(94, "GatherNd", &[z(&[2]), m(&[1, 2], &[0, 0])], "index innermost dimension length must be <= params rank; saw: 2 vs. 1"),
        Bad::new(94, "GatherNd", &[z(&[0, 2]), m(&[1, 1], &[0])], "Requested more than 0 entries, but params is empty."),
        Bad::new(94, "GatherNd", &[z(&[2]), m(&[1, 1], &[0])], "Bad indices policy").attr("bad_indices_policy", "WHATEVER"),
        Bad::new(94, "ScatterNd", &[m(&[1, 1], &[5]), z(&[1]), v(&[3])], "indices[0] = [5] does not index into shape [3]"),
        Bad::new(94, "ScatterNd", &[m(&[1, 1], &[0]), z(&[2]), v(&[3])], "must match dimensions [0,1) of updates[shape=[2]]"),
        Bad::new(94, "ScatterNd", &[m(&[1, 2], &[0, 0]), z(&[1]), v(&[3])], "of input[shape=[3]] must match dimensions"),
        Bad::new(94, "ScatterNd", &[m(&[1, 1], &[0]), z(&[1]), v(&[-3])], "Dimension -3 must be >= 0"),
        Bad::new(94, "ScatterNd", &[m(&[1, 1], &[0]), z(&[1]), v(&[0])], "Indices and updates specified for empty output."),
        hot(v(&[0]), s(-1), f(1.0), "depth must be non-negative, got: -1"),
        hot(v(&[0]), v(&[1, 2]), f(1.0), "depth must be a scalar, but got: [2]"),
        hot(v(&[0]), s(2), z(&[2]), "on_value must be a scalar, but got: [2]"),
        hot(v(&[0]), s(2), f(1.0), "Expected axis to be -1 or between [0, 2).  But received: 7").attr("axis", 7i64),
        hot(v(&[0]), s(2), f(1.0), "But received: 856").attr("axis", 856i64),
        hot(m(&[1 << 16], &vec![0; 1 << 16]), s(i32::MAX), f(1.0), "OOM when allocating tensor with shape[65536,2147483647]"),
        sparse(v(&[5]), v(&[3]), f(1.0), "indices[0] = [5] is out of bounds: need 0 <= index < [3]"),
        sparse(v(&[1, 0]), v(&[3]), f(1.0), "indices[1] = [0] is out of order. Many sparse ops require sorted indices."),
        sparse(v(&[1, 1]), v(&[3]), f(1.0), "indices[1] = [1] is repeated"),
        sparse(v(&[-1]), v(&[3]), f(1.0), "Indices are not valid (out of bounds).  Shape: [3]").attr("validate_indices", false),
        sparse(m(&[1, 1, 1], &[1]), v(&[3]), f(1.0), "sparse_indices should be a scalar, vector, or matrix, got shape [1,1,1]"),
        sparse(v(&[0, 1]), v(&[3]), z(&[3]), "sparse_values has incorrect shape [3], should be [] or [2]"),
        sparse(m(&[1, 2], &[0, 1]), v(&[3]), f(1.0), "output_shape has incorrect number of elements: 1 should be: 2"),
        sparse(v(&[0]), v(&[-3]), f(1.0), "Dimension -3 must be >= 0"),
        Bad::new(110, "ReverseSequence", &[z(&[2, 3]), v(&[1, 4])], "seq_lengths(1) > input.dims(1)").attr("seq_dim", 1i64),
        Bad::new(110, "ReverseSequence", &[z(&[2, 3]), v(&[-1, 1])], "seq_lengths(0) < 0").attr("seq_dim", 1i64),
        Bad::new(110, "ReverseSequence", &[z(&[2, 3]), v(&[1, 1])], "seq_dim must be < input rank (2 vs. 2)").attr("seq_dim", 2i64),
        Bad::new(110, "ReverseSequence", &[z(&[2, 3]), v(&[1, 1])], "batch_dim must be < input rank (-1 vs. 2)").attr("seq_dim", 1i64).attr("batch_dim", -1i64),
        stitch(&[v(&[5]), v(&[0, 1])], &[z(&[1]), z(&[3])], "data[1].shape = [3] does not start with indices[1].shape = [2]"),
        stitch(&[v(&[-1])], &[z(&[1])], "indices[0] is out of range"),
        stitch(&[v(&[i32::MAX])], &[z(&[1])], "Expected a non-negative size, got -2147483648"),
        stitch(&[v(&[0]), v(&[1])], &[z(&[1, 2]), z(&[1, 3])], "Need data[0].shape[1:] = data[1].shape[1:], got data[0].shape = [1,2]"),
        Bad::new(112, "DynamicPartition", &[z(&[2]), v(&[5, 0])], "partitions[0] = 5 is not in [0, 2)").attr("num_partitions", 2i64),
        Bad::new(112, "DynamicPartition", &[z(&[2]), v(&[0, 0, 0])], "data.shape must start with partitions.shape, got data.shape = [2], partitions.shape = [3]").attr("num_partitions", 2i64),
        Bad::new(114, "Unique", &[z(&[2, 2])], "unique expects a 1D vector."),
        Bad::new(114, "ListDiff", &[z(&[2, 2]), z(&[2])], "x should be a 1D vector."),
        Bad::new(114, "Diag", &[z(&[])], "Input must be at least rank 1, got 0"),
        Bad::new(114, "CheckNumerics", &[Tensor::from([f32::NAN, f32::INFINITY])], "mm : Tensor had Inf and NaN values").attr("message", "mm"),
    ]);
}
