//! Large graphs: time, peak memory and allocations of reading and building, from 10^3 nodes to 10^6.
//!
//! `cargo bench --bench graphs` prints a table and fails when allocations per node grow with the number of nodes.
//! `cargo bench --bench graphs -- 5` stops at 10^5.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use tensorloom::def::{AttrValue, GraphDef, NodeDef};
use tensorloom::{DType, Graph, ImportOptions, Session, Tensor};

/// The system's allocator, with counts.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    CALLS.fetch_add(1, Relaxed);
    let now = BYTES.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn node(name: String, op: &str, input: Vec<String>, attrs: &[(&str, AttrValue)]) -> NodeDef {
    let attrs = attrs.iter().map(|(k, v)| (k.to_string(), v.clone()));
    NodeDef {
        name,
        op: op.into(),
        input,
        attr: attrs.collect(),
        ..NodeDef::default()
    }
}

fn constant() -> NodeDef {
    let value = AttrValue::Tensor(Tensor::from(1.0f32));
    let attrs = [("dtype", AttrValue::Type(DType::F32)), ("value", value)];
    node("x".into(), "Const", vec![], &attrs)
}

const T: (&str, AttrValue) = ("T", AttrValue::Type(DType::F32));

/// Each node takes the one before it.
fn chain(n: usize) -> Vec<NodeDef> {
    let mut nodes = vec![constant()];
    for i in 1..n {
        let from = nodes[i - 1].name.clone();
        nodes.push(node(
            format!("layer{}/neg{i}", i % 1000),
            "Neg",
            vec![from],
            &[T],
        ));
    }
    nodes
}

/// Each node takes the one before it twice.
fn doubling(n: usize) -> Vec<NodeDef> {
    let mut nodes = vec![constant()];
    for i in 1..n {
        let from = nodes[i - 1].name.clone();
        nodes.push(node(
            format!("add{i}"),
            "AddV2",
            vec![from.clone(), from],
            &[T],
        ));
    }
    nodes
}

/// One node waits for all others, which are colocated in a chain.
fn group(n: usize) -> Vec<NodeDef> {
    let mut nodes = vec![constant()];
    for i in 1..n - 1 {
        let class = format!("loc:@{}", nodes[i - 1].name).into_bytes();
        let class = ("_class", AttrValue::BytesList(vec![class]));
        nodes.push(node(
            format!("neg{i}"),
            "Neg",
            vec!["x".into()],
            &[T, class],
        ));
    }
    let all = nodes.iter().map(|n| format!("^{}", n.name)).collect();
    nodes.push(node("all".into(), "NoOp", all, &[]));
    nodes
}

struct Measured {
    seconds: f64,
    calls: usize,
    peak: usize,
}

fn measure<T>(work: impl FnOnce() -> T) -> (T, Measured) {
    let (calls, before) = (CALLS.load(Relaxed), BYTES.load(Relaxed));
    PEAK.store(before, Relaxed);
    let start = Instant::now();
    let result = black_box(work());
    let measured = Measured {
        seconds: start.elapsed().as_secs_f64(),
        calls: CALLS.load(Relaxed) - calls,
        peak: PEAK.load(Relaxed) - before,
    };
    (result, measured)
}

fn steps(nodes: Vec<NodeDef>) -> Vec<(&'static str, Measured)> {
    let last = nodes.last().map(|n| n.name.clone()).unwrap_or_default();
    let def = GraphDef {
        node: nodes,
        ..GraphDef::default()
    };
    let mut all = Vec::new();
    let (pb, m) = measure(|| def.to_pb());
    all.push(("write pb", m));
    let (text, m) = measure(|| def.to_pbtxt().unwrap());
    all.push(("write pbtxt", m));
    drop(def);
    let (def, m) = measure(|| GraphDef::from_pbtxt(&text).unwrap());
    all.push(("read pbtxt", m));
    drop((def, text));
    let (def, m) = measure(|| GraphDef::from_pb(&pb).unwrap());
    all.push(("read pb", m));
    let graph = Graph::new();
    let (_, m) = measure(|| graph.import(&def, &ImportOptions::default()).unwrap());
    all.push(("import", m));
    let (_, m) = measure(|| graph.import(&def, &ImportOptions::default()).unwrap());
    all.push(("import again", m));
    drop(def);
    let (_, m) = measure(|| graph.export().unwrap());
    all.push(("export", m));
    let (_, m) = measure(|| {
        let session = Session::new(&graph).unwrap();
        session.run_target(last.as_str()).unwrap();
    });
    all.push(("compile and run", m));
    all
}

fn main() {
    let most = std::env::args().find_map(|a| a.parse::<u32>().ok());
    let kinds: [(&str, fn(usize) -> Vec<NodeDef>); 3] =
        [("chain", chain), ("doubling", doubling), ("group", group)];
    println!(
        "| graph | step | nodes | ms | µs per node | allocations per node | peak bytes per node |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut grown = Vec::new();
    for (kind, make) in kinds {
        let mut first: Vec<f64> = Vec::new();
        for exponent in 3..=most.unwrap_or(6) {
            let n = 10usize.pow(exponent);
            for (i, (step, m)) in steps(make(n)).into_iter().enumerate() {
                let per = |x: usize| x as f64 / n as f64;
                println!(
                    "| {kind} | {step} | 10^{exponent} | {:.1} | {:.2} | {:.1} | {:.0} |",
                    m.seconds * 1e3,
                    m.seconds * 1e6 / n as f64,
                    per(m.calls),
                    per(m.peak)
                );
                match first.get(i) {
                    None => first.push(per(m.calls)),
                    Some(f) if per(m.calls) > 1.5 * f + 1.0 => grown.push((kind, step, n)),
                    Some(_) => {}
                }
            }
        }
    }
    assert!(grown.is_empty(), "allocations per node grow: {grown:?}");
}
