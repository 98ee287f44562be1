//! Training: saving, hooks, the training loop.

mod file_writer;
pub mod hooks;
mod meta_graph;
mod monitored;
mod saver;

pub use file_writer::FileWriter;
pub use hooks::Hook;
pub use meta_graph::{meta_graph, write_meta_graph, write_meta_graph_bytes};
pub use monitored::TrainingLoop;
pub use saver::{Saver, SaverOptions};
