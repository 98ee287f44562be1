//! All integration tests, in one binary.

mod io;
mod oracle;
mod tidy;
