//! The executor's cost for each op, on graphs of trivial ops: chains of scalar additions, as benches/peers/tf_overhead.py.

use std::time::Instant;
use tensorloom::{DType, Graph, Session, SessionOptions, Tensor};

/// The median seconds of a call.
fn median(mut call: impl FnMut(), runs: usize) -> f64 {
    for _ in 0..5 {
        call();
    }
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    // Cargo passes `--bench`; there is nothing to choose.
    println!(
        "{:>8} x {:<8} {:>10} {:>12}",
        "chains", "length", "us/op", "ms/run"
    );
    for (chains, length) in [(1, 10_000), (10, 1_000), (1000, 10), (1000, 100)] {
        let g = Graph::new();
        let s = g.root();
        let x = g.placeholder("x", DType::F32, ());
        let ends: Vec<_> = (0..chains)
            .map(|_| {
                (0..length)
                    .fold(x, |y, _| s.op("AddV2").input(y).input(x).out())
                    .node()
            })
            .collect();
        let done = s.group(ends);
        let options = SessionOptions {
            optimize: false,
            ..Default::default()
        };
        let session = Session::with_options(&g, &options).expect("the graph is sound");
        let run = session
            .callable([x], [] as [tensorloom::Output<'_>; 0], done)
            .expect("it compiles");
        let seconds = median(|| drop(run.call([Tensor::from(1.0f32)])), 30);
        let ops = (chains * length) as f64;
        println!(
            "{chains:>8} x {length:<8} {:>10.3} {:>12.3}",
            seconds * 1e6 / ops,
            seconds * 1e3
        );
    }
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, ());
    let y = g.root().op("AddV2").input(x).input(x).out();
    let session = Session::new(&g).expect("the graph is sound");
    let run = session.callable([x], [y], ()).expect("it compiles");
    let seconds = median(|| drop(run.call([Tensor::from(1.0f32)])), 2000);
    println!("feed + add + fetch: {:.1} us/run", seconds * 1e6);
}
