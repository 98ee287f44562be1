//! The command lines of the CIFAR-10 programs.

use crate::data::{DATA_URL, DataOptions};
use crate::input::{EXAMPLES_PER_EPOCH, min_queue_examples};
use clap::{Args, Parser};
use std::path::PathBuf;

/// Where the images come from.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// The directory with cifar-10-batches-bin; without it the embedded digits are unpacked there
    #[arg(long, default_value = "cifar10_data")]
    pub data_dir: PathBuf,
    /// Fetch CIFAR-10 (from URL, if given) when it is not in the data directory
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = DATA_URL)]
    pub download: Option<String>,
}

impl DataArgs {
    /// For [`crate::data::prepare`].
    pub fn options(&self) -> DataOptions {
        DataOptions {
            data_dir: self.data_dir.clone(),
            download: self.download.clone(),
        }
    }
}

/// Trains the CIFAR-10 network of the TensorFlow tutorial.
///
/// Example: cifar10_train --max-steps=1000 --train-dir=run1
#[derive(Parser, Clone, Debug)]
#[command(name = "cifar10_train", verbatim_doc_comment)]
pub struct TrainArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Images in a batch
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch_size: u32,
    /// Where checkpoints and summaries go; emptied first unless --resume
    #[arg(long, default_value = "cifar10_train")]
    pub train_dir: PathBuf,
    /// Steps to train
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(1..))]
    pub max_steps: i64,
    /// Print the loss every so many steps
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..))]
    pub log_frequency: i64,
    /// Print where each node is placed
    #[arg(long)]
    pub log_device_placement: bool,
    /// Go on from the newest checkpoint in the train directory
    #[arg(long)]
    pub resume: bool,
    /// Make the whole run, input included, a function of the seed
    #[arg(long)]
    pub deterministic: bool,
    /// The seed of initial values, distortions and order (with --deterministic 0 is a seed like any other)
    #[arg(long, default_value_t = 0)]
    pub seed: i64,
    /// Threads that compute; 0 means one for each core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Use dense 1-hot labels, as the first release did; the numbers are the same
    #[arg(long)]
    pub dense_labels: bool,
    /// Write the graph with its collections to FILE (.pbtxt, .meta or .json) and end
    #[arg(long, value_name = "FILE")]
    pub export_graph: Option<PathBuf>,
    /// Images in the queue before the first step, and at all times (fewer are mixed less well)
    #[arg(long, hide = true, default_value_t = min_queue_examples(EXAMPLES_PER_EPOCH), value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    pub min_queue: i64,
}

/// The devices that towers stand on.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// /gpu:0, /gpu:1 …; where there is none, another device
    Gpu,
    /// /cpu:0, /cpu:1 …: as many CPU devices as towers, on the same threads
    Cpu,
}

/// Trains the CIFAR-10 network of the TensorFlow tutorial on several GPUs, each with batches of its own.
///
/// Example: cifar10_multi_gpu_train --num-gpus=2 --max-steps=1000
#[derive(Parser, Clone, Debug)]
#[command(name = "cifar10_multi_gpu_train", verbatim_doc_comment)]
pub struct MultiGpuArgs {
    /// Towers, the i-th on the i-th device
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub num_gpus: u32,
    /// What devices they stand on
    #[arg(long, value_enum, default_value = "gpu")]
    pub device_type: DeviceType,
    #[command(flatten)]
    pub train: TrainArgs,
}

/// What to evaluate on.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalData {
    /// The test images
    #[value(name = "test")]
    Test,
    /// The training images
    #[value(name = "train_eval")]
    TrainEval,
}

/// Evaluates the newest checkpoint of the CIFAR-10 network: the precision of its moving averages.
///
/// Example: cifar10_eval --run-once
#[derive(Parser, Clone, Debug)]
#[command(name = "cifar10_eval", verbatim_doc_comment)]
pub struct EvalArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Where the event file goes
    #[arg(long, default_value = "cifar10_eval")]
    pub eval_dir: PathBuf,
    /// What to evaluate on
    #[arg(long, value_enum, default_value = "test")]
    pub eval_data: EvalData,
    /// Where the checkpoints are
    #[arg(long, default_value = "cifar10_train")]
    pub checkpoint_dir: PathBuf,
    /// Seconds between two evaluations
    #[arg(long, default_value_t = 300)]
    pub eval_interval_secs: u64,
    /// Images to evaluate (at most as many as there are)
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub num_examples: u32,
    /// Images in a batch
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch_size: u32,
    /// Evaluate once and end
    #[arg(long)]
    pub run_once: bool,
    /// Write the graph with its collections to FILE (.pbtxt, .meta or .json) and end
    #[arg(long, value_name = "FILE")]
    pub export_graph: Option<PathBuf>,
    /// Threads that compute; 0 means one for each core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// A time since 1970 as `2015-11-10 10:45:45.927302` (UTC).
pub fn timestamp(since: std::time::Duration) -> String {
    let seconds = since.as_secs();
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Days to a date of the Gregorian calendar, counted from 1 March 0000 so that leap days come last.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:06}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
        since.subsec_micros()
    )
}
