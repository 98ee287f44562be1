//! Files and bytes: readers, checkpoints, decoding.

mod checkpoint;
#[cfg(test)]
mod checkpoint_tests;
mod checkpoint_v1;
mod decode_raw;
mod file;
mod reader;
mod reader_read;
mod sharded;
pub(crate) mod strings;
pub(crate) mod tensor_proto;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &checkpoint::MERGE_V2_CHECKPOINTS,
    &checkpoint::RESTORE_V2,
    &checkpoint::SAVE_V2,
    &checkpoint_v1::RESTORE,
    &checkpoint_v1::RESTORE_SLICE,
    &checkpoint_v1::SAVE,
    &checkpoint_v1::SAVE_SLICES,
    &decode_raw::DECODE_RAW,
    &file::MATCHING_FILES,
    &file::READ_FILE,
    &file::WRITE_FILE,
    &reader::FIXED_LENGTH_RECORD_READER,
    &reader::FIXED_LENGTH_RECORD_READER_V2,
    &reader::IDENTITY_READER,
    &reader::IDENTITY_READER_V2,
    &reader::TEXT_LINE_READER,
    &reader::TEXT_LINE_READER_V2,
    &reader::TF_RECORD_READER,
    &reader::TF_RECORD_READER_V2,
    &reader::WHOLE_FILE_READER,
    &reader::WHOLE_FILE_READER_V2,
    &reader_read::READER_NUM_RECORDS_PRODUCED,
    &reader_read::READER_NUM_RECORDS_PRODUCED_V2,
    &reader_read::READER_NUM_WORK_UNITS_COMPLETED,
    &reader_read::READER_NUM_WORK_UNITS_COMPLETED_V2,
    &reader_read::READER_READ_UP_TO,
    &reader_read::READER_READ_UP_TO_V2,
    &reader_read::READER_READ,
    &reader_read::READER_READ_V2,
    &reader_read::READER_RESET,
    &reader_read::READER_RESET_V2,
    &reader_read::READER_RESTORE_STATE,
    &reader_read::READER_RESTORE_STATE_V2,
    &reader_read::READER_SERIALIZE_STATE,
    &reader_read::READER_SERIALIZE_STATE_V2,
    &tensor_proto::PARSE_TENSOR,
    &tensor_proto::SERIALIZE_TENSOR,
    &sharded::SHARDED_FILENAME,
    &sharded::SHARDED_FILESPEC,
];
