//! Byte for byte what TensorFlow gives; names and tags of the builders; bad input.

use crate::error::Code;
use crate::proto::{Summary, summary};
use crate::runtime::run_op;
use crate::shape::Shape;
use crate::{AttrValue, Attrs, DType, Graph, Registry, Result, Tensor};
use prost::Message;

fn run(op: &str, args: &[Tensor], list: &[(&str, AttrValue)]) -> Result<Vec<u8>> {
    let attrs = Attrs(
        list.iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect(),
    );
    let mut args: Vec<Vec<Tensor>> = args.iter().map(|t| vec![t.clone()]).collect();
    if op == "MergeSummary" {
        args = vec![args.into_iter().flatten().collect()];
    }
    let out = run_op(&Registry::builtin(), op, args, attrs)?;
    Ok(out[0].to_bytes()?.to_vec())
}
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
fn empty(dtype: DType, dims: &[usize]) -> Tensor {
    Tensor::zeros(dtype, Shape::of(dims).unwrap()).unwrap()
}
fn s(text: &str) -> Tensor {
    Tensor::string(text)
}

#[test]
fn bytes_are_those_of_tensorflow() {
    let unhex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect()
    };
    let floats = "0ac7010a01682ac1010900000000000008c011000000000000044019000000000000104021000000000000044029000000000040344032480d9cc5a0295509c068bc10359a0707c008996919155aed3f2b14facdbe24f03fdc94cd2e8d75ff3fe011f10c744d014077603c0e66080340ea360f76a3ef0440ffffffffffffef7f3a480000000000000000000000000000f03f0000000000000000000000000000f03f0000000000000000000000000000f03f0000000000000000000000000000f03f0000000000000000";
    let ints = "0ac7010a01682ac1010900000000000010c0110000000000c07240190000000000001040210000000000b07240290000000050faf54032487b32f62ee0db10c081444bf80ba70ec008996919155aed3f2b14facdbe24f03fdc94cd2e8d75ff3fe011f10c744d01408e443a118e747140694bf31269337340ffffffffffffef7f3a480000000000000000000000000000f03f0000000000000000000000000000f03f0000000000000000000000000000f03f0000000000000000000000000000f03f0000000000000000";
    let merged = "0a080a0161150000c03f0a080a0162150000c03f0a080a01631500000040";
    let two = Tensor::from([1.0f32, 2.0]);
    let cases: Vec<(&str, Vec<Tensor>, Vec<(&str, AttrValue)>, &str)> = vec![
        (
            "ScalarSummary",
            vec![s("a"), 1.5f32.into()],
            vec![],
            "0a080a0161150000c03f",
        ),
        (
            "ScalarSummary",
            vec![["a", "b"].into(), [0.0f32, -2.0].into()],
            vec![],
            "0a080a016115000000000a080a016215000000c0",
        ),
        (
            "ScalarSummary",
            vec![s("a"), (1i64 << 60).into()],
            vec![],
            "0a080a0161150000805d",
        ),
        (
            "ScalarSummary",
            vec![s("a"), half::f16::from_f32(0.1).into()],
            vec![],
            "0a080a01611500c0cc3d",
        ),
        (
            "ScalarSummary",
            vec![s("a"), f32::NAN.into()],
            vec![],
            "0a080a0161150000c07f",
        ),
        (
            "ScalarSummary",
            vec![s(""), 3u8.into()],
            vec![],
            "0a051500004040",
        ),
        (
            "HistogramSummary",
            vec![s("h"), [1.0f32, 2.0, 2.5, -3.0].into()],
            vec![],
            floats,
        ),
        (
            "HistogramSummary",
            vec![s("h"), [[1i16, 2], [300, -4]].into()],
            vec![],
            ints,
        ),
        (
            "HistogramSummary",
            vec![s("h"), empty(DType::F32, &[0])],
            vec![],
            "0a2b0a01682a2609ffffffffffffef7f11ffffffffffffefff3208ffffffffffffef7f3a080000000000000000",
        ),
        (
            "MergeSummary",
            vec![
                Tensor::string(unhex("0a080a0161150000c03f")),
                Tensor::string(unhex("0a080a0162150000c03f0a080a01631500000040")),
            ],
            vec![],
            merged,
        ),
        ("MergeSummary", vec![s(""), s("")], vec![], ""),
        (
            "TensorSummaryV2",
            vec![s("t"), two.clone(), Tensor::string(b"\x0a\x03\x0a\x01p")],
            vec![],
            "0a1e0a01744212080112041202080222080000803f000000404a050a030a0170",
        ),
        (
            "TensorSummaryV2",
            vec![s("t"), ["a", "b"].into(), s("")],
            vec![],
            "0a150a0174420e08071204120208024201614201624a00",
        ),
        (
            "TensorSummaryV2",
            vec![s("t"), 3i32.into(), s("")],
            vec![],
            "0a110a0174420a080312002204030000004a00",
        ),
        (
            "TensorSummary",
            vec![two],
            vec![("description", "d".into())],
            "0a233a0d54656e736f7253756d6d6172794212080112041202080222080000803f00000040",
        ),
        (
            "AudioSummaryV2",
            vec![s("a"), [[0.0f32, 0.5, -1.0, 1.0]].into(), 44100.0f32.into()],
            vec![],
            "0a570a09612f617564696f2f30324a0d00442c47100118042234524946462c00000057415645666d7420100000000100010044ac000088580100020010006461746108000000000000400080ff7f2a09617564696f2f776176",
        ),
        (
            "AudioSummaryV2",
            vec![s("a"), empty(DType::F32, &[2, 3, 2]), 8000.0f32.into()],
            vec![("max_outputs", 1i64.into())],
            "0a590a07612f617564696f324e0d0000fa45100218032238524946463000000057415645666d74201000000001000200401f0000007d000004001000646174610c0000000000000000000000000000002a09617564696f2f776176",
        ),
        (
            "ImageSummary",
            vec![s("i"), empty(DType::F32, &[0, 2, 2, 1])],
            vec![],
            "",
        ),
    ];
    for (op, args, attrs, expected) in cases {
        assert_eq!(
            hex(&run(op, &args, &attrs).unwrap()),
            expected,
            "{op} {args:?}"
        );
    }
}

/// Width, height, channels and pixels of a PNG.
fn decode_png(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    pixels.truncate(info.buffer_size());
    (info.width, info.height, pixels)
}

#[test]
fn images() {
    let bytes = Tensor::from_vec(&[5, 1, 2, 1], (0..10u8).collect()).unwrap();
    for (max, tags) in [
        (3i64, vec!["i/image/0", "i/image/1", "i/image/2"]),
        (1, vec!["i/image"]),
    ] {
        let out = run(
            "ImageSummary",
            &[s("i"), bytes.clone()],
            &[("max_images", max.into())],
        )
        .unwrap();
        let out = Summary::decode(&out[..]).unwrap();
        assert_eq!(
            out.value.iter().map(|v| v.tag.as_str()).collect::<Vec<_>>(),
            tags
        );
        for (i, v) in out.value.iter().enumerate() {
            let Some(summary::value::Value::Image(image)) = &v.value else {
                panic!("{v:?}")
            };
            assert_eq!((image.height, image.width, image.colorspace), (1, 2, 1));
            let i = i as u8;
            assert_eq!(
                decode_png(&image.encoded_image_string),
                (2, 1, vec![2 * i, 2 * i + 1])
            );
        }
    }
    // The greatest value becomes 255; a pixel that is not finite gets the bad colour.
    let values: Vec<f32> = vec![0.0, 1.0, 2.0, f32::NAN, 0.0, 0.0];
    for (image, dtype) in [
        (
            Tensor::from_vec(&[1, 1, 2, 3], values.clone()).unwrap(),
            "float",
        ),
        (
            Tensor::from_vec(
                &[1, 1, 2, 3],
                values.iter().map(|v| f64::from(*v)).collect(),
            )
            .unwrap(),
            "double",
        ),
        (
            Tensor::from_vec(
                &[1, 1, 2, 3],
                values.iter().map(|v| half::f16::from_f32(*v)).collect(),
            )
            .unwrap(),
            "half",
        ),
    ] {
        let out = run("ImageSummary", &[s("i"), image], &[]).unwrap();
        let out = Summary::decode(&out[..]).unwrap();
        let Some(summary::value::Value::Image(image)) = &out.value[0].value else {
            panic!()
        };
        assert_eq!(
            decode_png(&image.encoded_image_string).2,
            [0, 127, 255, 255, 0, 0],
            "{dtype}"
        );
    }
}

#[test]
fn bad_inputs() {
    let u8s = |dims: &[usize]| empty(DType::U8, dims);
    let f32s = |dims: &[usize]| empty(DType::F32, dims);
    type Case = (
        u32,
        &'static str,
        Vec<Tensor>,
        Vec<(&'static str, AttrValue)>,
        &'static str,
    );
    let bad_color = |t: Tensor| vec![("bad_color", AttrValue::Tensor(t))];
    let dup = || Tensor::string(b"\x0a\x03\x0a\x01a");
    let cases: Vec<Case> = vec![
        (
            0,
            "ScalarSummary",
            vec![["a", "b"].into(), [1.0f32].into()],
            vec![],
            "tags and values are not the same shape: [2] != [1]",
        ),
        (
            0,
            "ScalarSummary",
            vec![["a"].into(), 1.0f32.into()],
            vec![],
            "tags and values are not the same shape: [1] != [] (tag 'a')",
        ),
        (
            145,
            "HistogramSummary",
            vec![s("h"), [1.0, f32::NAN].into()],
            vec![],
            "Nan in summary histogram for: HistogramSummary",
        ),
        (
            145,
            "HistogramSummary",
            vec![s("h"), [1.0, f64::NEG_INFINITY].into()],
            vec![],
            "Infinity in Histogram for: HistogramSummary",
        ),
        (
            145,
            "HistogramSummary",
            vec![["h"].into(), [1.0f32].into()],
            vec![],
            "tags must be scalar",
        ),
        (
            146,
            "MergeSummary",
            vec![Tensor::string([255u8, 255])],
            vec![],
            "Could not parse one of the summary inputs",
        ),
        (
            146,
            "MergeSummary",
            vec![dup(), dup()],
            vec![],
            "Duplicate tag a found in summary inputs ",
        ),
        (
            146,
            "TensorSummaryV2",
            vec![s("t"), 1i32.into(), [""].into()],
            vec![],
            "serialized_summary_metadata must be scalar",
        ),
        (
            146,
            "TensorSummaryV2",
            vec![["t"].into(), 1i32.into(), s("")],
            vec![],
            "tag must be scalar",
        ),
        (
            146,
            "TensorSummaryV2",
            vec![s("t"), 1i32.into(), Tensor::string([255u8])],
            vec![],
            "Could not parse the serialized summary metadata",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), u8s(&[5, 2, 2, 2])],
            vec![],
            "Tensor must be 4-D with last dim 1, 3, or 4, not [5,2,2,2]",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), u8s(&[2, 2, 2])],
            vec![],
            "Tensor must be 4-D with last dim 1, 3, or 4, not [2,2,2]",
        ),
        (
            144,
            "ImageSummary",
            vec![["i"].into(), u8s(&[1, 2, 2, 1])],
            vec![],
            "Tags must be a scalar",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), f32s(&[1, 2, 2, 4])],
            bad_color([1u8, 2, 3].into()),
            "expected depth <= bad_color.size, got depth = 4, bad_color.size = 3",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), f32s(&[1, 2, 2, 1])],
            bad_color([1.0f32].into()),
            "bad_color must be uint8, got float",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), f32s(&[1, 2, 2, 1])],
            bad_color([[1u8, 2, 3]].into()),
            "bad_color must be a vector, got shape [1,3]",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), f32s(&[1, 0, 2, 1])],
            vec![],
            "input tensor must have non-zero dims. Found: [1, 0, 2, 1].",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), f32s(&[0, 1 << 20, 1 << 20, 1])],
            vec![],
            "image too large",
        ),
        (
            144,
            "ImageSummary",
            vec![s("i"), f32s(&[1, 1, 1, 1])],
            vec![("max_images", 0i64.into())],
            "must be at least minimum 1",
        ),
        (
            147,
            "AudioSummaryV2",
            vec![s("a"), f32s(&[2, 3, 2]), [1.0f32, 2.0].into()],
            vec![],
            "sample_rate must be rank-0 or contain a single value",
        ),
        (
            147,
            "AudioSummaryV2",
            vec![s("a"), f32s(&[2, 3, 2]), (-1.0f32).into()],
            vec![],
            "sample_rate must be > 0",
        ),
        (
            147,
            "AudioSummaryV2",
            vec![s("a"), f32s(&[2, 3, 2]), f32::NAN.into()],
            vec![],
            "sample_rate must be > 0",
        ),
        (
            147,
            "AudioSummaryV2",
            vec![s("a"), f32s(&[2]), 1.0f32.into()],
            vec![],
            "Tensor must be 3-D or 2-D",
        ),
        (
            147,
            "AudioSummaryV2",
            vec![s("a"), f32s(&[1, 2, 0]), 1.0f32.into()],
            vec![],
            "audio is null",
        ),
        (
            147,
            "AudioSummaryV2",
            vec![s("a"), f32s(&[1, 1, 40000]), 1.0f32.into()],
            vec![],
            "cannot be encoded as a WAV",
        ),
    ];
    for (row, op, args, attrs, text) in cases {
        let e = run(op, &args, &attrs).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument, "row {row}: {e}");
        assert!(e.message().contains(text), "row {row}: {e}");
    }
}

#[test]
fn names_and_tags_are_tensorflows() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [2, 4, 4, 3]);
    let scope = g.scope("sc");
    scope.summary_scalar("loss (raw)", 1.0f32);
    scope.summary_histogram("hist", x);
    scope.summary_image("im", x, 2);
    scope.summary_scalar("loss (raw)", 1.0f32);
    g.root().summary_scalar("a/b", 2.0f32);
    g.root().scalar_summary("total loss (raw)", 1.0f32);
    g.root().histogram_summary("x/activations", x);
    g.root().image_summary("images", x, 3);
    let merged = g.merge_all_summaries().unwrap();
    let def = g.export().unwrap();
    let lines: Vec<String> = def
        .node
        .iter()
        .map(|n| {
            let text = match n.attr.get("value") {
                Some(AttrValue::Tensor(t)) if t.dtype() == DType::String => t.element_text(0),
                _ => String::new(),
            };
            format!("{} {} {} {text}", n.name, n.op, n.input.join(" "))
                .trim()
                .to_string()
        })
        .collect();
    assert_eq!(
        lines,
        [
            "x Placeholder",
            "sc/loss__raw_/tags Const  sc/loss__raw_",
            "sc/loss__raw_/values Const",
            "sc/loss__raw_ ScalarSummary sc/loss__raw_/tags sc/loss__raw_/values",
            "sc/hist/tag Const  sc/hist",
            "sc/hist HistogramSummary sc/hist/tag x",
            "sc/im/tag Const  sc/im",
            "sc/im ImageSummary sc/im/tag x",
            "sc/loss__raw__1/tags Const  sc/loss__raw__1",
            "sc/loss__raw__1/values Const",
            "sc/loss__raw__1 ScalarSummary sc/loss__raw__1/tags sc/loss__raw__1/values",
            "a/b/tags Const  a/b",
            "a/b/values Const",
            "a/b ScalarSummary a/b/tags a/b/values",
            "ScalarSummary/tags Const  total loss (raw)",
            "ScalarSummary/values Const",
            "ScalarSummary ScalarSummary ScalarSummary/tags ScalarSummary/values",
            "HistogramSummary/tag Const  x/activations",
            "HistogramSummary HistogramSummary HistogramSummary/tag x",
            "ImageSummary/tag Const  images",
            "ImageSummary ImageSummary ImageSummary/tag x",
            "Merge/MergeSummary MergeSummary sc/loss__raw_ sc/hist sc/im sc/loss__raw__1 a/b ScalarSummary HistogramSummary ImageSummary",
        ]
    );
    assert_eq!(merged.shape().to_string(), "[]");
    assert!(Graph::new().merge_all_summaries().is_none());
}
