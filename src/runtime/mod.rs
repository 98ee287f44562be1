//! Running graphs: kernels for nodes, compiling, executing, sessions.

mod kernels;
mod single;

pub use kernels::find_kernel;
pub use single::{SingleOp, run_op};
