//! FixedLengthRecordReaderV2, TextLineReaderV2, TFRecordReaderV2, WholeFileReaderV2, IdentityReaderV2 and their version 1
//! forms: the handle of a reader.

use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::io::Compression;
use crate::kernel::{AnyKernel, KernelDef, KernelInit};
use crate::op::{Flags, InferFn, OpDef, infer};
use crate::ops::queue::handle;
use crate::registry::OpEntry;
use crate::resource::Reader;
use crate::resource::reader::{FixedLength, Identity, Source, TextLine, TfRecord, WholeFile};

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    infer: InferFn,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags: Flags::STATEFUL,
            infer,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

const FIXED_LENGTH: &[KernelDef] = &[KernelDef::cpu(&[], |init| new(init, fixed_length(init)?))];
const TEXT_LINE: &[KernelDef] = &[KernelDef::cpu(&[], |init| new(init, text_line(init)?))];
const TF_RECORD: &[KernelDef] = &[KernelDef::cpu(&[], |init| {
    let compression = Compression::from_name(init.attrs.str("compression_type")?)?;
    let file = None;
    new(init, Box::new(TfRecord { compression, file }))
})];
const WHOLE_FILE: &[KernelDef] = &[KernelDef::cpu(&[], |init| {
    new(init, Box::new(WholeFile::default()))
})];
const IDENTITY: &[KernelDef] = &[KernelDef::cpu(&[], |init| {
    new(init, Box::new(Identity::default()))
})];

pub(crate) static FIXED_LENGTH_RECORD_READER_V2: OpEntry = entry(
    "FixedLengthRecordReaderV2() -> (reader_handle:resource)",
    "header_bytes:int=0; record_bytes:int; footer_bytes:int=0; hop_bytes:int=0; container:string=\"\"; shared_name:string=\"\"; encoding:string=\"\"",
    infer::scalar,
    FIXED_LENGTH,
);
pub(crate) static FIXED_LENGTH_RECORD_READER: OpEntry = entry(
    "FixedLengthRecordReader() -> (reader_handle:ref string)",
    "header_bytes:int=0; record_bytes:int; footer_bytes:int=0; hop_bytes:int=0; container:string=\"\"; shared_name:string=\"\"",
    handle::infer_new_v1,
    FIXED_LENGTH,
);
pub(crate) static TEXT_LINE_READER_V2: OpEntry = entry(
    "TextLineReaderV2() -> (reader_handle:resource)",
    "skip_header_lines:int=0; container:string=\"\"; shared_name:string=\"\"",
    infer::scalar,
    TEXT_LINE,
);
pub(crate) static TEXT_LINE_READER: OpEntry = entry(
    "TextLineReader() -> (reader_handle:ref string)",
    "skip_header_lines:int=0; container:string=\"\"; shared_name:string=\"\"",
    handle::infer_new_v1,
    TEXT_LINE,
);
pub(crate) static TF_RECORD_READER_V2: OpEntry = entry(
    "TFRecordReaderV2() -> (reader_handle:resource)",
    "container:string=\"\"; shared_name:string=\"\"; compression_type:string=\"\"",
    infer::scalar,
    TF_RECORD,
);
pub(crate) static TF_RECORD_READER: OpEntry = entry(
    "TFRecordReader() -> (reader_handle:ref string)",
    "container:string=\"\"; shared_name:string=\"\"; compression_type:string=\"\"",
    handle::infer_new_v1,
    TF_RECORD,
);
pub(crate) static WHOLE_FILE_READER_V2: OpEntry = entry(
    "WholeFileReaderV2() -> (reader_handle:resource)",
    "container:string=\"\"; shared_name:string=\"\"",
    infer::scalar,
    WHOLE_FILE,
);
pub(crate) static WHOLE_FILE_READER: OpEntry = entry(
    "WholeFileReader() -> (reader_handle:ref string)",
    "container:string=\"\"; shared_name:string=\"\"",
    handle::infer_new_v1,
    WHOLE_FILE,
);
pub(crate) static IDENTITY_READER_V2: OpEntry = entry(
    "IdentityReaderV2() -> (reader_handle:resource)",
    "container:string=\"\"; shared_name:string=\"\"",
    infer::scalar,
    IDENTITY,
);
pub(crate) static IDENTITY_READER: OpEntry = entry(
    "IdentityReader() -> (reader_handle:ref string)",
    "container:string=\"\"; shared_name:string=\"\"",
    handle::infer_new_v1,
    IDENTITY,
);

fn text_line(init: &KernelInit<'_>) -> crate::Result<Box<dyn Source>> {
    let lines = init.attrs.int("skip_header_lines")?;
    let skip_header_lines = u64::try_from(lines).map_err(|_| {
        Error::invalid_argument(format!("skip_header_lines must be >= 0 not {lines}"))
    })?;
    let file = None;
    Ok(Box::new(TextLine {
        skip_header_lines,
        file,
    }))
}

fn fixed_length(init: &KernelInit<'_>) -> crate::Result<Box<dyn Source>> {
    let size = |name: &str, least: i64| {
        let v = init.attrs.int(name)?;
        if v < least {
            return Err(Error::invalid_argument(format!(
                "{name} must be >= {least} not {v}"
            )));
        }
        usize::try_from(v).map_err(|_| Error::invalid_argument(format!("{name} {v} is too large")))
    };
    Ok(Box::new(FixedLength {
        header: size("header_bytes", 0)?,
        record: size("record_bytes", 1)?,
        footer: size("footer_bytes", 0)?,
        hop: size("hop_bytes", 0)?,
        // The version 1 op does not know the attribute.
        compression: match init.attrs.get("encoding") {
            Ok(_) => Compression::from_name(init.attrs.str("encoding")?)?,
            Err(_) => Compression::None,
        },
        file: None,
    }))
}

fn new(init: &KernelInit<'_>, source: Box<dyn Source>) -> crate::Result<AnyKernel> {
    handle::kernel(init, |_| Ok(Reader::new(source)), |_| Ok(()))
}

impl<'g> Scope<'g> {
    /// A reader of records of that many bytes (op `FixedLengthRecordReaderV2`); gives its handle.
    #[track_caller]
    pub fn fixed_length_record_reader(self, record_bytes: i64) -> Output<'g> {
        self.op("FixedLengthRecordReaderV2")
            .attr("record_bytes", record_bytes)
            .out()
    }
    /// A reader of lines (op `TextLineReaderV2`); gives its handle.
    #[track_caller]
    pub fn text_line_reader(self) -> Output<'g> {
        self.op("TextLineReaderV2").out()
    }
    /// A reader of TFRecords (op `TFRecordReaderV2`); gives its handle.
    #[track_caller]
    pub fn tf_record_reader(self) -> Output<'g> {
        self.op("TFRecordReaderV2").out()
    }
}
