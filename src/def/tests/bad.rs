//! Broken definitions; the row numbers are those of the list of bad inputs.

use super::*;
use crate::error::Code;
use crate::proto::wire::put_bytes;

/// Rows 204, 205, 209, 216 to 220: attributes that a file may hold but that mean nothing.
#[test]
fn attributes_that_cannot_be_used_are_kept_and_refused() {
    use Code::{InvalidArgument, ResourceExhausted};
    let f32s = |rest: &str| format!("tensor {{ dtype: DT_FLOAT {rest} }}");
    let cases: &[(u32, &str, String, Code, &str)] = &[
        (204, "unset", String::new(), InvalidArgument, "AttrValue missing value"),
        (204, "type", "type: 77".into(), InvalidArgument, "AttrValue has invalid DataType enum: 77"),
        (204, "type", "type: -1".into(), InvalidArgument, "AttrValue has invalid DataType enum: -1"),
        (204, "type", "type: -2147483648".into(), InvalidArgument, "AttrValue has invalid DataType enum"),
        (204, "list(type)", "list { type: [DT_FLOAT, 77] }".into(), InvalidArgument, "invalid DataType enum: 77"),
        (204, "list(string)", "list { s: 'a' i: 1 }".into(), InvalidArgument, "'list(string)' and 'list(int)' in one list"),
        (205, "type", "type: DT_INVALID".into(), InvalidArgument, "AttrValue has invalid DataType"),
        (205, "type", "type: DT_FLOAT_REF".into(), InvalidArgument, "AttrValue must not have reference type value of float_ref"),
        (205, "list(type)", "list { type: DT_STRING_REF }".into(), InvalidArgument, "reference type value of string_ref"),
        (209, "shape", "shape { dim { size: -2 } }".into(), InvalidArgument, "Shape [-2] has dimensions with values below -1"),
        (209, "shape", "shape { unknown_rank: true dim { size: 1 } }".into(), InvalidArgument, "An unknown shape must not have any dimensions set."),
        (209, "shape", format!("shape {{ {} }}", "dim { size: 1 } ".repeat(255)), InvalidArgument, "255"),
        (209, "shape", "shape { dim { size: 9223372036854775807 } dim { size: 3 } }".into(), InvalidArgument, "more than 2**63 - 1"),
        (209, "list(shape)", "list { shape { dim { size: -7 } } }".into(), InvalidArgument, "below -1"),
        (216, "tensor", "tensor { }".into(), InvalidArgument, "Cannot parse tensor from proto: invalid element type 0"),
        (216, "tensor", "tensor { dtype: 77 tensor_shape { dim { size: 0 } } }".into(), InvalidArgument, "invalid element type 77"),
        (216, "tensor", "tensor { dtype: DT_FLOAT_REF }".into(), InvalidArgument, "invalid element type float_ref"),
        (216, "tensor", f32s("tensor_shape { unknown_rank: true }"), InvalidArgument, "not fully defined"),
        (216, "tensor", f32s("tensor_shape { dim { size: -2 } }"), InvalidArgument, "Shape [-2] is not fully defined"),
        (216, "tensor", f32s("tensor_shape { dim { size: -1 } dim { size: 0 } }"), InvalidArgument, "not fully defined"),
        (216, "tensor", f32s("tensor_shape { dim { size: 1099511627776 } dim { size: 1099511627776 } }"), InvalidArgument, "2**63 - 1"),
        (216, "tensor", f32s(&format!("tensor_shape {{ {} }}", "dim { size: 1 } ".repeat(255))), InvalidArgument, "255"),
        (217, "tensor", f32s("tensor_shape { dim { size: 2 } } tensor_content: 'abc'"), InvalidArgument, "tensor_content has 3 bytes; type float and shape [2] need 8"),
        (217, "tensor", f32s("tensor_content: 'abcde'"), InvalidArgument, "tensor_content has 5 bytes"),
        (217, "tensor", f32s("tensor_shape { dim { size: 4611686018427387904 } } tensor_content: 'abcd'"), InvalidArgument, "more than fit"),
        (217, "tensor", "tensor { dtype: DT_BOOL tensor_shape { dim { size: 3 } } tensor_content: '\\001' }".into(), InvalidArgument, "need 3"),
        (218, "tensor", "tensor { dtype: DT_STRING tensor_content: '\\005ab' }".into(), InvalidArgument, "does not hold 1 strings"),
        (218, "tensor", "tensor { dtype: DT_STRING tensor_content: '\\001ab' }".into(), InvalidArgument, "does not hold 1 strings"),
        (218, "tensor", "tensor { dtype: DT_STRING tensor_shape { dim { size: 3 } } tensor_content: '\\000\\000' }".into(), InvalidArgument, "does not hold 3 strings"),
        (218, "tensor", "tensor { dtype: DT_STRING tensor_content: '\\377\\377\\377\\377\\377\\001' }".into(), InvalidArgument, "does not hold 1 strings"),
        (218, "tensor", "tensor { dtype: DT_STRING tensor_content: '\\377' }".into(), InvalidArgument, "truncated"),
        (218, "tensor", "tensor { dtype: DT_STRING tensor_shape { dim { size: 1099511627776 } } tensor_content: '\\377' }".into(), InvalidArgument, "does not hold"),
        (219, "tensor", f32s("tensor_shape { dim { size: 1099511627776 } } float_val: 1"), ResourceExhausted, "repeat its last value"),
        (219, "tensor", f32s("tensor_shape { dim { size: 1099511627776 } }"), ResourceExhausted, "repeat its last value"),
        (219, "tensor", f32s("tensor_shape { dim { size: 4611686018427387904 } } float_val: 1"), ResourceExhausted, "repeat its last value"),
        (219, "tensor", "tensor { dtype: DT_STRING tensor_shape { dim { size: 1099511627776 } } string_val: 'a' }".into(), ResourceExhausted, "repeat its last value"),
        (219, "list(tensor)", format!("list {{ {} }}", f32s("tensor_shape { dim { size: 1099511627776 } }")), ResourceExhausted, "repeat its last value"),
        (220, "tensor", "tensor { dtype: DT_RESOURCE resource_handle_val { name: 'forged' } }".into(), InvalidArgument, "type resource cannot come from a file"),
        (220, "tensor", "tensor { dtype: DT_VARIANT variant_val { tensors { dtype: DT_VARIANT } } }".into(), InvalidArgument, "type variant cannot come from a file"),
        (220, "tensor", "tensor { dtype: DT_RESOURCE tensor_shape { dim { size: 0 } } }".into(), InvalidArgument, "cannot come from a file"),
    ];
    for (row, kind, text, code, message) in cases {
        let v = one_attr(text);
        assert_eq!(v.kind(), *kind, "row {row}: {text}");
        let e = v.check().expect_err(text);
        assert_eq!(e.code(), *code, "row {row}: {text}: {e}");
        assert!(e.message().contains(message), "row {row}: {text}: {e}");
        // It is written again as it was.
        let node = |v: AttrValue| {
            let mut n = NodeDef::default();
            n.attr.insert("a".into(), v);
            n.to_pb()
        };
        let bytes = node(v);
        let again = NodeDef::from_pb(&bytes).unwrap();
        assert_eq!(again.to_pb(), bytes, "row {row}: {text}");
        // Deep inside a function's attributes it is found too.
        let nested = one_attr(&format!(
            "func {{ name: 'f' attr {{ key: 'k' value {{ {text} }} }} }}"
        ));
        assert_eq!(nested.check().unwrap_err().code(), *code);
        let nested = one_attr(&format!(
            "list {{ func {{ name: 'f' attr {{ key: 'k' value {{ {text} }} }} }} }}"
        ));
        assert_eq!(nested.check().unwrap_err().code(), *code);
    }
}

/// Row 221: nesting beyond what protobuf reads.
#[test]
fn row_221_deep_nesting_is_an_error() {
    for depth in [34, 200, 20_000] {
        let mut value = vec![0x18, 1];
        for _ in 0..depth {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 2, &value);
            let mut func = Vec::new();
            put_bytes(&mut func, 2, &entry);
            value.clear();
            put_bytes(&mut value, 10, &func);
        }
        let mut entry = Vec::new();
        put_bytes(&mut entry, 2, &value);
        let mut node = Vec::new();
        put_bytes(&mut node, 5, &entry);
        let e = NodeDef::from_pb(&node).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument, "{e}");
    }
    let deep = "tensor { dtype: DT_VARIANT variant_val { tensors {".to_string()
        + &" variant_val { tensors {".repeat(20_000)
        + &"} }".repeat(20_000)
        + " } } }";
    let text = format!("node {{ attr {{ key: 'a' value {{ {deep} }} }} }}");
    assert!(
        GraphDef::from_pbtxt(&text)
            .unwrap_err()
            .message()
            .contains("too deep")
    );
}

/// Row 222: wire data that is no graph.
#[test]
fn row_222_broken_bytes_are_an_error() {
    let cases: &[(&str, &[u8])] = &[
        ("length past the end", &[0x0a, 5, 1]),
        (
            "overlong varint",
            &[0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ),
        ("tag 0", &[0]),
        ("node of another wire type", &[0x08, 1]),
        ("versions of another wire type", &[0x20, 1]),
        ("library of another wire type", &[0x10, 1]),
        ("producer of another wire type", &[0x22, 2, 0x0a, 0]),
        ("name of another wire type", &[0x0a, 2, 0x08, 1]),
        ("name not UTF-8", &[0x0a, 3, 0x0a, 1, 0xff]),
        ("op not UTF-8", &[0x0a, 3, 0x12, 1, 0xff]),
        ("input not UTF-8", &[0x0a, 3, 0x1a, 1, 0xff]),
        ("device not UTF-8", &[0x0a, 3, 0x22, 1, 0xff]),
        ("attr key not UTF-8", &[0x0a, 5, 0x2a, 3, 0x0a, 1, 0xff]),
        (
            "placeholder not UTF-8",
            &[0x0a, 7, 0x2a, 5, 0x12, 3, 0x4a, 1, 0xff],
        ),
        ("debug info not UTF-8", &[0x0a, 5, 0x32, 3, 0x0a, 1, 0xff]),
        ("attr of another wire type", &[0x0a, 4, 0x2a, 2, 0x10, 1]),
        (
            "int of another wire type",
            &[0x0a, 6, 0x2a, 4, 0x12, 2, 0x1a, 0],
        ),
        ("open group", &[0x0b, 0x08, 1]),
        ("end of no group", &[0x0c]),
        (
            "odd packed floats",
            &[0x0a, 9, 0x2a, 7, 0x12, 5, 0x0a, 3, 0x22, 1, 0],
        ),
        ("function library cut", &[0x12, 2, 0x0a, 5]),
        (
            "function node not UTF-8",
            &[0x12, 7, 0x0a, 5, 0x1a, 3, 0x0a, 1, 0xff],
        ),
    ];
    for (what, bytes) in cases {
        let e = GraphDef::from_pb(bytes).expect_err(what);
        assert_eq!(e.code(), Code::InvalidArgument, "{what}");
        assert!(
            e.message().starts_with("Error parsing GraphDef proto: "),
            "{what}: {e}"
        );
    }
    // What is wrong is said with the node and the attribute.
    let e = GraphDef::from_pb(&[
        0x0a, 12, 0x0a, 1, b'n', 0x2a, 7, 0x0a, 1, b'k', 0x12, 2, 0x1a, 0,
    ])
    .unwrap_err();
    assert!(e.message().contains("node 'n': attr 'k': "), "{e}");
    assert!(MetaGraphDef::from_pb(&[0x12, 5]).is_err());
    assert!(MetaGraphDef::from_pb(&[0x10, 5]).is_err());
    assert!(SavedModel::from_pb(&[0x12, 2, 0x12, 5]).is_err());
    assert!(SavedModel::from_pb(&[0x10, 2]).is_err());
}

/// Row 223: two bytes of a file that would be hundreds in memory.
#[test]
fn row_223_memory_amplification_is_bounded() {
    // Two million empty tensors in one attribute, 4 MB.
    let mut list = Vec::new();
    for _ in 0..2_000_000 {
        list.extend([0x42, 0]);
    }
    let mut value = Vec::new();
    put_bytes(&mut value, 1, &list);
    let mut entry = Vec::new();
    put_bytes(&mut entry, 2, &value);
    let mut node = Vec::new();
    put_bytes(&mut node, 5, &entry);
    let e = NodeDef::from_pb(&node).unwrap_err();
    assert!(e.message().contains("too many messages"), "{e}");
    // Empty nodes beyond the limit.
    let empty = [0x0a, 0].repeat((1 << 24) + 1);
    let e = GraphDef::from_pb(&empty).unwrap_err();
    assert_eq!(e.code(), Code::ResourceExhausted);
}

/// Rows 198 and 215: functions that are unsound or call themselves.
#[test]
fn rows_198_and_215_unsound_functions_are_refused() {
    let arg = "input_arg { name: 'x' type: DT_FLOAT } output_arg { name: 'y' type: DT_FLOAT }";
    let body =
        "node_def { name: 'n' op: 'Identity' input: 'x' } ret { key: 'y' value: 'n:output:0' }";
    let read = |functions: &str| {
        let g = GraphDef::from_pbtxt(&format!("library {{ {functions} }}")).unwrap();
        check_functions(&g.functions().unwrap())
    };
    let f = |signature: &str, rest: &str| {
        format!("function {{ signature {{ name: 'f' {signature} }} {rest} }}")
    };
    read(&f(arg, body)).unwrap();
    let cases: &[(String, &str)] = &[
        (f("", "").replace("name: 'f'", ""), "it has no name"),
        (
            f(arg, body) + &f(arg, body),
            "Function 'f' is defined twice",
        ),
        (
            f(&format!("{arg} input_arg {{ name: 'x' type: 1 }}"), body),
            "Duplicate or empty argument name 'x'",
        ),
        (f("input_arg { name: 'x' }", ""), "exactly one of type"),
        (
            f("input_arg { name: 'x' type: 1 type_attr: 'T' }", ""),
            "exactly one of type",
        ),
        (
            f("input_arg { name: 'x' type_attr: 'T' }", ""),
            "the unknown attr 'T'",
        ),
        (
            f("input_arg { name: 'x' type: 1 number_attr: 'N' }", ""),
            "the unknown attr 'N'",
        ),
        (
            f("attr { name: 'T' } attr { name: 'T' }", ""),
            "attr 'T' is declared twice",
        ),
        (
            f(arg, &format!("{body} arg_attr {{ key: 1 value {{ }} }}")),
            "attributes for argument 1",
        ),
        (
            f(arg, &format!("{body} node_def {{ name: 'n' }}")),
            "Duplicate or empty node name 'n'",
        ),
        (
            f(arg, &format!("{body} node_def {{ name: 'x' }}")),
            "Duplicate or empty node name 'x'",
        ),
        (
            f(
                arg,
                &format!("{body} node_def {{ name: 'm' input: 'q:z:0' }}"),
            ),
            "Node 'm': Unknown input 'q:z:0'",
        ),
        (
            f(arg, "ret { key: 'y' value: 'gone:output:0' }"),
            "Return 'y' comes from the unknown",
        ),
        (f(arg, ""), "Return 'y' missing"),
        (
            f(arg, &format!("{body} ret {{ key: 'z' value: 'x' }}")),
            "Return 'z' is no output",
        ),
        (
            f(&format!("{arg} control_output: 'c'"), body),
            "Control output 'c' comes from no node",
        ),
        (
            f("", "node_def { name: 'n' op: 'f' }"),
            "Function 'f' calls itself",
        ),
        (
            f(
                "",
                "node_def { name: 'n' op: 'If' attr { key: 'then' value { func { name: 'f' } } } }",
            ),
            "Function 'f' calls itself",
        ),
        (
            f(
                "",
                "node_def { name: 'n' op: 'Case' attr { key: 'b' value { list { func { name: 'f' } } } } }",
            ),
            "calls itself",
        ),
        (
            f("", "node_def { name: 'n' op: 'g' }")
                + &f(
                    "",
                    "node_def { name: 'n' op: 'h' } node_def { name: 'm' op: 'h' }",
                )
                .replace("name: 'f'", "name: 'g'")
                + &f("", "node_def { name: 'n' op: 'f' }").replace("name: 'f'", "name: 'h'"),
            "calls itself",
        ),
    ];
    for (text, message) in cases {
        let e = read(text).expect_err(text);
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(e.message().contains(message), "{text}: {e}");
    }
    // A long chain of calls is no recursion and needs no stack.
    let chain: String = (0..20_000)
        .map(|i| {
            format!(
                "function {{ signature {{ name: 'f{i}' }} node_def {{ name: 'n' op: 'f{}' }} }}",
                i + 1
            )
        })
        .collect();
    read(&chain).unwrap();
}

/// Row 208: op definitions that come with a meta graph.
#[test]
fn row_208_op_definitions_with_duplicates_are_refused() {
    let check = |op: &str| {
        let text = format!("meta_info_def {{ stripped_op_list {{ op {{ name: 'X' {op} }} }} }}");
        MetaGraphDef::from_pbtxt(&text)
            .unwrap()
            .check()
            .map_err(|e| e.message().to_string())
    };
    check("attr { name: 'a' } attr { name: 'b' } input_arg { name: 'a' } output_arg { name: 'a' }")
        .unwrap();
    assert!(
        check("attr { name: 'a' } attr { name: 'a' }")
            .unwrap_err()
            .contains("attr 'a' is defined twice")
    );
    assert!(
        check("input_arg { name: 'a' } input_arg { name: 'a' }")
            .unwrap_err()
            .contains("argument 'a'")
    );
    assert!(
        check("} op { name: 'X'")
            .unwrap_err()
            .contains("op 'X' is defined twice")
    );
    let old = MetaGraphDef::from_pbtxt("graph_def { versions { min_consumer: 99999 } }").unwrap();
    assert!(old.check().is_err());
    MetaGraphDef::from_pb(&data("m.ckpt-2.meta"))
        .unwrap()
        .check()
        .unwrap();
}

/// Every prefix of a file and random damage to it: an error or some graph, never a panic.
#[test]
fn damaged_files_never_panic() {
    let mut state = 0x1234_5678_9abc_def0u64;
    let mut random = move |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % n
    };
    let try_bytes = |bytes: &[u8]| {
        if let Ok(g) = GraphDef::from_pb(bytes) {
            // What was read is written, and that is stable.
            let out = g.to_pb();
            assert_eq!(GraphDef::from_pb(&out).unwrap().to_pb(), out);
            assert_eq!(
                crate::proto::canonical(&crate::proto::schema::GRAPH_DEF, bytes).unwrap(),
                out
            );
            let _ = g.functions().map(|f| check_functions(&f));
            let _ = g.check_versions();
        }
        let _ = MetaGraphDef::from_pb(bytes).map(|m| m.to_pb());
    };
    let files = [data("functions.pb"), data("training.pb")];
    for bytes in &files {
        for end in (0..bytes.len()).step_by(13) {
            try_bytes(&bytes[..end]);
        }
    }
    for round in 0..1500 {
        let mut bytes = files[round % 2].clone();
        for _ in 0..1 + random(8) {
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
        }
        try_bytes(&bytes);
    }
    let text = text_data("functions.pbtxt");
    for end in (0..text.len())
        .step_by(61)
        .filter(|i| text.is_char_boundary(*i))
    {
        let _ = GraphDef::from_pbtxt(&text[..end]);
    }
    for _ in 0..300 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..1 + random(4) {
            let at = random(bytes.len());
            bytes[at] = b"{}[]<>:,;\"'\\#-0x\n a"[random(19)];
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = GraphDef::from_pbtxt(text);
        }
    }
    let json = text_data("functions.json");
    for _ in 0..300 {
        let mut bytes = json.clone().into_bytes();
        let at = random(bytes.len());
        bytes[at] = b"{}[]:,\"\\-0n a"[random(13)];
        if let Ok(json) = std::str::from_utf8(&bytes) {
            let _ = GraphDef::from_json(json);
        }
    }
}
