//! Lists of tensors: what goes in comes out again, and so do its gradients.

use super::check::{Row, between, row};
use tensorloom::{AttrValue, DType, Output, PartialShape, Scope};

const F64: DType = DType::F64;

fn stack<'g>(s: Scope<'g>, list: Output<'g>) -> Output<'g> {
    s.tensor_list_stack(list, F64, PartialShape::of([Some(2)]))
}

/// A list of rows of two numbers from a matrix.
fn rows_of<'g>(s: Scope<'g>, x: Output<'g>) -> Output<'g> {
    s.op("TensorListFromTensor").input(x).input([2i32]).out()
}

pub fn rows() -> Vec<Row> {
    let x = || [between(&[3, 2], -1.0, 1.0)];
    let with_item = || [between(&[3, 2], -1.0, 1.0), between(&[2], -1.0, 1.0)];
    vec![
        row("TensorListFromTensor", x(), |s, x| {
            vec![stack(s, s.tensor_list_from_tensor(x[0]))]
        }),
        row("TensorListStack", x(), |s, x| {
            vec![s.square(stack(s, rows_of(s, x[0])))]
        }),
        row("TensorListGetItem", x(), |s, x| {
            let list = rows_of(s, x[0]);
            let item = |i: i32| s.tensor_list_get_item(list, i, F64);
            vec![s.square(item(1)), s.mul(item(2), item(1)), stack(s, list)]
        }),
        row("TensorListSetItem", with_item(), |s, x| {
            let list = s.tensor_list_set_item(rows_of(s, x[0]), 1, x[1]);
            vec![s.square(stack(s, list))]
        }),
        row("TensorListPushBack", with_item(), |s, x| {
            let list = s.tensor_list_push_back(rows_of(s, x[0]), x[1]);
            vec![s.square(stack(s, list))]
        }),
        row("TensorListPopBack", x(), |s, x| {
            let (rest, last) = s.tensor_list_pop_back(rows_of(s, x[0]), F64);
            vec![s.square(stack(s, rest)), s.sin(last)]
        }),
        row("TensorListPopBack", x(), |s, x| {
            let (_, last) = s.tensor_list_pop_back(rows_of(s, x[0]), F64);
            vec![s.square(last)]
        })
        .case("only the element"),
        row("TensorListResize", x(), |s, x| {
            let size = |n: i32| {
                s.op("TensorListResize")
                    .input(rows_of(s, x[0]))
                    .input(n)
                    .out()
            };
            vec![s.square(stack(s, size(2))), s.sin(stack(s, size(5)))]
        }),
        row("TensorListGather", x(), |s, x| {
            let b = s
                .op("TensorListGather")
                .input(rows_of(s, x[0]))
                .input([2i32, 0]);
            let rows = b.input([2i32]).attr("element_dtype", F64).out();
            vec![s.square(rows)]
        }),
        row("TensorListScatter", x(), |s, x| {
            let b = s.op("TensorListScatter").input(x[0]).input([1i32, 2, 0]);
            vec![s.square(stack(s, b.input([2i32]).out()))]
        }),
        row("TensorListScatterV2", x(), |s, x| {
            let b = s.op("TensorListScatterV2").input(x[0]).input([1i32, 3, 0]);
            vec![s.square(stack(s, b.input([2i32]).input(4i32).out()))]
        }),
        row(
            "TensorListScatterIntoExistingList",
            [between(&[3, 2], -1.0, 1.0), between(&[2, 2], -1.0, 1.0)],
            |s, x| {
                let b = s
                    .op("TensorListScatterIntoExistingList")
                    .input(rows_of(s, x[0]));
                let list = b.input(x[1]).input([2i32, 0]).out();
                vec![s.square(stack(s, list))]
            },
        ),
        row("TensorListConcat", x(), |s, x| {
            vec![s.square(concat(s, split(s, x[0])))]
        }),
        row("TensorListConcatV2", x(), |s, x| {
            let b = s
                .op("TensorListConcatV2")
                .input(split(s, x[0]))
                .input([-1i32, 2]);
            let b = b.input(s.constant([0i64; 0])).attr("element_dtype", F64);
            vec![s.square(b.out())]
        }),
        row("TensorListSplit", x(), |s, x| {
            let item = s.tensor_list_get_item(split(s, x[0]), 1, F64);
            vec![s.square(item), concat(s, split(s, s.sin(x[0])))]
        }),
    ]
}

fn split<'g>(s: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let b = s.op("TensorListSplit").input(x).input([-1i32, 2]);
    b.input([1i64, 2]).out()
}

fn concat<'g>(s: Scope<'g>, list: Output<'g>) -> Output<'g> {
    let shape = AttrValue::Shape(PartialShape::of([None, Some(2)]));
    let b = s
        .op("TensorListConcat")
        .input(list)
        .attr("element_shape", shape);
    b.attr("element_dtype", F64).out()
}
