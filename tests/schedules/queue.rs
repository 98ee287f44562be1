//! Queues and cancellation: producers, consumers, closing and cancelling at once.

use super::explore;
use shuttle::sync::mpsc;
use shuttle::thread;
use std::sync::Arc;
use tensorloom::kernel::Cancellation;
use tensorloom::resource::Queue;
use tensorloom::resource::queue::{QueueKind, QueueSpec};
use tensorloom::{Code, DType, PartialShape, Result, Tensor};

fn queue(kind: QueueKind, capacity: usize, min_after_dequeue: usize) -> Arc<Queue> {
    let spec = QueueSpec {
        kind,
        dtypes: vec![DType::I32],
        shapes: vec![PartialShape::from(())],
        capacity,
        min_after_dequeue,
        seeds: (1, 2),
    };
    Arc::new(Queue::new("q", spec).unwrap())
}

fn enqueue(q: &Queue, value: i32, tx: &mpsc::Sender<Result<()>>) {
    let tx = tx.clone();
    let done = Box::new(move |r, _| tx.send(r).unwrap());
    q.enqueue([Tensor::from(value)].into_iter().collect(), done);
}

/// What several producers add, several consumers take, each element once, and a producer's in its order.
#[test]
fn elements_arrive_once() {
    explore("queue, elements", 20_000, || {
        let q = queue(QueueKind::Fifo, 1, 0);
        let (tx, rx) = mpsc::channel();
        let (done, finished) = mpsc::channel();
        let mut threads = Vec::new();
        for p in 0..2 {
            let (target, done) = (q.clone(), done.clone());
            threads.push(thread::spawn(move || {
                for i in 0..2 {
                    enqueue(&target, 10 * p + i, &done);
                }
            }));
            let (q, tx) = (q.clone(), tx.clone());
            threads.push(thread::spawn(move || {
                for _ in 0..2 {
                    let tx = tx.clone();
                    q.dequeue(Box::new(move |r, _| {
                        tx.send(r.unwrap()[0].to_scalar::<i32>().unwrap()).unwrap();
                    }));
                }
            }));
        }
        drop((tx, done));
        let mut got: Vec<i32> = (0..4).map(|_| rx.recv().expect("one is lost")).collect();
        for _ in 0..4 {
            finished.recv().expect("one is lost").unwrap();
        }
        for t in threads {
            t.join().unwrap();
        }
        got.sort_unstable();
        assert_eq!(got, [0, 1, 10, 11]);
        assert_eq!((q.size(), q.waiting()), (0, (0, 0)));
    });
}

/// The end of the input: whoever waits is told, every element was taken or is still there, and a batch is whole or an error.
#[test]
fn closing_leaves_nobody_waiting() {
    explore("queue, closing", 20_000, || {
        let q = queue(QueueKind::RandomShuffle, 3, 1);
        let (added, adds) = mpsc::channel();
        let (taken, takes) = mpsc::channel();
        let producer = {
            let (q, added) = (q.clone(), added.clone());
            thread::spawn(move || {
                for i in 0..3 {
                    enqueue(&q, i, &added);
                }
                let added = added.clone();
                q.close(Box::new(move |r, _| added.send(r).unwrap()));
            })
        };
        let consumers: Vec<_> = [(2, false), (2, true)]
            .into_iter()
            .map(|(n, or_fewer)| {
                let (q, taken) = (q.clone(), taken.clone());
                thread::spawn(move || {
                    let done = Box::new(move |r, _| taken.send(r).unwrap());
                    q.dequeue_many(n, or_fewer, done);
                })
            })
            .collect();
        drop((added, taken));
        for _ in 0..4 {
            adds.recv().expect("an enqueue is lost").unwrap();
        }
        let mut failed = 0;
        for _ in 0..2 {
            if let Err(e) = takes.recv().expect("a dequeue is lost").map(|_| ()) {
                assert_eq!(e.code(), Code::OutOfRange);
                failed += 1;
            }
        }
        producer.join().unwrap();
        for c in consumers {
            c.join().unwrap();
        }
        // Two and then "two or fewer" both find something; the other way round the last one finds one of two.
        assert!(failed <= 1);
        assert_eq!(q.size(), failed);
        assert_eq!(q.waiting(), (0, 0));
    });
}

/// A waiting operation that is cancelled while it may just be served ends once, with one of the two outcomes, and what was
/// not taken is still there. Cancelling a step runs or refuses every callback.
#[test]
fn cancelling_ends_once() {
    explore("queue, cancelling", 20_000, || {
        let q = queue(QueueKind::Fifo, 2, 0);
        let step = Arc::new(Cancellation::default());
        let (tx, rx) = mpsc::channel();
        let waiter = {
            let (q, step) = (q.clone(), step.clone());
            thread::spawn(move || {
                let done = Box::new(move |r, _| tx.send(r).unwrap());
                let Some(ticket) = q.dequeue(done) else {
                    return;
                };
                let target = q.clone();
                let cancel = Box::new(move || target.cancel(ticket));
                if step.register(cancel).is_none() {
                    q.cancel(ticket);
                }
            })
        };
        let canceller = thread::spawn(move || step.cancel());
        let (done, added) = mpsc::channel();
        enqueue(&q, 5, &done);
        added.recv().expect("the enqueue is lost").unwrap();
        let got = rx.recv().expect("the dequeue is lost");
        waiter.join().unwrap();
        canceller.join().unwrap();
        assert!(rx.recv().is_err(), "an outcome came twice");
        match got {
            Ok(t) => assert_eq!((t[0].to_scalar::<i32>().unwrap(), q.size()), (5, 0)),
            Err(e) => assert_eq!((e.code(), q.size()), (Code::Cancelled, 1)),
        }
    });
}

/// An enqueue that waits for room, one that comes, a closing and its cancelling form: all end.
#[test]
fn cancelled_closing_ends_all() {
    explore("queue, closing by force", 20_000, || {
        let q = queue(QueueKind::Fifo, 1, 0);
        let (tx, rx) = mpsc::channel();
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let (q, tx) = (q.clone(), tx.clone());
                thread::spawn(move || {
                    enqueue(&q, i, &tx);
                    q.close(Box::new(move |r, _| tx.send(r).unwrap()));
                })
            })
            .collect();
        drop(tx);
        q.close_and_cancel();
        for _ in 0..4 {
            let _outcome = rx.recv().expect("an operation is lost");
        }
        for t in threads {
            t.join().unwrap();
        }
        assert_eq!(q.waiting().0, 0);
    });
}
