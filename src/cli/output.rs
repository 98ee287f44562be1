//! What the command prints: text and JSON on stdout, errors on stderr; a closed stdout ends it quietly.

use crate::dtype::DType;
use crate::error::{Code, Error};
use crate::tensor::Tensor;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, BufWriter, IsTerminal, Write};

/// Why a subcommand ends before its end.
pub(super) enum Stop {
    /// Something failed.
    Error(Error),
    /// The arguments contradict each other.
    Usage(String),
    /// Nobody reads stdout any more.
    Closed,
}

/// The result of a subcommand and its parts.
pub(super) type Done<T = ()> = Result<T, Stop>;

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::Error(e)
    }
}

/// Errors of writing to stdout; those of files carry their path and are [`Error`]s.
impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Stop {
        match e.kind() {
            io::ErrorKind::BrokenPipe => Stop::Closed,
            _ => Stop::Error(Error::new(Code::Unknown, format!("standard output: {e}"))),
        }
    }
}

/// Standard output. `write!` and `writeln!` work on it, with `?` in a function that gives [`Done`].
pub(super) struct Out(BufWriter<io::Stdout>);

impl Out {
    pub(super) fn stdout() -> Out {
        Out(BufWriter::new(io::stdout()))
    }
    /// Gives what was written to the reader.
    pub(super) fn flush(&mut self) -> Done {
        Ok(self.0.flush()?)
    }
    /// One JSON document, indented.
    pub(super) fn json(&mut self, document: &impl Serialize) -> Done {
        serde_json::to_writer_pretty(&mut self.0, document).map_err(io::Error::from)?;
        Ok(self.0.write_all(b"\n")?)
    }
    /// One JSON document on one line, given to the reader at once.
    pub(super) fn json_line(&mut self, document: &impl Serialize) -> Done {
        serde_json::to_writer(&mut self.0, document).map_err(io::Error::from)?;
        self.0.write_all(b"\n")?;
        self.flush()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Columns of text, each as wide as its longest cell.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// A table in which these columns (numbers) are aligned to the right.
    pub(super) fn new(right: &[usize]) -> Table {
        Table {
            rows: Vec::new(),
            right: right.to_vec(),
        }
    }
    pub(super) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
    /// Prints it, each line after `indent`.
    pub(super) fn print(&self, out: &mut Out, indent: &str) -> Done {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let length = |r: &Vec<String>, c: usize| r.get(c).map_or(0, |s| s.chars().count());
        let widths: Vec<usize> = (0..columns)
            .map(|c| self.rows.iter().map(|r| length(r, c)).max().unwrap_or(0))
            .collect();
        for row in &self.rows {
            let mut line = indent.to_string();
            for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                let gap = if c == 0 { "" } else { "  " };
                match self.right.contains(&c) {
                    true => line.extend([gap, &pad, cell]),
                    false => line.extend([gap, cell, &pad]),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `error: <code>: <node>: <what> (<op>, <device>)`.
pub(super) fn error_line(e: &Error) -> String {
    let node = e.node().map(|n| format!("{n}: ")).unwrap_or_default();
    let place: Vec<&str> = [e.op(), e.device()].into_iter().flatten().collect();
    let place = match place.is_empty() {
        true => String::new(),
        false => format!(" ({})", place.join(", ")),
    };
    format!("error: {:?}: {node}{}{place}", e.code(), e.message())
}

/// An error as JSON has it.
#[derive(Serialize)]
pub(super) struct ErrorFact {
    code: String,
    node: Option<String>,
    op: Option<String>,
    message: String,
}

impl From<&Error> for ErrorFact {
    fn from(e: &Error) -> ErrorFact {
        ErrorFact {
            code: format!("{:?}", e.code()),
            node: e.node().map(str::to_string),
            op: e.op().map(str::to_string),
            message: e.message().to_string(),
        }
    }
}

/// A line on stderr, whether or not anybody reads it.
pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Progress: a line on stderr when that is a terminal, else nothing.
pub(super) fn progress(line: impl FnOnce() -> String) {
    if io::stderr().is_terminal() {
        complain(&line());
    }
}

/// A number with commas between groups of three digits.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The name of a type as Python has it: `float32` where op signatures say `float`.
pub(super) fn dtype_name(d: DType) -> &'static str {
    match d {
        DType::F16 => "float16",
        DType::F32 => "float32",
        DType::F64 => "float64",
        d => d.name(),
    }
}

/// A tensor as JSON: type, shape, and all values flat and row-major. Complex numbers are pairs, strings that are
/// not UTF-8 arrays of bytes, and floats that JSON has no number for the strings `NaN`, `Infinity`, `-Infinity`.
pub(super) fn tensor_json(t: &Tensor) -> Value {
    json!({"dtype": dtype_name(t.dtype()), "shape": t.shape().dims(), "values": values_json(t)})
}

fn values_json(t: &Tensor) -> Vec<Value> {
    fn list<T: crate::dtype::Element>(t: &Tensor, f: impl Fn(T) -> Value) -> Vec<Value> {
        t.data::<T>()
            .map(|d| d.iter().map(|v| f(*v)).collect())
            .unwrap_or_default()
    }
    match t.dtype() {
        DType::F32 => list::<f32>(t, single_json),
        DType::F64 => list::<f64>(t, double_json),
        DType::F16 => list::<half::f16>(t, |v| single_json(v.to_f32())),
        DType::BF16 => list::<half::bf16>(t, |v| single_json(v.to_f32())),
        DType::I8 => list::<i8>(t, Value::from),
        DType::I16 => list::<i16>(t, Value::from),
        DType::I32 => list::<i32>(t, Value::from),
        DType::I64 => list::<i64>(t, Value::from),
        DType::U8 => list::<u8>(t, Value::from),
        DType::U16 => list::<u16>(t, Value::from),
        DType::U32 => list::<u32>(t, Value::from),
        DType::U64 => list::<u64>(t, Value::from),
        DType::Bool => list::<bool>(t, Value::from),
        DType::C64 => list::<num_complex::Complex<f32>>(t, |v| {
            Value::from(vec![single_json(v.re), single_json(v.im)])
        }),
        DType::C128 => list::<num_complex::Complex<f64>>(t, |v| {
            Value::from(vec![double_json(v.re), double_json(v.im)])
        }),
        DType::String => t
            .strings()
            .map(|s| s.iter().map(|b| bytes_json(b)).collect())
            .unwrap_or_default(),
        _ => (0..t.elements())
            .map(|i| t.element_text(i).into())
            .collect(),
    }
}

fn bytes_json(b: &[u8]) -> Value {
    match std::str::from_utf8(b) {
        Ok(s) => s.into(),
        Err(_) => b.to_vec().into(),
    }
}

/// The number whose shortest digits are those of the single.
pub(super) fn single_json(v: f32) -> Value {
    match v.is_finite() {
        true => double_json(v.to_string().parse().unwrap_or(f64::from(v))),
        false => double_json(f64::from(v)),
    }
}

pub(super) fn double_json(v: f64) -> Value {
    match v {
        v if v.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        v => v.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_code_node_and_place() {
        let e = Error::invalid_argument("rank must be 2");
        assert_eq!(error_line(&e), "error: InvalidArgument: rank must be 2");
        let e = e.at_node("logits", "MatMul").on_device("/device:CPU:0");
        assert_eq!(
            error_line(&e),
            "error: InvalidArgument: logits: rank must be 2 (MatMul, /device:CPU:0)"
        );
    }

    #[test]
    fn tensors_become_json() {
        let t = Tensor::from([0.1f32, f32::NAN, f32::NEG_INFINITY, 2.5]);
        assert_eq!(
            tensor_json(&t).to_string(),
            r#"{"dtype":"float32","shape":[4],"values":[0.1,"NaN","-Infinity",2.5]}"#
        );
        let t = Tensor::string([0xffu8, 1]);
        assert_eq!(
            tensor_json(&t).to_string(),
            r#"{"dtype":"string","shape":[],"values":[[255,1]]}"#
        );
        let t = Tensor::from([[true], [false]]);
        assert_eq!(
            tensor_json(&t).to_string(),
            r#"{"dtype":"bool","shape":[2,1],"values":[true,false]}"#
        );
    }
}
