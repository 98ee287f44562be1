//! JSON against protobuf's own mapping, and what it must refuse.

use super::*;
use crate::proto::{schema, text};

fn to_bytes(pbtxt: &str) -> Vec<u8> {
    text::parse(&schema::GRAPH_DEF, pbtxt).unwrap()
}

#[test]
fn json_is_what_protobuf_writes() {
    let bytes = to_bytes(include_str!("../../../tests/data/attrs.pbtxt"));
    let ours: serde_json::Value =
        serde_json::from_str(&print(&schema::GRAPH_DEF, &bytes).unwrap()).unwrap();
    let theirs: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/data/attrs.json")).unwrap();
    assert_eq!(ours, theirs);
    assert_eq!(
        parse(
            &schema::GRAPH_DEF,
            include_str!("../../../tests/data/attrs.json")
        )
        .unwrap(),
        bytes
    );
}

/// Numbers that a fast reader rounds to a neighbour.
#[test]
fn floats_are_read_exactly() {
    let doubles = [3e56f64, 9.5e-14, 5.0e-324, 1.7976931348623157e308, 8.1e55];
    for v in doubles {
        let json =
            format!(r#"{{"node": [{{"attr": {{"t": {{"tensor": {{"doubleVal": [{v:e}]}}}}}}}}]}}"#);
        let bytes = parse(&schema::GRAPH_DEF, &json).unwrap();
        assert!(bytes.ends_with(&v.to_le_bytes()), "{v:e}");
        let printed = print(&schema::GRAPH_DEF, &bytes).unwrap();
        assert_eq!(parse(&schema::GRAPH_DEF, &printed).unwrap(), bytes);
    }
}

#[test]
fn spellings_that_protobuf_accepts() {
    let json = r#"{"node": [{"name": "n", "experimental_debug_info": null, "attr": {
        "i": {"i": 5}, "j": {"i": "-7"}, "k": {"i": 3.0}, "f": {"f": "NaN"}, "g": {"f": "-Infinity"}, "h": {"f": "1e3"},
        "t": {"type": 1}, "u": {"type": "DT_INT32"}, "b": {"s": "_-8"}, "l": {"list": {"b": [true, false], "f": [1, 2.5]}}
    }}], "versions": {"minConsumer": 3, "bad_consumers": []}}"#;
    let bytes = parse(&schema::GRAPH_DEF, json).unwrap();
    let printed = text::print(&schema::GRAPH_DEF, &bytes).unwrap();
    for part in [
        "i: 5",
        "i: -7",
        "i: 3",
        "f: nan",
        "f: -inf",
        "f: 1000.0",
        "type: DT_FLOAT",
        "type: DT_INT32",
        "s: \"\\377\\357\"",
        "b: true",
        "f: 2.5",
        "min_consumer: 3",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
}

#[test]
fn any_and_wrappers_have_their_own_form() {
    let json = r#"{"anyList": {"value": [{"@type": "type.googleapis.com/tensorflow.AssetFileDef", "filename": "v.txt"},
        {"typeUrl": "x/other.T", "value": "AQ=="}]}}"#;
    let bytes = parse(&schema::COLLECTION_DEF, json).unwrap();
    let again: serde_json::Value =
        serde_json::from_str(&print(&schema::COLLECTION_DEF, &bytes).unwrap()).unwrap();
    assert_eq!(
        again,
        serde_json::from_str::<serde_json::Value>(json).unwrap()
    );
    // A wrapped bool is a bare one; absent, false and true are three different things.
    for (json, bytes) in [
        ("{}", &b""[..]),
        ("{\n  \"hasCheckpointValues\": false\n}", b"\x2a\x00"),
        ("{\n  \"hasCheckpointValues\": true\n}", b"\x2a\x02\x08\x01"),
    ] {
        let m = schema::message("TrackableObjectGraph.TrackableObject").unwrap();
        assert_eq!(parse(m, json).unwrap(), bytes);
        assert_eq!(print(m, bytes).unwrap().trim_end(), json);
    }
}

#[test]
fn mistakes_come_with_line_and_column() {
    let cases = [
        (
            "{\n \"nod\": []}",
            "has no field named \"nod\" at line 2 column 6",
        ),
        (
            "[]",
            "invalid type: sequence, expected a GraphDef at line 1",
        ),
        ("{\"node\": {}}", "field \"node\" takes no object"),
        ("{\"versions\": []}", "field \"versions\" takes no list"),
        (
            "{\"versions\": 5}",
            "invalid value for field \"versions\": 5",
        ),
        (
            "{\"versions\": true}",
            "invalid value for field \"versions\": true",
        ),
        (
            "{\"versions\": {\"producer\": 2147483648}}",
            "invalid value for field \"producer\": 2147483648",
        ),
        (
            "{\"versions\": {\"producer\": 1.5}}",
            "invalid value for field \"producer\": 1.5",
        ),
        (
            "{\"node\": [{\"attr\": {\"a\": {\"s\": \"!\"}}}]}",
            "invalid value for field \"s\": \"!\"",
        ),
        (
            "{\"node\": [{\"attr\": {\"a\": {\"f\": \"inf\"}}}]}",
            "invalid value for field \"f\": \"inf\"",
        ),
        (
            "{\"node\": [{\"attr\": {\"a\": {\"i\": 1, \"b\": true}}}]}",
            "\"i\" and \"b\" exclude each other",
        ),
        (
            "{\"node\": [], \"node\": []}",
            "field \"node\" is given twice",
        ),
        ("{} x", "trailing characters"),
        ("{", "EOF while parsing"),
    ];
    for (json, what) in cases {
        let e = parse(&schema::GRAPH_DEF, json).unwrap_err();
        assert_eq!(e.code(), crate::Code::InvalidArgument);
        assert!(
            e.message().starts_with("Error parsing JSON GraphDef: "),
            "{e}"
        );
        assert!(e.message().contains(what), "{json}: {e}");
    }
    let deep = format!(
        "{}{}",
        "{\"node\":[{\"attr\":{\"a\":{\"func\":{\"attr\":{\"a\":".repeat(60),
        "}".repeat(10)
    );
    assert!(parse(&schema::GRAPH_DEF, &deep).is_err());
}
