//! Lists: their errors, and that one which somebody else holds stays as it is.

use crate::dtype::DType;
use crate::error::Code;
use crate::op::Attrs;
use crate::registry::Registry;
use crate::runtime::run_op;
use crate::shape::PartialShape;
use crate::tensor::{Tensor, TensorList, Variant};

fn run(
    op: &str,
    args: Vec<Tensor>,
    attrs: &[(&str, crate::AttrValue)],
) -> crate::Result<Vec<Tensor>> {
    let attrs = Attrs(
        attrs
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect(),
    );
    let args = args.into_iter().map(|a| vec![a]).collect();
    run_op(&Registry::builtin(), op, args, attrs)
}

fn of(elements: Vec<Option<Tensor>>, shape: &[Option<usize>]) -> Tensor {
    Tensor::from(TensorList {
        dtype: DType::F32,
        element_shape: PartialShape::of(shape),
        max_elements: Some(2),
        elements,
    })
}

#[test]
fn bad_calls_are_errors() {
    let f32s = [("element_dtype", crate::AttrValue::Type(DType::F32))];
    let pair = || of(vec![Some(Tensor::from([1.0f32, 2.0])), None], &[None]);
    let none = || of(vec![], &[None]);
    let any = || Tensor::from(-1i32);
    let i = |v: i32| Tensor::from(v);
    let x = || Tensor::from([1.0f32]);
    let m = || Tensor::from_vec(&[1, 1], vec![1.0f32]).unwrap();
    for (op, args, words) in [
        (
            "TensorListGetItem",
            vec![pair(), i(2), any()],
            "access element 2 in a list with 2",
        ),
        (
            "TensorListGetItem",
            vec![pair(), i(-1), any()],
            "access element -1",
        ),
        (
            "TensorListGetItem",
            vec![of(vec![None], &[None]), i(0), any()],
            "uninitialized element",
        ),
        (
            "TensorListGetItem",
            vec![pair(), i(0), i(3)],
            "only valid scalar shape",
        ),
        (
            "TensorListSetItem",
            vec![pair(), i(2), x()],
            "modify element 2 in a list with 2",
        ),
        (
            "TensorListSetItem",
            vec![pair(), i(-1), x()],
            "modify element -1",
        ),
        (
            "TensorListSetItem",
            vec![pair(), i(0), m()],
            "incompatible shape at a list index",
        ),
        (
            "TensorListPushBack",
            vec![pair(), x()],
            "full list list size: 2 max_num_elements: 2",
        ),
        (
            "TensorListPushBack",
            vec![none(), m()],
            "append a tensor with incompatible shape",
        ),
        (
            "TensorListPopBack",
            vec![none(), any()],
            "pop from an empty list",
        ),
        (
            "TensorListStack",
            vec![none(), any()],
            "empty list with non-fully-defined",
        ),
        (
            "TensorListGather",
            vec![pair(), Tensor::from([5i32]), any()],
            "only has 2 elements",
        ),
        (
            "TensorListScatter",
            vec![x(), Tensor::from([-1i32]), any()],
            "must all be non-negative",
        ),
        (
            "TensorListScatter",
            vec![x(), Tensor::from([0i32, 1]), any()],
            "len(indices)",
        ),
        (
            "TensorListFromTensor",
            vec![Tensor::from(1.0f32), any()],
            "at least a vector",
        ),
        (
            "TensorListFromTensor",
            vec![m(), Tensor::from([2i32])],
            "Specified a list with shape",
        ),
        (
            "TensorListReserve",
            vec![any(), i(-1)],
            "non negative number, but got -1",
        ),
        (
            "TensorListResize",
            vec![pair(), i(-2)],
            "non-negative. Got: -2",
        ),
        (
            "TensorListLength",
            vec![Tensor::from_variants(crate::Shape::scalar(), vec![Variant::Empty]).unwrap()],
            "not a list",
        ),
        (
            "TensorListSplit",
            vec![x(), any(), Tensor::from([2i64])],
            "Attempting to slice [0, 2]",
        ),
        (
            "TensorListSplit",
            vec![x(), any(), Tensor::from([-1i64])],
            "Invalid value in lengths",
        ),
        (
            "TensorListConcat",
            vec![of(vec![None], &[])],
            "at least vectors",
        ),
    ] {
        let attrs: Vec<_> = match op {
            "TensorListResize" | "TensorListLength" => Vec::new(),
            _ => f32s.to_vec(),
        };
        let e = run(op, args, &attrs).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument, "{op}: {e}");
        assert!(e.message().contains(words), "{op}: {e}");
    }
    let e = run(
        "TensorListStack",
        vec![pair(), any()],
        &[("element_dtype", crate::AttrValue::Type(DType::I32))],
    );
    assert!(
        e.unwrap_err()
            .message()
            .contains("op elements int32 but list elements float")
    );
}

/// What is set in a list is not set in the one that somebody else holds.
#[test]
fn a_list_that_somebody_holds_stays() {
    let g = crate::Graph::new();
    let s = g.root();
    let mut l = s.tensor_list_reserve(DType::F32, [1usize], 3);
    for i in 0..3 {
        l = s.tensor_list_set_item(l, i, s.constant([i as f32]));
    }
    let y = s.tensor_list_stack(l, DType::F32, [1usize]);
    let out = crate::Session::new(&g).unwrap().fetch(y).unwrap();
    assert_eq!(out.data::<f32>().unwrap(), &[0.0, 1.0, 2.0]);
    let held = of(vec![None], &[Some(1)]);
    let set = run(
        "TensorListSetItem",
        vec![held.clone(), Tensor::from(0i32), Tensor::from([5.0f32])],
        &[("element_dtype", crate::AttrValue::Type(DType::F32))],
    );
    let (before, after) = (
        held.into_variants().unwrap(),
        set.unwrap().remove(0).into_variants().unwrap(),
    );
    let first = |v: &[Variant]| match v {
        [Variant::List(l)] => l.elements[0].is_some(),
        _ => panic!("no list"),
    };
    assert!(!first(&before) && first(&after));
}

#[test]
fn a_batch_of_lists_takes_a_row_each() {
    let attrs = [("element_dtype", crate::AttrValue::Type(DType::F32))];
    let lists = |n: usize| {
        let one = of(vec![], &[None]).into_variants().unwrap();
        Tensor::from_variants(crate::Shape::of(&[n]).unwrap(), vec![one[0].clone(); n]).unwrap()
    };
    let rows = Tensor::from_vec(&[2, 1], vec![1.0f32, 2.0]).unwrap();
    let out = run(
        "TensorListPushBackBatch",
        vec![lists(2), rows.clone()],
        &attrs,
    )
    .unwrap();
    for (v, want) in out[0].variants().unwrap().iter().zip([1.0f32, 2.0]) {
        let Variant::List(l) = v else {
            panic!("no list")
        };
        let item = l.elements[0].as_ref().unwrap();
        assert_eq!(item.data::<f32>().unwrap(), &[want]);
    }
    for bad in [lists(3), of(vec![], &[None])] {
        let e = run("TensorListPushBackBatch", vec![bad, rows.clone()], &attrs).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
    }
}
