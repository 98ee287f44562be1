//! Devices: their names, and the CPU's thread pool.

pub mod cpu;
mod spec;

pub use spec::DeviceSpec;
