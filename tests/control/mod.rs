//! Loops and conditionals by the builder: the nodes of TensorFlow, forward and backward, and its values.

mod compare;
mod graphs;

use crate::oracle::replays::{replay_in, unpack};
use crate::oracle::tolerance::of_gradients;
use compare::differences;
use graphs::{GRAPHS, Make};
use std::path::PathBuf;
use tensorloom::{DType, Error, Graph, Session};

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
