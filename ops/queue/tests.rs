//! Queues in sessions: order, waiting, batches, the end of input, cancellation, bad input.

use crate::def::AttrValue;
use crate::dtype::DType;
use crate::graph::{Graph, NodeRef, Output};
use crate::runtime::{RunOptions, Session, SessionOptions};
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use crate::{Code, Error};
use std::time::Duration;

fn queue<'g>(
    g: &'g Graph,
    op: &'g str,
    dtype: DType,
    shape: Option<PartialShape>,
    capacity: i64,
    more: &[(&str, i64)],
) -> Output<'g> {
    let shapes: Vec<PartialShape> = shape.into_iter().collect();
    let b = g
        .root()
        .op(op)
        .attr("component_types", vec![dtype])
        .attr("shapes", shapes)
        .attr("capacity", capacity);
    more.iter()
        .fold(b, |b, (k, v)| b.attr(k, *v))
        .name("q")
        .out()
}
fn enqueue<'g>(q: Output<'g>, x: Output<'g>, many: bool) -> NodeRef<'g> {
    let op = if many {
        "QueueEnqueueManyV2"
    } else {
        "QueueEnqueueV2"
    };
    q.scope().op(op).input(q).list([x]).finish()
}
fn dequeue<'g>(q: Output<'g>, dtype: DType) -> Output<'g> {
    q.scope()
        .op("QueueDequeueV2")
        .input(q)
        .attr("component_types", vec![dtype])
        .out()
}
fn dequeue_many<'g>(q: Output<'g>, op: &'g str, n: impl Into<Tensor>, dtype: DType) -> Output<'g> {
    let n = q.scope().constant(n);
    q.scope()
        .op(op)
        .input(q)
        .input(n)
        .attr("component_types", vec![dtype])
        .out()
}
fn close<'g>(q: Output<'g>, cancel: bool) -> NodeRef<'g> {
    q.scope()
        .op("QueueCloseV2")
        .input(q)
        .attr("cancel_pending_enqueues", cancel)
        .finish()
}
fn session(g: &Graph) -> Session {
    Session::with_options(
        g,
        &SessionOptions {
            threads: 2,
            ..Default::default()
        },
    )
    .unwrap()
}
fn ints(t: &Tensor) -> Vec<i32> {
    t.data::<i32>().unwrap().to_vec()
}

#[test]
fn first_in_first_out_to_the_end_of_input() {
    let g = Graph::new();
    let q = queue(
        &g,
        "FIFOQueueV2",
        DType::I32,
        Some(PartialShape::scalar()),
        10,
        &[],
    );
    let fill = enqueue(q, g.root().constant([1i32, 2, 3, 4, 5]), true);
    let (one, two) = (
        dequeue(q, DType::I32),
        dequeue_many(q, "QueueDequeueManyV2", 2i32, DType::I32),
    );
    let rest = dequeue_many(q, "QueueDequeueUpToV2", 9i32, DType::I32);
    let size = g.root().op("QueueSizeV2").input(q).out();
    let (close, none) = (
        close(q, false),
        dequeue_many(q, "QueueDequeueManyV2", 0i32, DType::I32),
    );
    let s = session(&g);
    s.run_target(fill).unwrap();
    assert_eq!(ints(&s.fetch(size).unwrap()), [5]);
    assert_eq!(ints(&s.fetch(one).unwrap()), [1]);
    assert_eq!(ints(&s.fetch(two).unwrap()), [2, 3]);
    assert_eq!(s.fetch(none).unwrap().shape().dims(), [0]);
    s.run_target(close).unwrap();
    assert_eq!(ints(&s.fetch(rest).unwrap()), [4, 5]);
    let e = s.fetch(one).unwrap_err();
    assert_eq!(e.code(), Code::OutOfRange);
    assert!(
        e.message()
            .contains("q' is closed and has insufficient elements (requested 1, current size 0)"),
        "{e}"
    );
    assert!(e.message().starts_with("FIFOQueue '_"), "{e}");
    let e = s.run_target(fill).unwrap_err();
    assert_eq!(e.code(), Code::Cancelled);
    assert!(e.message().ends_with("is closed."), "{e}");
}

#[test]
fn waiting_holds_no_thread_and_order_is_kept() {
    let g = Graph::new();
    let q = queue(
        &g,
        "FIFOQueueV2",
        DType::I32,
        Some(PartialShape::scalar()),
        2,
        &[],
    );
    let x = g.placeholder("x", DType::I32, ());
    let (put, take) = (enqueue(q, x, false), dequeue(q, DType::I32));
    // One thread only: a blocked operation that held it would hang the test.
    let s = Session::with_options(
        &g,
        &SessionOptions {
            threads: 1,
            ..Default::default()
        },
    )
    .unwrap();
    let producer = {
        let (s, put, x) = (s.clone(), put.id(), x.endpoint());
        std::thread::spawn(move || {
            for i in 0..200i32 {
                s.run([(x, Tensor::from(i))], (), put).unwrap();
            }
        })
    };
    let got: Vec<i32> = (0..200).map(|_| ints(&s.fetch(take).unwrap())[0]).collect();
    producer.join().unwrap();
    assert_eq!(got, (0..200).collect::<Vec<_>>());
}

#[test]
fn a_time_out_and_a_closed_session_end_what_waits() {
    let g = Graph::new();
    let q = queue(&g, "FIFOQueueV2", DType::I32, None, 2, &[]);
    let take = dequeue(q, DType::I32);
    let s = session(&g);
    let options = RunOptions {
        timeout: Some(Duration::from_millis(30)),
        ..Default::default()
    };
    let e = s.run_with((), [take], (), &options).unwrap_err();
    assert_eq!(e.code(), Code::DeadlineExceeded);
    let waiter = {
        let (s, take) = (s.clone(), take.endpoint());
        std::thread::spawn(move || s.run((), [take], ()).unwrap_err())
    };
    std::thread::sleep(Duration::from_millis(50));
    s.close();
    let e = waiter.join().unwrap();
    assert_eq!(e.code(), Code::Cancelled, "{e}");
}

#[test]
fn padding_fills_up_and_shuffling_follows_its_seeds() {
    let g = Graph::new();
    let q = queue(
        &g,
        "PaddingFIFOQueueV2",
        DType::I32,
        Some(PartialShape::of([None])),
        5,
        &[],
    );
    let puts = [vec![1i32], vec![2, 3], vec![]].map(|v| enqueue(q, g.root().constant(v), false));
    let all = dequeue_many(q, "QueueDequeueManyV2", 3i32, DType::I32);
    let s = session(&g);
    for p in puts {
        s.run_target(p).unwrap();
    }
    let t = s.fetch(all).unwrap();
    assert_eq!(
        (t.shape().dims(), ints(&t)),
        (&[3, 2][..], vec![1, 0, 2, 3, 0, 0])
    );

    let draw = |seed: i64| {
        let g = Graph::new();
        let more = [("seed", seed), ("seed2", 7), ("min_after_dequeue", 0)];
        let q = queue(
            &g,
            "RandomShuffleQueueV2",
            DType::I32,
            Some(PartialShape::scalar()),
            100,
            &more,
        );
        let fill = enqueue(q, g.root().constant((0..20).collect::<Vec<i32>>()), true);
        let all = dequeue_many(q, "QueueDequeueManyV2", 20i32, DType::I32);
        let s = session(&g);
        s.run_target(fill).unwrap();
        ints(&s.fetch(all).unwrap())
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
    let mut sorted = draw(5);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..20).collect::<Vec<_>>());
}

/// Rows of the catalogue of bad inputs, each with the words of its error.
#[test]
fn bad_inputs() {
    type Case = (u32, &'static str, fn(&Graph) -> Result<(), Error>);
    let cases: &[Case] = &[
        (149, "n must be a scalar", |g| {
            let q = queue(
                g,
                "FIFOQueueV2",
                DType::I32,
                Some(PartialShape::scalar()),
                4,
                &[],
            );
            // Through a placeholder, since the builder rejects it otherwise.
            let n = g.placeholder("n", DType::I32, PartialShape::unknown());
            let d = g
                .root()
                .op("QueueDequeueManyV2")
                .input(q)
                .input(n)
                .attr("component_types", vec![DType::I32])
                .out();
            session(g)
                .run([(n, Tensor::from([1i32, 2]))], [d], ())
                .map(|_| ())
        }),
        (150, "requested -1 < 0 elements", |g| {
            let q = queue(
                g,
                "FIFOQueueV2",
                DType::I32,
                Some(PartialShape::scalar()),
                4,
                &[],
            );
            session(g)
                .fetch(dequeue_many(q, "QueueDequeueManyV2", -1i32, DType::I32))
                .map(|_| ())
        }),
        (152, "must be at least rank 1", |g| {
            let q = queue(
                g,
                "FIFOQueueV2",
                DType::I32,
                Some(PartialShape::scalar()),
                4,
                &[],
            );
            let x = g.placeholder("x", DType::I32, PartialShape::unknown());
            let put = enqueue(q, x, true);
            session(g)
                .run([(x, Tensor::from(1i32))], (), put)
                .map(|_| ())
        }),
        (155, "must be < capacity", |g| {
            let q = queue(
                g,
                "RandomShuffleQueueV2",
                DType::I32,
                None,
                4,
                &[("min_after_dequeue", 5)],
            );
            session(g).fetch(dequeue(q, DType::I32)).map(|_| ())
        }),
        (155, "must be >= 0", |g| {
            let q = queue(
                g,
                "RandomShuffleQueueV2",
                DType::I32,
                None,
                4,
                &[("min_after_dequeue", -5)],
            );
            session(g).fetch(dequeue(q, DType::I32)).map(|_| ())
        }),
        (156, "is not fully defined", |g| {
            let q = queue(
                g,
                "FIFOQueueV2",
                DType::I32,
                Some(PartialShape::of([None])),
                4,
                &[],
            );
            session(g).fetch(dequeue(q, DType::I32)).map(|_| ())
        }),
        (157, "wrong type", |g| {
            let v = g
                .root()
                .op("VarHandleOp")
                .attr("dtype", DType::I32)
                .attr("shape", PartialShape::scalar())
                .out();
            session(g).fetch(dequeue(v, DType::I32)).map(|_| ())
        }),
        (158, "has capacity 4 but requested capacity was 5", |g| {
            let make = |capacity: i64| {
                g.root()
                    .op("FIFOQueueV2")
                    .attr("component_types", vec![DType::I32])
                    .attr("capacity", capacity)
                    .attr("shared_name", "shared")
                    .out()
            };
            let (a, b) = (make(4), make(5));
            let s = session(g);
            s.run_target(close(a, false))?;
            s.run_target(close(b, false))
        }),
        (164, "shared_name cannot start with '_'", |g| {
            let q = g
                .root()
                .op("FIFOQueueV2")
                .attr("component_types", vec![DType::I32])
                .attr("shared_name", AttrValue::from("_x"))
                .out();
            session(g).run_target(close(q, false))
        }),
        (
            152,
            "Shape mismatch in tuple component 0. Expected [3], got [4]",
            |g| {
                let q = queue(
                    g,
                    "FIFOQueueV2",
                    DType::I32,
                    Some(PartialShape::from([3])),
                    4,
                    &[],
                );
                session(g).run_target(enqueue(q, g.root().constant([1i32, 2, 3, 4]), false))
            },
        ),
    ];
    for (row, words, case) in cases {
        let g = Graph::new();
        let e = case(&g).expect_err(&format!("row {row}"));
        assert!(
            matches!(e.code(), Code::InvalidArgument | Code::NotFound),
            "row {row}: {e}"
        );
        assert!(e.message().contains(words), "row {row}: {e}");
    }
}
