//! Trains the CIFAR-10 network on several GPUs: `cargo run --release --example cifar10_multi_gpu_train -- --num-gpus=2`.

mod data;
#[allow(dead_code)]
mod input;
mod lock_step;
#[allow(dead_code)]
mod model;
#[allow(dead_code)]
mod options;
mod towers;
mod training;

use clap::Parser;
use input::{InputOptions, distorted_inputs};
use model::Labels;
use options::MultiGpuArgs;
use std::process::ExitCode;
use tensorloom::{Graph, Result};
use training::Built;

fn main() -> ExitCode {
    let args = MultiGpuArgs::parse();
    match training::run(&args.train, args.num_gpus, |g, input| {
        build(g, &args, input)
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn build<'g>(g: &'g Graph, args: &MultiGpuArgs, input: &InputOptions) -> Result<Built<'g>> {
    let step = g.get_or_create_global_step();
    let batch = distorted_inputs(g, input);
    let form = Labels::of_option(args.train.dense_labels);
    let made = towers::train(batch, step, args.num_gpus, form)?;
    g.check()?;
    Ok(Built {
        loss: made.loss,
        logits: made.logits,
        train: made.train,
        step: step.value(),
        summary: Some(made.summary),
    })
}
