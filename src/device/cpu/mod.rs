//! The CPU device: its memory, its thread pool, its vector instructions, and matrix products.

pub mod elementary;
pub mod gemm;
mod memory;
mod pool;
mod share;
mod simd;

pub use memory::host_memory;
pub use pool::{Guest, Task, ThreadPool};
pub use share::{Disjoint, Scratch, try_parallel};
pub use simd::{Loop, SimdLevel, vectorized};
