//! The executor: steps that overlap, loops, steps that wait for each other's queues, errors, closing, queue runners.

use super::explore;
use shuttle::thread;
use std::time::Duration;
use tensorloom::ops::queue::{QueueHandle, QueueOptions};
use tensorloom::train::{Coordinator, add_queue_runner, start_queue_runners};
use tensorloom::{Code, DType, Graph, PartialShape, Session, SessionOptions, Tensor, WhileOptions};

fn session(g: &Graph) -> Session {
    let options = SessionOptions {
        threads: 2,
        ..SessionOptions::default()
    };
    Session::with_options(g, &options).unwrap()
}

fn queue(g: &Graph, capacity: i64) -> QueueHandle<'_> {
    g.root().fifo_queue(&QueueOptions {
        dtypes: vec![DType::I32],
        shapes: vec![PartialShape::scalar()],
        capacity,
        ..QueueOptions::default()
    })
}

/// Two steps of one plan at once, each with nodes that several threads compute: every node runs when its inputs are there.
#[test]
fn steps_overlap() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, ());
    let (a, b) = (x.exp(), x.square());
    let y = (a + b) * (a - b) + a.sqrt();
    let (x, y) = (x.name(), y.name());
    explore("executor, steps", 5_000, move || {
        let session = session(&g);
        let run = |v: f32| {
            let (session, x, y) = (session.clone(), x.clone(), y.clone());
            thread::spawn(move || {
                let out = session.run([(x.as_str(), Tensor::from(v))], [y.as_str()], ());
                let got = out.unwrap()[0].to_scalar::<f32>().unwrap();
                let (a, b) = (v.exp(), v * v);
                assert!((got - ((a + b) * (a - b) + a.sqrt())).abs() < 1e-4);
            })
        };
        let (one, two) = (run(0.5), run(1.5));
        one.join().unwrap();
        two.join().unwrap();
    });
}

/// A loop whose iterations overlap gives its value once all have ended.
#[test]
fn loops_end() {
    let g = Graph::new();
    let s = g.root();
    let n = g.placeholder("n", DType::I32, ());
    let [_, y] = s.while_loop(
        |s, [i, _]| s.less(i, n),
        |_, [i, y]| [i + 1i32, y + i],
        [s.constant(0i32), s.constant(0i32)],
        &WhileOptions::default(),
    );
    let y = y.name();
    explore("executor, loops", 5_000, move || {
        let session = session(&g);
        let got = session.run([("n:0", Tensor::from(3i32))], [y.as_str()], ());
        assert_eq!(got.unwrap()[0].to_scalar::<i32>().unwrap(), 3);
    });
}

/// A step that waits for a queue ends when another step serves it, whichever comes first.
#[test]
fn steps_wait_for_each_other() {
    let g = Graph::new();
    let q = queue(&g, 1);
    let x = g.placeholder("x", DType::I32, ());
    let put = q.enqueue(&[x]).name();
    let got = (q.dequeue()[0] + 1i32).name();
    explore("executor, queues", 5_000, move || {
        let session = session(&g);
        let (producer, put) = (session.clone(), put.clone());
        let producer = thread::spawn(move || {
            for i in 0..2i32 {
                let fed = [("x:0", Tensor::from(i))];
                producer.run(fed, (), put.as_str()).unwrap();
            }
        });
        for i in 0..2i32 {
            let out = session.run((), [got.as_str()], ()).unwrap();
            assert_eq!(out[0].to_scalar::<i32>().unwrap(), i + 1);
        }
        producer.join().unwrap();
    });
}

/// A step one of whose nodes fails while others wait ends with that error; a closed session ends a step that waits.
#[test]
fn errors_and_closing_end_waiting_steps() {
    let g = Graph::new();
    let q = queue(&g, 1);
    let x = g.placeholder("x", DType::I32, ());
    let waits = q.dequeue()[0];
    let fails = g.root().constant(1i32).floor_div(x);
    let (waits, fails) = (waits.name(), fails.name());
    explore("executor, errors", 5_000, move || {
        let session = session(&g);
        let fetches = [waits.as_str(), fails.as_str()];
        let failed = session.run([("x:0", Tensor::from(0i32))], fetches, ());
        assert_eq!(failed.unwrap_err().code(), Code::InvalidArgument);
        let closer = session.clone();
        let closer = thread::spawn(move || closer.close());
        let ended = session.run((), [waits.as_str()], ()).unwrap_err();
        assert_eq!(ended.code(), Code::Cancelled);
        closer.join().unwrap();
    });
}

/// Two queues one behind the other, with runners for both: what is asked for comes, and when all are asked to stop, in
/// the midst of the input or at its end, all threads end.
#[test]
fn queue_runners_stop() {
    let g = Graph::new();
    let (first, second) = (queue(&g, 2), queue(&g, 2));
    let rows = g.root().constant([1i32, 2, 3]);
    add_queue_runner(first.handle(), &[first.enqueue_many(&[rows])]);
    let put = second.enqueue(&[first.dequeue()[0] * 2i32]);
    add_queue_runner(second.handle(), &[put, put]);
    let got = second.dequeue()[0].name();
    explore("executor, queue runners", 5_000, move || {
        let session = session(&g);
        let coord = Coordinator::new();
        start_queue_runners(&session, &coord).unwrap();
        for _ in 0..2 {
            let out = session.run((), [got.as_str()], ()).unwrap();
            assert!(out[0].to_scalar::<i32>().unwrap() % 2 == 0);
        }
        coord.request_stop(None);
        coord.join(Duration::from_secs(1)).unwrap();
        session.close();
    });
}

/// Two threads read records through one reader, whose names come from a queue that ends: each record comes once.
#[test]
fn readers_serve_in_turn() {
    let g = Graph::new();
    let names = g.root().fifo_queue(&QueueOptions {
        dtypes: vec![DType::String],
        shapes: vec![PartialShape::scalar()],
        capacity: 1,
        ..QueueOptions::default()
    });
    let some = g.root().constant(vec!["a".to_string(), "b".to_string()]);
    let (put, close) = (
        names.enqueue_many(&[some]).name(),
        names.close(false).name(),
    );
    let reader = g.root().op("IdentityReaderV2").out();
    let read = g
        .root()
        .op("ReaderReadV2")
        .input(reader)
        .input(names.handle());
    let read = read.finish().name() + ":1";
    explore("executor, readers", 5_000, move || {
        let session = session(&g);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (session, read) = (session.clone(), read.clone());
                thread::spawn(move || {
                    let mut got = Vec::new();
                    loop {
                        match session.run((), [read.as_str()], ()) {
                            Ok(out) => got.push(out[0].to_bytes().unwrap().to_vec()),
                            Err(e) => {
                                assert_eq!(e.code(), Code::OutOfRange);
                                return got;
                            }
                        }
                    }
                })
            })
            .collect();
        session.run((), (), put.as_str()).unwrap();
        session.run((), (), close.as_str()).unwrap();
        let mut all: Vec<Vec<u8>> = readers
            .into_iter()
            .flat_map(|r| r.join().unwrap())
            .collect();
        all.sort();
        assert_eq!(all, [b"a", b"b"]);
    });
}
