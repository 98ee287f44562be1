//! Loops and conditionals by the builder: the nodes of TensorFlow, forward and backward, and its values.

mod compare;
mod devices;
mod fairness;
mod graphs;
mod meta;
mod soak;
mod spanning;

use crate::oracle::replays::{replay_in, unpack};
use crate::oracle::tolerance::of_gradients;
use compare::differences;
use graphs::{GRAPHS, Make};
use std::path::PathBuf;
use tensorloom::{
    Code, DType, Error, Graph, Output, Session, SessionOptions, Tensor, WhileOptions,
};

/// The gradient of ConcatV2 is built with other helpers: TensorFlow repeats the axis, and leaves an unused Shape.
const OTHER_HELPERS: &str = "/concat_grad/";

fn recorded(name: &str) -> PathBuf {
    crate::oracle::data("replays").join(format!("control_{name}.pb.gz"))
}

/// The graph with its gradients as tensors.
fn with_gradients(make: Make) -> Result<Graph, Error> {
    let g = Graph::new();
    let (y, xs) = make(&g);
    for d in g.gradients(&[y], &xs)?.into_iter().flatten() {
        d.dense(g.root());
    }
    Ok(g)
}

/// Builds each graph with its gradients, and compares it with the one that TensorFlow built.
#[test]
fn graphs_have_the_nodes_of_tensorflow() {
    let mut problems = Vec::new();
    for (name, make) in GRAPHS {
        match with_gradients(*make).and_then(|g| g.export()) {
            Ok(ours) => {
                let found = differences(name, &ours, &unpack(&recorded(name)));
                problems.extend(found.into_iter().filter(|p| {
                    let node = p.split_whitespace().nth(1).unwrap();
                    !node.contains(OTHER_HELPERS)
                }));
            }
            Err(e) => problems.push(format!("{name}: {e:?}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Runs them as TensorFlow ran its own; values and gradients are the same.
#[test]
fn graphs_give_what_tensorflow_gives() {
    let allowed = of_gradients("Sum", DType::F32);
    let folder = crate::oracle::data("replays");
    let mut problems = Vec::new();
    for (name, make) in GRAPHS {
        let run = |g: Graph| {
            let session = Session::new(&g)?;
            let file = format!("control_{name}");
            replay_in((&g, &session), &folder, &file, allowed, "")
        };
        match with_gradients(*make).and_then(run) {
            Ok(found) => problems.extend(found.into_iter().map(|p| format!("{name}: {p}"))),
            Err(e) => problems.push(format!("{name}: {e:?}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Each call has a backward loop of its own; that of a backward loop is not to be had, as in TensorFlow.
#[test]
fn gradients_are_asked_for_again() {
    let g = Graph::new();
    let (y, xs) = GRAPHS[0].1(&g);
    let first = g.gradients(&[y], &xs).unwrap()[0].unwrap().dense(g.root());
    let second = g.gradients(&[y], &xs).unwrap()[0].unwrap().dense(g.root());
    let feeds = [(xs[0], Tensor::from([1.0f32, 2.0]))];
    let out = Session::new(&g)
        .unwrap()
        .run(feeds, [first, second], ())
        .unwrap();
    for d in out {
        // y = x^8
        assert_eq!(d.data::<f32>().unwrap(), [8.0, 1024.0]);
    }
    let g = Graph::new();
    let (y, xs) = GRAPHS[1].1(&g);
    let first = g.gradients(&[y], &xs[..1]).unwrap()[0]
        .unwrap()
        .dense(g.root());
    let e = g.gradients(&[first], &xs[1..]).unwrap_err();
    assert_eq!(e.code(), Code::Unimplemented);
    assert_eq!(
        e.message(),
        "Second-order gradient for while loops not supported."
    );
}

/// A loop in a graph that runs often gives the same on any number of threads.
#[test]
fn loops_do_not_depend_on_threads() {
    for (name, make) in GRAPHS
        .iter()
        .filter(|(n, _)| n.contains("nested") || n.contains("recurrent"))
    {
        let folder = crate::oracle::data("replays");
        for threads in [1, 8] {
            let g = with_gradients(*make).unwrap();
            let options = SessionOptions {
                threads,
                ..SessionOptions::default()
            };
            let session = Session::with_options(&g, &options).unwrap();
            for _ in 0..30 {
                let file = format!("control_{name}");
                let allowed = of_gradients("Sum", DType::F32);
                let found = replay_in((&g, &session), &folder, &file, allowed, "").unwrap();
                assert!(found.is_empty(), "{name}: {found:?}");
            }
        }
    }
}

#[test]
fn mistakes_in_loops_are_told() {
    let message = |make: &dyn for<'g> Fn(&'g Graph)| {
        let g = Graph::new();
        make(&g);
        g.check().unwrap_err().message().to_string()
    };
    let options = WhileOptions::default;
    let grows = message(&|g| {
        let s = g.root();
        let x = g.placeholder("x", DType::F32, [2]);
        s.while_loop(
            |s, x: Output<'_>| s.less(x.sum(), 1.0f32),
            |s, x| s.concat(&[x, x], 0),
            x,
            &options(),
        );
    });
    assert!(
        grows.starts_with("Input tensor 'x:0' enters the loop with shape [2], but has shape [4]"),
        "{grows}"
    );
    let changes = message(&|g| {
        let x = g.placeholder("x", DType::F32, ());
        g.root().while_loop(
            |s, x: Output<'_>| s.less(x, 1.0f32),
            |_, x| x.cast(DType::I32),
            x,
            &options(),
        );
    });
    assert!(
        changes.contains("enters the loop with type float, but has type int32"),
        "{changes}"
    );
    let fewer = message(&|g| {
        let x = g.placeholder("x", DType::F32, ());
        let _ = g.root().while_loop(
            |s, x: Vec<Output<'_>>| s.less(x[0], 1.0f32),
            |_, mut x| x.split_off(1),
            vec![x, x],
            &options(),
        );
    });
    assert!(
        fewer.starts_with("Number of inputs and outputs of 'body' must match"),
        "{fewer}"
    );
    let none = message(&|g| {
        let _ = g.root().while_loop(
            |s, _: Vec<Output<'_>>| s.constant(true),
            |_, x| x,
            vec![],
            &options(),
        );
    });
    assert_eq!(none, "'loop_vars' must be provided.");
    let parallel = message(&|g| {
        let x = g.placeholder("x", DType::F32, ());
        let options = WhileOptions {
            parallel_iterations: 0,
            ..options()
        };
        g.root()
            .while_loop(|s, x: Output<'_>| s.less(x, 1.0f32), |_, x| x, x, &options);
    });
    assert!(
        parallel.contains("parallel_iterations must be a positive int32"),
        "{parallel}"
    );
}
