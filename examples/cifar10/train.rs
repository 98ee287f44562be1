//! Trains the CIFAR-10 network: `cargo run --release --example cifar10_train -- --max-steps=1000`.

mod data;
#[allow(dead_code)]
mod input;
mod lock_step;
mod model;
#[allow(dead_code)]
mod options;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use input::{InputOptions, distorted_inputs, min_queue_examples};
use model::Labels;
use options::TrainArgs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tensorloom::io::latest_checkpoint;
use tensorloom::train::hooks::{
    CheckpointEvery, LogRecord, Logging, NanCheck, StopAtStep, SummaryEvery,
};
use tensorloom::train::{
    Coordinator, FileWriter, Hook, Saver, TrainingLoop, start_queue_runner, start_queue_runners,
};
use tensorloom::{Error, Graph, Output, Result, Session, SessionOptions};

/// Threads that read and distort images.
const INPUT_THREADS: usize = 16;
/// Steps between two summaries.
const SUMMARY_STEPS: i64 = 100;
/// Steps between two checkpoints.
const CHECKPOINT_STEPS: i64 = 1000;

fn main() -> ExitCode {
    match run(&TrainArgs::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// What the loop needs of the graph.
struct Built<'g> {
    loss: Output<'g>,
    logits: Output<'g>,
    train: tensorloom::NodeRef<'g>,
    step: Output<'g>,
    summary: Option<Output<'g>>,
}

fn build<'g>(g: &'g Graph, args: &TrainArgs, input: &InputOptions) -> Result<Built<'g>> {
    if args.seed != 0 || args.deterministic {
        g.set_seed(args.seed);
    }
    let step = g.get_or_create_global_step();
    let batch = distorted_inputs(g, input);
    let root = g.root();
    let logits = model::inference(root, batch.images.in_scope(root));
    let form = if args.dense_labels {
        Labels::Dense
    } else {
        Labels::Sparse
    };
    let loss = model::loss(root, logits, batch.labels.in_scope(root), form);
    let train = model::train(g, loss, step, args.batch_size)?;
    let summary = g.merge_all_summaries();
    g.check()?;
    Ok(Built {
        loss,
        logits,
        train,
        step: step.value(),
        summary,
    })
}

fn run(args: &TrainArgs) -> Result<()> {
    let folder = data::prepare(&args.data.options())?;
    let files: Vec<_> = (1..=5)
        .map(|i| folder.join(format!("data_batch_{i}.bin")))
        .collect();
    data::check_files(&files)?;
    let resume = prepare_train_dir(args)?;
    let g = Graph::new();
    let threads = if args.deterministic { 1 } else { INPUT_THREADS };
    let built = build(
        &g,
        args,
        &InputOptions {
            files,
            batch_size: args.batch_size,
            threads,
        },
    )?;
    report(&g, &built, args.batch_size);
    let saver = Arc::new(Saver::new(&g));
    let init = g.init_op();
    let options = SessionOptions {
        threads: args.threads,
        allow_soft_placement: true,
        log_device_placement: args.log_device_placement,
        ..SessionOptions::default()
    };
    let session = Session::with_options(&g, &options)?;
    match &resume {
        Some(prefix) => saver.restore(&session, prefix)?,
        None => session.run_target(init)?,
    }
    let writer = Arc::new(FileWriter::new(&args.train_dir, Some(&g))?);

    let interrupt = Arc::new(AtomicBool::new(false));
    let on_signal = interrupt.clone();
    ctrlc::set_handler(move || {
        if on_signal.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("Interrupted: saving a checkpoint (again: leave at once).");
    })
    .map_err(|e| Error::internal(format!("cannot catch SIGINT: {e}")))?;

    let coord = Coordinator::new();
    let mut hooks: Vec<Box<dyn Hook + '_>> = Vec::new();
    let min = min_queue_examples();
    println!(
        "Filling queue with {min} CIFAR images before starting to train. This will take a few minutes."
    );
    if args.deterministic {
        // The file names come from a thread of their own, in an order that does not depend on it; the images are
        // enqueued between the steps, so that the queue always holds the same number of them.
        for runner in g.queue_runners() {
            if g.node_at(runner.queue).name().starts_with("input_producer") {
                start_queue_runner(&session, &coord, &runner)?;
            } else {
                let capacity = min + 3 * i64::from(args.batch_size);
                hooks.push(Box::new(lock_step::LockStep::new(
                    &session,
                    &runner,
                    capacity,
                    args.batch_size,
                )?));
            }
        }
    } else {
        start_queue_runners(&session, &coord)?;
        wait_for_queue(&session, &coord, min, &interrupt)?;
    }

    let batch_size = f64::from(args.batch_size);
    let log = move |r: LogRecord| {
        let seconds = r.step_time.as_secs_f64();
        println!(
            "{}: step {}, loss = {:.2} ({:.1} examples/sec; {:.3} sec/batch)",
            now(),
            r.step,
            r.loss,
            batch_size / seconds.max(1e-9),
            seconds
        );
    };
    let loss = built.loss.endpoint();
    hooks.push(Box::new(NanCheck { loss }));
    hooks.push(Box::new(Logging::new(loss, args.log_frequency, log)));
    if let Some(summary) = built.summary {
        let summary = summary.endpoint();
        hooks.push(Box::new(SummaryEvery {
            summary,
            writer: writer.clone(),
            every: SUMMARY_STEPS,
        }));
    }
    let prefix = args.train_dir.join("model.ckpt");
    hooks.push(Box::new(CheckpointEvery::new(
        saver,
        prefix,
        CHECKPOINT_STEPS,
    )));
    hooks.push(Box::new(StopAtStep {
        last_step: args.max_steps,
    }));
    let training = TrainingLoop {
        session: &session,
        train_op: built.train.id(),
        global_step: built.step.endpoint(),
        interrupt: Some(&interrupt),
    };
    let outcome = training.run(&mut hooks);
    drop(hooks);
    coord.request_stop(outcome.as_ref().err().cloned());
    let joined = coord.join(Duration::from_secs(20));
    writer.close()?;
    session.close();
    outcome?;
    joined
}

/// Empties the train directory, or finds the checkpoint to go on from; says which.
fn prepare_train_dir(args: &TrainArgs) -> Result<Option<String>> {
    let dir: &Path = &args.train_dir;
    if args.resume {
        return match latest_checkpoint(dir) {
            Some(prefix) => {
                println!("Resuming from {prefix}.");
                Ok(Some(prefix))
            }
            None => {
                println!("No checkpoint in {}: starting anew.", dir.display());
                Ok(None)
            }
        };
    }
    if dir.exists() {
        let is_ours = |name: &str| {
            name == "checkpoint"
                || name.starts_with("model.ckpt")
                || name.starts_with("events.out.tfevents")
        };
        let entries = std::fs::read_dir(dir).map_err(|e| Error::io(dir, &e))?;
        let mut removed = 0;
        for entry in entries.flatten() {
            // Only what this program writes: the directory may be somebody's home.
            if entry.file_name().to_str().is_some_and(is_ours) {
                std::fs::remove_file(entry.path()).map_err(|e| Error::io(&entry.path(), &e))?;
                removed += 1;
            }
        }
        if removed > 0 {
            println!(
                "Emptied {} (--resume goes on from its newest checkpoint).",
                dir.display()
            );
        }
    }
    std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, &e))?;
    Ok(None)
}

/// Prints the figures of the graph.
fn report(g: &Graph, built: &Built<'_>, batch_size: u32) {
    let forward = g.census(&[built.logits.node().id()]);
    println!(
        "{} learnable parameters, {:.2}M multiply-adds for one image, {} ops in the training graph.",
        thousands(g.learnable_parameters()),
        forward.multiply_adds as f64 / f64::from(batch_size) / 1e6,
        g.len(),
    );
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Waits until the shuffle queue is well filled, with a progress bar on a terminal.
fn wait_for_queue(
    session: &Session,
    coord: &Coordinator,
    min: i64,
    interrupt: &AtomicBool,
) -> Result<()> {
    let queue = session
        .graph()
        .nodes()
        .iter()
        .find(|n| n.op.name == "QueueSizeV2" && n.name.contains("random_shuffle_queue"))
        .map(|n| n.output_name(0))
        .ok_or_else(|| Error::internal("there is no shuffle queue"))?;
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new(min as u64),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} images ({eta})") {
        bar.set_style(style);
    }
    while !interrupt.load(Ordering::Relaxed) {
        let size = i64::from(session.fetch(queue.as_str())?.to_scalar::<i32>()?);
        bar.set_position(size.min(min) as u64);
        if size >= min {
            break;
        }
        if coord.wait_for_stop(Some(Duration::from_millis(50))) {
            bar.finish_and_clear();
            return Err(coord
                .error()
                .unwrap_or_else(|| Error::out_of_range("the input ended")));
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The time as the tutorial prints it (UTC).
fn now() -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    options::timestamp(since)
}
