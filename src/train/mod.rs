//! Training: saving, hooks, the training loop.

mod coordinator;
mod file_writer;
mod freeze;
pub mod hooks;
mod import_meta;
mod import_scope;
mod input;
#[cfg(test)]
mod input_tests;
mod loaded;
mod meta_graph;
mod monitored;
mod moving_average;
pub mod optimizer;
mod queue_runner;
mod saved_model;
mod saver;
mod schedules;
mod towers;
mod towers_reduce;
#[cfg(test)]
mod towers_tests;

pub use coordinator::Coordinator;
pub use file_writer::FileWriter;
pub use freeze::freeze;
pub use hooks::Hook;
pub use import_meta::{
    MetaImportOptions, graph_variables, import_meta_graph, import_meta_graph_with,
};
pub use input::{
    BatchOptions, ProducerOptions, batch, batch_join, input_producer, limit_epochs,
    range_input_producer, shuffle_batch, shuffle_batch_join, slice_input_producer,
    string_input_producer,
};
pub use loaded::{DEFAULT_SIGNATURE, SERVE, SavedModel, Signature, TensorSpec};
pub use meta_graph::{meta_graph, write_meta_graph, write_meta_graph_bytes};
pub use monitored::TrainingLoop;
pub use moving_average::{Averaged, ExponentialMovingAverage};
pub use optimizer::{
    Adadelta, Adagrad, Adam, Ftrl, Gate, GradientAndVariable, GradientDescent, GradientSettings,
    Momentum, Optimizer, ProximalAdagrad, ProximalGradientDescent, Rate, RmsProp,
};
pub use queue_runner::{add_queue_runner, start_queue_runner, start_queue_runners};
pub use saved_model::{find_signature, load_saved_model, signature_tensor};
pub use saver::{Saver, SaverOptions};
pub use schedules::{Decay, PolynomialDecay};
pub use towers::{Reduction, Replicas, Tower, TowerOptions, Towers, VariablePlacement};
