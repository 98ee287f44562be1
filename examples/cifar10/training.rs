//! What the training programs share: everything around the graph, from the data to the last checkpoint.

use crate::data;
use crate::input::InputOptions;
use crate::lock_step::LockStep;
use crate::options::{TrainArgs, timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tensorloom::graph::keys;
use tensorloom::io::{BundleReader, latest_checkpoint};
use tensorloom::train::hooks::{
    CheckpointEvery, LogRecord, Logging, NanCheck, StopAtStep, SummaryEvery,
};
use tensorloom::train::{
    Coordinator, FileWriter, Hook, Saver, SaverOptions, TrainingLoop, meta_graph,
    start_queue_runner, start_queue_runners,
};
use tensorloom::{Error, Graph, NodeRef, Output, Result, Session, SessionOptions};

/// Threads that read and distort images.
const INPUT_THREADS: usize = 16;
/// Steps between two summaries.
const SUMMARY_STEPS: i64 = 100;
/// Steps between two checkpoints.
const CHECKPOINT_STEPS: i64 = 1000;

/// What the loop needs of the graph.
pub struct Built<'g> {
    /// The loss to print and to watch.
    pub loss: Output<'g>,
    /// The scores of one batch.
    pub logits: Output<'g>,
    /// One step.
    pub train: NodeRef<'g>,
    /// The number of steps done.
    pub step: Output<'g>,
    /// All summaries.
    pub summary: Option<Output<'g>>,
}

/// What the graph is to run on.
#[derive(Clone, Copy, Debug)]
pub struct Devices {
    /// Towers: a step takes one batch for each of them.
    pub towers: u32,
    /// CPU devices.
    pub cpus: u32,
}

/// Builds the graph, trains, and leaves checkpoints and summaries in the train directory.
///
/// # Errors
/// The first mistake in the graph, the first error of a step, and what the file system says.
pub fn run(
    args: &TrainArgs,
    devices: Devices,
    build: impl for<'g> FnOnce(&'g Graph, &InputOptions) -> Result<Built<'g>>,
) -> Result<()> {
    let folder = data::prepare(&args.data.options())?;
    let files: Vec<_> = (1..=5)
        .map(|i| folder.join(format!("data_batch_{i}.bin")))
        .collect();
    data::check_files(&files)?;
    let input = InputOptions {
        files,
        batch_size: args.batch_size,
        threads: if args.deterministic { 1 } else { INPUT_THREADS },
        min_queue: args.min_queue,
        batches_per_step: devices.towers,
    };
    let g = Graph::new();
    if args.seed != 0 || args.deterministic {
        g.set_seed(args.seed);
    }
    let built = build(&g, &input)?;
    report(&g, &built, args.batch_size);
    let saver = Arc::new(Saver::new(&g));
    let init = g.init_op();
    if let Some(file) = &args.export_graph {
        return meta_graph(&g, Some(&saver))?.write(file);
    }
    let resume = prepare_train_dir(args)?;
    let options = SessionOptions {
        threads: args.threads,
        cpu_devices: devices.cpus as usize,
        allow_soft_placement: true,
        log_device_placement: args.log_device_placement,
        ..SessionOptions::default()
    };
    let session = Session::with_options(&g, &options)?;
    match &resume {
        Some(prefix) => restore(&session, &saver, init, prefix)?,
        None => session.run_target(init)?,
    }
    let writer = Arc::new(FileWriter::new(&args.train_dir, Some(&g))?);
    let interrupt = catch_interrupt()?;
    let coord = Coordinator::new();
    println!(
        "Filling queue with {} CIFAR images before starting to train. This will take a few minutes.",
        args.min_queue
    );
    let mut hooks: Vec<Box<dyn Hook + '_>> = match args.deterministic {
        true => feed_in_lock_step(&g, &session, &coord, &input, &interrupt)?,
        false => {
            start_queue_runners(&session, &coord)?;
            wait_for_queue(&session, &coord, args.min_queue, &interrupt)?;
            Vec::new()
        }
    };
    let loss = built.loss.endpoint();
    let towers = f64::from(devices.towers);
    let images_per_step = f64::from(args.batch_size) * towers;
    let log = move |r: LogRecord| {
        let seconds = r.step_time.as_secs_f64();
        println!(
            "{}: step {}, loss = {:.2} ({:.1} examples/sec; {:.3} sec/batch)",
            now(),
            r.step,
            r.loss,
            images_per_step / seconds.max(1e-9),
            seconds / towers
        );
    };
    hooks.push(Box::new(NanCheck { loss }));
    hooks.push(Box::new(Logging::new(loss, args.log_frequency, log)));
    if let Some(summary) = built.summary {
        hooks.push(Box::new(SummaryEvery {
            summary: summary.endpoint(),
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

/// A flag that SIGINT raises; a second SIGINT ends the program.
fn catch_interrupt() -> Result<Arc<AtomicBool>> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let on_signal = interrupt.clone();
    ctrlc::set_handler(move || {
        if on_signal.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("Interrupted: saving a checkpoint (again: leave at once).");
    })
    .map_err(|e| Error::internal(format!("cannot catch SIGINT: {e}")))?;
    Ok(interrupt)
}

/// A hook that fills the queues between the steps. The file names come from a thread of their own, in an order that does
/// not depend on it.
fn feed_in_lock_step<'a>(
    g: &Graph,
    session: &Session,
    coord: &Coordinator,
    input: &InputOptions,
    interrupt: &'a AtomicBool,
) -> Result<Vec<Box<dyn Hook + 'a>>> {
    let mut feeder = LockStep::new(interrupt);
    for runner in g.queue_runners() {
        let queue = g.node_at(runner.queue).name();
        if queue.starts_with("input_producer") {
            start_queue_runner(session, coord, &runner)?;
            continue;
        }
        let full = match queue.starts_with("prefetch_queue") {
            // Whole batches.
            true => i64::from(input.batches_per_step),
            false => input.capacity(),
        };
        feeder.add(session, &runner, full)?;
    }
    Ok(vec![Box::new(feeder)])
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

/// Restores a checkpoint of either training program. One of towers lacks the averages of the losses, which the other
/// program keeps: they begin anew.
fn restore(session: &Session, saver: &Saver, init: NodeRef<'_>, prefix: &str) -> Result<()> {
    let kept = BundleReader::open(prefix)?;
    let mut variables = session.graph().collection_variables(keys::GLOBAL_VARIABLES);
    let all = variables.len();
    variables.retain(|v| kept.contains(&v.name) || !v.name.ends_with("/avg"));
    if variables.len() == all {
        return saver.restore(session, prefix);
    }
    println!("The averages of the losses begin anew: the checkpoint is of towers and has none.");
    session.run_target(init)?;
    let entries = variables.into_iter().map(|v| (v.name.clone(), v));
    let options = SaverOptions::default();
    Saver::with_names(session.graph(), entries.collect(), options).restore(session, prefix)
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
    timestamp(since)
}
