//! The image helpers build the nodes that TensorFlow's build (see `image_builders` in tests/interop/replays.py).

use super::replays::unpack;
use super::{data, report};
use std::collections::BTreeMap;
use tensorloom::def::NodeDef;
use tensorloom::ops::image::{BoundingBox, Overflow};
use tensorloom::{DType, Graph, Output, PartialShape, Scope};

fn placeholder<'g>(g: &'g Graph, dtype: DType, shape: PartialShape, name: &str) -> Output<'g> {
    let op = g.root().op("Placeholder").name(name);
    op.attr("dtype", dtype).attr("shape", shape).out()
}

fn helpers<'g>(s: Scope<'g>, x: Output<'g>) {
    s.flip_left_right(x);
    s.random_flip_left_right(x, Some(1));
    s.crop_to_bounding_box(x, &BoundingBox::new((1, 2), (2, 3)));
    s.pad_to_bounding_box(x, &BoundingBox::new((1, 2), (8, 9)));
    s.resize_image_with_crop_or_pad(x, 3, 8);
    s.per_image_standardization(x);
    s.random_brightness(x, 63.0, Some(2));
    s.random_contrast(x, 0.2, 1.8, Some(3));
}

fn build(g: &Graph) {
    let root = g.root();
    let kinds: [(&str, PartialShape); 5] = [
        ("one", PartialShape::from(&[4, 5, 3][..])),
        ("batch", PartialShape::from(&[2, 4, 5, 3][..])),
        ("any", PartialShape::unknown()),
        ("partial", PartialShape::of([None, None, Some(3)])),
        (
            "several",
            PartialShape::of([None, Some(4), Some(5), Some(3)]),
        ),
    ];
    let mut images = BTreeMap::new();
    for (name, shape) in kinds {
        let x = placeholder(g, DType::F32, shape, name);
        images.insert(name, x);
        let s = root.scope(&format!("in_{name}"));
        helpers(s, x);
        if !["batch", "several"].contains(&name) {
            s.random_crop(x, [2, 2, 3], Some(4));
        }
    }
    let rows = placeholder(g, DType::I32, PartialShape::scalar(), "rows");
    let columns = placeholder(g, DType::I32, PartialShape::scalar(), "columns");
    let s = root.scope("computed");
    for name in ["one", "any"] {
        let x = images[name];
        s.crop_to_bounding_box(x, &BoundingBox::new((1, 2), (rows, columns)));
        s.crop_to_bounding_box(x, &BoundingBox::new((0, columns), (2, 2)));
        s.pad_to_bounding_box(x, &BoundingBox::new((rows, columns), (8, 9)));
        s.resize_image_with_crop_or_pad(x, rows, 8);
    }
    for dtype in [DType::U8, DType::I16, DType::F16, DType::F64] {
        let shape = PartialShape::from(&[2, 2, 3][..]);
        let name = tf_name(dtype);
        let x = placeholder(g, dtype, shape, name);
        let s = root.scope(&format!("in_{name}"));
        s.adjust_brightness(x, 0.3);
        s.per_image_standardization(x);
        s.random_flip_left_right(s.expand_dims(x, 0), Some(5));
        if dtype != DType::F16 {
            s.adjust_contrast(x, 0.3);
        }
    }
    use DType::*;
    let types = [F16, BF16, F32, F64, I8, I16, I32, U8, U16];
    for from in types {
        let name = format!("from_{}", tf_name(from));
        let x = placeholder(g, from, PartialShape::vector(Some(5)), &name);
        for to in types {
            let s = root.scope(&format!("{}_to_{}", tf_name(from), tf_name(to)));
            s.saturate_cast(x, to);
            s.convert_image_dtype(x, to, Overflow::Wrap);
            s.convert_image_dtype(x, to, Overflow::Saturate);
        }
    }
    for (from, to) in [(C64, F32), (C64, U8), (C128, C64), (C64, C128), (F64, C64)] {
        let name = format!("{}_to_{}", tf_name(from), tf_name(to));
        let shape = PartialShape::vector(Some(3));
        let x = placeholder(g, from, shape, &format!("from_{name}"));
        root.scope(&name).saturate_cast(x, to);
    }
}

/// The name in Python.
fn tf_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => "float16",
        DType::F32 => "float32",
        DType::F64 => "float64",
        d => d.name(),
    }
}

fn nodes(nodes: Vec<NodeDef>) -> BTreeMap<String, NodeDef> {
    let named = nodes.into_iter().map(|mut n| {
        n.attr.remove("_output_shapes");
        // A mark that says nothing which the inputs do not say.
        n.attr.remove("_has_manual_control_dependencies");
        (n.name.clone(), n)
    });
    named.collect()
}

/// Casts of whole numbers to floats that hold more: TensorFlow's greatest value overflows there to the least.
const OVERFLOWS: [&str; 5] = [
    "int16_to_bfloat16/saturate_cast/Const_1",
    "int16_to_float16/saturate_cast/Const_1",
    "int32_to_bfloat16/saturate_cast/Const_1",
    "int32_to_float32/saturate_cast/Const_1",
    "uint16_to_bfloat16/saturate_cast/Const_1",
];

/// What two sets of nodes do not share.
fn differences(
    ours: &BTreeMap<String, NodeDef>,
    theirs: &BTreeMap<String, NodeDef>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, node) in theirs {
        match ours.get(name) {
            None => problems.push(format!("{name} ({}) is missing", node.op)),
            Some(n) if n.op != node.op || n.input != node.input || n.attr != node.attr => {
                problems.push(format!("{name}:\n  want {node:?}\n  got  {n:?}"));
            }
            Some(_) => {}
        }
    }
    let extra = ours.keys().filter(|n| !theirs.contains_key(*n));
    problems.extend(extra.map(|n| format!("{n} is not TensorFlow's")));
    problems
}

#[test]
fn image_helpers_build_the_nodes_of_tensorflow() {
    let g = Graph::new();
    build(&g);
    g.check().unwrap();
    let ours = nodes(g.export().unwrap().node);
    let mut theirs = nodes(unpack(&data("replays").join("image_builders.pb.gz")).node);
    assert!(theirs.len() > 1000);
    for name in OVERFLOWS {
        theirs.insert(name.to_string(), ours[name].clone());
    }
    report("nodes", theirs.len(), differences(&ours, &theirs));
}

/// The part of a graph of the CIFAR-10 tutorial that changes an image named `x` there.
fn of_the_tutorial(file: &str, prefix: &str, first: &str) -> BTreeMap<String, NodeDef> {
    let all = unpack(&data("cifar10").join(file)).node;
    let start = all
        .iter()
        .position(|n| n.name == format!("{prefix}/{first}"));
    let end = all
        .iter()
        .position(|n| n.name == format!("{prefix}/per_image_standardization"));
    let mut part = nodes(all[start.unwrap()..=end.unwrap()].to_vec());
    for node in part.values_mut() {
        node.device.clear();
    }
    part
}

#[test]
fn the_input_of_the_tutorial_is_built_node_by_node() {
    let shape = PartialShape::from(&[32, 32, 3][..]);
    for (file, prefix, first) in [
        ("train.pb.gz", "data_augmentation", "random_crop/size"),
        (
            "eval.pb.gz",
            "input",
            "resize_image_with_crop_or_pad/ExpandDims/dim",
        ),
    ] {
        let theirs = of_the_tutorial(file, prefix, first);
        let g = Graph::new();
        let x = placeholder(&g, DType::F32, shape.clone(), &format!("{prefix}/Cast_1"));
        let s = g.root().scope(&format!("{prefix}/"));
        let x = if prefix == "input" {
            s.resize_image_with_crop_or_pad(x, 24, 24)
        } else {
            let x = s.random_crop(x, [24, 24, 3], None);
            let x = s.random_flip_left_right(x, None);
            let x = s.random_brightness(x, 63.0, None);
            s.random_contrast(x, 0.2, 1.8, None)
        };
        s.per_image_whitening(x);
        g.check().unwrap();
        let mut ours = nodes(g.export().unwrap().node);
        ours.remove(&format!("{prefix}/Cast_1"));
        assert!(theirs.len() > 30);
        report("nodes", theirs.len(), differences(&ours, &theirs));
    }
}
