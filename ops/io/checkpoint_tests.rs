//! Checkpoints of both formats, written and restored by the ops.

use super::tests::temp;
use crate::dtype::DType;
use crate::graph::Graph;
use crate::runtime::Session;
use crate::tensor::Tensor;
use crate::{AttrValue, Code};

#[test]
fn checkpoints_round_trip() {
    let g = Graph::new();
    let s = g.root();
    let prefix = temp("ckpt").to_string_lossy().into_owned();
    let (p, names) = (s.constant(prefix.as_str()), s.constant(["a", "b"]));
    let slices = s.constant(["", ""]);
    let values = [s.constant([1.5f32, -2.0]), s.constant(["x", "yz"])];
    let save = s
        .op("SaveV2")
        .input(p)
        .input(names)
        .input(slices)
        .list(values)
        .finish();
    let restore = |names: &[&str], dtypes: Vec<DType>| {
        let n = dtypes.len();
        let slices = s.constant(vec![String::new(); n]);
        s.op("RestoreV2")
            .input(p)
            .input(s.constant(names))
            .input(slices)
            .attr("dtypes", dtypes)
            .finish()
    };
    let back = restore(&["a", "b"], vec![DType::F32, DType::String]);
    let wrong = restore(&["a"], vec![DType::F64]).output(0);
    let missing = restore(&["zz"], vec![DType::F32]).output(0);
    let session = Session::new(&g).unwrap();
    let e = session.fetch(missing).unwrap_err();
    assert!(
        e.message()
            .starts_with("Unsuccessful TensorSliceReader constructor"),
        "{e}"
    );
    session.run_target(save).unwrap();
    let out = session.run((), back.outputs(), ()).unwrap();
    assert_eq!(out[0].data::<f32>().unwrap(), &[1.5, -2.0]);
    assert_eq!(&*out[1].strings().unwrap()[1], b"yz");
    let e = session.fetch(wrong).unwrap_err();
    assert!(
        e.message()
            .contains("expected dtype double does not equal original dtype float"),
        "{e}"
    );
    let e = session.fetch(missing).unwrap_err();
    assert_eq!(
        (e.code(), e.message()),
        (Code::NotFound, "Key zz not found in checkpoint")
    );
}

/// The old ops write the old format; both formats are restored by both.
#[test]
fn version_1_checkpoints_round_trip() {
    let run = |op: &str, args: Vec<Vec<Tensor>>, list: &[(&str, AttrValue)]| {
        let attrs = list.iter().map(|(k, v)| (k.to_string(), v.clone()));
        crate::runtime::run_op(
            &crate::Registry::builtin(),
            op,
            args,
            crate::Attrs(attrs.collect()),
        )
    };
    let file = temp("v1").to_string_lossy().into_owned();
    let one = |t: Tensor| vec![t];
    let (a, b) = (Tensor::from([1f32, 2.0]), Tensor::from([3i64, 4]));
    let dt = |d: DType| vec![("dt", AttrValue::from(d))];
    run(
        "Save",
        vec![
            one(file.as_str().into()),
            one(["a", "b"].into()),
            vec![a.clone(), b.clone()],
        ],
        &[],
    )
    .unwrap();
    let restore = |file: &str, name: &str, d: DType| {
        run("Restore", vec![one(file.into()), one(name.into())], &dt(d))
    };
    assert_eq!(
        restore(&file, "a", DType::F32).unwrap()[0]
            .data::<f32>()
            .unwrap(),
        [1.0, 2.0]
    );
    assert_eq!(
        restore(&file, "b", DType::I64).unwrap()[0]
            .data::<i64>()
            .unwrap(),
        [3, 4]
    );
    let slices = vec![
        one(file.as_str().into()),
        one(["v", "v"].into()),
        one(["4 0,2", "4 2,2"].into()),
        vec![a.clone(), Tensor::from([5f32, 6.0])],
    ];
    run("SaveSlices", slices, &[]).unwrap();
    let middle = vec![
        one(file.as_str().into()),
        one("v".into()),
        one("4 1,2".into()),
    ];
    let middle = run("RestoreSlice", middle, &dt(DType::F32)).unwrap();
    assert_eq!(middle[0].data::<f32>().unwrap(), [2.0, 5.0]);
    let v2 = vec![
        one(file.as_str().into()),
        one(["v"].into()),
        one([""].into()),
    ];
    let types = [("dtypes", AttrValue::from(vec![DType::F32]))];
    let whole = run("RestoreV2", v2, &types).unwrap();
    assert_eq!(whole[0].data::<f32>().unwrap(), [1.0, 2.0, 5.0, 6.0]);

    type Case = (u32, &'static str, Vec<Vec<Tensor>>, Code, &'static str);
    let empty = || Tensor::zeros(DType::String, crate::Shape::of(&[0]).unwrap()).unwrap();
    let f = || one(file.as_str().into());
    let cases: Vec<Case> = vec![
        (
            172,
            "Save",
            vec![f(), one(["x"].into()), one(1u32.into())],
            Code::Unimplemented,
            "Saving data type uint32 not yet supported",
        ),
        (
            171,
            "Save",
            vec![f(), one(["x", "y"].into()), one(1f32.into())],
            Code::InvalidArgument,
            "Got 2 tensor names but 1 tensors.",
        ),
        (
            171,
            "Save",
            vec![one(["x", "y"].into()), one(["x"].into()), one(1f32.into())],
            Code::InvalidArgument,
            "Input 0 (filename) must be a string scalar; got a tensor of size 2 elements",
        ),
        (
            173,
            "SaveSlices",
            vec![
                f(),
                one(["x"].into()),
                one(["4 9,9"].into()),
                one(a.clone()),
            ],
            Code::InvalidArgument,
            "xtent in dimension 0 out of bounds",
        ),
        (
            173,
            "SaveSlices",
            vec![f(), one(["x"].into()), one(["", ""].into()), one(a.clone())],
            Code::InvalidArgument,
            "Expected 1 elements for the tensor shapes and slices but got 2",
        ),
        (
            174,
            "Save",
            vec![f(), one(["x", "x"].into()), vec![a.clone(), a]],
            Code::InvalidArgument,
            "Adding duplicate key",
        ),
        (
            175,
            "Restore",
            vec![f(), one(empty())],
            Code::InvalidArgument,
            "Input 1 (tensor_name) must be a string scalar; got a tensor of size 0 elements",
        ),
        (
            175,
            "Restore",
            vec![one(empty()), one("x".into())],
            Code::InvalidArgument,
            "Input 0 (file_pattern) must be a string scalar",
        ),
        (
            175,
            "Restore",
            vec![one("/nonexistent/x".into()), one("x".into())],
            Code::NotFound,
            "Failed to find any matching files",
        ),
    ];
    for (row, op, args, code, text) in cases {
        let list = if op == "Restore" {
            dt(DType::F32)
        } else {
            vec![]
        };
        let e = run(op, args, &list).unwrap_err();
        assert!(e.message().contains(text), "row {row}: {e}");
        assert_eq!(e.code(), code, "row {row}: {e}");
    }
    // A shard that does not exist is only a hint.
    let list = [("dt", DType::F32.into()), ("preferred_shard", 99i64.into())];
    assert!(run("Restore", vec![f(), one("v".into())], &list).is_ok());
}
