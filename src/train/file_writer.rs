//! The event file of a run: its graph, its summaries, its checkpoints.

use super::write_meta_graph_bytes;
use crate::error::Result;
use crate::graph::Graph;
use crate::io::EventWriter;
use crate::proto::session_log::SessionStatus;
use crate::runtime::RunMetadata;
use std::path::{Path, PathBuf};

/// Writes an event file that TensorBoard shows (TensorFlow's `tf.summary.FileWriter`).
pub struct FileWriter(EventWriter);

impl FileWriter {
    /// A new event file in a directory, which is made if need be; with the graph, if one is given, for the graph page.
    ///
    /// # Errors
    /// What the file system says; the graph's first mistake.
    pub fn new(log_dir: impl AsRef<Path>, graph: Option<&Graph>) -> Result<FileWriter> {
        let writer = EventWriter::new(log_dir)?;
        if let Some(graph) = graph {
            writer.add_graph(graph.export_with_shapes()?.to_pb(), 0)?;
            writer.add_meta_graph(write_meta_graph_bytes(graph, None)?, 0)?;
        }
        Ok(FileWriter(writer))
    }
    /// The file.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }
    /// Adds a serialized summary, as summary ops give it.
    ///
    /// # Errors
    /// `InvalidArgument` when it is not one; an earlier error of writing.
    pub fn add_summary(&self, summary: &[u8], step: i64) -> Result<()> {
        self.0.add_serialized_summary(summary, step)
    }
    /// Adds one scalar.
    ///
    /// # Errors
    /// An earlier error of writing.
    pub fn add_scalar(&self, tag: &str, value: f32, step: i64) -> Result<()> {
        self.0.add_scalar(tag, value, step)
    }
    /// Says that a session began, stopped or saved a checkpoint.
    ///
    /// # Errors
    /// An earlier error of writing.
    pub fn add_session_log(
        &self,
        status: SessionStatus,
        checkpoint: &str,
        step: i64,
    ) -> Result<()> {
        self.0.add_session_log(status, checkpoint, step)
    }
    /// Adds what a traced run tells, under a tag that no other has (`step099`, say).
    ///
    /// # Errors
    /// `InvalidArgument` for a tag that was used; an earlier error of writing.
    pub fn add_run_metadata(&self, metadata: &RunMetadata, tag: &str, step: i64) -> Result<()> {
        self.0.add_run_metadata(metadata.to_pb(), tag, step)
    }
    /// Writes out everything that was added.
    ///
    /// # Errors
    /// What the file system says.
    pub fn flush(&self) -> Result<()> {
        self.0.flush()
    }
    /// Writes out everything and ends the file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}
