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
use options::{DeviceType, MultiGpuArgs};
use std::process::ExitCode;
use tensorloom::{Graph, Result};
use training::{Built, Devices};

fn main() -> ExitCode {
    let args = MultiGpuArgs::parse();
    let devices = Devices {
        towers: args.num_gpus,
        cpus: match args.device_type {
            DeviceType::Gpu => 1,
            DeviceType::Cpu => args.num_gpus,
        },
    };
    match training::run(&args.train, devices, |g, input| build(g, &args, input)) {
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
    let kind = match args.device_type {
        DeviceType::Gpu => "gpu",
        DeviceType::Cpu => "cpu",
    };
    let devices: Vec<String> = (0..args.num_gpus).map(|i| format!("/{kind}:{i}")).collect();
    let made = towers::train(batch, step, &devices, form)?;
    g.check()?;
    Ok(Built {
        loss: made.loss,
        logits: made.logits,
        train: made.train,
        step: step.value(),
        summary: Some(made.summary),
    })
}
