//! Text against what TensorFlow printed, and every way a text can be wrong.

use super::*;
use crate::proto::schema;

/// Made by TensorFlow 2.19.1: a node with every kind of attribute. Keys stand in order; Python's own deterministic
/// mode would put "em" before "e".
const BYTES: &str = "0ace010a0bc3a90a22275c017fe280a81201782a070a016112020a002a0b0a016212060a042a0201002a050a016512002a080a02656d120252002a100a0166120b520912070a0171120218002a100a0169120b18fbffffffffffffffff012a0c0a016c12070a053203014d652a080a02706c12024a002a1a0a02736812143a12120e08ffffffffffffffffff0112016412002a210a0174121c421a08121204120208016210000000000000f03f00000000000000402a080a0274791202304d2a100a017a120b1209c3a90a007f2227090d";

fn bytes() -> Vec<u8> {
    (0..BYTES.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&BYTES[i..i + 2], 16).unwrap())
        .collect()
}

#[test]
fn text_is_what_tensorflow_prints() {
    let text = print(&schema::GRAPH_DEF, &bytes()).unwrap();
    assert_eq!(text, include_str!("../../../tests/data/attrs.pbtxt"));
    assert_eq!(parse(&schema::GRAPH_DEF, &text).unwrap(), bytes());
}

#[test]
fn the_parser_accepts_every_spelling() {
    let text = "# a comment\nnode: < name: 'a' 'b' \"\\x41\\101\\u00e9\\U0001F600\\a\\b\\f\\v\\?\\'\\\"\\\\\" , op:\"x\"; input: ['i', \"j\"]\n\
                attr { key: 'l' value: { list { i: [1, -2, 0x10, 017] f: [1, .5, 2.5f, -inf, NaN, 1e3] b: [t, f, True, False, 1, 0, true]\
                type: [DT_FLOAT, 3, 77] s: [] } } } >\nversions { producer: 27 }";
    let printed = print(
        &schema::GRAPH_DEF,
        &parse(&schema::GRAPH_DEF, text).unwrap(),
    )
    .unwrap();
    assert!(
        printed.contains("name: \"abAAé😀\\007\\010\\014\\013?\\'\\\"\\\\\""),
        "{printed}"
    );
    let flat: String = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("input: \"i\" input: \"j\""));
    assert!(flat.contains("i: 1 i: -2 i: 16 i: 15"));
    assert!(flat.contains("f: 1.0 f: 0.5 f: 2.5 f: -inf f: nan f: 1000.0"));
    assert!(flat.contains("b: true b: false b: true b: false b: true b: false b: true"));
    assert!(flat.contains("type: DT_FLOAT type: DT_INT32 type: 77"));
    assert!(flat.ends_with("versions { producer: 27 }"));
}

#[test]
fn any_is_written_in_its_own_form() {
    let text = "any_list {\n  value {\n    [type.googleapis.com/tensorflow.AssetFileDef] {\n      tensor_info {\n        name: \"x:0\"\n      }\n      filename: \"vocab.txt\"\n    }\n  }\n}\n";
    let bytes = parse(&schema::COLLECTION_DEF, text).unwrap();
    assert_eq!(print(&schema::COLLECTION_DEF, &bytes).unwrap(), text);
    // A type that nobody knows stays as it is.
    let other =
        "any_list {\n  value {\n    type_url: \"x/other.Type\"\n    value: \"\\001\"\n  }\n}\n";
    let bytes = parse(&schema::COLLECTION_DEF, other).unwrap();
    assert_eq!(print(&schema::COLLECTION_DEF, &bytes).unwrap(), other);
}

#[test]
fn mistakes_come_with_line_and_column() {
    let cases: &[(&str, &str)] = &[
        (
            "nod { }",
            "1:1: Message type \"tensorflow.GraphDef\" has no field named \"nod\".",
        ),
        (
            "node {\n  nam: 'x'\n}",
            "2:3: Message type \"tensorflow.NodeDef\" has no field named \"nam\".",
        ),
        (
            "node {\n  name: 'é' op 'x' }",
            "2:16: Expected \":\", found the string \"x\"",
        ),
        ("node { name: x }", "1:14: Expected a string, found \"x\""),
        (
            "node { name: 'x }",
            "1:14: A string that is not closed on its line",
        ),
        (
            "node { name: 'a\\q' }",
            "1:16: Invalid escape sequence in a string: \\q",
        ),
        (
            "node { name: '\\400' }",
            "1:15: Invalid escape sequence in a string: an octal number above 377",
        ),
        (
            "node { name: '\\ud800' }",
            "1:15: Invalid escape sequence in a string: no code point",
        ),
        (
            "node { name: '\\xff' }",
            "1:14: The value of \"name\" is not UTF-8",
        ),
        (
            "node { name: 'a' name: 'b' }",
            "1:18: Non-repeated field \"name\" is specified multiple times.",
        ),
        ("node {", "1:7: Expected \"}\", found the end of the text"),
        ("node { >", "1:8: Expected a field name, found \">\""),
        ("}", "1:1: Expected a field name, found \"}\""),
        ("node 3", "1:6: Expected \"{\", found \"3\""),
        (
            "versions { producer: 1.0 }",
            "1:22: Expected an integer, found \"1.0\"",
        ),
        (
            "versions { producer: 4294967296 }",
            "1:22: Integer out of range (4294967296)",
        ),
        (
            "versions { producer: -2147483649 }",
            "1:22: Integer out of range (-2147483649)",
        ),
        (
            "versions { producer: 99999999999999999999 }",
            "1:22: Integer out of range (99999999999999999999)",
        ),
        (
            "versions { producer: }",
            "1:22: Expected a value, found \"}\"",
        ),
        (
            "versions { bad_consumers: [1 2] }",
            "1:30: Expected \",\", found \"2\"",
        ),
        (
            "versions { bad_consumers: [1,] }",
            "1:30: Expected a value, found \"]\"",
        ),
        (
            "node { attr { value { i: 1 s: 'x' } } }",
            "1:28: Field \"s\" is specified along with field \"i\", another member of oneof \"value\" of AttrValue.",
        ),
        (
            "node { attr { value { type: DT_FLOOT } } }",
            "1:29: Unknown enumeration value of \"DT_FLOOT\" for field \"type\".",
        ),
        (
            "node { attr { value { b: 2 } } }",
            "1:26: Expected \"true\" or \"false\", found \"2\"",
        ),
        (
            "node { attr { value { b: -1 } } }",
            "1:26: Expected a bool, found \"1\"",
        ),
        (
            "node { attr { value { f: abc } } }",
            "1:26: Expected a number, found \"abc\"",
        ),
        ("node \u{7}", "1:6: Invalid character '\\u{7}'"),
        ("node { name: 'x' }\n\n  é", "3:3: Invalid character 'é'"),
    ];
    for (text, message) in cases {
        let e = parse(&schema::GRAPH_DEF, text).unwrap_err();
        assert_eq!(e.code(), crate::Code::InvalidArgument);
        assert_eq!(
            e.message(),
            format!("Error parsing text-format tensorflow.GraphDef: {message}"),
            "{text}"
        );
    }
}

/// Row 221 of the list of bad inputs.
#[test]
fn row_221_deep_nesting_is_an_error() {
    let nest = |n: usize| {
        let mut text = "node { attr { value { ".to_string();
        text.push_str(&"func { attr { value { ".repeat(n));
        text.push_str(&" } } }".repeat(n));
        text + "} } }"
    };
    assert!(parse(&schema::GRAPH_DEF, &nest(30)).is_ok());
    for n in [40, 1000, 100_000] {
        let e = parse(&schema::GRAPH_DEF, &nest(n)).unwrap_err();
        assert!(e.message().contains("nesting limit of 100"), "{e}");
    }
    // The same in bytes.
    let mut bytes = Vec::new();
    for _ in 0..100 {
        let mut value = Vec::new();
        crate::proto::wire::put_bytes(&mut value, 2, &bytes);
        let mut attr = Vec::new();
        crate::proto::wire::put_bytes(&mut attr, 2, &value);
        bytes.clear();
        crate::proto::wire::put_bytes(&mut bytes, 10, &attr);
    }
    assert!(
        print(&schema::ATTR_VALUE, &bytes)
            .unwrap_err()
            .message()
            .contains("nested more than 100 deep")
    );
    assert!(crate::proto::canonical(&schema::ATTR_VALUE, &bytes).is_err());
}

#[test]
fn later_members_of_a_oneof_and_later_keys_win() {
    // i: 1, then s: "a", then s: "b"
    let value = [0x18, 1, 0x12, 1, b'a', 0x12, 1, b'b'];
    assert_eq!(print(&schema::ATTR_VALUE, &value).unwrap(), "s: \"b\"\n");
    // s, then i, then s: what came before the i is forgotten.
    let value = [0x12, 1, b'a', 0x18, 1, 0x12, 1, b'b'];
    assert_eq!(print(&schema::ATTR_VALUE, &value).unwrap(), "s: \"b\"\n");
    // Two shapes merge, in the same member.
    let value = [0x3a, 4, 0x12, 2, 8, 1, 0x3a, 4, 0x12, 2, 8, 2];
    let text = print(&schema::ATTR_VALUE, &value).unwrap();
    assert_eq!(text.matches("dim").count(), 2);
    let text = "attr { key: 'k' value { i: 1 } } attr { key: 'a' value { i: 2 } } attr { key: 'k' value { i: 3 } }";
    let node = parse(&schema::NODE_DEF, text).unwrap();
    let printed = print(&schema::NODE_DEF, &node).unwrap();
    assert!(
        printed.find("i: 2").unwrap() < printed.find("i: 3").unwrap() && !printed.contains("i: 1")
    );
}
