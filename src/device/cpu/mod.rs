//! The CPU device: its thread pool, its vector instructions, and matrix products.

pub mod elementary;
pub mod gemm;
mod pool;
mod share;
mod simd;

pub use pool::{Guest, Task, ThreadPool};
pub use share::{Disjoint, Scratch, try_parallel};
pub use simd::{Loop, SimdLevel, vectorized};
