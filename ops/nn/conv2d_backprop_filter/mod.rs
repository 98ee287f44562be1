//! placeholder
pub mod cpu;
