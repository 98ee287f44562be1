//! Running graphs: kernels for nodes, compiling, executing, sessions.

mod chrome_trace;
mod devices;
mod executor;
mod frames;
mod functions;
mod kernels;
#[cfg(test)]
mod loop_tests;
mod loops;
mod memory;
mod partition;
mod place;
mod plan;
mod prune;
mod ready;
mod run_metadata;
mod session;
mod simplify;
mod single;
mod targets;
mod trace;
mod usage;

pub use chrome_trace::ChromeTrace;
pub use devices::DeviceAttributes;
pub use kernels::find_kernel;
pub use prune::RunSignature;
pub use run_metadata::RunMetadata;
pub use session::{Callable, RunOptions, Session, SessionOptions};
pub use single::{SingleOp, run_op};
pub use targets::{AsEndpoint, AsNode, IntoFeeds, IntoFetches, IntoTargets};
pub use trace::{NodeStats, OutputStats, Wait};
pub use usage::{DeviceMemory, NodeMemory};
