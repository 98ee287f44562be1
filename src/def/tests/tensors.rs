//! Tensor messages, read as TensorFlow's runtime reads them and written as its Python writes them.

use super::*;
use crate::dtype::DType;
use crate::proto;
use crate::tensor::Tensor;
use prost::Message;

#[derive(serde::Deserialize)]
struct Case {
    proto: String,
    dtype: i32,
    shape: Vec<usize>,
    bytes: Option<String>,
    strings: Option<Vec<String>>,
    python: Option<String>,
}

#[test]
fn tensors_mean_what_tensorflow_says() {
    let cases: Vec<Case> = serde_json::from_slice(&data("tensors.json")).unwrap();
    assert!(cases.len() > 150);
    for c in &cases {
        let p = proto::TensorProto::decode(&unhex(&c.proto)[..]).unwrap();
        let t = tensor_from_proto(&p).unwrap_or_else(|e| panic!("{p:?}: {e}"));
        assert_eq!(Some(t.dtype()), DType::from_number(c.dtype));
        assert_eq!(t.shape().dims(), c.shape);
        if let Some(bytes) = &c.bytes {
            assert_eq!(t.bytes().unwrap(), unhex(bytes), "{p:?}");
        }
        if let Some(strings) = &c.strings {
            let ours: Vec<Vec<u8>> = t.strings().unwrap().iter().map(|s| s.to_vec()).collect();
            assert_eq!(ours, strings.iter().map(|s| unhex(s)).collect::<Vec<_>>());
        }
        let ours = tensor_to_proto(&t).encode_to_vec();
        if let Some(python) = &c.python {
            assert_eq!(ours, unhex(python), "{p:?}");
        }
        let again = tensor_from_proto(&proto::TensorProto::decode(&ours[..]).unwrap()).unwrap();
        assert_eq!(AttrValue::Tensor(again), AttrValue::Tensor(t));
    }
}

#[test]
fn a_large_constant_costs_no_more_than_its_bytes() {
    let t = Tensor::zeros(DType::F32, crate::shape::Shape::of(&[1000, 1000]).unwrap()).unwrap();
    let p = tensor_to_proto(&t);
    assert_eq!(p.tensor_content.len(), 4_000_000);
    assert!(p.float_val.is_empty());
}
