//! All integration tests, in one binary.

mod bad_inputs;
mod cifar10;
mod cli;
mod control;
mod examples;
mod gradients;
mod graph_defs;
mod io;
mod malformed;
mod op_list;
mod oracle;
mod saved_models;
mod tidy;
mod trace;
mod train;
