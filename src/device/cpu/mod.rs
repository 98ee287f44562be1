//! The CPU device: its thread pool.

mod pool;

pub use pool::{Task, ThreadPool};
