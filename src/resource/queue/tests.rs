//! Scenarios whose outcomes TensorFlow gave, and random and concurrent runs against the rules.

use super::*;
use crate::dtype::DType;
use crate::error::Code;
use crate::resource::philox::{Philox, Words};
use crate::shape::{PartialShape, Shape};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

fn spec(kind: QueueKind, capacity: usize) -> QueueSpec {
    QueueSpec {
        kind,
        dtypes: vec![DType::I32],
        shapes: vec![PartialShape::scalar()],
        capacity,
        min_after_dequeue: 0,
        seeds: match kind {
            QueueKind::RandomShuffle => (87_654_321, 7),
            _ => (0, 0),
        },
    }
}

fn queue(kind: QueueKind, capacity: usize) -> Queue {
    Queue::new("q", spec(kind, capacity)).unwrap()
}

/// A way to hear of an outcome.
fn hear<T: Send + 'static>() -> (Done<T>, Receiver<Result<T>>) {
    let (tx, rx) = channel();
    let done: Done<T> = Box::new(move |r, _| {
        let _ = tx.send(r);
    });
    (done, rx)
}

fn enqueue(q: &Queue, v: i32) -> Receiver<Result<()>> {
    let (done, rx) = hear();
    q.enqueue([Tensor::from(v)].into_iter().collect(), done);
    rx
}
fn enqueue_many(q: &Queue, v: &[i32]) -> Receiver<Result<()>> {
    let (done, rx) = hear();
    q.enqueue_many([Tensor::from(v)].into_iter().collect(), done);
    rx
}
fn close(q: &Queue) -> Receiver<Result<()>> {
    let (done, rx) = hear();
    q.close(done);
    rx
}
fn take(q: &Queue) -> Receiver<Result<Tuple>> {
    let (done, rx) = hear();
    q.dequeue(done);
    rx
}
fn take_many(q: &Queue, n: i64, or_fewer: bool) -> (Option<Ticket>, Receiver<Result<Batch>>) {
    let (done, rx) = hear();
    (q.dequeue_many(n, or_fewer, done), rx)
}
fn one(rx: &Receiver<Result<Tuple>>) -> i32 {
    rx.try_recv().unwrap().unwrap()[0].to_scalar().unwrap()
}
fn many(q: &Queue, rx: &Receiver<Result<Batch>>) -> Vec<i32> {
    let batch = rx.try_recv().unwrap().unwrap();
    batch.stack(q).unwrap()[0].data().unwrap().to_vec()
}
fn text<T>(rx: &Receiver<Result<T>>) -> (Code, String) {
    let e = rx.try_recv().unwrap().err().unwrap();
    (e.code(), e.message().to_string())
}
fn waits<T>(rx: &Receiver<Result<T>>) -> bool {
    rx.try_recv().is_err()
}
const TEN: [i32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

#[test]
fn a_partial_dequeue_puts_back_what_it_took() {
    for (kind, first, rest) in [
        (QueueKind::Fifo, vec![0, 1, 2, 3], vec![4, 5, 6, 7, 8, 9]),
        (
            QueueKind::RandomShuffle,
            vec![8, 9, 1, 2],
            vec![5, 4, 0, 3, 6, 7],
        ),
    ] {
        let q = queue(kind, 50);
        enqueue_many(&q, &TEN);
        let (_, rx) = take_many(&q, 20, false);
        assert!(waits(&rx));
        assert_eq!(q.size(), 0);
        close(&q).try_recv().unwrap().unwrap();
        let name = kind.name();
        assert_eq!(
            text(&rx),
            (
                Code::OutOfRange,
                format!(
                    "{name} 'q' is closed and has insufficient elements (requested 10, current size 0)"
                )
            )
        );
        assert_eq!(q.size(), 10);
        let got: Vec<i32> = (0..4).map(|_| one(&take(&q))).collect();
        assert_eq!(got, first);
        assert_eq!(many(&q, &take_many(&q, 20, true).1), rest);
        assert_eq!(
            text(&take_many(&q, 3, true).1).1,
            format!(
                "{name} 'q' is closed and has insufficient elements (requested 3, current size 0)"
            )
        );
        assert_eq!(
            text(&take(&q)).1,
            format!(
                "{name} 'q' is closed and has insufficient elements (requested 1, current size 0)"
            )
        );
        assert_eq!(
            text(&enqueue(&q, 3)),
            (Code::Cancelled, format!("{name} 'q' is closed."))
        );
        assert_eq!(
            text(&close(&q)),
            (Code::Cancelled, "Queue 'q' is already closed.".to_string())
        );
        q.close_and_cancel();
        enqueue_many(&q, &[]).try_recv().unwrap().unwrap();
    }
}

#[test]
fn what_is_left_comes_out_as_a_smaller_batch() {
    for (kind, all) in [
        (QueueKind::Fifo, TEN.to_vec()),
        (QueueKind::RandomShuffle, vec![8, 9, 1, 2, 5, 4, 0, 3, 6, 7]),
    ] {
        let q = queue(kind, 50);
        enqueue_many(&q, &TEN);
        let (_, rx) = take_many(&q, 20, true);
        assert!(waits(&rx));
        close(&q);
        assert_eq!(many(&q, &rx), all);
    }
}

#[test]
fn a_batch_may_be_larger_than_the_queue() {
    for (kind, all) in [
        (QueueKind::Fifo, TEN.to_vec()),
        (QueueKind::RandomShuffle, vec![3, 1, 2, 0, 4, 6, 7, 5, 8, 9]),
    ] {
        let q = queue(kind, 4);
        let (_, rx) = take_many(&q, 10, false);
        enqueue_many(&q, &TEN).try_recv().unwrap().unwrap();
        assert_eq!(many(&q, &rx), all);
    }
}

#[test]
fn waiters_are_served_in_order() {
    for (kind, batch, single) in [
        (QueueKind::Fifo, vec![1, 2, 3], 4),
        (QueueKind::RandomShuffle, vec![1, 2, 4], 3),
    ] {
        let q = queue(kind, 10);
        let (_, big) = take_many(&q, 3, false);
        let small = take(&q);
        enqueue(&q, 1);
        enqueue(&q, 2);
        assert!(waits(&big) && waits(&small));
        enqueue_many(&q, &[3, 4]);
        assert_eq!((many(&q, &big), one(&small)), (batch, single));
    }
}

#[test]
fn a_close_waits_for_the_enqueues_before_it() {
    for (kind, order) in [
        (QueueKind::Fifo, vec![1, 2, 3, 4]),
        (QueueKind::RandomShuffle, vec![2, 3, 4, 1]),
    ] {
        let q = queue(kind, 2);
        let (fill, shut) = (enqueue_many(&q, &[1, 2, 3, 4]), close(&q));
        assert!(waits(&fill) && waits(&shut) && q.size() == 2 && !q.is_closed());
        let got: Vec<i32> = (0..4).map(|_| one(&take(&q))).collect();
        assert_eq!(got, order);
        fill.try_recv().unwrap().unwrap();
        shut.try_recv().unwrap().unwrap();
        assert!(q.is_closed());

        let q = queue(kind, 2);
        let (fill, shut) = (enqueue_many(&q, &[1, 2, 3, 4]), close(&q));
        q.close_and_cancel();
        let cancelled = (
            Code::Cancelled,
            "Enqueue operation was cancelled".to_string(),
        );
        assert_eq!((text(&fill), text(&shut)), (cancelled.clone(), cancelled));
        assert_eq!(q.size(), 2);
    }
}

#[test]
fn cancelling_returns_the_elements() {
    let q = queue(QueueKind::Fifo, 10);
    enqueue_many(&q, &[1, 2, 3]);
    let (ticket, big) = take_many(&q, 5, false);
    let small = take(&q);
    q.cancel(ticket.unwrap());
    q.cancel(ticket.unwrap());
    assert_eq!(
        text(&big),
        (Code::Cancelled, "Dequeue operation was cancelled".into())
    );
    assert_eq!((one(&small), q.size()), (1, 2));
    let q = queue(QueueKind::Fifo, 0);
    let (done, rx) = hear();
    let ticket = q.enqueue([Tensor::from(1i32)].into_iter().collect(), done);
    q.cancel(ticket.unwrap());
    assert_eq!(text(&rx).1, "Enqueue operation was cancelled");
}

#[test]
fn a_shuffling_queue_keeps_a_minimum_while_it_is_open() {
    let q = Queue::new(
        "q",
        QueueSpec {
            min_after_dequeue: 3,
            ..spec(QueueKind::RandomShuffle, 50)
        },
    )
    .unwrap();
    enqueue_many(&q, &TEN);
    assert_eq!(many(&q, &take_many(&q, 7, false).1), [7, 1, 5, 6, 4, 3, 2]);
    let rx = take(&q);
    assert!(waits(&rx));
    close(&q);
    assert_eq!(one(&rx), 0);
    assert_eq!(many(&q, &take_many(&q, 2, false).1), [9, 8]);
}

#[test]
fn padding_fills_up_to_the_longest() {
    let q = Queue::new(
        "q",
        QueueSpec {
            dtypes: vec![DType::I32, DType::String],
            shapes: vec![
                PartialShape::of(vec![None, Some(2)]),
                PartialShape::of(vec![None]),
            ],
            ..spec(QueueKind::PaddingFifo, 10)
        },
    )
    .unwrap();
    let empty = Tensor::zeros(DType::I32, Shape::of(&[0, 2]).unwrap()).unwrap();
    let none = Tensor::zeros(DType::String, Shape::of(&[0]).unwrap()).unwrap();
    for t in [
        [Tensor::from([[1, 2]]), Tensor::from(["a"])],
        [
            Tensor::from([[3, 4], [5, 6]]),
            Tensor::from(["b", "c", "d"]),
        ],
        [empty, none],
    ] {
        let (done, rx) = hear();
        q.enqueue(t.into_iter().collect(), done);
        rx.try_recv().unwrap().unwrap();
    }
    let batch = take_many(&q, 3, false).1.try_recv().unwrap().unwrap();
    let out = batch.stack(&q).unwrap();
    assert_eq!(out[0].shape().dims(), [3, 2, 2]);
    assert_eq!(
        out[0].data::<i32>().unwrap(),
        [1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 0, 0]
    );
    assert_eq!(out[1].shape().dims(), [3, 3]);
    let text: Vec<&[u8]> = out[1].strings().unwrap().iter().map(|b| &**b).collect();
    assert_eq!(text, [&b"a"[..], b"", b"", b"b", b"c", b"d", b"", b"", b""]);
    let batch = take_many(&q, 0, false).1.try_recv().unwrap().unwrap();
    assert_eq!(batch.stack(&q).unwrap()[0].shape().dims(), [0, 0, 2]);
}

#[test]
fn the_smallest_priority_leaves_first() {
    let q = Queue::new(
        "q",
        QueueSpec {
            dtypes: vec![DType::I64, DType::String],
            shapes: vec![PartialShape::scalar(); 2],
            ..spec(QueueKind::Priority, 10)
        },
    )
    .unwrap();
    let (done, _rx) = hear();
    let components = [
        Tensor::from([5i64, 1, 3, 1]),
        Tensor::from(["a", "b", "c", "d"]),
    ];
    q.enqueue_many(components.into_iter().collect(), done);
    let batch = take_many(&q, 4, false).1.try_recv().unwrap().unwrap();
    let out = batch.stack(&q).unwrap();
    assert_eq!(out[0].data::<i64>().unwrap(), [1, 1, 3, 5]);
    let text: Vec<&[u8]> = out[1].strings().unwrap().iter().map(|b| &**b).collect();
    assert_eq!(text, [b"b", b"d", b"c", b"a"]);
}

#[test]
fn shuffled_rows_do_not_keep_their_batch() {
    let q = Queue::new(
        "q",
        QueueSpec {
            shapes: vec![PartialShape::from([4usize])],
            ..spec(QueueKind::RandomShuffle, 10)
        },
    )
    .unwrap();
    let batch = Tensor::from([[1, 2, 3, 4], [5, 6, 7, 8]]);
    let (done, _rx) = hear();
    q.enqueue_many([batch.clone()].into_iter().collect(), done);
    let t = take(&q).try_recv().unwrap().unwrap();
    assert!(!t[0].shares_buffer(&batch) && t[0].is_unique());
}

/// Random operations by one thread: after each of them nothing waits that could go on, nothing is lost,
/// duplicated or (FIFO) out of order.
#[test]
fn random_operations_keep_the_rules() {
    for (seed, kind) in (0..200u64).map(|i| {
        let kinds = [
            QueueKind::Fifo,
            QueueKind::RandomShuffle,
            QueueKind::PaddingFifo,
        ];
        (i, kinds[i as usize % 3])
    }) {
        let mut words = Words::new(Philox::new(seed, 1));
        let capacity = 1 + words.word() as usize % 6;
        let min = match kind {
            QueueKind::RandomShuffle => words.word() as usize % capacity,
            _ => 0,
        };
        let q = Queue::new(
            "q",
            QueueSpec {
                min_after_dequeue: min,
                ..spec(kind, capacity)
            },
        )
        .unwrap();
        let (mut fills, mut singles, mut batches) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 0;
        let mut delivered: Vec<i32> = Vec::new();
        let mut cancelled: Vec<i32> = Vec::new();
        let mut closed = false;
        for _ in 0..60 {
            match words.word() % 10 {
                0..=2 => {
                    fills.push((vec![next], enqueue(&q, next)));
                    next += 1;
                }
                3 => {
                    let values: Vec<i32> = (next..next + (words.word() % 9) as i32).collect();
                    next += values.len() as i32;
                    fills.push((values.clone(), enqueue_many(&q, &values)));
                }
                4..=6 => singles.push(take(&q)),
                7 | 8 => {
                    let n = i64::from(words.word() % 6);
                    batches.push(take_many(&q, n, words.word().is_multiple_of(2)).1);
                }
                _ if words.word().is_multiple_of(12) => {
                    let _ = close(&q);
                    closed = true;
                }
                _ => {}
            }
            singles.retain(|rx| match rx.try_recv() {
                Ok(Ok(t)) => {
                    delivered.push(t[0].to_scalar().unwrap());
                    false
                }
                Ok(Err(e)) => {
                    assert_eq!(e.code(), Code::OutOfRange);
                    false
                }
                Err(_) => true,
            });
            batches.retain(|rx| match rx.try_recv() {
                Ok(Ok(b)) => {
                    delivered.extend_from_slice(b.stack(&q).unwrap()[0].data().unwrap());
                    false
                }
                Ok(Err(e)) => {
                    assert_eq!(e.code(), Code::OutOfRange);
                    false
                }
                Err(_) => true,
            });
            fills.retain(|(values, rx)| match rx.try_recv() {
                Ok(Ok(())) => false,
                Ok(Err(e)) => {
                    assert_eq!(e.code(), Code::Cancelled);
                    cancelled.extend(values);
                    false
                }
                Err(_) => true,
            });
            let s = q.state.lock();
            assert!(s.store.len() <= capacity || closed);
            let kept = if s.closed { 0 } else { min };
            assert!(
                s.dequeues.is_empty() || s.store.len() <= kept,
                "seed {seed}"
            );
            assert!(
                s.enqueues.is_empty() || s.store.len() >= capacity,
                "seed {seed}"
            );
            if s.closed {
                assert!(
                    s.enqueues.is_empty() && s.dequeues.is_empty(),
                    "seed {seed}"
                );
            }
        }
        // Close, and drain what is left; what still waits to enter is cancelled.
        q.close_and_cancel();
        for (values, rx) in fills {
            if rx.try_recv().unwrap().is_err() {
                cancelled.extend(values);
            }
        }
        for rx in singles {
            if let Ok(t) = rx.try_recv().unwrap() {
                delivered.push(t[0].to_scalar().unwrap());
            }
        }
        for rx in batches {
            if let Ok(b) = rx.try_recv().unwrap() {
                delivered.extend_from_slice(b.stack(&q).unwrap()[0].data().unwrap());
            }
        }
        while let Ok(Ok(t)) = take(&q).try_recv() {
            delivered.push(t[0].to_scalar().unwrap());
        }
        let mut sorted = delivered.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(
            sorted.len(),
            delivered.len(),
            "seed {seed}: delivered twice"
        );
        let missing: Vec<i32> = (0..next)
            .filter(|v| sorted.binary_search(v).is_err())
            .collect();
        assert!(
            missing.iter().all(|v| cancelled.contains(v)),
            "seed {seed}: lost"
        );
    }
}

/// Several producers and consumers, some of them cancelled: every element arrives once, and each producer's in
/// order (FIFO), and nobody is left waiting.
#[test]
fn threads_lose_nothing_and_nobody_sleeps_on() {
    for kind in [QueueKind::Fifo, QueueKind::RandomShuffle] {
        const PRODUCERS: i32 = 4;
        const EACH: i32 = 600;
        let q = Arc::new(queue(kind, 7));
        let seen = Arc::new(Mutex::new(Vec::<i32>::new()));
        let left = AtomicUsize::new(PRODUCERS as usize);
        std::thread::scope(|scope| {
            for p in 0..PRODUCERS {
                let (q, left) = (&q, &left);
                scope.spawn(move || {
                    let mut i = 0;
                    while i < EACH {
                        let many = (i % 5 + 1).min(EACH - i);
                        let values: Vec<i32> = (i..i + many).map(|v| p * EACH + v).collect();
                        let rx = match many {
                            1 => enqueue(q, values[0]),
                            _ => enqueue_many(q, &values),
                        };
                        rx.recv().unwrap().unwrap();
                        i += many;
                    }
                    if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                        close(q).recv().unwrap().unwrap();
                    }
                });
            }
            for c in 0..3i64 {
                let (q, seen) = (&q, seen.clone());
                scope.spawn(move || {
                    loop {
                        let batch = if c == 0 {
                            take(q).recv().unwrap().map(|t| vec![t])
                        } else {
                            let (ticket, rx) = take_many(q, c * 3, true);
                            if let (2, Some(t)) = (c, ticket) {
                                q.cancel(t);
                            }
                            rx.recv().unwrap().map(Batch::into_elements)
                        };
                        match batch {
                            Ok(b) => {
                                let values = b.iter().map(|t| t[0].to_scalar::<i32>().unwrap());
                                seen.lock().extend(values);
                            }
                            Err(e) if e.code() == Code::Cancelled => {}
                            Err(e) => {
                                assert_eq!(e.code(), Code::OutOfRange);
                                return;
                            }
                        }
                    }
                });
            }
        });
        let mut all = seen.lock().clone();
        all.sort_unstable();
        let expected: Vec<i32> = (0..PRODUCERS * EACH).collect();
        assert_eq!(all, expected);
        let s = q.state.lock();
        assert!(s.enqueues.is_empty() && s.dequeues.is_empty() && s.store.len() == 0);
    }
}

/// One consumer sees each producer's elements in order.
#[test]
fn first_in_first_out_with_concurrent_producers() {
    let q = queue(QueueKind::Fifo, 3);
    std::thread::scope(|scope| {
        for p in 0..3 {
            let q = &q;
            scope.spawn(move || {
                for i in 0..500 {
                    enqueue(q, p * 1000 + i).recv().unwrap().unwrap();
                }
            });
        }
        let mut last: HashMap<i32, i32> = HashMap::new();
        for _ in 0..1500 {
            let v: i32 = take(&q).recv().unwrap().unwrap()[0].to_scalar().unwrap();
            let before = last.insert(v / 1000, v);
            assert!(before.is_none_or(|b| b + 1 == v), "{before:?} then {v}");
        }
    });
}

#[test]
fn bad_tuples() {
    let q = queue(QueueKind::Fifo, 3);
    let put = |t: Vec<Tensor>, rows: bool| {
        let (done, rx) = hear();
        match rows {
            true => q.enqueue_many(t.into_iter().collect(), done),
            false => q.enqueue(t.into_iter().collect(), done),
        };
        text(&rx).1
    };
    let invalid = |n: i64| text(&take_many(&q, n, n == -2).1).1;
    for (got, expected) in [
        (
            put(vec![], false),
            "Wrong number of components in tuple. Expected 1, got 0",
        ),
        (
            put(vec![1f32.into()], false),
            "Type mismatch in tuple component 0. Expected int32, got float",
        ),
        (
            put(vec![[1i32].into()], false),
            "Shape mismatch in tuple component 0. Expected [], got [1]",
        ),
        (
            put(vec![[[1i32]].into()], true),
            "Shape mismatch in tuple component 0. Expected [1], got [1,1]",
        ),
        (
            put(vec![1i32.into()], true),
            "Component 0 must be at least rank 1, got shape []",
        ),
        (invalid(-1), "DequeueManyOp requested -1 < 0 elements"),
        (invalid(-2), "DequeueUpToOp requested -2 < 0 elements"),
    ] {
        assert_eq!(got, expected);
    }
}
