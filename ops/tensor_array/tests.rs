//! Arrays in sessions: what goes in comes out, and the messages of mistakes (those of TensorFlow).

use super::{TensorArray, TensorArrayOptions};
use crate::error::Code;
use crate::graph::{Graph, Output};
use crate::{DType, Session, Tensor};

fn new(g: &Graph, size: i32, change: impl FnOnce(&mut TensorArrayOptions)) -> TensorArray<'_> {
    let mut options = TensorArrayOptions {
        infer_shape: false,
        ..TensorArrayOptions::default()
    };
    change(&mut options);
    g.root().named("a").tensor_array(DType::F32, size, &options)
}

/// A mistake, and what is said of it (the array's number left out).
type Mistake = for<'g> fn(&'g Graph) -> Output<'g>;

#[test]
fn mistakes_have_the_words_of_tensorflow() {
    let rows: &[(Mistake, Code, &str)] = &[
        (
            |g| new(g, 2, |_| ()).read(0i32),
            Code::InvalidArgument,
            "Could not read from TensorArray index 0.  Furthermore, the element shape is not fully defined: <unknown>.",
        ),
        (
            |g| new(g, 2, |_| ()).read(2i32),
            Code::InvalidArgument,
            "Tried to read from index 2 but array size is: 2",
        ),
        (
            |g| new(g, 2, |_| ()).read(-1i32),
            Code::InvalidArgument,
            "Tried to read from index -1 but array size is: 2",
        ),
        (
            |g| new(g, 2, |_| ()).write(2i32, 1.0f32).flow(),
            Code::InvalidArgument,
            "Tried to write to index 2 but array is not resizeable and size is: 2",
        ),
        (
            |g| {
                new(g, 2, |o| o.dynamic_size = true)
                    .write(-1i32, 1.0f32)
                    .flow()
            },
            Code::InvalidArgument,
            "Tried to write to index -1 but array is not resizeable and size is: 2",
        ),
        (
            |g| {
                new(g, 2, |_| ())
                    .write(0i32, 1.0f32)
                    .write(0i32, 2.0f32)
                    .flow()
            },
            Code::InvalidArgument,
            "Could not write to TensorArray index 0 because it has already been written to.",
        ),
        (
            |g| {
                new(g, 2, |o| o.infer_shape = true)
                    .write(0i32, 1.0f32)
                    .write(1i32, [1.0f32, 2.0])
                    .flow()
            },
            Code::InvalidArgument,
            "which is incompatible with the TensorArray's inferred element shape: []",
        ),
        (
            |g| new(g, -1, |_| ()).flow(),
            Code::InvalidArgument,
            "Size should be >= 0.",
        ),
        (
            |g| new(g, 0, |_| ()).gather(Tensor::from(Vec::<i32>::new())),
            Code::Unimplemented,
            "TensorArray has size zero, but element shape <unknown> is not fully defined.",
        ),
        (
            |g| {
                new(g, 2, |_| ())
                    .write(0i32, 1.0f32)
                    .write(1i32, [1.0f32, 2.0])
                    .gather([0i32, 1])
            },
            Code::InvalidArgument,
            "TensorArray has inconsistent shapes.  Index 0 has shape: [] but index 1 has shape: [2]",
        ),
        (
            |g| new(g, 2, |_| ()).scatter([0i32, 5], [1.0f32, 2.0]).flow(),
            Code::InvalidArgument,
            "Max scatter index must be < array size (5 vs. 2)",
        ),
        (
            |g| new(g, 2, |_| ()).scatter([-1i32], [1.0f32]).flow(),
            Code::InvalidArgument,
            "Tried to write to index -1 but array is not resizeable and size is: 2",
        ),
        (
            |g| new(g, 2, |_| ()).scatter([0i32, 0], [1.0f32, 2.0]).flow(),
            Code::InvalidArgument,
            "Could not write to TensorArray index 0 because it has already been written to.",
        ),
        (
            |g| new(g, 2, |_| ()).split([1.0f32, 2.0], [1i64, 2]).flow(),
            Code::InvalidArgument,
            "Expected sum of lengths to be equal to values.shape[0], but sum of lengths is 3 and value's shape is: [2]",
        ),
        (
            |g| new(g, 2, |_| ()).split([1.0f32, 2.0], [2i64]).flow(),
            Code::InvalidArgument,
            "TensorArray's size is not equal to the size of lengths (2 vs. 1), and the TensorArray is not marked as dynamically resizeable",
        ),
        (
            |g| new(g, 2, |_| ()).split([1.0f32, 2.0], [3i64, -1]).flow(),
            Code::InvalidArgument,
            "Invalid value in lengths: -1",
        ),
        (
            |g| new(g, 0, |_| ()).concat(),
            Code::Unimplemented,
            "TensorArray has size zero, but element_shape_except0 <unknown> is not fully defined.",
        ),
        (
            |g| {
                new(g, 2, |_| ())
                    .write(0i32, 1.0f32)
                    .write(1i32, [1.0f32])
                    .concat()
            },
            Code::InvalidArgument,
            "Concat saw a scalar shape at index 0 but requires at least vectors.  Did you mean to call pack?",
        ),
    ];
    for (i, (make, code, text)) in rows.iter().enumerate() {
        let g = Graph::new();
        let y = make(&g);
        let e = Session::new(&g).unwrap().fetch(y).unwrap_err();
        assert_eq!(e.code(), *code, "row {i}: {e}");
        assert!(e.message().contains(text), "row {i}: {e}");
    }
}

#[test]
fn an_element_is_read_once_unless_it_is_kept() {
    for keep in [false, true] {
        let g = Graph::new();
        let a = new(&g, 1, |o| o.clear_after_read = !keep).write(0i32, 1.0f32);
        let first = a.read(0i32);
        let s = g.root().after([first]);
        let again = TensorArray::at(a.handle(), a.flow().in_scope(s), DType::F32).read(0i32);
        let got = Session::new(&g).unwrap().fetch(again);
        match keep {
            true => assert_eq!(got.unwrap().to_scalar::<f32>().unwrap(), 1.0),
            false => assert!(
                got.unwrap_err()
                    .message()
                    .contains("Could not read index 0 twice")
            ),
        }
    }
}

#[test]
fn arrays_hold_strings_and_grow_without_cost() {
    let g = Graph::new();
    let options = TensorArrayOptions {
        dynamic_size: true,
        ..TensorArrayOptions::default()
    };
    let a = g.root().tensor_array(DType::String, 0i32, &options);
    let a = a.write(i32::MAX - 1, "last").write(0i32, "first");
    let out = Session::new(&g)
        .unwrap()
        .run((), [a.size(), a.gather([i32::MAX - 1, 0])], ())
        .unwrap();
    assert_eq!(out[0].to_scalar::<i32>().unwrap(), i32::MAX);
    let words: Vec<&[u8]> = out[1].strings().unwrap().iter().map(|b| &b[..]).collect();
    assert_eq!(words, [&b"last"[..], b"first"]);
}
