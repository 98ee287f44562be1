//! What TensorFlow gives for the same strings, and its words for bad input.

use crate::runtime::run_op;
use crate::shape::Shape;
use crate::{AttrValue, Attrs, Code, DType, Registry, Result, Tensor};

fn run(op: &str, args: Vec<Vec<Tensor>>, list: &[(&str, AttrValue)]) -> Result<Vec<Tensor>> {
    let attrs = Attrs(
        list.iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect(),
    );
    run_op(&Registry::builtin(), op, args, attrs)
}
fn s(text: &str) -> Tensor {
    Tensor::string(text)
}
fn texts(t: &Tensor) -> Vec<String> {
    let strings = t.strings().unwrap().iter();
    strings
        .map(|b| String::from_utf8_lossy(b).into_owned())
        .collect()
}
/// Shape and elements.
fn show(t: &Tensor) -> String {
    format!("{} {}", t.shape(), t.summarize(-1))
}
fn matrix(dims: &[usize], values: &[&str]) -> Tensor {
    Tensor::from(values)
        .into_shape(Shape::of(dims).unwrap())
        .unwrap()
}
fn one(t: impl Into<Tensor>) -> Vec<Tensor> {
    vec![t.into()]
}

#[test]
fn as_string() {
    let f = Tensor::from([1.5f32, 1.0 / 3.0, 1e20, -0.0, f32::NAN, f32::INFINITY, 1e-7]);
    let go = |t: &Tensor, list: &[(&str, AttrValue)]| {
        texts(&run("AsString", vec![vec![t.clone()]], list).unwrap()[0]).join(" ")
    };
    let (p, w) = (
        |n: i64| ("precision", n.into()),
        |n: i64| ("width", n.into()),
    );
    let fill = |c: &str| ("fill", AttrValue::from(c));
    let (sci, short) = (("scientific", true.into()), ("shortest", true.into()));
    let big = "100000002004087734272";
    for (list, text) in [
        (
            vec![],
            format!("1.500000 0.333333 {big}.000000 -0.000000 nan inf 0.000000"),
        ),
        (vec![p(2)], format!("1.50 0.33 {big}.00 -0.00 nan inf 0.00")),
        (
            vec![sci.clone()],
            "1.500000e+00 3.333333e-01 1.000000e+20 -0.000000e+00 nan inf 1.000000e-07".into(),
        ),
        (
            vec![short.clone()],
            "1.5 0.333333 1e+20 -0 nan inf 1e-07".into(),
        ),
        (
            vec![w(8), fill("0")],
            format!("1.500000 0.333333 {big}.000000 -0.000000      nan      inf 0.000000"),
        ),
        (
            vec![w(8), fill("-")],
            format!("1.500000 0.333333 {big}.000000 -0.000000 nan      inf      0.000000"),
        ),
        (
            vec![fill("+")],
            format!("+1.500000 +0.333333 +{big}.000000 -0.000000 +nan +inf +0.000000"),
        ),
    ] {
        assert_eq!(go(&f, &list), text, "{list:?}");
    }
    let ints = Tensor::from([5i64, -7]);
    for (list, text) in [
        (vec![w(8)], "       5       -7"),
        (vec![w(8), fill("0")], "00000005 -0000007"),
        (vec![w(8), fill("-")], "5        -7      "),
        (vec![fill("+")], "+5 -7"),
    ] {
        assert_eq!(go(&ints, &list), text);
    }
    assert_eq!(go(&Tensor::from([200u8]), &[fill("+")]), "200");
    assert_eq!(go(&Tensor::from([true, false]), &[w(8)]), "true false");
    assert_eq!(
        go(&Tensor::from([half::f16::from_f32(1.0 / 3.0)]), &[]),
        "0.333252"
    );
    let c = Tensor::from([num_complex::Complex::new(1f32, 2.0)]);
    assert_eq!(go(&c, &[fill("+")]), "(+1.000000,+2.000000)");
    assert_eq!(
        go(&Tensor::from(["x", "yy"]), &[w(4), fill("0"), p(1)]),
        "   x   yy"
    );
}

#[test]
fn numbers_from_text() {
    let go = |text: &[&str], dtype: DType| {
        run(
            "StringToNumber",
            vec![one(text)],
            &[("out_type", dtype.into())],
        )
        .unwrap()[0]
            .summarize(-1)
    };
    let floats = [
        "1.5", " 2 ", "1e10", "inf", "-nan", "0x10", "1e50", ".5", "5.",
    ];
    assert_eq!(go(&floats, DType::F32), "1.5 2 1e+10 inf nan 16 inf 0.5 5");
    assert_eq!(
        go(&["1e400", "1e-400", "infinity", "NaN"], DType::F64),
        "inf 0 inf nan"
    );
    assert_eq!(go(&["5", " 7", "+3", "-4"], DType::I32), "5 7 3 -4");
    assert_eq!(go(&["4294967295"], DType::U32), "4294967295");
    assert_eq!(
        go(&["18446744073709551615"], DType::U64),
        "18446744073709551615"
    );
}

#[test]
fn join_split_and_reduce() {
    let join = |args: Vec<Tensor>| run("StringJoin", vec![args], &[("separator", "--".into())]);
    let out = join(vec![s("a"), ["b", "c"].into(), ["d", "e"].into()]).unwrap();
    assert_eq!(show(&out[0]), "[2] a--b--d a--c--e");
    assert_eq!(show(&join(vec![s("a")]).unwrap()[0]), "[] a");
    assert_eq!(show(&join(vec![]).unwrap()[0]), "[] ");

    let split = |text: Vec<&str>, by: &str, skip: bool| {
        let args = vec![one(&text[..]), one(by)];
        let out = run("StringSplit", args, &[("skip_empty", skip.into())]).unwrap();
        out.iter().map(show).collect::<Vec<_>>().join("; ")
    };
    let three = || vec!["hello world", "a b  c", ""];
    assert_eq!(
        split(three(), " ", true),
        "[5,2] [0 0][0 1][1 0][1 1][1 2]; [5] hello world a b c; [2] 3 3"
    );
    assert_eq!(
        split(three(), " ", false),
        "[6,2] [0 0][0 1][1 0][1 1][1 2][1 3]; [6] hello world a b  c; [2] 3 4"
    );
    assert_eq!(
        split(vec!["a,b;c"], ",;", true),
        "[3,2] [0 0][0 1][0 2]; [3] a b c; [2] 1 3"
    );
    assert_eq!(
        split(vec!["a b"], "", false),
        "[3,2] [0 0][0 1][0 2]; [3] a   b; [2] 1 3"
    );
    assert_eq!(split(vec![], " ", true), "[0,2] ; [0] ; [2] 0 0");

    let reduce = |axes: &[i32], list: &[(&str, AttrValue)]| {
        let args = vec![one(matrix(&[2, 2], &["a", "b", "c", "d"])), one(axes)];
        show(&run("ReduceJoin", args, list).unwrap()[0])
    };
    let dot = || ("separator", AttrValue::from("."));
    assert_eq!(reduce(&[0], &[]), "[2] ac bd");
    assert_eq!(reduce(&[-1], &[dot()]), "[2] a.b c.d");
    assert_eq!(reduce(&[0, 1], &[dot()]), "[] a.c.b.d");
    assert_eq!(
        reduce(&[1, 0], &[dot(), ("keep_dims", true.into())]),
        "[1,1] [a.b.c.d]"
    );
    assert_eq!(reduce(&[], &[]), "[2,2] [a b][c d]");
    let none = Tensor::zeros(DType::String, Shape::of(&[0, 2]).unwrap()).unwrap();
    assert_eq!(
        show(&run("ReduceJoin", vec![one(none), one(0i32)], &[]).unwrap()[0]),
        "[2]  "
    );
}

#[test]
fn parts_of_strings() {
    let go = |text: Tensor, pos: Tensor, len: Tensor, unit: &str| {
        show(
            &run(
                "Substr",
                vec![one(text), one(pos), one(len)],
                &[("unit", unit.into())],
            )
            .unwrap()[0],
        )
    };
    let two = || Tensor::from(["hello", "world!"]);
    assert_eq!(go(two(), 1i32.into(), 3i32.into(), "BYTE"), "[2] ell orl");
    assert_eq!(
        go(two(), [-3i32, 2].into(), [2i32, 30].into(), "BYTE"),
        "[2] ll rld!"
    );
    let column = matrix(&[2, 1], &["hello", "world!"]);
    assert_eq!(
        go(column, [1i32, 2].into(), [2i32, 1].into(), "BYTE"),
        "[2,2] [el l][or r]"
    );
    assert_eq!(go(s("abc"), 3i64.into(), 1i64.into(), "BYTE"), "[] ");
    assert_eq!(go(s("abc"), 0i32.into(), (-1i32).into(), "BYTE"), "[] abc");
    let out = run(
        "Substr",
        vec![one("h\u{e9}llo"), one(1i32), one(2i32)],
        &[("unit", "UTF8_CHAR".into())],
    );
    assert_eq!(&**out.unwrap()[0].to_bytes().unwrap(), "\u{e9}l".as_bytes());
    assert_eq!(
        go(s("h\u{e9}llo"), (-2i32).into(), 20i32.into(), "UTF8_CHAR"),
        "[] lo"
    );
}

#[test]
fn base64() {
    let encode = |pad: bool, bytes: &[u8]| {
        let out = run(
            "EncodeBase64",
            vec![one(Tensor::string(bytes))],
            &[("pad", pad.into())],
        );
        texts(&out.unwrap()[0]).remove(0)
    };
    assert_eq!(encode(false, b"abc"), "YWJj");
    assert_eq!(encode(false, b"a\xff\xfe"), "Yf_-");
    assert_eq!(
        (encode(true, b"a"), encode(true, b"ab")),
        ("YQ==".into(), "YWI=".into())
    );
    assert_eq!(
        (encode(false, b"a"), encode(true, b"")),
        ("YQ".into(), String::new())
    );
    let coded = Tensor::from(["YWJj", "Yf_-", "", "YQ", "YQ==", "YWI=", "YR"]);
    let out = run("DecodeBase64", vec![vec![coded]], &[]).unwrap();
    let out: Vec<&[u8]> = out[0].strings().unwrap().iter().map(|b| &**b).collect();
    assert_eq!(
        out,
        [&b"abc"[..], b"a\xff\xfe", b"", b"a", b"a", b"ab", b"a"]
    );
    let all: Vec<u8> = (0..=255).collect();
    for n in 0..all.len() {
        let text = encode(n % 2 == 0, &all[..n]);
        let back = run("DecodeBase64", vec![one(text)], &[]).unwrap();
        assert_eq!(&**back[0].to_bytes().unwrap(), &all[..n]);
    }
}

fn csv(lines: Tensor, defaults: Vec<Tensor>, list: &[(&str, AttrValue)]) -> Result<String> {
    let out = run("DecodeCSV", vec![vec![lines], defaults], list)?;
    Ok(out.iter().map(show).collect::<Vec<_>>().join("; "))
}

#[test]
fn fields_of_lines() {
    let (zero, d) = (|| Tensor::from([0i32]), || Tensor::from(["d"]));
    let lines = ["1,2.5,a b", "3,,\"x,\"\"y\"\"\""].into();
    let out = csv(lines, vec![zero(), [7f32].into(), d()], &[]).unwrap();
    assert_eq!(out, "[2] 1 3; [2] 2.5 7; [2] a b x,\\\"y\\\"");
    for (lines, defaults, list, expected) in [
        (
            Tensor::from(["1\t2"]),
            vec![zero(), zero()],
            vec![("field_delim", "\t".into())],
            "[1] 1; [1] 2",
        ),
        (
            ["\"a\",b"].into(),
            vec![d(), d()],
            vec![("use_quote_delim", false.into())],
            "[1] \\\"a\\\"; [1] b",
        ),
        (
            ["NA,5"].into(),
            vec![[1i32].into(), [2i32].into()],
            vec![("na_value", "NA".into())],
            "[1] 1; [1] 5",
        ),
        (
            ["1,2,3,4"].into(),
            vec![zero(), zero()],
            vec![("select_cols", [1i64, 3].into())],
            "[1] 2; [1] 4",
        ),
        (
            matrix(&[2, 1], &["1", "2"]),
            vec![zero()],
            vec![],
            "[2,1] [1][2]",
        ),
        (s(" 1 "), vec![[0.5f32].into()], vec![], "[] 1"),
        (
            ["1,2,"].into(),
            vec![zero(), zero(), 9i32.into()],
            vec![],
            "[1] 1; [1] 2; [1] 9",
        ),
    ] {
        assert_eq!(csv(lines, defaults, &list).unwrap(), expected);
    }
}

#[test]
fn bad_inputs() {
    type Case = (
        u32,
        &'static str,
        Vec<Vec<Tensor>>,
        Vec<(&'static str, AttrValue)>,
        &'static str,
    );
    let ab = || Tensor::from(["a", "b"]);
    let square = || matrix(&[2, 2], &["a", "b", "c", "d"]);
    let zero = || Tensor::from([0i32]);
    let csv = |line: &str, n: usize| vec![one([line]), vec![["d"].into(); n]];
    let cases: Vec<Case> = vec![
        (
            231,
            "AsString",
            vec![one(1f32)],
            vec![("fill", "x".into())],
            "Fill argument not supported: \"x\"",
        ),
        (
            231,
            "AsString",
            vec![one(1f32)],
            vec![("fill", "%n".into())],
            "Fill string must be one or fewer characters",
        ),
        (
            231,
            "AsString",
            vec![one(1i32)],
            vec![("precision", 2i64.into())],
            "precision not supported for datatype int32",
        ),
        (
            231,
            "AsString",
            vec![one(1f32)],
            vec![("scientific", true.into()), ("shortest", true.into())],
            "Cannot select both scientific and shortest notation",
        ),
        (
            231,
            "AsString",
            vec![one(1f32)],
            vec![("width", (1i64 << 40).into())],
            "is too large",
        ),
        (
            232,
            "Substr",
            vec![one("abc"), one(5i32), one(1i32)],
            vec![],
            "pos 5 out of range for string b'abc' at index 0",
        ),
        (
            232,
            "Substr",
            vec![one("abc"), one(-4i32), one(1i32)],
            vec![],
            "pos -4 out of range for string b'abc' at index 0",
        ),
        (
            232,
            "Substr",
            vec![one("abc"), one(i64::MIN), one(1i64)],
            vec![],
            "out of range for string b'abc' at index 0",
        ),
        (
            232,
            "Substr",
            vec![one("abc"), one([0i32]), one([1i32, 2])],
            vec![],
            "pos and len should have the same shape, got: [1] vs. [2]",
        ),
        (
            232,
            "Substr",
            vec![one(ab()), one([0i32, 1, 2]), one([0i32, 1, 2])],
            vec![],
            "Incompatible shapes: [2] vs. [3]",
        ),
        (
            233,
            "StringToNumber",
            vec![one(["x"])],
            vec![],
            "StringToNumberOp could not correctly convert string: x",
        ),
        (
            233,
            "StringToNumber",
            vec![one([""])],
            vec![],
            "StringToNumberOp could not correctly convert string: ",
        ),
        (
            233,
            "StringToNumber",
            vec![one(["1_0"])],
            vec![],
            "could not correctly convert string: 1_0",
        ),
        (
            233,
            "StringToNumber",
            vec![one(["99999999999"])],
            vec![("out_type", DType::I32.into())],
            "StringToNumberOp could not correctly convert string: 99999999999",
        ),
        (
            233,
            "StringToNumber",
            vec![one(["0x3"])],
            vec![("out_type", DType::I32.into())],
            "convert string: 0x3",
        ),
        (
            233,
            "StringToNumber",
            vec![one(["-1"])],
            vec![("out_type", DType::U32.into())],
            "convert string: -1",
        ),
        (
            234,
            "StringJoin",
            vec![vec![ab(), ["a", "b", "c"].into()]],
            vec![],
            "Input shapes do not match: [2] vs. [3]",
        ),
        (
            234,
            "StringSplit",
            vec![one(ab()), one(ab())],
            vec![],
            "delimiter must be a scalar, got shape: [2]",
        ),
        (
            234,
            "StringSplit",
            vec![one(square()), one(" ")],
            vec![],
            "input must be a vector, got shape: [2,2]",
        ),
        (
            0,
            "ReduceJoin",
            vec![one(square()), one(2i32)],
            vec![],
            "Invalid reduction dimension 2 for input with 2 dimension(s)",
        ),
        (
            0,
            "ReduceJoin",
            vec![one(square()), one([0i32, -2])],
            vec![],
            "Duplicate reduction dimension -2",
        ),
        (
            0,
            "DecodeBase64",
            vec![one("Y+/=")],
            vec![],
            "Invalid character found in base64.",
        ),
        (
            0,
            "DecodeBase64",
            vec![one("Y")],
            vec![],
            "Base64 string length cannot be 1 modulo 4.",
        ),
        (
            0,
            "DecodeBase64",
            vec![one("YQ=")],
            vec![],
            "Invalid character found in base64.",
        ),
        (
            0,
            "DecodeCSV",
            csv("1,2", 3),
            vec![],
            "Expect 3 fields but have 2 in record 0",
        ),
        (
            0,
            "DecodeCSV",
            csv("1,2", 1),
            vec![],
            "Expect 1 fields but have 2 in record 0",
        ),
        (
            0,
            "DecodeCSV",
            vec![one(["a"]), one(zero())],
            vec![],
            "Field 0 in record 0 is not a valid int32: a",
        ),
        (
            0,
            "DecodeCSV",
            vec![
                one([","]),
                vec![
                    zero(),
                    Tensor::zeros(DType::I32, Shape::of(&[0]).unwrap()).unwrap(),
                ],
            ],
            vec![],
            "Field 1 is required but missing in record 0!",
        ),
        (
            0,
            "DecodeCSV",
            csv("\"1\"x,2", 2),
            vec![],
            "Quote inside a string has to be escaped by another quote",
        ),
        (
            0,
            "DecodeCSV",
            csv("\"1,2", 2),
            vec![],
            "Quoted field has to end with quote followed by delim or end",
        ),
        (
            0,
            "DecodeCSV",
            csv("\"", 1),
            vec![],
            "Quoted field has to end with quote followed by delim or end",
        ),
        (
            0,
            "DecodeCSV",
            csv("a\"b,2", 2),
            vec![],
            "Unquoted fields cannot have quotes/CRLFs inside",
        ),
        (
            0,
            "DecodeCSV",
            csv("2\r\n", 1),
            vec![],
            "Unquoted fields cannot have quotes/CRLFs inside",
        ),
        (
            0,
            "DecodeCSV",
            csv("1", 2),
            vec![("select_cols", [3i64, 1].into())],
            "select_cols should be strictly increasing indices",
        ),
        (
            0,
            "DecodeCSV",
            csv("1", 1),
            vec![("select_cols", [-1i64].into())],
            "select_cols should be non-negative indices",
        ),
        (
            0,
            "DecodeCSV",
            csv("1", 2),
            vec![("select_cols", [0i64].into())],
            "select_cols should match output size",
        ),
        (
            0,
            "DecodeCSV",
            csv("1", 1),
            vec![("field_delim", "ab".into())],
            "field_delim should be only 1 char",
        ),
        (
            0,
            "DecodeCSV",
            vec![one(["1"]), one([[1i32, 2]])],
            vec![],
            "Each record default should be at most rank 1",
        ),
        (
            0,
            "DecodeCSV",
            vec![one(["1"]), one([1i32, 2])],
            vec![],
            "There should only be 1 default per field but field 0 has 2",
        ),
        (
            0,
            "ParseTensor",
            vec![one("xx")],
            vec![("out_type", DType::F32.into())],
            "Cannot parse tensor from proto: ",
        ),
        (
            0,
            "ParseTensor",
            vec![one(["a"])],
            vec![("out_type", DType::F32.into())],
            "Expected `serialized` to be a scalar, got shape: [1]",
        ),
        (
            0,
            "ParseTensor",
            vec![one(Tensor::string(
                b"\x08\x03\x12\x00\x22\x04\x07\x00\x00\x00",
            ))],
            vec![("out_type", DType::F32.into())],
            "Type mismatch between parsed tensor (int32) and dtype (float)",
        ),
    ];
    for (row, op, args, list, text) in cases {
        let e = run(op, args, &list).unwrap_err();
        assert!(
            matches!(e.code(), Code::InvalidArgument | Code::OutOfRange),
            "row {row}: {e}"
        );
        assert!(
            e.message().contains(text),
            "row {row}: {e}\nexpected {text}"
        );
    }
}

#[test]
fn tensors_as_messages() {
    for (t, bytes) in [
        (
            Tensor::from([[1f32, 2.0]]),
            &b"\x08\x01\x12\x08\x12\x02\x08\x01\x12\x02\x08\x02\"\x08\x00\x00\x80?\x00\x00\x00@"[..],
        ),
        (
            Tensor::from(["a"]),
            b"\x08\x07\x12\x04\x12\x02\x08\x01B\x01a",
        ),
        (
            Tensor::from(7i32),
            b"\x08\x03\x12\x00\"\x04\x07\x00\x00\x00",
        ),
    ] {
        let out = run("SerializeTensor", vec![vec![t.clone()]], &[]).unwrap();
        assert_eq!(&**out[0].to_bytes().unwrap(), bytes);
        let back = run("ParseTensor", vec![out], &[("out_type", t.dtype().into())]).unwrap();
        assert_eq!(show(&back[0]), show(&t));
    }
}
