//! Every gradient of the registry, checked by differences.
//!
//! Each family has its rows: `row("Op", [inputs], |s, x| vec![outputs])`. An input is [`between`](check::between)
//! bounds, or its values are [`apart`](check::apart) where the function has kinks, or [`exact`](check::exact).
//! What the gradient does not flow to (indices, axes) is a constant that the closure makes.

mod array;
mod check;
mod flow;
mod functions;
mod lists;
mod math;
mod nn;

use check::Row;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use tensorloom::grad::Grad;
use tensorloom::{DType, Graph, Registry};

/// The op whose gradient is always an error.
const REFUSES: &str = "PreventGradient";

/// Random ops whose gradient says how the distribution moves, not how these samples would (compared with TensorFlow's
/// in tests/oracle/replays.rs).
const SAMPLERS: [&str; 3] = [
    "RandomGamma",
    "StatelessRandomGammaV2",
    "StatelessRandomGammaV3",
];

#[test]
fn prevented_gradients_are_an_error() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [2]);
    let y = g
        .root()
        .op(REFUSES)
        .attr("message", "no way back")
        .input(x)
        .out();
    let e = g.gradients(&[y], &[x]).unwrap_err();
    assert!(e.message().contains("no way back"), "{e}");
}

fn rows() -> Vec<Row> {
    let families = [
        math::rows(),
        array::rows(),
        nn::rows(),
        flow::rows(),
        lists::rows(),
    ];
    families.into_iter().flatten().collect()
}

#[test]
fn gradients_agree_with_differences() {
    let only = std::env::var("TENSORLOOM_OPS").unwrap_or_default();
    let rows: Vec<Row> = rows()
        .into_iter()
        .filter(|r| only.is_empty() || only.split(',').any(|o| o == r.op))
        .collect();
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = row.problems();
                    problems.lock().extend(found);
                }
            });
        }
    });
    let problems = problems.into_inner();
    assert!(
        problems.is_empty(),
        "{} of {} rows are wrong:\n{}",
        problems.len(),
        rows.len(),
        problems.join("\n")
    );
}

#[test]
fn every_gradient_has_a_row() {
    let registry = Registry::builtin();
    let with_gradient: BTreeSet<String> = registry
        .ops()
        .into_iter()
        .filter(|(_, e)| matches!(e.grad, Grad::Fn(_)))
        .map(|(s, _)| s.name.clone())
        .collect();
    let rows: BTreeSet<String> = rows()
        .into_iter()
        .map(|r| r.op.to_string())
        .chain([REFUSES.to_string()])
        .chain(SAMPLERS.map(str::to_string))
        .chain(flow::ON_VARIABLES.iter().map(|(op, _)| op.to_string()))
        .collect();
    let missing: Vec<&String> = with_gradient.difference(&rows).collect();
    assert!(
        missing.is_empty(),
        "no row in tests/gradients for {missing:?}"
    );
    let stray: Vec<&String> = rows.difference(&with_gradient).collect();
    assert!(stray.is_empty(), "rows for ops without gradient: {stray:?}");
}
