//! Tests of the array family: node names as TensorFlow's Python gives them, and shared buffers.

use crate::dtype::DType;
use crate::graph::{Graph, Output};
use crate::ops::array::{Mirror, SliceSpec};
use crate::ops::testing::{check_gradient, run, run_lists};
use crate::shape::PartialShape;
use crate::tensor::Tensor;

/// Builds on x `[?,3]`, y `[2,3]`, i `int32[4]`, u (unknown), and gives the nodes that were added, one a line.
fn built(f: impl for<'g> Fn(Output<'g>, Output<'g>, Output<'g>, Output<'g>)) -> Vec<String> {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, Some(3)]);
    let y = g.placeholder("y", DType::F32, [2usize, 3]);
    let i = g.placeholder("i", DType::I32, [4usize]);
    let u = g.placeholder("u", DType::F32, PartialShape::unknown());
    let before = g.len();
    f(x, y, i, u);
    g.check().unwrap();
    let nodes = g.nodes();
    nodes[before..]
        .iter()
        .map(|n| {
            let inputs: Vec<String> = n
                .inputs
                .iter()
                .map(|e| nodes[e.node.number()].output_name(e.port))
                .collect();
            let value = n
                .attrs
                .tensor("value")
                .ok()
                .map(|t| format!("{:?}", t.to_i64s().unwrap_or_default()));
            format!(
                "{} {} {}",
                n.name,
                n.op.name,
                value.unwrap_or(inputs.join(" "))
            )
            .trim_end()
            .to_string()
        })
        .collect()
}

fn expect(got: Vec<String>, wanted: &[&str]) {
    assert_eq!(got, wanted, "\n{}", got.join("\n"));
}

#[test]
fn shapes_and_reshapes_are_named_as_in_python() {
    expect(
        built(|x, y, i, u| {
            let s = x.scope();
            s.shape(x);
            s.shape(y);
            s.size(x);
            s.size(y);
            s.rank(x);
            s.rank(u);
            x.reshape([-1]);
            y.reshape([3, 2]);
            x.reshape(i);
            x.expand_dims(0);
            x.squeeze(&[0]);
        }),
        &[
            "Shape Shape x:0",
            "Shape_1 Const [2, 3]",
            "Size Size x:0",
            "Size_1 Const [6]",
            "Rank Const [2]",
            "Rank_1 Rank u:0",
            "Reshape/shape Const [-1]",
            "Reshape Reshape x:0 Reshape/shape:0",
            "Reshape_1/shape Const [3, 2]",
            "Reshape_1 Reshape y:0 Reshape_1/shape:0",
            "Reshape_2 Reshape x:0 i:0",
            "ExpandDims/dim Const [0]",
            "ExpandDims ExpandDims x:0 ExpandDims/dim:0",
            "Squeeze Squeeze x:0",
        ],
    );
}

#[test]
fn joins_and_parts_are_named_as_in_python() {
    expect(
        built(|x, y, i, u| {
            let s = x.scope();
            x.t();
            u.t();
            s.concat(&[x, y], 0);
            s.concat(&[x], 0);
            s.named("cc").concat(&[x, y], -1);
            s.stack(&[x, y], 0);
            y.unstack(0);
            y.split(3, 1);
            y.split_sizes([1, 2], 1);
            y.slice([0, 0], [1, 2]);
            x.tile([1, 2]);
            x.pad([[1, 1], [0, 0]]);
            s.pad_with(x, [[1, 1], [0, 0]], 2.0);
            x.reverse([0]);
            s.range(0, i.index(0), 1);
        }),
        &[
            "transpose/perm Const [1, 0]",
            "transpose Transpose x:0 transpose/perm:0",
            "transpose_1/Rank Rank u:0",
            "transpose_1/sub/y Const [1]",
            "transpose_1/sub Sub transpose_1/Rank:0 transpose_1/sub/y:0",
            "transpose_1/Range/limit Const [-1]",
            "transpose_1/Range/delta Const [-1]",
            "transpose_1/Range Range transpose_1/sub:0 transpose_1/Range/limit:0 transpose_1/Range/delta:0",
            "transpose_1 Transpose u:0 transpose_1/Range:0",
            "concat/axis Const [0]",
            "concat ConcatV2 x:0 y:0 concat/axis:0",
            "concat_1/concat_dim Const [0]",
            "concat_1/concat Identity x:0",
            "cc/axis Const [-1]",
            "cc ConcatV2 x:0 y:0 cc/axis:0",
            "stack Pack x:0 y:0",
            "unstack Unpack y:0",
            "split/split_dim Const [1]",
            "split Split split/split_dim:0 y:0",
            "Const Const [1, 2]",
            "split_1/split_dim Const [1]",
            "split_1 SplitV y:0 Const:0 split_1/split_dim:0",
            "Slice/begin Const [0, 0]",
            "Slice/size Const [1, 2]",
            "Slice Slice y:0 Slice/begin:0 Slice/size:0",
            "Tile/multiples Const [1, 2]",
            "Tile Tile x:0 Tile/multiples:0",
            "Pad/paddings Const [1, 1, 0, 0]",
            "Pad Pad x:0 Pad/paddings:0",
            "PadV2/paddings Const [1, 1, 0, 0]",
            "PadV2/constant_values Const []",
            "PadV2 PadV2 x:0 PadV2/paddings:0 PadV2/constant_values:0",
            "ReverseV2/axis Const [0]",
            "ReverseV2 ReverseV2 x:0 ReverseV2/axis:0",
            "strided_slice/stack Const [0]",
            "strided_slice/stack_1 Const [1]",
            "strided_slice/stack_2 Const [1]",
            "strided_slice StridedSlice i:0 strided_slice/stack:0 strided_slice/stack_1:0 strided_slice/stack_2:0",
            "range/start Const [0]",
            "range/delta Const [1]",
            "range Range range/start:0 strided_slice:0 range/delta:0",
        ],
    );
}

#[test]
fn zeros_are_constants_while_small() {
    expect(
        built(|x, y, i, _| {
            let s = x.scope();
            s.zeros([2, 3], DType::I32);
            s.zeros([200, 30], DType::F32);
            s.named("z").zeros(i, DType::I32);
            s.ones((), DType::I32);
            s.zeros([i.index(0), i.index(1)], DType::F32);
            s.zeros_like(x);
            s.zeros_like(y);
            s.ones_like(x);
        }),
        &[
            "zeros Const [0, 0, 0, 0, 0, 0]",
            "zeros_1/shape_as_tensor Const [200, 30]",
            "zeros_1/Const Const []",
            "zeros_1 Fill zeros_1/shape_as_tensor:0 zeros_1/Const:0",
            "z/Const Const [0]",
            "z Fill i:0 z/Const:0",
            "ones Const [1]",
            "strided_slice/stack Const [0]",
            "strided_slice/stack_1 Const [1]",
            "strided_slice/stack_2 Const [1]",
            "strided_slice StridedSlice i:0 strided_slice/stack:0 strided_slice/stack_1:0 strided_slice/stack_2:0",
            "strided_slice_1/stack Const [1]",
            "strided_slice_1/stack_1 Const [2]",
            "strided_slice_1/stack_2 Const [1]",
            "strided_slice_1 StridedSlice i:0 strided_slice_1/stack:0 strided_slice_1/stack_1:0 strided_slice_1/stack_2:0",
            "zeros_2/packed Pack strided_slice:0 strided_slice_1:0",
            "zeros_2/Const Const []",
            "zeros_2 Fill zeros_2/packed:0 zeros_2/Const:0",
            "zeros_like ZerosLike x:0",
            "zeros_like_1 Const []",
            "ones_like/Shape Shape x:0",
            "ones_like/Const Const []",
            "ones_like Fill ones_like/Shape:0 ones_like/Const:0",
        ],
    );
}

#[test]
fn slices_have_the_masks_of_python() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, Some(3)]);
    let masks = |spec: SliceSpec| {
        let n = x.strided_slice(&spec).node().node().unwrap();
        [
            "begin_mask",
            "end_mask",
            "ellipsis_mask",
            "new_axis_mask",
            "shrink_axis_mask",
        ]
        .map(|m| n.attrs.int(m).unwrap())
    };
    assert_eq!(masks(SliceSpec::new().at(0)), [0, 0, 0, 0, 1]);
    assert_eq!(masks(SliceSpec::new().all().from(1)), [1, 3, 0, 0, 0]);
    assert_eq!(
        masks(SliceSpec::new().ellipsis().new_axis()),
        [0, 0, 1, 2, 0]
    );
    assert_eq!(
        masks(SliceSpec::new().at(1).range(None, None, 2)),
        [2, 2, 0, 0, 1]
    );
    g.check().unwrap();
}

#[test]
fn what_only_changes_the_shape_shares_the_buffer() {
    let x = Tensor::from_vec(&[2, 1, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let sizes = Tensor::from([3i32, 2]);
    let shares = |t: &Tensor| t.shares_buffer(&x);
    assert!(shares(
        &run("Reshape", &[x.clone(), sizes], &[]).unwrap()[0]
    ));
    let zero = Tensor::from(0i32);
    assert!(shares(
        &run("ExpandDims", &[x.clone(), zero.clone()], &[]).unwrap()[0]
    ));
    assert!(shares(
        &run("Squeeze", std::slice::from_ref(&x), &[]).unwrap()[0]
    ));
    assert!(shares(
        &run("StopGradient", std::slice::from_ref(&x), &[]).unwrap()[0]
    ));
    let two = [("num_split", 2i64.into())];
    let parts = run("Split", &[zero, x.clone()], &two).unwrap();
    assert!(parts.iter().all(shares));
    assert_eq!(parts[1].data::<f32>().unwrap(), [4.0, 5.0, 6.0]);
    let rows = run("Unpack", std::slice::from_ref(&x), &[("num", 2i64.into())]).unwrap();
    assert!(rows.iter().all(shares));
    let begin = Tensor::from([1i32, 0, 0]);
    let size = Tensor::from([1i32, -1, 2]);
    let part = run("Slice", &[x.clone(), begin, size], &[]).unwrap();
    assert!(shares(&part[0]));
    assert_eq!(part[0].data::<f32>().unwrap(), [4.0, 5.0]);
    let one = run_lists("Pack", vec![vec![x.clone()]], &[("axis", 1i64.into())]).unwrap();
    assert!(shares(&one[0]));
}

#[test]
fn one_hot_gathers_and_scatters_are_named_as_in_python() {
    expect(
        built(|x, y, i, _| {
            let s = x.scope();
            i.one_hot(5, DType::I32);
            x.gather(i);
            y.gather_nd([[0, 1]]);
            s.sparse_to_dense([0], [3], [1.0f32], 0.0);
            s.scatter_nd([[0]], [1.0f32], [3]);
            y.broadcast_to([4, 2, 3]);
        }),
        &[
            "one_hot/on_value Const [1]",
            "one_hot/off_value Const [0]",
            "one_hot/depth Const [5]",
            "one_hot OneHot i:0 one_hot/depth:0 one_hot/on_value:0 one_hot/off_value:0",
            "GatherV2/axis Const [0]",
            "GatherV2 GatherV2 x:0 i:0 GatherV2/axis:0",
            "GatherNd/indices Const [0, 1]",
            "GatherNd GatherNd y:0 GatherNd/indices:0",
            "SparseToDense/sparse_indices Const [0]",
            "SparseToDense/output_shape Const [3]",
            "SparseToDense/sparse_values Const []",
            "SparseToDense/default_value Const []",
            "SparseToDense SparseToDense SparseToDense/sparse_indices:0 SparseToDense/output_shape:0 SparseToDense/sparse_values:0 SparseToDense/default_value:0",
            "ScatterNd/indices Const [0]",
            "ScatterNd/updates Const []",
            "ScatterNd/shape Const [3]",
            "ScatterNd ScatterNd ScatterNd/indices:0 ScatterNd/updates:0 ScatterNd/shape:0",
            "BroadcastTo/shape Const [4, 2, 3]",
            "BroadcastTo BroadcastTo y:0 BroadcastTo/shape:0",
        ],
    );
}

#[test]
fn gradients_agree_with_differences() {
    type F = for<'g> fn(Output<'g>) -> Output<'g>;
    const OPS: &[(&str, F)] = &[
        ("Reshape", |x| x.reshape([3, 4])),
        ("ExpandDims", |x| x.expand_dims(1)),
        ("Squeeze", |x| x.expand_dims(0).squeeze(&[0])),
        ("Transpose", |x| x.transpose([1, 0])),
        ("ConcatV2", |x| x.scope().concat(&[x, x * x], 1)),
        ("ConcatV2 of many", |x| {
            let parts: Vec<Output<'_>> = (0..18)
                .map(|i| if i % 5 == 0 { x * x } else { x })
                .collect();
            x.scope().concat(&parts, -1)
        }),
        ("Pack", |x| x.scope().stack(&[x, x * x], 1)),
        ("Unpack", |x| {
            let rows = x.unstack(0);
            rows[0] * rows[3]
        }),
        ("Split", |x| x.split(2, 0)[1]),
        ("SplitV", |x| x.split_sizes([1, -1, 1], 0)[1]),
        ("Slice", |x| x.slice([1, 0], [2, -1])),
        ("StridedSlice", |x| {
            x.strided_slice(&SliceSpec::new().range(None, None, -2).at(1))
        }),
        ("index", |x| x.index(-1)),
        ("Pad", |x| x.pad([[1, 0], [0, 2]])),
        ("PadV2", |x| x.scope().pad_with(x, [[1, 0], [0, 2]], 3.0)),
        ("MirrorPad", |x| {
            x.scope().mirror_pad(x, [[2, 1], [1, 2]], Mirror::Reflect)
        }),
        ("MirrorPad symmetric", |x| {
            x.scope().mirror_pad(x, [[4, 1], [0, 3]], Mirror::Symmetric)
        }),
        ("Tile", |x| x.tile([2, 3])),
        ("Fill", |x| {
            x.scope()
                .fill([2, 3], x.slice([1, 1], [1, 1]).reshape(Vec::<i32>::new()))
        }),
        ("ReverseV2", |x| x.reverse([0])),
        ("ReverseSequence", |x| {
            x.scope().reverse_sequence(x, [1, 4, 2], 0, 1)
        }),
        ("BroadcastTo", |x| {
            x.expand_dims(1).broadcast_to([2, 4, 5, 3])
        }),
        ("GatherNd", |x| x.gather_nd([[0, 1], [3, 2], [0, 1]])),
        ("ScatterNd", |x| {
            x.scope().scatter_nd([[1], [4], [1], [0]], x, [6, 3])
        }),
        ("SparseToDense", |x| {
            x.scope().sparse_to_dense([1, 3, 4], [6], x.index(1), 0.0)
        }),
        ("Diag", |x| x.scope().diag(x)),
        ("DiagPart", |x| x.scope().diag_part(x.slice([0, 0], [3, 3]))),
        ("DynamicPartition", |x| {
            x.scope().dynamic_partition(x, [1, 0, 1, 1], 2)[1]
        }),
        ("IdentityN", |x| x.scope().identity_n(&[x * x, x])[0]),
        ("CheckNumerics", |x| x.scope().check_numerics(x, "numbers")),
        ("EnsureShape", |x| {
            x.scope().ensure_shape(x, [Some(4), None])
        }),
        ("PlaceholderWithDefault", |x| {
            x.scope().placeholder_with_default(x, [None, Some(3)])
        }),
    ];
    let values = (0..12).map(|i| (i as f64 * 1.37).sin() * 2.0);
    let x = Tensor::from_vec(&[4, 3], values.collect()).unwrap();
    for (name, f) in OPS {
        println!("{name}");
        check_gradient(x.clone(), f);
        // The gradient of Σ f(x)², differentiated again.
        if ["GatherNd", "ScatterNd", "SparseToDense", "DynamicPartition"].contains(name) {
            continue;
        }
        check_gradient(x.clone(), &|x| {
            let y = f(x);
            let g = x.graph().gradients(&[y * y], &[x]).unwrap()[0].unwrap();
            g.dense(x.graph().root())
        });
    }
}

#[test]
fn gradients_stop_where_they_should() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [2usize]);
    let of = |y: Output<'_>| g.gradients(&[g.find(&y.node().name()).unwrap().output(0)], &[x]);
    assert!(of(x.stop_gradient() + 1.0).unwrap()[0].is_none());
    assert!(of(x.zeros_like() * 2.0).unwrap()[0].is_none());
    let e = of(x.scope().prevent_gradient(x, "it is frozen")).unwrap_err();
    assert!(e.message().contains("it is frozen"), "{e}");
}
