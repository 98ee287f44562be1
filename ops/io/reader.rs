//! FixedLengthRecordReaderV2, TextLineReaderV2, TFRecordReaderV2, WholeFileReaderV2, IdentityReaderV2: the handle of a
//! reader.

use crate::error::Error;
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::io::Compression;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, NewKernel, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::reader::{FixedLength, Identity, Source, TextLine, TfRecord, WholeFile};
use crate::resource::{Reader, Resource, resource_name};
use crate::shape::Shape;
use crate::tensor::{ResourceHandle, Tensor};

const fn entry(
    signature: &'static str,
    attrs: &'static str,
    kernels: &'static [KernelDef],
) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs,
            flags: Flags::STATEFUL,
            infer: infer::scalar,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}
const fn cpu(new: NewKernel) -> KernelDef {
    KernelDef::cpu(&[], new)
}

pub(crate) static FIXED_LENGTH_RECORD_READER_V2: OpEntry = entry(
    "FixedLengthRecordReaderV2() -> (reader_handle:resource)",
    "header_bytes:int=0; record_bytes:int; footer_bytes:int=0; hop_bytes:int=0; container:string=\"\"; shared_name:string=\"\"; encoding:string=\"\"",
    &[cpu(|init| new(init, fixed_length(init)?))],
);
pub(crate) static TEXT_LINE_READER_V2: OpEntry = entry(
    "TextLineReaderV2() -> (reader_handle:resource)",
    "skip_header_lines:int=0; container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| {
        let lines = init.attrs.int("skip_header_lines")?;
        let skip_header_lines = u64::try_from(lines).map_err(|_| {
            Error::invalid_argument(format!("skip_header_lines must be >= 0 not {lines}"))
        })?;
        new(
            init,
            Box::new(TextLine {
                skip_header_lines,
                file: None,
            }),
        )
    })],
);
pub(crate) static TF_RECORD_READER_V2: OpEntry = entry(
    "TFRecordReaderV2() -> (reader_handle:resource)",
    "container:string=\"\"; shared_name:string=\"\"; compression_type:string=\"\"",
    &[cpu(|init| {
        let compression = Compression::from_name(init.attrs.str("compression_type")?)?;
        new(
            init,
            Box::new(TfRecord {
                compression,
                file: None,
            }),
        )
    })],
);
pub(crate) static WHOLE_FILE_READER_V2: OpEntry = entry(
    "WholeFileReaderV2() -> (reader_handle:resource)",
    "container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| new(init, Box::new(WholeFile::default())))],
);
pub(crate) static IDENTITY_READER_V2: OpEntry = entry(
    "IdentityReaderV2() -> (reader_handle:resource)",
    "container:string=\"\"; shared_name:string=\"\"",
    &[cpu(|init| new(init, Box::new(Identity::default())))],
);

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
        compression: Compression::from_name(init.attrs.str("encoding")?)?,
        file: None,
    }))
}

fn new(init: &KernelInit<'_>, source: Box<dyn Source>) -> crate::Result<AnyKernel> {
    let (container, name) = resource_name(
        init.attrs.str("container")?,
        init.attrs.str("shared_name")?,
        &init.node.name,
        false,
    )?;
    init.env
        .resources
        .get_or_create(&container, &name, || Ok(Reader::new(source)))?;
    let handle = ResourceHandle {
        device: init.env.device.clone(),
        container,
        name,
        kind: Reader::KIND.into(),
    };
    let handle = Tensor::from_handles(Shape::scalar(), vec![handle])?;
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        ctx.set(0, handle.clone())
    }))
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
