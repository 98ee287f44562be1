//! Devices: their names, the CPU's thread pool, and CUDA devices.

pub mod cpu;
pub mod cuda;
mod spec;

pub use spec::DeviceSpec;
