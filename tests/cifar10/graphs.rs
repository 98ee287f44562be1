//! The training and the evaluation graph of the example, compared with those that TensorFlow builds
//! (tests/data/cifar10, written by tests/interop/cifar10_tf.py).

use super::compare::{Accepted, check};
use super::input::{Batch, InputOptions, distorted_inputs, inputs};
use super::model::{self, Labels};
use super::towers;
use tensorloom::train::{ExponentialMovingAverage, Saver, SaverOptions};
use tensorloom::{Graph, Output};

const BATCH: u32 = 128;
const DATA: &str = "cifar10_data/cifar-10-batches-bin";

/// In both graphs.
const EVERYWHERE: &[Accepted] = &[
    Accepted(
        "*/zero_fraction/*",
        "TensorFlow counts elements that 32 bits cannot number in a branch of its own",
    ),
    Accepted(
        "*/sparsity inputs: */zero_fraction/Mean | */zero_fraction/fraction",
        "as above",
    ),
    Accepted(
        "ours: */Slice*",
        "records are cut by Slice, as in the first release",
    ),
    Accepted("TensorFlow's: */StridedSlice*", "as above"),
    Accepted("TensorFlow's: */ones_like*", "as above"),
    Accepted("* inputs: */Slice | */StridedSlice", "as above"),
    Accepted("* inputs: */Slice_1, * | */StridedSlice_1, *", "as above"),
];

/// In the training graph.
const TRAINING: &[Accepted] = &[
    Accepted(
        "ExponentialMovingAverage* inputs: *^GradientDescent* | *",
        "TensorFlow leaves it to chance whether the averages see old or new values",
    ),
    Accepted("TensorFlow's: gradients/zeros_like = *", "nothing uses it"),
];

/// In the graph of two towers.
const TOWERS: &[Accepted] = &[
    Accepted(
        "*total_loss*",
        "the tutorial adds up each tower's losses twice, the second time without those of the other towers",
    ),
    Accepted("*/zeros_like = *", "nothing uses it"),
    Accepted(
        "tower_1/fifo_queue_Dequeue inputs: * | prefetch_queue/fifo_queue",
        "towers take their batches one after the other",
    ),
    Accepted(
        "tower_*/fifo_queue_Dequeue device: /device:CPU:0 | /device:GPU:*",
        "towers take their batches where the queue stands",
    ),
    Accepted("*group_deps = NoOp(*", "the train op has a name of its own"),
    Accepted("ours: train = *", "as above"),
    Accepted(
        "ExponentialMovingAverage* inputs: *^GradientDescent* | *",
        "TensorFlow leaves it to chance whether the averages see old or new values",
    ),
    Accepted("*global_step*", "an int64, as in the other programs"),
    Accepted("save/* dtypes: *", "as above"),
    Accepted("GradientDescent T: *", "as above"),
    Accepted("GradientDescent/value *", "as above"),
    Accepted(
        "Merge/MergeSummary N: *",
        "ours shows the input queues as well",
    ),
    Accepted("save/Assign_8 T: *", "as above"),
    Accepted(
        "* device:  | /device:CPU:0",
        "the tutorial builds the saver and the initializer under a device",
    ),
    Accepted("*init/NoOp*", "as above: grouped by device"),
    Accepted("*save/restore_all/NoOp*", "as above"),
];

/// In the evaluation graph.
const EVALUATION: &[Accepted] = &[
    Accepted("* device: /device:CPU:0 | ", "all input stands on the CPU"),
    Accepted("* device: /device:CPU:0 | /device:CPU:*", "as above"),
    Accepted(
        "TensorFlow's: input/input_producer/RandomShuffle = *",
        "the files are evaluated in their order",
    ),
    Accepted(
        "* inputs: *, input/input_producer/Identity | *, input/input_producer/RandomShuffle",
        "as above",
    ),
];

fn options(files: &[&str]) -> InputOptions {
    InputOptions {
        files: files.iter().map(|f| format!("{DATA}/{f}").into()).collect(),
        batch_size: BATCH,
        threads: 16,
        min_queue: 20_000,
        batches_per_step: 1,
    }
}

/// The nodes that the training program adds before its saver.
pub fn training_graph(g: &Graph, input: &InputOptions) {
    let step = g.get_or_create_global_step();
    let batch = distorted_inputs(g, input);
    let root = g.root();
    let logits = model::inference(root, batch.images.in_scope(root));
    let loss = model::loss(root, logits, batch.labels.in_scope(root), Labels::Sparse);
    model::train(g, loss, step, input.batch_size).unwrap();
    g.merge_all_summaries();
}

/// The input of the evaluation program, and the scores.
pub fn evaluation_graph<'g>(g: &'g Graph, input: &InputOptions) -> (Batch<'g>, Output<'g>) {
    let batch = inputs(g, input);
    let root = g.root();
    (batch, model::inference(root, batch.images.in_scope(root)))
}

#[test]
fn training() {
    let g = Graph::new();
    let files = [1, 2, 3, 4, 5].map(|i| format!("data_batch_{i}.bin"));
    training_graph(&g, &options(&files.each_ref().map(String::as_str)));
    Saver::new(&g);
    g.init_op();
    g.check().unwrap();
    check("train", &g, &[EVERYWHERE, TRAINING]);
}

#[test]
fn two_towers() {
    let g = Graph::new();
    let step = g.get_or_create_global_step();
    let files = [1, 2, 3, 4, 5].map(|i| format!("data_batch_{i}.bin"));
    let batch = distorted_inputs(&g, &options(&files.each_ref().map(String::as_str)));
    let devices = ["/gpu:0", "/gpu:1"].map(String::from);
    towers::train(batch, step, &devices, Labels::Sparse).unwrap();
    Saver::new(&g);
    g.init_op();
    g.check().unwrap();
    check("multi_gpu", &g, &[EVERYWHERE, TOWERS]);
}

#[test]
fn evaluation() {
    let g = Graph::new();
    let input = InputOptions {
        min_queue: 4_000,
        ..options(&["test_batch.bin"])
    };
    let (batch, logits) = evaluation_graph(&g, &input);
    let root = g.root();
    root.in_top_k(logits, batch.labels.in_scope(root), 1);
    let averages = ExponentialMovingAverage::new(model::MOVING_AVERAGE_DECAY);
    let entries = averages.variables_to_restore(&g);
    Saver::with_names(&g, entries, SaverOptions::default());
    g.merge_all_summaries();
    g.check().unwrap();
    check("eval", &g, &[EVERYWHERE, EVALUATION]);
}
