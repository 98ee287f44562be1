//! What programs import: `use tensorloom::prelude::*`.

pub use crate::def::GraphDef;
pub use crate::dtype::DType;
pub use crate::error::{Code, Error, Result};
pub use crate::grad::{Gradient, GradientOptions, IndexedSlices};
pub use crate::graph::{Graph, ImportOptions, NodeRef, Operand, Output, Reuse, Scope, keys};
pub use crate::io::latest_checkpoint;
pub use crate::ops::math::KeepDims;
pub use crate::ops::nn::LrnAttrs;
pub use crate::ops::nn::conv_attrs::ConvAttrs;
pub use crate::ops::nn::pool_attrs::PoolAttrs;
pub use crate::ops::random::{NormalOptions, UniformOptions};
pub use crate::ops::state::{Initializer, Variable, VariableOptions, init};
pub use crate::runtime::{Callable, RunOptions, Session, SessionOptions};
pub use crate::shape::{PartialShape, Shape};
pub use crate::tensor::Tensor;
pub use crate::train::{
    Adagrad, Adam, Coordinator, ExponentialMovingAverage, FileWriter, GradientDescent, Momentum,
    Optimizer, RmsProp, Saver, SaverOptions, start_queue_runners,
};
