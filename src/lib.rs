//! Tensorloom: a dataflow-graph framework that mirrors TensorFlow's design and speaks its formats.
#![allow(missing_docs)]

pub mod def;
pub mod device;
pub mod dtype;
pub mod error;
pub mod proto;
pub mod io;
pub mod shape;
pub mod tensor;

pub use device::cpu::ThreadPool;
pub use dtype::{DType, Element};
pub use error::{Code, Error, Result};
pub use shape::{PartialShape, Shape};
pub use tensor::{Bytes, ResourceHandle, Tensor};
