//! Random graphs that TensorFlow built, differentiated and ran (see tests/interop/random_graphs.py).
//!
//! `TENSORLOOM_RANDOM_GRAPHS=DIR` reads other graphs than those in tests/data/random_graphs.

use super::compare::{difference, magnitude};
use super::coverage::node_of;
use super::replays::unpack;
use super::tolerance::{Tolerance, epsilon};
use super::{data, report, value};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tensorloom::def::GraphDef;
use tensorloom::{DType, Error, Graph, ImportOptions, RunOptions, Session, SessionOptions, Tensor};

/// What a run fed and fetched.
#[derive(Default)]
struct Run {
    feeds: Vec<(String, Tensor)>,
    targets: Vec<String>,
    fetches: Vec<(String, Tensor)>,
    off: BTreeMap<String, f64>,
}

#[derive(Default)]
struct Recorded {
    runs: BTreeMap<usize, Run>,
    meta: BTreeMap<String, Tensor>,
}

fn recorded(path: &Path) -> Recorded {
    let mut all = Recorded::default();
    for node in &unpack(path).node {
        let (first, rest) = node.name.split_once('/').unwrap();
        let Some(number) = first.strip_prefix("run") else {
            all.meta.insert(rest.into(), value(node));
            continue;
        };
        let run = all.runs.entry(number.parse().unwrap()).or_default();
        let (kind, name) = rest.split_once('/').unwrap();
        let name = name.to_string();
        match kind {
            "feed" => run.feeds.push((name, value(node))),
            "target" => run.targets.push(name),
            "fetch" => run.fetches.push((name, value(node))),
            "off" => drop(run.off.insert(name, value(node).to_scalar().unwrap())),
            other => panic!("{other} is not known"),
        }
    }
    all
}

impl Recorded {
    fn text(&self, key: &str) -> Option<String> {
        let bytes = self.meta.get(key)?.to_bytes().unwrap().to_vec();
        Some(String::from_utf8(bytes).unwrap())
    }
    /// Runs all in one session; what was fetched, run after run.
    fn run(
        &self,
        g: &Graph,
        options: &SessionOptions,
        names: &[String],
    ) -> Result<Vec<Vec<Tensor>>, Error> {
        let session = Session::with_options(g, options)?;
        let limit = RunOptions {
            timeout: Some(Duration::from_secs(60)),
            ..RunOptions::default()
        };
        let mut all = Vec::new();
        for run in self.runs.values() {
            let targets: Vec<&str> = run.targets.iter().map(String::as_str).collect();
            let fetches = match run.fetches.is_empty() {
                true => Vec::new(),
                false => names.to_vec(),
            };
            let got = session
                .run_with(run.feeds.clone(), fetches, targets, &limit)?
                .0;
            if !run.fetches.is_empty() {
                all.push(got);
            }
        }
        Ok(all)
    }
}

/// The precision of the roughest floats that each node's outputs come from.
fn precisions(g: &Graph, def: &GraphDef) -> BTreeMap<String, f64> {
    let mut of: BTreeMap<String, f64> = BTreeMap::new();
    // The second round goes once around loops.
    for _ in 0..2 {
        for n in &def.node {
            let outputs = g.find(&n.name).unwrap().outputs();
            let own = outputs.iter().map(|o| epsilon(o.dtype()));
            let inputs = n.input.iter().map(|i| node_of(i));
            let inherited = inputs.map(|i| of.get(i).copied().unwrap_or(0.0));
            let roughest = own.chain(inherited).fold(0.0, f64::max);
            of.insert(n.name.clone(), roughest);
        }
    }
    of
}

/// Ops that only move, add up and scale by constants: what their operands were rounded by stays when the sum cancels.
const LINEAR: &str = "
    Add AddV2 AddN AccumulateNV2 Sub Sum Mean Neg Identity Reshape Squeeze ExpandDims Transpose Tile Pad PadV2 Slice
    StridedSlice StridedSliceGrad Concat ConcatV2 Split SplitV Pack Unpack BiasAdd BiasAddGrad Cumsum Cast
    BroadcastTo Reverse ReverseV2 Gather GatherV2 GatherNd ScatterNd UnsortedSegmentSum SegmentSum";

/// The floats that a tensor is a sum of, itself included.
fn summands(g: &Graph, tensor: &str) -> Result<Vec<String>, Error> {
    let (mut found, mut open) = (Vec::new(), vec![g.output(tensor)?]);
    while let Some(t) = open.pop() {
        let name = t.name();
        let float = t.dtype().is_floating();
        if !float || found.contains(&name) || found.len() > 200 {
            continue;
        }
        found.push(name);
        if LINEAR.split_whitespace().any(|op| op == t.node().op()) {
            open.extend(t.node().inputs());
        }
    }
    Ok(found)
}

/// For each run, the largest number among the summands of each tensor.
fn largest_summands(all: &Recorded, g: &Graph, of: &[String]) -> Result<Vec<Vec<f64>>, Error> {
    let summands: Vec<Vec<String>> = of
        .iter()
        .map(|t| summands(g, t))
        .collect::<Result<_, _>>()?;
    let names: BTreeSet<&String> = summands.iter().flatten().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let runs = all.run(g, &SessionOptions::default(), &names)?;
    let sizes = runs.iter().map(|values| {
        let size = |name: &String| match names.binary_search(name) {
            Ok(i) => magnitude(&values[i], [&values[i]]),
            Err(_) => 0.0,
        };
        let largest = |s: &Vec<String>| s.iter().map(size).fold(0.0, f64::max);
        summands.iter().map(largest).collect()
    });
    Ok(sizes.collect())
}

/// How far a tensor may be off.
#[derive(Clone, Copy)]
struct Allowed {
    /// The distance between TensorFlow's value and that in double precision; `None` where rounding decided over a whole
    /// number or a shape: anything goes.
    off: Option<f64>,
    /// The precision of what it was computed from.
    precision: f64,
    /// The largest number that was added up to it.
    summand: f64,
}

/// What differs between a wanted value and ours, beyond what rounding explains: some units of the largest element, and
/// some times the distance between TensorFlow's value and that in double precision.
fn differs(want: &Tensor, got: &Tensor, allowed: Allowed) -> Option<String> {
    let off = allowed.off?;
    if !want.dtype().is_floating() {
        let allowed = match want.dtype().is_complex() {
            true => Tolerance {
                ulps: 32.0,
                scale: 32.0,
            },
            false => Tolerance::EXACT,
        };
        return difference(want, got, allowed, magnitude(want, [want]));
    }
    let unit = epsilon(want.dtype());
    let units = 16.0 * (allowed.precision / unit).max(1.0);
    let largest = magnitude(want, [want]).max(allowed.summand);
    let allowed = Tolerance {
        ulps: 32.0,
        scale: 1.0,
    };
    difference(want, got, allowed, 32.0 * off / unit + units * largest)
}

fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    if a.dtype() == DType::String {
        return a.shape() == b.shape() && a.strings().ok() == b.strings().ok();
    }
    a.dtype() == b.dtype() && a.shape() == b.shape() && a.bytes().ok() == b.bytes().ok()
}

fn check(folder: &Path, name: &str) -> Result<Vec<String>, Error> {
    let all = recorded(&folder.join(format!("{name}.runs.pb.gz")));
    let def = unpack(&folder.join(format!("{name}.pb.gz")));
    let mut problems = Vec::new();
    let g = Graph::new();
    g.import(&def, &ImportOptions::default())?;
    let last = all.runs.values().next_back().unwrap();
    let names: Vec<String> = last.fetches.iter().map(|f| f.0.clone()).collect();
    let precisions = precisions(&g, &def);
    let largest = largest_summands(&all, &g, &names)?;
    let mut first: Option<Vec<Vec<Tensor>>> = None;
    for (optimize, threads) in [(true, 2), (false, 1), (true, 1), (false, 2)] {
        let options = SessionOptions {
            optimize,
            threads,
            ..SessionOptions::default()
        };
        let got = all.run(&g, &options, &names)?;
        let Some(first) = &first else {
            for ((run, got), largest) in all
                .runs
                .values()
                .filter(|r| !r.fetches.is_empty())
                .zip(&got)
                .zip(&largest)
            {
                for (((tensor, want), got), summand) in run.fetches.iter().zip(got).zip(largest) {
                    let allowed = Allowed {
                        off: run.off.get(tensor).copied(),
                        precision: precisions[node_of(tensor)],
                        summand: *summand,
                    };
                    let found = differs(want, got, allowed);
                    let op = g.output(tensor)?.node().op();
                    problems.extend(found.map(|d| format!("{tensor} ({op}): {d}")));
                }
            }
            first = Some(got);
            continue;
        };
        for (a, b) in first.iter().zip(&got) {
            for ((tensor, a), b) in names.iter().zip(a).zip(b) {
                if !same_bits(a, b) {
                    problems.push(format!(
                        "{tensor}: other bits with optimize {optimize}, {threads} threads"
                    ));
                }
            }
        }
    }
    problems.extend(gradients(&all, def, &precisions)?);
    Ok(problems)
}

/// Our own gradients of the forward part.
fn gradients(
    all: &Recorded,
    mut def: GraphDef,
    precisions: &BTreeMap<String, f64>,
) -> Result<Vec<String>, Error> {
    let forward: i64 = all.meta["forward"].to_scalar()?;
    def.node.truncate(forward as usize);
    let g = Graph::new();
    g.import(&def, &ImportOptions::default())?;
    let y = g.output(&all.text("y").unwrap())?;
    let (mut xs, mut wanted) = (Vec::new(), Vec::new());
    while let Some(x) = all.text(&format!("x/{}", xs.len())) {
        xs.push(g.output(&x)?);
        wanted.push(all.text(&format!("grad/{}", wanted.len())).unwrap());
    }
    if xs.is_empty() {
        return Ok(Vec::new());
    }
    let mut problems = Vec::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for ((x, want), got) in xs.iter().zip(wanted).zip(g.gradients(&[y], &xs)?) {
        match got {
            None if want.is_empty() => {}
            None => problems.push(format!("{}: want a gradient, got none", x.name())),
            Some(_) if want.is_empty() => {
                problems.push(format!("{}: want no gradient, got one", x.name()));
            }
            Some(got) => {
                ours.push(got.dense(g.root()).name());
                theirs.push(want);
            }
        }
    }
    if ours.is_empty() {
        return Ok(problems);
    }
    let options = SessionOptions {
        threads: 2,
        ..SessionOptions::default()
    };
    let got = all.run(&g, &options, &ours)?;
    let largest = largest_summands(all, &g, &ours)?;
    for ((run, got), largest) in all
        .runs
        .values()
        .filter(|r| !r.fetches.is_empty())
        .zip(&got)
        .zip(&largest)
    {
        for ((name, got), summand) in theirs.iter().zip(got).zip(largest) {
            let want = &run.fetches.iter().find(|f| f.0 == *name).unwrap().1;
            let allowed = Allowed {
                off: run.off.get(name).copied(),
                precision: precisions[node_of(name)],
                summand: *summand,
            };
            let found = differs(want, got, allowed);
            problems.extend(found.map(|d| format!("our {name}: {d}")));
        }
    }
    Ok(problems)
}

#[test]
fn random_graphs_give_what_tensorflow_computes() {
    let other = std::env::var_os("TENSORLOOM_RANDOM_GRAPHS");
    let folder = other.map_or_else(|| data("random_graphs"), Into::into);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|f| f.ok()?.file_name().into_string().ok())
        .filter_map(|f| f.strip_suffix(".runs.pb.gz").map(str::to_string))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = catch_unwind(AssertUnwindSafe(|| check(&folder, name)));
                    let found = match found {
                        Ok(Ok(found)) => found,
                        Ok(Err(e)) => vec![format!("{e:?}")],
                        Err(_) => vec!["a panic".into()],
                    };
                    let lines = found.into_iter().map(|p| format!("{name}: {p}"));
                    problems.lock().extend(lines);
                }
            });
        }
    });
    report("random graphs", names.len(), problems.into_inner());
}
