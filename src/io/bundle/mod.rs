//! Tensor bundles: TensorFlow's checkpoints (version 2), an index and data files under one prefix.

mod checkpoint;
mod codec;
mod cover;
mod entry;
mod merge;
mod ordered;
mod publish;
mod reader;
mod region;
mod slice;
#[cfg(test)]
mod tests;
mod v1;
mod v1_writer;
mod writer;

pub use checkpoint::CheckpointReader;
pub use entry::BundleEntry;
pub use merge::{MergeOptions, merge_bundles};
pub use reader::BundleReader;
pub use slice::{Extent, SliceSpec, TensorSlice};
pub use v1_writer::V1Writer;
pub use writer::BundleWriter;

pub(crate) use entry::{index_path, is_data_suffix, suffixed};
pub(crate) use publish::files;
