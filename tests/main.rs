//! All integration tests, in one binary.

mod oracle;
mod tidy;
