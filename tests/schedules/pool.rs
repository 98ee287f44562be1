//! The thread pool: tasks from outside and inside, nested loops, guests, the end.

use super::explore;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::mpsc;
use shuttle::thread;
use std::sync::Arc;
use tensorloom::ThreadPool;

/// Every task runs once, wherever it was started; the pool's end waits for its workers.
#[test]
fn tasks_run_once() {
    explore("pool, tasks", 20_000, || {
        let pool = ThreadPool::new(2);
        let (tx, rx) = mpsc::channel();
        let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..6).map(|_| AtomicUsize::new(0)).collect());
        let starters: Vec<_> = (0..2)
            .map(|s| {
                let (pool, runs, tx) = (pool.clone(), runs.clone(), tx.clone());
                thread::spawn(move || {
                    let (inner, target) = (pool.clone(), pool);
                    target.spawn(Box::new(move || {
                        for t in 0..3 {
                            let (runs, tx) = (runs.clone(), tx.clone());
                            inner.spawn(Box::new(move || {
                                runs[3 * s + t].fetch_add(1, Ordering::SeqCst);
                                tx.send(()).unwrap();
                            }));
                        }
                    }));
                })
            })
            .collect();
        drop(tx);
        for _ in 0..6 {
            rx.recv().expect("a task was lost");
        }
        for s in starters {
            s.join().unwrap();
        }
        drop(pool);
        assert!(runs.iter().all(|r| r.load(Ordering::SeqCst) == 1));
    });
}

/// A task that is started while all workers fall asleep wakes one.
#[test]
fn sleepers_wake() {
    explore("pool, sleepers", 20_000, || {
        let pool = ThreadPool::new(2);
        for round in 0..3 {
            let (tx, rx) = mpsc::channel();
            pool.spawn(Box::new(move || tx.send(round).unwrap()));
            assert_eq!(rx.recv(), Ok(round));
        }
    });
}

/// The bodies of nested loops run once each, whether called from a task or from outside, and workers that sleep or are busy
/// elsewhere are not waited for.
#[test]
fn loops_end() {
    explore("pool, loops", 20_000, || {
        let pool = ThreadPool::new(2);
        let total = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = mpsc::channel();
        let (inner, counted) = (pool.clone(), total.clone());
        pool.spawn(Box::new(move || {
            inner.parallel_for(2, &|_| {
                inner.parallel_for(2, &|_| {
                    counted.fetch_add(1, Ordering::SeqCst);
                });
            });
            tx.send(()).unwrap();
        }));
        pool.parallel_for(3, &|_| {
            total.fetch_add(1, Ordering::SeqCst);
        });
        rx.recv().unwrap();
        assert_eq!(total.load(Ordering::SeqCst), 7);
    });
}

/// Guests and workers at work are at most as many as there are workers when a guest comes in, and places are given back.
#[test]
fn guests_take_free_places() {
    explore("pool, guests", 20_000, || {
        let pool = ThreadPool::new(2);
        let inside = Arc::new(AtomicUsize::new(0));
        let guests: Vec<_> = (0..3)
            .map(|_| {
                let (pool, inside) = (pool.clone(), inside.clone());
                thread::spawn(move || {
                    if let Some(_guest) = pool.enter() {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for g in guests {
            g.join().unwrap();
        }
        assert!(pool.enter().is_some());
    });
}
