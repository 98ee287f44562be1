//! Tensorloom: a dataflow-graph framework that mirrors TensorFlow's design and speaks its formats.
#![deny(missing_docs)]

pub mod cli;
pub mod def;
pub mod device;
pub mod dtype;
pub mod error;
pub mod grad;
pub mod graph;
pub mod io;
pub mod kernel;
pub mod op;
#[path = "../ops/mod.rs"]
pub mod ops;
pub mod prelude;
pub mod proto;
pub mod registry;
pub mod resource;
pub mod runtime;
pub mod shape;
mod sync;
pub mod tensor;
pub mod train;

pub use def::AttrValue;
pub use device::cpu::ThreadPool;
pub use dtype::{DType, Element};
pub use error::{Code, Error, Result};
pub use grad::{Gradient, GradientOptions, IndexedSlices};
pub use graph::{Graph, ImportOptions, Imported, ImportedElement, NodeRef, Operand, Output, Scope};
pub use op::Attrs;
pub use ops::control::{Iterations, LoopVars, WhileOptions};
pub use ops::math::{KeepDims, Running};
pub use ops::state::{Initializer, Variable, VariableOptions, init};
pub use registry::{OpEntry, Registry};
pub use runtime::{Callable, DeviceAttributes, RunOptions, Session, SessionOptions};
pub use shape::{PartialShape, Shape};
pub use tensor::{Bytes, ResourceHandle, Tensor};

/// The README's program compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
