//! All integration tests, in one binary.

mod cifar10;
mod bad_inputs;
mod gradients;
mod io;
mod op_list;
mod oracle;
mod tidy;
mod train;
