//! All integration tests, in one binary.

mod io;
mod op_list;
mod oracle;
mod tidy;
