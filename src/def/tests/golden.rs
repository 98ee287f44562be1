//! Bytes, text and JSON equal to TensorFlow's.

use super::*;
use crate::dtype::DType;
use crate::proto::{canonical, schema};
use crate::shape::PartialShape;
use crate::tensor::Tensor;

#[test]
fn a_node_has_the_bytes_that_tensorflow_gives_it() {
    let mut n = NodeDef {
        name: "é\n\"'\\\u{1}".into(),
        op: "Const".into(),
        ..NodeDef::default()
    };
    n.attr.insert("t".into(), DType::F32.into());
    n.attr
        .insert("sh".into(), PartialShape::vector(None).into());
    n.attr.insert("bb".into(), true.into());
    n.attr.insert("b".into(), 1.0f32.into());
    n.attr.insert("a".into(), 0.1f32.into());
    let expected = unhex(
        "0a07c3a90a22275c01 1205436f6e7374 2a0a0a0161120525cdcccc3d 2a0a0a0162120525 0000803f 2a080a02626212022801
         2a150a027368120f3a0d120b08ffffffffffffffffff01 2a070a017412023001",
    );
    assert_eq!(n.to_pb(), expected);
    assert_eq!(NodeDef::from_pb(&expected).unwrap(), n);
}

/// Equality that shows the first line that differs.
fn assert_same_text(ours: &str, theirs: &str) {
    for (i, (a, b)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(a, b, "line {}", i + 1);
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn graphs_that_tensorflow_wrote_come_out_as_they_went_in() {
    for name in ["training", "functions"] {
        let bytes = data(&format!("{name}.pb"));
        let text = text_data(&format!("{name}.pbtxt"));
        let g = GraphDef::from_pb(&bytes).unwrap();
        // Python's deterministic mode puts "Tidx" before "T"; in all else its bytes are canonical.
        let sorted = canonical(&schema::GRAPH_DEF, &bytes).unwrap();
        assert_eq!(sorted.len(), bytes.len(), "{name}");
        assert_eq!(g.to_pb(), sorted, "{name}");
        assert_same_text(&g.to_pbtxt().unwrap(), &text);
        let from_text = GraphDef::from_pbtxt(&text).unwrap();
        assert_eq!(from_text, g);
        assert_eq!(from_text.to_pb(), sorted, "{name}");
        let from_json = GraphDef::from_json(&g.to_json().unwrap()).unwrap();
        assert_eq!(from_json.to_pb(), sorted, "{name}");
        g.check_versions().unwrap();
        g.node
            .iter()
            .flat_map(|n| n.attr.values())
            .for_each(|a| a.check().unwrap());
    }
}

#[test]
fn json_is_what_protobuf_writes() {
    let theirs = text_data("functions.json");
    let g = GraphDef::from_json(&theirs).unwrap();
    assert_eq!(
        g.to_pb(),
        canonical(&schema::GRAPH_DEF, &data("functions.pb")).unwrap()
    );
    let ours: serde_json::Value = serde_json::to_value(&g).unwrap();
    assert_eq!(
        ours,
        serde_json::from_str::<serde_json::Value>(&theirs).unwrap()
    );
    assert_eq!(serde_json::from_value::<GraphDef>(ours).unwrap(), g);
}

#[test]
fn the_parts_of_a_training_graph() {
    let g = GraphDef::from_pb(&data("training.pb")).unwrap();
    let node = |name: &str| g.node.iter().find(|n| n.name == name).unwrap();
    assert_eq!(g.versions.producer, GRAPH_VERSION);
    let x = node("x");
    assert_eq!(x.op, "Placeholder");
    assert_eq!(x.attr["dtype"], AttrValue::Type(DType::F32));
    assert_eq!(
        x.attr["shape"],
        AttrValue::Shape(PartialShape::from([None, Some(3)]))
    );
    assert_eq!(
        x.attr["_output_shapes"],
        AttrValue::ShapeList(vec![PartialShape::from([None, Some(3)])])
    );
    let strings = node("strings");
    assert_eq!(strings.device, "/device:GPU:0");
    assert!(strings.input.iter().all(|i| i.starts_with('^')));
    let AttrValue::Tensor(t) = &strings.attr["value"] else {
        panic!("{strings:?}")
    };
    let values: Vec<&[u8]> = t.strings().unwrap().iter().map(|s| &s[..]).collect();
    assert_eq!(values, ["a".as_bytes(), "é".as_bytes(), b"\xff\x00"]);
    // One value for a whole tensor: repeated here, and written again as the one value it was.
    let fill = node("layer/Const");
    assert_eq!(
        fill.attr["value"],
        AttrValue::Tensor(Tensor::from([0.1f32, 0.1]))
    );
    assert!(!fill.kept.is_empty());
}

#[test]
fn an_attribute_that_changed_is_written_anew() {
    let mut g = GraphDef::from_pb(&data("training.pb")).unwrap();
    let i = g.node.iter().position(|n| n.name == "layer/Const").unwrap();
    g.node[i]
        .attr
        .insert("value".into(), Tensor::from([0.5f32, 0.25]).into());
    g.versions.min_consumer = 12;
    let again = GraphDef::from_pb(&g.to_pb()).unwrap();
    assert_eq!(
        again.node[i].attr["value"],
        AttrValue::Tensor(Tensor::from([0.5f32, 0.25]))
    );
    assert_eq!(again.versions.min_consumer, 12);
}

#[test]
fn unknown_fields_and_odd_spellings_survive() {
    // A node with an attribute whose value has an unknown field, an unknown field of its own and debug info;
    // a graph with an unknown field, the obsolete version, and empty versions.
    let node = unhex("0a016e 1201 58 2a0b 0a0161 1206 1803 f206 0178 32050a036f6c64 fa06 0179");
    let mut bytes = vec![0x0a, node.len() as u8];
    bytes.extend(&node);
    bytes.extend(unhex("1807 2200 fa06 017a"));
    let g = GraphDef::from_pb(&bytes).unwrap();
    assert_eq!(g.node[0].attr["a"], AttrValue::Int(3));
    assert_eq!(g.versions.producer, 0);
    assert_eq!(g.to_pb(), bytes);
    assert_eq!(
        g.clone().to_pb(),
        canonical(&schema::GRAPH_DEF, &bytes).unwrap()
    );
    // Only the obsolete version.
    let g = GraphDef::from_pb(&[0x18, 7]).unwrap();
    assert_eq!(g.versions.producer, 7);
    assert_eq!(g.to_pb(), [0x18, 7]);
    // Names of dimensions mean nothing, but stay.
    let text = "node {\n  attr {\n    key: \"s\"\n    value {\n      shape {\n        dim {\n          size: 2\n          name: \"batch\"\n        }\n      }\n    }\n  }\n}\n";
    let g = GraphDef::from_pbtxt(text).unwrap();
    assert_eq!(
        g.node[0].attr["s"],
        AttrValue::Shape(PartialShape::from([2]))
    );
    assert_eq!(g.to_pbtxt().unwrap(), text);
}

#[test]
fn every_kind_of_attribute_goes_there_and_back() {
    let func = |inner: AttrValue| AttrValue::Func("f".into(), [("k".to_string(), inner)].into());
    let pair = |v: AttrValue| match func(v) {
        AttrValue::Func(n, a) => (n, a),
        _ => unreachable!(),
    };
    let all = [
        AttrValue::Bytes(vec![]),
        AttrValue::Bytes(vec![0, 255]),
        AttrValue::Int(i64::MIN),
        AttrValue::Float(f32::from_bits(0x7fc0_0001)),
        AttrValue::Float(-0.0),
        AttrValue::Bool(false),
        AttrValue::Type(DType::Variant),
        AttrValue::Shape(PartialShape::unknown()),
        AttrValue::Shape(PartialShape::scalar()),
        AttrValue::Tensor(Tensor::from([1i32, 2])),
        AttrValue::Tensor(Tensor::from("s")),
        func(AttrValue::EmptyList),
        AttrValue::Placeholder(String::new()),
        AttrValue::EmptyList,
        AttrValue::BytesList(vec![vec![], vec![1]]),
        AttrValue::IntList(vec![0, -1]),
        AttrValue::FloatList(vec![0.0, f32::NEG_INFINITY]),
        AttrValue::BoolList(vec![false, true]),
        AttrValue::TypeList(vec![DType::Bool, DType::QI8]),
        AttrValue::ShapeList(vec![PartialShape::scalar(), PartialShape::unknown()]),
        AttrValue::TensorList(vec![Tensor::from(1.5f64)]),
        AttrValue::FuncList(vec![
            pair(AttrValue::Int(1)),
            pair(func(AttrValue::Bool(true))),
        ]),
    ];
    let mut n = NodeDef::default();
    for (i, v) in all.iter().enumerate() {
        n.attr.insert(format!("{i:02}"), v.clone());
    }
    let bytes = n.to_pb();
    let again = NodeDef::from_pb(&bytes).unwrap();
    assert_eq!(again, n);
    assert!(again.kept.is_empty());
    assert_eq!(canonical(&schema::NODE_DEF, &bytes).unwrap(), bytes);
    let g = GraphDef {
        node: vec![n],
        ..GraphDef::default()
    };
    // Text and JSON have one NaN only.
    let canonical_nan = |g: &GraphDef| {
        let mut g = g.clone();
        g.node[0]
            .attr
            .insert("03".into(), AttrValue::Float(f32::NAN));
        g
    };
    assert_eq!(
        GraphDef::from_pbtxt(&g.to_pbtxt().unwrap()).unwrap(),
        canonical_nan(&g)
    );
    assert_eq!(
        GraphDef::from_json(&g.to_json().unwrap()).unwrap(),
        canonical_nan(&g)
    );
}

#[test]
fn meta_graphs_and_saved_models_come_out_as_they_went_in() {
    let bytes = data("m.ckpt-2.meta");
    let m = MetaGraphDef::from_pb(&bytes).unwrap();
    assert_eq!(
        m.to_pb().unwrap(),
        canonical(&schema::META_GRAPH_DEF, &bytes).unwrap()
    );
    assert_eq!(
        m.meta.saver_def.as_ref().unwrap().restore_op_name,
        "save/restore_all"
    );
    assert!(m.meta.collection_def.contains_key("variables"));
    assert!(m.meta.graph_def.is_none() && !m.graph.node.is_empty());
    let again = MetaGraphDef::from_pbtxt(&m.to_pbtxt().unwrap()).unwrap();
    assert_eq!(again, m);
    assert_eq!(
        MetaGraphDef::from_json(&m.to_json().unwrap())
            .unwrap()
            .to_pb()
            .unwrap(),
        m.to_pb().unwrap()
    );
    // Changed, it is written from what it now says.
    let mut changed = m.clone();
    changed.meta.saver_def = None;
    let again = MetaGraphDef::from_pb(&changed.to_pb().unwrap()).unwrap();
    assert_eq!(again, changed);
    assert_ne!(again, m);
    assert_eq!(
        MetaGraphDef::new(m.graph.clone(), m.meta.clone())
            .to_pb()
            .unwrap(),
        m.to_pb().unwrap()
    );

    let bytes = data("saved_model.pb");
    let s = SavedModel::from_pb(&bytes).unwrap();
    assert_eq!(s.schema_version, 1);
    assert_eq!(
        s.meta_graphs[0].meta.meta_info_def.as_ref().unwrap().tags,
        ["serve"]
    );
    assert_eq!(
        s.to_pb().unwrap(),
        canonical(&schema::SAVED_MODEL, &bytes).unwrap()
    );
    assert_same_text(
        &s.to_pbtxt().unwrap(),
        &text_data("saved_model_sorted.pbtxt"),
    );
    // A field of a newer version stays.
    let newer = [&bytes[..], &[0x7a, 3, b'n', b'e', b'w']].concat();
    let read = SavedModel::from_pb(&newer).unwrap();
    assert_eq!(read, s);
    assert_eq!(
        read.to_pb().unwrap(),
        canonical(&schema::SAVED_MODEL, &newer).unwrap()
    );
    // As the builder of saved models writes it: attributes in no order.
    assert_eq!(
        SavedModel::from_pbtxt(&text_data("saved_model.pbtxt")).unwrap(),
        s
    );
}

#[test]
fn functions_are_read_and_checked() {
    let g = GraphDef::from_pb(&data("functions.pb")).unwrap();
    let functions = g.functions().unwrap();
    check_functions(&functions).unwrap();
    let outer = functions
        .iter()
        .find(|f| f.name().contains("outer"))
        .unwrap();
    assert_eq!(outer.signature.input_arg.len(), 1);
    assert!(outer.node.iter().any(|n| n.op.contains("While")));
    assert!(outer.ret.values().all(|v| v.contains(':')));
    let calls = g.node.iter().flat_map(|n| n.attr.values());
    let called = calls.into_iter().find_map(|a| match a {
        AttrValue::Func(name, _) if !name.is_empty() => Some(name.clone()),
        _ => None,
    });
    assert_eq!(called.as_deref(), Some(outer.name()));
    assert!(GraphDef::default().functions().unwrap().is_empty());
    assert!(g.function_gradients().unwrap().is_empty());
}
