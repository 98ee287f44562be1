//! Devices: the CPU's thread pool and buffers.

pub mod cpu;
