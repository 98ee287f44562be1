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
fn handle(device: &str, name: &str) -> Tensor {
    let handle = crate::ResourceHandle {
        device: device.into(),
        container: "localhost".into(),
        name: name.into(),
        kind: "Queue".into(),
    };
    Tensor::from_handles(crate::Shape::scalar(), vec![handle]).unwrap()
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
        (151, "OOM when allocating tensor", |g| {
            let shape = PartialShape::from([1usize << 20]);
            let q = queue(g, "FIFOQueueV2", DType::I32, Some(shape), 4, &[]);
            let big = dequeue_many(q, "QueueDequeueUpToV2", i32::MAX, DType::I32);
            let s = session(g);
            // Waiting for so many elements costs nothing; a batch of what is there is small.
            s.run_target(enqueue(q, g.root().constant(vec![1i32; 1 << 20]), false))?;
            s.run_target(close(q, false))?;
            assert_eq!(s.fetch(big).unwrap().shape().dims(), [1, 1 << 20]);
            let huge = g.placeholder("huge", DType::I32, ());
            let tensor = g
                .root()
                .op("Fill")
                .input([i32::MAX, i32::MAX])
                .input(huge)
                .out();
            s.run([(huge, Tensor::from(1i32))], [tensor], ())
                .map(|_| ())
        }),
        (
            153,
            "All input tensors must have the same size in the 0th dimension. Component 1 has 3, and should have 2",
            |g| {
                let s = g.root();
                let q = s
                    .op("FIFOQueueV2")
                    .attr("component_types", vec![DType::I32, DType::I32])
                    .out();
                let (a, b) = (s.constant([1i32, 2]), s.constant([1i32, 2, 3]));
                session(g).run_target(s.op("QueueEnqueueManyV2").input(q).list([a, b]).finish())
            },
        ),
        (
            156,
            "Different number of component types.  Types: int32, Shapes: [[], []]",
            |g| {
                let q = g
                    .root()
                    .op("FIFOQueueV2")
                    .attr("component_types", vec![DType::I32])
                    .attr("shapes", vec![PartialShape::scalar(); 2])
                    .out();
                session(g).run_target(close(q, false))
            },
        ),
        (
            156,
            "Shapes must be provided for all components, but received 1 dtypes and 0 shapes.",
            |g| {
                let q = queue(g, "PaddingFIFOQueueV2", DType::I32, None, 4, &[]);
                session(g).run_target(close(q, false))
            },
        ),
        (
            156,
            "Attr capacity has value 1099511627776 out of range for an int32",
            |g| {
                let q = queue(g, "FIFOQueueV2", DType::I32, None, 1 << 40, &[]);
                session(g).run_target(close(q, false))
            },
        ),
        (
            156,
            "Length for attr 'component_types' of 0 must be at least minimum 1",
            |g| {
                g.root()
                    .op("FIFOQueueV2")
                    .attr("component_types", AttrValue::EmptyList)
                    .out();
                g.check()
            },
        ),
        (
            157,
            "Signature mismatch, have: resource->float expected: resource->int32",
            |g| {
                let q = queue(g, "FIFOQueueV2", DType::I32, None, 4, &[]);
                session(g).fetch(dequeue(q, DType::F32)).map(|_| ())
            },
        ),
        (
            157,
            "Signature mismatch, have: resource, float-> expected: resource, int32->",
            |g| {
                let q = queue(g, "FIFOQueueV2", DType::I32, None, 4, &[]);
                session(g).run_target(enqueue(q, g.root().constant(1f32), false))
            },
        ),
        (
            157,
            "Signature mismatch, have: resource, int32->float expected: resource, int32->int32",
            |g| {
                let q = queue(g, "FIFOQueueV2", DType::I32, None, 4, &[]);
                session(g)
                    .fetch(dequeue_many(q, "QueueDequeueManyV2", 1i32, DType::F32))
                    .map(|_| ())
            },
        ),
        (157, "Empty resource handle", |g| {
            let h = g.placeholder("h", DType::Resource, PartialShape::unknown());
            let empty = Tensor::from_handles(crate::Shape::of(&[0]).unwrap(), Vec::new())?;
            session(g)
                .run([(h, empty)], [dequeue(h, DType::I32)], ())
                .map(|_| ())
        }),
        (157, "Resource localhost/gone/Queue does not exist.", |g| {
            let h = g.placeholder("h", DType::Resource, ());
            let s = session(g);
            s.run(
                [(h, handle(&s.devices()[0].name, "gone"))],
                [dequeue(h, DType::I32)],
                (),
            )
            .map(|_| ())
        }),
        (
            163,
            "Trying to access resource q located in device /job:elsewhere/device:CPU:0 from device",
            |g| {
                let h = g.placeholder("h", DType::Resource, ());
                let forged = handle("/job:elsewhere/device:CPU:0", "q");
                session(g)
                    .run([(h, forged)], [dequeue(h, DType::I32)], ())
                    .map(|_| ())
            },
        ),
        (158, "Expected FIFOQueue, found RandomShuffleQueueV2", |g| {
            let make = |op| {
                let b = g.root().op(op).attr("component_types", vec![DType::I32]);
                b.attr("capacity", 4i64).attr("shared_name", "kinds").out()
            };
            let (a, b) = (make("FIFOQueueV2"), make("RandomShuffleQueueV2"));
            let s = session(g);
            s.run_target(close(a, false))?;
            s.run_target(close(b, false))
        }),
        (
            158,
            "has component types int32 but requested component types were int32, float",
            |g| {
                let make = |types: Vec<DType>| {
                    let b = g.root().op("FIFOQueueV2").attr("component_types", types);
                    b.attr("shared_name", "types").out()
                };
                let (a, b) = (make(vec![DType::I32]), make(vec![DType::I32, DType::F32]));
                let s = session(g);
                s.run_target(close(a, false))?;
                s.run_target(close(b, false))
            },
        ),
        (164, "container contains invalid characters: a b", |g| {
            let q = g
                .root()
                .op("FIFOQueueV2")
                .attr("component_types", vec![DType::I32])
                .attr("container", "a b")
                .out();
            session(g).run_target(close(q, false))
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
            matches!(
                e.code(),
                Code::InvalidArgument | Code::NotFound | Code::ResourceExhausted
            ),
            "row {row}: {e}"
        );
        assert!(e.message().contains(words), "row {row}: {e}");
    }
}

/// Row 154: elements without elements.
#[test]
fn empty_elements_are_stored() {
    let g = Graph::new();
    let shape = PartialShape::from([0usize, 3]);
    let q = queue(&g, "FIFOQueueV2", DType::I32, Some(shape), 200, &[]);
    let x = g.placeholder("x", DType::I32, [100, 0, 3]);
    let (put, out) = (
        enqueue(q, x, true),
        dequeue_many(q, "QueueDequeueManyV2", 70i32, DType::I32),
    );
    let s = session(&g);
    let empty = Tensor::zeros(DType::I32, crate::Shape::of(&[100, 0, 3]).unwrap()).unwrap();
    s.run([(x, empty)], (), put).unwrap();
    assert_eq!(s.fetch(out).unwrap().shape().dims(), [70, 0, 3]);
}

#[test]
fn version_1_handles_are_references_to_two_strings() {
    let g = Graph::new();
    let s = g.root();
    let q = s
        .op("RandomShuffleQueue")
        .attr("component_types", vec![DType::I32])
        .attr("shapes", vec![PartialShape::scalar()])
        .attr("seed", 87_654_321i64)
        .attr("seed2", 7i64)
        .out();
    assert!(q.type_ref().is_ref && q.dtype() == DType::String);
    let x = s.constant((0..10).collect::<Vec<i32>>());
    let put = s.op("QueueEnqueueMany").input(q).list([x]).finish();
    let one = s
        .op("QueueEnqueue")
        .input(q)
        .list([s.constant(10i32)])
        .finish();
    let size = s.op("QueueSize").input(q).out();
    let close = s.op("QueueClose").input(q).finish();
    let take = |op: &'static str, n: Option<i32>| {
        let b = s.op(op).input(q);
        let b = match n {
            Some(n) => b.input(n),
            None => b,
        };
        b.attr("component_types", vec![DType::I32]).out()
    };
    let (single, many, rest) = (
        take("QueueDequeue", None),
        take("QueueDequeueMany", Some(3)),
        take("QueueDequeueUpTo", Some(100)),
    );
    let session = session(&g);
    session.run_target(put).unwrap();
    // The order that TensorFlow draws from these seeds.
    let first = ints(&session.fetch(single).unwrap())[0];
    let next = ints(&session.fetch(many).unwrap());
    assert_eq!((first, next), (7, vec![1, 5, 6]));
    session.run_target(one).unwrap();
    assert_eq!(ints(&session.fetch(size).unwrap()), [7]);
    session.run_target(close).unwrap();
    assert_eq!(ints(&session.fetch(rest).unwrap()).len(), 7);
    let text = session.fetch(q).unwrap();
    assert_eq!(&*text.strings().unwrap()[0], b"localhost");
    let e = session.run_target(one).unwrap_err();
    assert!(e.message().starts_with("RandomShuffleQueue '_"), "{e}");
}

#[test]
fn builder_names_are_tensorflows() {
    use crate::ops::queue::QueueOptions;
    let g = Graph::new();
    let s = g.scope("in");
    let options = QueueOptions {
        dtypes: vec![DType::F32, DType::I32],
        shapes: vec![PartialShape::from([2usize]), PartialShape::scalar()],
        capacity: 10,
        ..Default::default()
    };
    let q = s.fifo_queue(&options);
    let (x, y) = (
        g.placeholder("x", DType::F32, [2]),
        g.placeholder("y", DType::I32, ()),
    );
    let names = [
        q.enqueue(&[x, y]).name(),
        q.enqueue(&[x, y]).name(),
        q.dequeue()[1].name(),
        q.close(false).name(),
        q.close(true).name(),
        q.size().name(),
        q.is_closed().name(),
        q.in_scope(g.root()).size().name(),
        q.in_scope(g.root().named("d")).dequeue()[0].name(),
    ];
    assert_eq!(
        names,
        [
            "in/fifo_queue_enqueue",
            "in/fifo_queue_enqueue_1",
            "in/fifo_queue_Dequeue:1",
            "in/fifo_queue_Close",
            "in/fifo_queue_Close_1",
            "in/fifo_queue_Size:0",
            "in/fifo_queue_Is_Closed:0",
            "fifo_queue_Size:0",
            "d:0"
        ]
    );
    let many = q.dequeue_many(5);
    assert_eq!(many[0].shape().to_string(), "[5,2]");
    assert_eq!(
        many[0].node().input(1).node().name(),
        "in/fifo_queue_DequeueMany/n"
    );
    assert_eq!(q.dequeue_up_to(5)[1].shape().to_string(), "[?]");
    g.check().unwrap();
    q.enqueue(&[x]);
    assert!(
        g.check()
            .unwrap_err()
            .message()
            .contains("types float, int32, not float")
    );
}
