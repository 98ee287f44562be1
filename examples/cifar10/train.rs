//! Trains the CIFAR-10 network: `cargo run --release --example cifar10_train -- --max-steps=1000`.

mod data;
#[allow(dead_code)]
mod input;
mod lock_step;
#[allow(dead_code)]
mod model;
#[allow(dead_code)]
mod options;
mod training;

use clap::Parser;
use input::{InputOptions, distorted_inputs};
use model::Labels;
use options::TrainArgs;
use std::process::ExitCode;
use tensorloom::{Graph, Result};
use training::{Built, Devices};

fn main() -> ExitCode {
    let args = TrainArgs::parse();
    match training::run(&args, Devices { towers: 1, cpus: 1 }, |g, input| {
        build(g, &args, input)
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn build<'g>(g: &'g Graph, args: &TrainArgs, input: &InputOptions) -> Result<Built<'g>> {
    let step = g.get_or_create_global_step();
    let batch = distorted_inputs(g, input);
    let root = g.root();
    let logits = model::inference(root, batch.images.in_scope(root));
    let form = Labels::of_option(args.dense_labels);
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
