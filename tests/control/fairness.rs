//! No device, step or client keeps another waiting: long nodes, loops without end, and cheap work beside them.

use super::soak::graph::{DEVICES, on};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};
use tensorloom::ops::queue::QueueOptions;
use tensorloom::{
    Code, DType, Graph, Output, PartialShape, Session, SessionOptions, Tensor, WhileOptions,
};

fn session(g: &Graph, threads: usize) -> Session {
    let options = SessionOptions {
        threads,
        cpu_devices: DEVICES,
        ..SessionOptions::default()
    };
    Session::with_options(g, &options).unwrap()
}

/// A device with hundreds of long nodes, all ready at once, keeps neither a chain on another device nor other steps waiting.
#[test]
fn a_flooded_device_starves_nobody() {
    let g = Graph::new();
    let s = g.root();
    let a = g.placeholder("a", DType::F32, [96, 96]);
    let x = g.placeholder("x", DType::F32, [4]);
    let products = (0..300).map(|i| on(s, 0).matmul(a, on(s, 0).add(a, i as f32)));
    let flood: Vec<_> = products.map(Output::node).collect();
    let chain = (0..30).fold(x, |y, _| on(s, 1).tanh(on(s, 1).add(y, 0.1f32)));
    let q = on(s, 1).fifo_queue(&QueueOptions {
        dtypes: vec![DType::F32],
        shapes: vec![PartialShape::from([4])],
        ..QueueOptions::default()
    });
    let put = q.enqueue(&[chain]);
    let all = s.group(flood.into_iter().chain([put])).name();
    let taken = q.dequeue()[0].name();
    let cheap = on(s, 2).add(x, 1.0f32).name();
    for threads in [1, 2] {
        let s = session(&g, threads);
        let fed = || ("x:0", Tensor::from([0.1f32, 0.2, 0.3, 0.4]));
        let matrix = Tensor::from([[1.0f32; 96]; 96]);
        let flood = move |s: &Session, all: &str| {
            let feeds = [("a:0", matrix.clone()), fed()];
            s.run(feeds, (), all).unwrap();
        };
        // Each once, so that all are compiled.
        flood(&s, &all);
        s.run((), [taken.as_str()], ()).unwrap();
        s.run([fed()], [cheap.as_str()], ()).unwrap();
        let start = Instant::now();
        let (flooding, all) = (s.clone(), all.clone());
        let flooding = thread::spawn(move || {
            flood(&flooding, &all);
            start.elapsed()
        });
        let (taking, taken) = (s.clone(), taken.clone());
        let taking = thread::spawn(move || {
            taking.run((), [taken.as_str()], ()).unwrap();
            start.elapsed()
        });
        let mut steps = 0;
        while !flooding.is_finished() {
            s.run([fed()], [cheap.as_str()], ()).unwrap();
            steps += 1;
        }
        let (end, chain) = (flooding.join().unwrap(), taking.join().unwrap());
        println!("{threads} threads: chain {chain:?} of {end:?}, {steps} steps");
        assert!(chain < end / 2, "the chain: {chain:?} of {end:?}");
        assert!(steps > 20, "{steps} steps in {end:?}");
    }
}

/// More loops without end than there are threads, in one step and in several: another client's steps go on, and so do the
/// other nodes of their own step.
#[test]
fn endless_loops_starve_nobody() {
    let g = Graph::new();
    let s = g.root();
    let x = g.placeholder("x", DType::F32, [4]);
    let loops: Vec<Output<'_>> = (0..DEVICES)
        .map(|d| {
            let [i, _] = on(s, d).while_loop(
                |s, [i, _]| s.greater_equal(i, 0i32),
                |s, [i, y]| [i * 1i32, s.tanh(y)],
                [s.constant(0i32), x],
                &WhileOptions::default(),
            );
            i
        })
        .collect();
    let slow = (0..50).fold(x, |y, _| on(s, 1).tanh(y));
    let q = on(s, 2).fifo_queue(&QueueOptions {
        dtypes: vec![DType::F32],
        shapes: vec![PartialShape::from([4])],
        ..QueueOptions::default()
    });
    let put = q.enqueue(&[slow]);
    let all = s.group(loops.iter().map(|i| i.node()).chain([put])).name();
    let one = loops[3].name();
    let taken = q.dequeue()[0].name();
    let cheap = on(s, 2).add(x, 1.0f32).name();
    for threads in [1, 2] {
        let s = session(&g, threads);
        let fed = || [("x:0", Tensor::from([0.1f32, 0.2, 0.3, 0.4]))];
        let (first, all) = (s.clone(), all.clone());
        let mut endless = vec![thread::spawn(move || first.run(fed(), (), all.as_str()))];
        for _ in 0..2 {
            let (next, one) = (s.clone(), one.clone());
            endless.push(thread::spawn(move || next.run(fed(), [one.as_str()], ())));
        }
        let (tx, rx) = channel();
        let (client, taken, cheap) = (s.clone(), taken.clone(), cheap.clone());
        let client = thread::spawn(move || {
            client.run((), [taken.as_str()], ()).unwrap();
            for _ in 0..20 {
                client.run(fed(), [cheap.as_str()], ()).unwrap();
            }
            tx.send(()).unwrap();
        });
        let served = rx.recv_timeout(Duration::from_secs(60));
        s.close();
        for e in endless {
            assert_eq!(e.join().unwrap().unwrap_err().code(), Code::Cancelled);
        }
        served.unwrap_or_else(|_| panic!("starved, with {threads} threads"));
        client.join().unwrap();
    }
}
