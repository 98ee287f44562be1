//! DecodeCSV: the fields of lines.

use super::number;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::Shape;
use crate::tensor::{Bytes, Tensor};

pub(crate) static DECODE_CSV: OpEntry = OpEntry {
    def: OpDef {
        signature: "DecodeCSV(records:string, record_defaults:OUT_TYPE) -> (output:OUT_TYPE)",
        attrs: "OUT_TYPE:list(type){float,double,int32,int64,string}>=1; field_delim:string=\",\"; use_quote_delim:bool=true; na_value:string=\"\"; select_cols:list(int)=[]",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    for i in 1..ctx.len() {
        let default = ctx.input(i);
        if default.rank().is_some_and(|r| r > 1) {
            return Err(Error::invalid_argument(format!(
                "Shape of a default must be a length-0 or length-1 vector, or a scalar, but got {default}"
            )));
        }
    }
    let shape = ctx.input(0);
    for i in 0..ctx.outputs.len() {
        ctx.set(i, shape.clone());
    }
    Ok(())
}

/// How lines are taken apart.
struct Format {
    delimiter: u8,
    quotes: bool,
    missing: Vec<u8>,
    /// The columns wanted, ascending; none: all.
    columns: Vec<i64>,
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let invalid = |text: &str| Err(Error::invalid_argument(text));
    let types = init.attrs.dtypes("OUT_TYPE")?.to_vec();
    let &[delimiter] = init.attrs.bytes("field_delim")? else {
        return invalid("field_delim should be only 1 char");
    };
    let columns = init.attrs.ints("select_cols")?.to_vec();
    if !columns.is_empty() && columns.len() != types.len() {
        return invalid("select_cols should match output size");
    }
    if columns.windows(2).any(|w| w[0] >= w[1]) {
        return invalid("select_cols should be strictly increasing indices");
    }
    if columns.first().is_some_and(|c| *c < 0) {
        return invalid("select_cols should be non-negative indices");
    }
    let format = Format {
        delimiter,
        quotes: init.attrs.bool("use_quote_delim")?,
        missing: init.attrs.bytes("na_value")?.to_vec(),
        columns,
    };
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let outputs = decode(ctx, &types, &format)?;
        for (i, out) in outputs.into_iter().enumerate() {
            ctx.set(i, out)?;
        }
        Ok(())
    }))
}

fn decode(ctx: &OpContext<'_>, types: &[DType], format: &Format) -> Result<Vec<Tensor>> {
    let defaults: Result<Vec<&Tensor>> = (1..ctx.num_inputs()).map(|i| ctx.input(i)).collect();
    let defaults = defaults?;
    for (i, d) in defaults.iter().enumerate() {
        if d.shape().rank() > 1 {
            return Err(Error::invalid_argument(
                "Each record default should be at most rank 1",
            ));
        }
        if d.elements() > 1 {
            return Err(Error::invalid_argument(format!(
                "There should only be 1 default per field but field {i} has {}",
                d.elements()
            )));
        }
    }
    let records = ctx.input(0)?;
    // The text of each column; `None` where the default stands in.
    let mut columns: Vec<Vec<Option<Bytes>>> = vec![Vec::new(); types.len()];
    for (row, line) in records.strings()?.iter().enumerate() {
        let fields = format.fields(line)?;
        if fields.len() != types.len() {
            return Err(Error::invalid_argument(format!(
                "Expect {} fields but have {} in record {row}",
                types.len(),
                fields.len()
            )));
        }
        for (f, (column, field)) in columns.iter_mut().zip(fields).enumerate() {
            let missing = field.is_empty() || field == format.missing;
            if missing && defaults.get(f).is_none_or(|d| d.elements() != 1) {
                return Err(Error::invalid_argument(format!(
                    "Field {f} is required but missing in record {row}!"
                )));
            }
            column.push((!missing).then(|| Bytes::from(field)));
        }
    }
    let shape = records.shape();
    let columns = columns.iter().zip(types).zip(defaults).enumerate();
    columns
        .map(|(f, ((column, dtype), default))| build(f, column, *dtype, default, shape))
        .collect()
}

fn build(
    f: usize,
    column: &[Option<Bytes>],
    dtype: DType,
    default: &Tensor,
    shape: &Shape,
) -> Result<Tensor> {
    if dtype == DType::String {
        let default = default.strings()?.first();
        let all: Option<Vec<Bytes>> = column
            .iter()
            .map(|c| c.as_ref().or(default).cloned())
            .collect();
        let all = all.ok_or_else(|| Error::internal("a default is missing"))?;
        return Tensor::from_strings(shape.clone(), all);
    }
    // Where the default stands in, any number does for the moment.
    let zero = Bytes::from(&b"0"[..]);
    let texts: Vec<Bytes> = column
        .iter()
        .map(|c| c.clone().unwrap_or_else(|| zero.clone()))
        .collect();
    let mut out = number::parse_all(dtype, shape, &texts, |row, text| {
        Error::invalid_argument(format!(
            "Field {f} in record {row} is not a valid {dtype}: {}",
            String::from_utf8_lossy(text)
        ))
    })?;
    if column.iter().any(Option::is_none) {
        let (size, value) = (dtype.size(), default.bytes()?.to_vec());
        let bytes = out.bytes_mut()?;
        for (at, c) in bytes.chunks_exact_mut(size).zip(column) {
            if c.is_none() {
                at.copy_from_slice(&value);
            }
        }
    }
    Ok(out)
}

impl Format {
    /// The wanted fields of a line.
    fn fields(&self, line: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut out = Vec::new();
        let (mut i, mut number) = (0, 0i64);
        let wanted = |number: i64, found: usize| match self.columns.get(found) {
            Some(c) => *c == number,
            None => self.columns.is_empty(),
        };
        while i < line.len() {
            if matches!(line[i], b'\n' | b'\r') {
                i += 1;
                continue;
            }
            let field = match self.quotes && line[i] == b'"' {
                true => self.quoted(line, &mut i)?,
                false => self.bare(line, &mut i)?,
            };
            if wanted(number, out.len()) {
                out.push(field);
                if out.len() == self.columns.len() {
                    return Ok(out);
                }
            }
            number += 1;
        }
        if line.last() == Some(&self.delimiter) && wanted(number, out.len()) {
            out.push(Vec::new());
        }
        Ok(out)
    }

    fn bare(&self, line: &[u8], i: &mut usize) -> Result<Vec<u8>> {
        let mut field = Vec::new();
        while let Some(b) = line.get(*i).filter(|b| **b != self.delimiter) {
            if matches!(b, b'\n' | b'\r') || self.quotes && *b == b'"' {
                return Err(Error::invalid_argument(
                    "Unquoted fields cannot have quotes/CRLFs inside",
                ));
            }
            field.push(*b);
            *i += 1;
        }
        *i += 1;
        Ok(field)
    }

    /// A field in quotes, in which two quotes stand for one.
    fn quoted(&self, line: &[u8], i: &mut usize) -> Result<Vec<u8>> {
        let mut field = Vec::new();
        *i += 1;
        loop {
            match (line.get(*i), line.get(*i + 1)) {
                (Some(b'"'), None) => break,
                (Some(b'"'), Some(next)) if *next == self.delimiter => break,
                (Some(b'"'), Some(b'"')) => {
                    field.push(b'"');
                    *i += 2;
                }
                (Some(b'"'), Some(_)) => {
                    return Err(Error::invalid_argument(
                        "Quote inside a string has to be escaped by another quote",
                    ));
                }
                (Some(b), Some(_)) => {
                    field.push(*b);
                    *i += 1;
                }
                (_, None) => {
                    return Err(Error::invalid_argument(
                        "Quoted field has to end with quote followed by delim or end",
                    ));
                }
                (None, Some(_)) => return Err(Error::internal("a line with a hole")),
            }
        }
        *i += 2;
        Ok(field)
    }
}

impl<'g> Scope<'g> {
    /// The fields of lines of comma-separated values, one output for each default; a default gives the type, and
    /// the value of empty fields (none: the field may not be empty) (op `DecodeCSV`).
    #[track_caller]
    pub fn decode_csv(self, records: impl Operand<'g>, defaults: &[Output<'g>]) -> Vec<Output<'g>> {
        let op = self.op("DecodeCSV").input(records);
        op.list(defaults.iter().copied()).finish().outputs()
    }
}
