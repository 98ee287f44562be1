//! Event files: what TensorBoard shows, as records appended by a background thread.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{EventReader, event_files, read_events};
pub use writer::{EventWriter, EventWriterOptions};

/// What the first record of every event file says.
const FILE_VERSION: &str = "brain.Event:2";
