//! Graphs that TensorFlow built, run as its session ran them (see tests/interop/replays.py).

use super::compare::{difference, magnitude};
use super::tolerance::{Tolerance, of_gradients};
use super::{data, report, value};
use crate::io::TempDir;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;
use tensorloom::def::GraphDef;
use tensorloom::{DType, Error, Graph, ImportOptions, RunOptions, Session, Tensor};

/// One recorded run.
#[derive(Default)]
struct Run {
    feeds: Vec<(String, Tensor)>,
    targets: Vec<String>,
    fetches: Vec<(String, Tensor)>,
    /// Code and message, if it fails.
    error: Option<(String, String)>,
}

/// Stands for a fresh folder in recorded strings.
const FOLDER: &str = "@FOLDER@";

/// The tensor with one text for another in its strings.
fn in_folder(t: &Tensor, old: &str, new: &str) -> Tensor {
    match t.strings() {
        Ok(all) if t.elements() > 0 => {
            let all = all.iter().map(|s| replaced(s, old, new).into());
            Tensor::from_strings(t.shape().clone(), all.collect()).unwrap()
        }
        _ => t.clone(),
    }
}

fn replaced(text: &[u8], old: &str, new: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(&first) = rest.first() {
        match rest.strip_prefix(old.as_bytes()) {
            Some(after) => {
                out.extend_from_slice(new.as_bytes());
                rest = after;
            }
            None => {
                out.push(first);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// A compressed file.
pub fn unpack_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A compressed graph.
pub fn unpack(path: &Path) -> GraphDef {
    GraphDef::from_pb(&unpack_bytes(path)).unwrap()
}

fn runs(path: &Path) -> BTreeMap<usize, Run> {
    let mut runs: BTreeMap<usize, Run> = BTreeMap::new();
    for node in &unpack(path).node {
        let mut parts = node.name.splitn(3, '/');
        let number = parts
            .next()
            .and_then(|p| p.strip_prefix("run")?.parse().ok());
        let run = runs.entry(number.unwrap()).or_default();
        let kind = parts.next().unwrap();
        match (kind, parts.next().unwrap_or_default().to_string()) {
            ("error", _) => {
                let text = value(node).to_bytes().unwrap().to_vec();
                let text = String::from_utf8_lossy(&text).into_owned();
                let (code, message) = text.split_once(": ").unwrap();
                run.error = Some((code.into(), message.into()));
            }
            ("feed", name) => run.feeds.push((name, value(node))),
            ("target", name) => run.targets.push(name),
            ("fetch", name) => run.fetches.push((name, value(node))),
            (other, _) => panic!("{other} is not known"),
        }
    }
    runs
}

/// What a recorded session says and this one does not.
fn replay(folder: &Path, name: &str, allowed: Tolerance) -> Result<Vec<String>, Error> {
    let g = Graph::new();
    g.import(
        &unpack(&folder.join(format!("{name}.pb.gz"))),
        &ImportOptions::default(),
    )?;
    let session = Session::new(&g)?;
    let temporary = TempDir::new(&format!("replay-{name}"));
    replay_in(
        (&g, &session),
        folder,
        name,
        allowed,
        &temporary.path().to_string_lossy(),
    )
}

pub fn replay_in(
    (g, session): (&Graph, &Session),
    folder: &Path,
    name: &str,
    allowed: Tolerance,
    path: &str,
) -> Result<Vec<String>, Error> {
    let limit = RunOptions {
        timeout: Some(Duration::from_secs(60)),
        ..RunOptions::default()
    };
    let mut problems = Vec::new();
    for (k, run) in runs(&folder.join(format!("{name}.runs.pb.gz"))) {
        let fetches: Vec<&str> = run.fetches.iter().map(|f| f.0.as_str()).collect();
        let targets: Vec<&str> = run.targets.iter().map(String::as_str).collect();
        let feeds = run.feeds.into_iter();
        let feeds: Vec<_> = feeds
            .map(|(name, t)| (name, in_folder(&t, FOLDER, path)))
            .collect();
        let got = session.run_with(feeds, fetches, targets.clone(), &limit);
        if let Some((code, message)) = run.error {
            let found = match got {
                // Which of several faults is found first, and its words, differ.
                Err(e) if format!("{:?}", e.code()) != code => Some(format!("got {e:?}")),
                Err(_) => None,
                Ok(_) => Some("got a result".into()),
            };
            problems.extend(
                found.map(|f| format!("run {k}, {targets:?}: want {code}: {message}, {f}")),
            );
            continue;
        }
        let got = match got {
            Ok(got) => got.0,
            Err(e) => {
                problems.push(format!("run {k}, {targets:?}: {e:?}"));
                continue;
            }
        };
        for ((tensor, want), got) in run.fetches.iter().zip(&got) {
            let allowed = if want.dtype().is_floating() || want.dtype().is_complex() {
                let op = g.output(tensor)?.node().op();
                of_draws(&op).unwrap_or(allowed)
            } else {
                Tolerance::EXACT
            };
            let got = &in_folder(got, path, FOLDER);
            let found = difference(want, got, allowed, magnitude(want, [want]));
            problems.extend(found.map(|d| format!("run {k}, {tensor}: {d}")));
        }
    }
    Ok(problems)
}

/// What is allowed for the results of a random op.
fn of_draws(op: &str) -> Option<Tolerance> {
    let ulps = match op {
        "RandomUniform" | "StatelessRandomUniform" | "StatelessRandomUniformV2" => 0.0,
        "RandomStandardNormal"
        | "TruncatedNormal"
        | "StatelessRandomNormal"
        | "StatelessRandomNormalV2"
        | "StatelessTruncatedNormal"
        | "StatelessTruncatedNormalV2" => 2.0,
        "RandomGamma" | "StatelessRandomGammaV2" | "StatelessRandomGammaV3" => 4.0,
        _ => return None,
    };
    Some(Tolerance { ulps, scale: 0.0 })
}

/// `TENSORLOOM_REPLAYS=DIR` reads other sessions (replays.py --seed).
fn replay_all(folder: &str, prefixes: &[&str], allowed: Tolerance) {
    let other = std::env::var_os("TENSORLOOM_REPLAYS");
    let folder = other.map_or_else(|| data(folder), Into::into);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|f| f.ok()?.file_name().into_string().ok())
        .filter_map(|f| f.strip_suffix(".runs.pb.gz").map(str::to_string))
        .filter(|n| prefixes.iter().any(|p| n.starts_with(p)))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let mut problems = Vec::new();
    for name in &names {
        let found = catch_unwind(AssertUnwindSafe(|| replay(&folder, name, allowed)));
        match found {
            Ok(Ok(found)) => problems.extend(found.into_iter().map(|p| format!("{name}: {p}"))),
            Ok(Err(e)) => problems.push(format!("{name}: {e:?}")),
            Err(_) => problems.push(format!("{name}: a panic")),
        }
    }
    report("recorded sessions", names.len(), problems);
}

#[test]
fn random_numbers_are_those_of_tensorflow() {
    replay_all(
        "replays",
        &["random_seeds", "random_streams", "random_draws"],
        Tolerance {
            ulps: 4.0,
            scale: 1.0,
        },
    );
}

#[test]
fn gamma_samples_have_the_gradients_of_tensorflow() {
    // TensorFlow sums its series and fractions in the type of the samples.
    replay_all(
        "replays",
        &["random_gamma"],
        Tolerance {
            ulps: 200.0,
            scale: 4.0,
        },
    );
}

#[test]
fn shuffle_queues_serve_in_the_order_of_tensorflow() {
    replay_all("replays", &["shuffle_queue"], Tolerance::EXACT);
}

#[test]
fn training_graphs_of_tensorflow_train_the_same() {
    let allowed = of_gradients("Sum", DType::F32);
    replay_all("replays", &["optimizer_", "minimize_"], allowed);
}

#[test]
fn lists_of_tensors_hold_what_tensorflow_puts_there() {
    replay_all(
        "replays",
        &["tensor_lists"],
        Tolerance {
            ulps: 4.0,
            scale: 4.0,
        },
    );
}

#[test]
fn batches_are_normalized_as_tensorflow_does() {
    replay_all(
        "replays",
        &["batch_norm"],
        of_gradients("FusedBatchNorm", DType::F32),
    );
}

#[test]
fn functions_are_called_as_tensorflow_calls_them() {
    replay_all("replays", &["functional"], Tolerance::EXACT);
}

#[test]
fn loops_and_their_gradients_give_what_tensorflow_gives() {
    replay_all("replays", &["control_"], of_gradients("Sum", DType::F32));
}

#[test]
fn updates_of_variables_are_those_of_tensorflow() {
    let allowed = of_gradients("Sum", DType::F32);
    replay_all("replays", &["apply_", "scatter_"], allowed);
}

#[test]
fn what_outlives_a_step_behaves_as_in_tensorflow() {
    let topics = [
        "queue_",
        "reader_",
        "files",
        "checkpoints_",
        "counters",
        "stacks",
    ];
    replay_all("replays", &topics, Tolerance::EXACT);
}

#[test]
fn references_pass_loops_and_branches() {
    replay_all("replays", &["references"], Tolerance::EXACT);
}

#[test]
fn learning_rates_and_averages_follow_tensorflow() {
    let allowed = of_gradients("Sum", DType::F32);
    replay_all("replays", &["schedules", "moving_average_"], allowed);
}

#[test]
fn image_graphs_of_tensorflow_give_the_same_images() {
    replay_all("replays", &["image"], of_gradients("Sum", DType::F32));
}

#[test]
fn the_cifar10_graph_of_tensorflow_trains_the_same() {
    // Three steps through 19 million multiplications each: errors of rounding add up.
    replay_all(
        "cifar10",
        &["steps"],
        Tolerance {
            ulps: 2000.0,
            scale: 2000.0,
        },
    );
}
