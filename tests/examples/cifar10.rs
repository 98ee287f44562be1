//! The CIFAR-10 programs: options, training, resuming, interrupting, repeating, evaluating.

use super::cifar10_data::write_files;
use super::{Ended, Running, TempDir, run, start};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tensorloom::Tensor;
use tensorloom::io::{BundleReader, BundleWriter, event_files, latest_checkpoint, read_events};
use tensorloom::proto::event::What;

/// Small enough for debug builds.
const SMALL: &[&str] = &["--batch-size=2", "--min-queue=4", "--log-frequency=1"];

fn train(dir: &Path, options: &[&str]) -> Ended {
    start_training(dir, options).wait()
}

fn start_training(dir: &Path, options: &[&str]) -> Running {
    start(dir, "cifar10_train", &[SMALL, options].concat())
}

fn newest(dir: &Path) -> String {
    let prefix = latest_checkpoint(dir.join("cifar10_train")).unwrap_or_default();
    prefix.rsplit('/').next().unwrap_or_default().to_string()
}

fn steps_done(dir: &Path, checkpoint: &str) -> i64 {
    let reader = BundleReader::open(dir.join("cifar10_train").join(checkpoint)).unwrap();
    reader.read("global_step").unwrap().to_scalar().unwrap()
}

#[test]
fn options_are_explained_and_checked() {
    let dir = TempDir::new("options");
    for (program, options) in [
        (
            "cifar10_train",
            &["--batch-size", "--resume", "--deterministic"][..],
        ),
        (
            "cifar10_multi_gpu_train",
            &["--num-gpus", "--batch-size"][..],
        ),
        (
            "cifar10_eval",
            &["--eval-data", "--run-once", "--num-examples"][..],
        ),
    ] {
        let help = run(dir.path(), program, &["--help"]);
        for option in options.iter().chain(&["--data-dir", "--download"]) {
            assert!(help.ok().contains(option), "{program} {option}: {help:?}");
        }
        assert!(
            help.out.contains(&format!("Example: {program} ")),
            "{help:?}"
        );
        assert!(!help.out.contains("--min-queue"), "{help:?}");
        let wrong = run(dir.path(), program, &["--batch-size=0"]);
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        assert!(wrong.err.contains("0 is not in 1..=65536"), "{wrong:?}");
    }
}

#[test]
fn training_goes_on_where_it_ended_and_is_evaluated() {
    let dir = TempDir::new("training");
    write_files(dir.path(), 8);
    let eval = &["--run-once", "--batch-size=2", "--num-examples=4"];
    let none = run(dir.path(), "cifar10_eval", eval);
    assert!(none.ok().contains("No checkpoint file found"), "{none:?}");

    let first = train(dir.path(), &["--max-steps=2"]);
    let out = first.ok();
    assert!(
        out.contains("1,068,298 learnable parameters, 18.47M multiply-adds"),
        "{out}"
    );
    assert!(out.contains("Filling queue with 4 CIFAR images"), "{out}");
    assert!(out.contains(": step 0, loss = 4."), "{out}");
    assert!(
        out.contains(": step 1, loss = ") && !out.contains(": step 2"),
        "{out}"
    );
    assert!(
        out.contains(" examples/sec; ") && out.contains(" sec/batch)"),
        "{out}"
    );
    assert_eq!(newest(dir.path()), "model.ckpt-2");
    assert_eq!(steps_done(dir.path(), "model.ckpt-2"), 2);
    summaries_were_written(dir.path());

    let second = train(dir.path(), &["--max-steps=3", "--resume"]);
    let out = second.ok();
    assert!(
        out.contains("Resuming from cifar10_train/model.ckpt-2."),
        "{out}"
    );
    assert!(
        out.contains(": step 2, loss = ") && !out.contains(": step 1,"),
        "{out}"
    );
    assert_eq!(newest(dir.path()), "model.ckpt-3");
    assert_eq!(steps_done(dir.path(), "model.ckpt-3"), 3);

    let measured = run(dir.path(), "cifar10_eval", eval);
    assert!(measured.ok().contains(": precision @ 1 = "), "{measured:?}");
    let values = scalars(&dir.path().join("cifar10_eval"), "Precision @ 1");
    let [(step, precision)] = values[..] else {
        panic!("{values:?}");
    };
    assert_eq!(step, 3);
    assert!(
        [0.0, 0.25, 0.5, 0.75, 1.0].contains(&precision),
        "{precision}"
    );

    // A loss that is not a number ends the training, here that of a model that has gone astray.
    poison(&dir.path().join("cifar10_train/model.ckpt-3"));
    let astray = train(dir.path(), &["--max-steps=5", "--resume"]);
    astray.fails_with("Model diverged with loss = NaN");
    assert_eq!(newest(dir.path()), "model.ckpt-3");

    // Without --resume it begins anew; what others left in the directory stays.
    fs::write(dir.path().join("cifar10_train/notes.txt"), "mine").unwrap();
    let anew = train(dir.path(), &["--max-steps=1", "--dense-labels"]);
    assert!(anew.ok().contains("Emptied cifar10_train"), "{anew:?}");
    assert!(anew.out.contains(": step 0, loss = 4."), "{anew:?}");
    assert_eq!(newest(dir.path()), "model.ckpt-1");
    assert!(!dir.path().join("cifar10_train/model.ckpt-3.index").exists());
    assert!(dir.path().join("cifar10_train/notes.txt").exists());
}

/// The event file carries the graph and the summaries of step 0.
fn summaries_were_written(dir: &Path) {
    let folder = dir.join("cifar10_train");
    let files = event_files(&folder).unwrap();
    let events: Vec<_> = files.iter().flat_map(|f| read_events(f).unwrap()).collect();
    let graphs = events
        .iter()
        .flatten()
        .filter(|e| matches!(e.what, Some(What::GraphDef(_))));
    assert_eq!(graphs.count(), 1);
    let rates = scalars(&folder, "learning_rate");
    assert_eq!(rates, [(0, 0.1)]);
}

/// The steps and values of a scalar.
fn scalars(folder: &Path, tag: &str) -> Vec<(i64, f32)> {
    let mut found = Vec::new();
    for file in event_files(folder).unwrap() {
        for event in read_events(&file).unwrap() {
            let event = event.unwrap();
            let Some(What::Summary(summary)) = event.what else {
                continue;
            };
            for v in summary.value.iter().filter(|v| v.tag == tag) {
                if let Some(tensorloom::proto::summary::value::Value::SimpleValue(x)) = v.value {
                    found.push((event.step, x));
                }
            }
        }
    }
    found
}

/// Replaces the weights of the last layer by NaN.
fn poison(prefix: &Path) {
    let reader = BundleReader::open(prefix).unwrap();
    let keys: Vec<String> = reader.keys().map(String::from).collect();
    let tensors: Vec<Tensor> = keys.iter().map(|k| reader.read(k).unwrap()).collect();
    let mut writer = BundleWriter::new(prefix).unwrap();
    for (key, mut tensor) in keys.iter().zip(tensors) {
        if key == "softmax_linear/weights" {
            tensor.make_mut::<f32>().unwrap().fill(f32::NAN);
        }
        writer.add(key, &tensor).unwrap();
    }
    writer.finish().unwrap();
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_a_checkpoint() {
    let dir = TempDir::new("interrupt");
    write_files(dir.path(), 8);
    let running = start_training(dir.path(), &["--max-steps=100000"]);
    let begin = Instant::now();
    while !running.printed().contains(": step 0,") {
        assert!(
            begin.elapsed() < Duration::from_secs(200),
            "{}",
            running.printed()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let signalled = Instant::now();
    let id = running.child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let ended = running.wait();
    ended.ok();
    assert!(
        signalled.elapsed() < Duration::from_secs(60),
        "{:?}",
        signalled.elapsed()
    );
    assert!(
        ended.err.contains("Interrupted: saving a checkpoint"),
        "{ended:?}"
    );
    let checkpoint = newest(dir.path());
    let steps = steps_done(dir.path(), &checkpoint);
    assert!(steps >= 1, "{checkpoint}");
    assert_eq!(checkpoint, format!("model.ckpt-{steps}"));
}

#[test]
fn a_seed_gives_the_same_checkpoint_on_any_number_of_threads() {
    let checkpoint = |threads: &str, seed: &str| {
        let dir = TempDir::new(&format!("deterministic{threads}{seed}"));
        write_files(dir.path(), 8);
        let (threads, seed) = (format!("--threads={threads}"), format!("--seed={seed}"));
        train(
            dir.path(),
            &["--deterministic", "--max-steps=2", &threads, &seed],
        )
        .ok();
        let read = |suffix: &str| {
            let name = format!("cifar10_train/model.ckpt-2.{suffix}");
            fs::read(dir.path().join(name)).unwrap()
        };
        (read("index"), read("data-00000-of-00001"))
    };
    let one = checkpoint("1", "7");
    assert!(one == checkpoint("2", "7"), "the number of threads matters");
    assert!(one != checkpoint("2", "8"), "the seed does not matter");
}
