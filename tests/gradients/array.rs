//! Ops that move elements around.

use super::check::{Row, apart, between, node, row};
use tensorloom::{AttrValue, PartialShape};

fn ints(v: &[i64]) -> AttrValue {
    AttrValue::from(v.to_vec())
}

pub fn rows() -> Vec<Row> {
    let mut rows = shapes();
    rows.extend(joins());
    rows.extend(slices());
    rows.extend(gathers());
    rows
}

fn shapes() -> Vec<Row> {
    let x = || [between(&[2, 3], -1.0, 1.0)];
    let plain = |op: &'static str| row(op, x(), move |s, x| node(s, op, x, &[]));
    vec![
        plain("Identity"),
        row(
            "IdentityN",
            [between(&[2], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| s.op("IdentityN").list([x[0], x[1]]).finish().outputs(),
        ),
        row("CheckNumerics", x(), |s, x| {
            node(
                s,
                "CheckNumerics",
                x,
                &[("message", AttrValue::from("bad"))],
            )
        }),
        row("PlaceholderWithDefault", x(), |s, x| {
            let shape = ("shape", AttrValue::Shape(PartialShape::unknown()));
            node(s, "PlaceholderWithDefault", x, &[shape])
        }),
        row("EnsureShape", x(), |s, x| {
            let shape = PartialShape::from([None, Some(3)]);
            node(s, "EnsureShape", x, &[("shape", AttrValue::Shape(shape))])
        }),
        row("Reshape", x(), |s, x| vec![s.reshape(x[0], [3i32, -1])]),
        row("ExpandDims", x(), |s, x| {
            node(s, "ExpandDims", &[x[0], s.constant(-1i32)], &[])
        }),
        row("Squeeze", [between(&[1, 3, 1], -1.0, 1.0)], |s, x| {
            node(s, "Squeeze", x, &[("squeeze_dims", ints(&[-1]))])
        }),
        row("Fill", [between(&[], -1.0, 1.0)], |s, x| {
            node(s, "Fill", &[s.constant([2i32, 3]), x[0]], &[])
        }),
        row("BroadcastTo", [between(&[2, 1], -1.0, 1.0)], |s, x| {
            node(s, "BroadcastTo", &[x[0], s.constant([4i32, 2, 3])], &[])
        }),
        row("Tile", x(), |s, x| vec![s.tile(x[0], [3i32, 2])]),
        row("Transpose", [between(&[2, 3, 2], -1.0, 1.0)], |s, x| {
            node(s, "Transpose", &[x[0], s.constant([2i32, 0, 1])], &[])
        }),
        row(
            "ConjugateTranspose",
            [between(&[2, 3], -1.0, 1.0), between(&[2, 3], -1.0, 1.0)],
            |s, x| {
                let z = s.square(s.complex(x[0], x[1]));
                let t = node(s, "ConjugateTranspose", &[z, s.constant([1i32, 0])], &[])[0];
                vec![t.real(), t.imag()]
            },
        ),
        row("Diag", x(), |s, x| node(s, "Diag", x, &[])),
        row("DiagPart", [between(&[2, 2, 2, 2], -1.0, 1.0)], |s, x| {
            node(s, "DiagPart", x, &[])
        }),
        row("Reverse", x(), |s, x| {
            node(s, "Reverse", &[x[0], s.constant([true, false])], &[])
        }),
        row("ReverseV2", x(), |s, x| {
            node(s, "ReverseV2", &[x[0], s.constant([-1i32])], &[])
        }),
        row(
            "ReverseSequence",
            [between(&[2, 4, 2], -1.0, 1.0)],
            |s, x| {
                let lengths = s.constant([3i64, 1]);
                node(
                    s,
                    "ReverseSequence",
                    &[x[0], lengths],
                    &[("seq_dim", AttrValue::Int(1))],
                )
            },
        ),
    ]
}

fn joins() -> Vec<Row> {
    let pair = || [between(&[2, 3], -1.0, 1.0), between(&[2, 1], -1.0, 1.0)];
    let same = || [between(&[2, 3], -1.0, 1.0), between(&[2, 3], -1.0, 1.0)];
    vec![
        row("Concat", pair(), |s, x| {
            s.op("Concat")
                .input(1i32)
                .list([x[0], x[1], x[0]])
                .finish()
                .outputs()
        }),
        row("ConcatV2", pair(), |s, x| {
            s.op("ConcatV2")
                .list([x[0], x[1], x[0]])
                .input(-1i32)
                .finish()
                .outputs()
        }),
        row("Pack", same(), |s, x| {
            s.op("Pack")
                .list([x[0], x[1]])
                .attr("axis", 1i64)
                .finish()
                .outputs()
        }),
        row("Unpack", [between(&[2, 3], -1.0, 1.0)], |s, x| {
            node(
                s,
                "Unpack",
                x,
                &[("num", AttrValue::Int(3)), ("axis", AttrValue::Int(-1))],
            )
        }),
        row("Split", [between(&[2, 4], -1.0, 1.0)], |s, x| {
            node(
                s,
                "Split",
                &[s.constant(1i32), x[0]],
                &[("num_split", AttrValue::Int(2))],
            )
        }),
        row("SplitV", [between(&[2, 4], -1.0, 1.0)], |s, x| {
            let sizes = s.constant([1i64, -1, 2]);
            node(
                s,
                "SplitV",
                &[x[0], sizes, s.constant(1i32)],
                &[("num_split", AttrValue::Int(3))],
            )
        }),
        row("Split", [between(&[2, 4], -1.0, 1.0)], |s, x| {
            let parts = node(
                s,
                "Split",
                &[s.constant(1i32), x[0]],
                &[("num_split", AttrValue::Int(4))],
            );
            vec![parts[2] * parts[0]]
        })
        .case("some parts unused"),
    ]
}

fn slices() -> Vec<Row> {
    let x = || [between(&[4, 5], -1.0, 1.0)];
    let strided = |op, begin, end, strides, masks: [i64; 5]| {
        let attrs = move || {
            [
                "begin_mask",
                "end_mask",
                "ellipsis_mask",
                "new_axis_mask",
                "shrink_axis_mask",
            ]
            .into_iter()
            .zip(masks)
            .map(|(n, m)| (n, AttrValue::Int(m)))
            .collect::<Vec<_>>()
        };
        let (b, e, t): ([i32; 2], [i32; 2], [i32; 2]) = (begin, end, strides);
        match op {
            "StridedSlice" => row(op, x(), move |s, x| {
                let limits = [b, e, t].map(|v| s.constant(v));
                node(
                    s,
                    "StridedSlice",
                    &[x[0], limits[0], limits[1], limits[2]],
                    &attrs(),
                )
            }),
            _ => row(op, [between(&[2, 3], -1.0, 1.0)], move |s, x| {
                let limits = [[4, 5], b, e, t].map(|v: [i32; 2]| s.constant(v));
                node(
                    s,
                    "StridedSliceGrad",
                    &[limits[0], limits[1], limits[2], limits[3], x[0]],
                    &attrs(),
                )
            }),
        }
    };
    let paddings = [[1i32, 2], [0, 1]];
    vec![
        row("Slice", x(), |s, x| {
            node(
                s,
                "Slice",
                &[x[0], s.constant([1i32, 0]), s.constant([2i32, -1])],
                &[],
            )
        }),
        strided("StridedSlice", [0, 3], [4, 0], [2, -1], [0; 5]),
        strided("StridedSlice", [1, 0], [0, 3], [1, 1], [0, 0, 0, 0, 1]).case("shrunk axis"),
        strided("StridedSlice", [0, 1], [0, 4], [1, 2], [0, 0, 1, 0, 0]).case("ellipsis"),
        strided("StridedSliceGrad", [0, 1], [4, 4], [2, 1], [0; 5]),
        row("Pad", x(), move |s, x| {
            node(s, "Pad", &[x[0], s.constant(paddings)], &[])
        }),
        // Like TensorFlow's, its gradient does not reach the value that is padded with.
        row("PadV2", [between(&[2, 2], -1.0, 1.0)], move |s, x| {
            let inputs = [x[0], s.constant(paddings), s.constant(0.5f64)];
            node(s, "PadV2", &inputs, &[])
        }),
        row("MirrorPad", x(), move |s, x| {
            node(
                s,
                "MirrorPad",
                &[x[0], s.constant(paddings)],
                &[("mode", AttrValue::from("REFLECT"))],
            )
        }),
        row("MirrorPad", x(), move |s, x| {
            node(
                s,
                "MirrorPad",
                &[x[0], s.constant(paddings)],
                &[("mode", AttrValue::from("SYMMETRIC"))],
            )
        })
        .case("symmetric"),
        row(
            "MirrorPadGrad",
            [between(&[5, 4], -1.0, 1.0)],
            move |s, x| {
                let mode = ("mode", AttrValue::from("SYMMETRIC"));
                node(s, "MirrorPadGrad", &[x[0], s.constant(paddings)], &[mode])
            },
        ),
    ]
}

fn gathers() -> Vec<Row> {
    let x = || [between(&[4, 3], -1.0, 1.0)];
    vec![
        row("Gather", x(), |s, x| {
            node(s, "Gather", &[x[0], s.constant([[0i32, 3], [3, 1]])], &[])
        }),
        row("GatherV2", x(), |s, x| {
            node(
                s,
                "GatherV2",
                &[x[0], s.constant([0i32, 3, 3]), s.constant(0i32)],
                &[],
            )
        }),
        row("GatherV2", x(), |s, x| {
            node(
                s,
                "GatherV2",
                &[x[0], s.constant([2i64, 0, 2]), s.constant(-1i32)],
                &[],
            )
        })
        .case("last axis"),
        row("GatherV2", x(), |s, x| {
            let indices = s.constant([[0i32, 2], [1, 1], [2, 0], [0, 0]]);
            let batch = ("batch_dims", AttrValue::Int(1));
            node(s, "GatherV2", &[x[0], indices, s.constant(1i32)], &[batch])
        })
        .case("batch"),
        row("GatherNd", x(), |s, x| {
            node(
                s,
                "GatherNd",
                &[x[0], s.constant([[0i32, 1], [3, 2], [0, 1]])],
                &[],
            )
        }),
        row("GatherNd", x(), |s, x| {
            node(s, "GatherNd", &[x[0], s.constant([[2i32], [2]])], &[])
        })
        .case("rows"),
        row("ScatterNd", [between(&[3, 2], -1.0, 1.0)], |s, x| {
            let indices = s.constant([[4i32], [0], [4]]);
            node(s, "ScatterNd", &[indices, x[0], s.constant([5i32, 2])], &[])
        }),
        row(
            "SparseToDense",
            [between(&[3], -1.0, 1.0), between(&[], -1.0, 1.0)],
            |s, x| {
                let indices = s.constant([0i32, 2, 3]);
                node(
                    s,
                    "SparseToDense",
                    &[indices, s.constant([5i32]), x[0], x[1]],
                    &[],
                )
            },
        ),
        row("DynamicPartition", [between(&[5, 2], -1.0, 1.0)], |s, x| {
            let parts = s.constant([1i32, 0, 2, 1, 1]);
            node(
                s,
                "DynamicPartition",
                &[x[0], parts],
                &[("num_partitions", AttrValue::Int(3))],
            )
        }),
        row(
            "DynamicStitch",
            [between(&[2, 2], -1.0, 1.0), between(&[3, 2], -1.0, 1.0)],
            |s, x| {
                let indices = [s.constant([3i32, 0]), s.constant([1i32, 2, 4])];
                s.op("DynamicStitch")
                    .list(indices)
                    .list([x[0], x[1]])
                    .finish()
                    .outputs()
            },
        ),
        row("TopK", [apart(&[2, 5])], |s, x| {
            node(s, "TopK", x, &[("k", AttrValue::Int(2))])
        }),
        row("TopKV2", [apart(&[2, 5])], |s, x| {
            node(s, "TopKV2", &[x[0], s.constant(3i32)], &[])
        }),
        row("NthElement", [apart(&[2, 5])], |s, x| {
            node(s, "NthElement", &[x[0], s.constant(1i32)], &[])
        }),
    ]
}
