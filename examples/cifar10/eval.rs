//! Evaluates the newest checkpoint of the CIFAR-10 network: `cargo run --release --example cifar10_eval -- --run-once`.

mod data;
#[allow(dead_code)]
mod input;
#[allow(dead_code)]
mod model;
#[allow(dead_code)]
mod options;

use clap::Parser;
use input::{EVAL_EXAMPLES_PER_EPOCH, InputOptions, inputs, min_queue_examples};
use options::{EvalArgs, EvalData};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tensorloom::io::latest_checkpoint;
use tensorloom::train::{
    Coordinator, ExponentialMovingAverage, FileWriter, Saver, SaverOptions, meta_graph,
    start_queue_runners,
};
use tensorloom::{Error, Graph, Result, Session, SessionOptions};

/// Threads that read images.
const INPUT_THREADS: usize = 16;

fn main() -> ExitCode {
    match run(&EvalArgs::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &EvalArgs) -> Result<()> {
    let folder = data::prepare(&args.data.options())?;
    let files: Vec<PathBuf> = match args.eval_data {
        EvalData::Test => vec![folder.join("test_batch.bin")],
        EvalData::TrainEval => (1..=5)
            .map(|i| folder.join(format!("data_batch_{i}.bin")))
            .collect(),
    };
    data::check_files(&files)?;
    let sizes: Result<Vec<u64>> = files
        .iter()
        .map(|f| {
            std::fs::metadata(f)
                .map(|m| m.len())
                .map_err(|e| Error::io(f, &e))
        })
        .collect();
    let present = sizes?.iter().sum::<u64>() / 3073;
    let examples = u64::from(args.num_examples).min(present);

    let g = Graph::new();
    let input = InputOptions {
        files,
        batch_size: args.batch_size,
        threads: INPUT_THREADS,
        min_queue: min_queue_examples(EVAL_EXAMPLES_PER_EPOCH),
        batches_per_step: 1,
    };
    let batch = inputs(&g, &input);
    let root = g.root();
    let logits = model::inference(root, batch.images.in_scope(root));
    let correct = root.in_top_k(logits, batch.labels.in_scope(root), 1);
    let averages = ExponentialMovingAverage::new(model::MOVING_AVERAGE_DECAY);
    let entries = averages.variables_to_restore(&g);
    let saver = Saver::with_names(&g, entries, SaverOptions::default());
    let summary = g.merge_all_summaries();
    g.check()?;
    if let Some(file) = &args.export_graph {
        return meta_graph(&g, Some(&saver))?.write(file);
    }
    let writer = FileWriter::new(&args.eval_dir, Some(&g))?;
    loop {
        match latest_checkpoint(&args.checkpoint_dir) {
            None => println!("No checkpoint file found"),
            Some(prefix) => {
                let options = SessionOptions {
                    threads: args.threads,
                    ..SessionOptions::default()
                };
                let session = Session::with_options(&g, &options)?;
                saver.restore(&session, &prefix)?;
                let step = prefix
                    .rsplit('-')
                    .next()
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(0);
                let coord = Coordinator::new();
                start_queue_runners(&session, &coord)?;
                let outcome = evaluate(&session, correct, examples, args.batch_size);
                if let (Ok(precision), Some(summary)) = (&outcome, summary) {
                    let merged = session.fetch(summary)?;
                    writer.add_summary(merged.to_bytes()?, step)?;
                    writer.add_scalar("Precision @ 1", *precision as f32, step)?;
                    writer.flush()?;
                }
                coord.request_stop(outcome.as_ref().err().cloned());
                coord.join(Duration::from_secs(10))?;
                session.close();
                let since = SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap_or_default();
                println!(
                    "{}: precision @ 1 = {:.3}",
                    options::timestamp(since),
                    outcome?
                );
            }
        }
        if args.run_once {
            return writer.close();
        }
        std::thread::sleep(Duration::from_secs(args.eval_interval_secs));
    }
}

/// The share of images whose class has the greatest score.
fn evaluate(
    session: &Session,
    correct: tensorloom::Output<'_>,
    examples: u64,
    batch: u32,
) -> Result<f64> {
    let batches = examples.div_ceil(u64::from(batch));
    let mut hits = 0usize;
    for _ in 0..batches {
        hits += session
            .fetch(correct)?
            .data::<bool>()?
            .iter()
            .filter(|c| **c)
            .count();
    }
    Ok(hits as f64 / (batches * u64::from(batch)) as f64)
}
