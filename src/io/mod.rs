//! Files and formats: atomic writes, TFRecord, tensor bundles, event files, NumPy files, safetensors, PNG. No graph here.

mod atomic;
mod bundle;
mod checkpoint_state;
mod crc;
mod event;
mod file;
mod glob;
mod histogram;
mod image;
mod npy;
mod record;
mod safetensors;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod varint;

pub use atomic::{AtomicFile, commit_all, write_atomic};
pub use bundle::{
    BundleEntry, BundleReader, BundleWriter, CheckpointReader, Extent, MergeOptions, SliceSpec,
    TensorSlice, V1Writer, merge_bundles,
};
pub use checkpoint_state::{
    STATE_FILE, checkpoint_exists, checkpoint_files, format_checkpoint_state, latest_checkpoint,
    list_checkpoints, meta_graph_path, parse_checkpoint_state, read_checkpoint_state,
    remove_checkpoint, update_checkpoint_state,
};
pub use event::{EventReader, EventWriter, EventWriterOptions, event_files, read_events};
pub use glob::{matching_files, path_matches};
pub use histogram::Histogram;
pub use image::{ImageElement, PngShape, encode_png, encode_png_u16, normalize_image};
pub use npy::{NpzOptions, decode_npy, encode_npy, read_npy, read_npz, write_npy, write_npz};
pub use record::{Compression, RecordReader, RecordWriter, open_stream};
pub use safetensors::{SafetensorsReader, write_safetensors};
