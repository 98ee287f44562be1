//! Values for `--feed` and `--feeds`: literals in the type of the tensor that they are fed to, and NumPy files.

use super::output::{Done, Stop, dtype_name};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph};
use crate::io;
use crate::shape::{PartialShape, Shape};
use crate::tensor::{Bytes, Tensor};
use half::{bf16, f16};
use num_complex::Complex;
use std::path::Path;
use std::sync::Arc;

/// Lists may be nested no deeper than a tensor has dimensions.
const MAX_RANK: usize = 254;

/// Reads the value of a `--feed NAME=VALUE` for a tensor: `scalar:3.5`, `[1, 2, 3]` or a `.npy` file.
pub(super) fn value(text: &str, dtype: DType) -> Result<Tensor> {
    if let Some(word) = text.strip_prefix("scalar:") {
        let mut cells = Cells::new(dtype)?;
        cells.push(&Word::bare(word))?;
        return cells.finish(&[]);
    }
    if text.trim_start().starts_with('[') {
        return list(text, dtype);
    }
    let tensor = io::read_npy(text).map_err(|e| match Path::new(text).exists() {
        true => e,
        false => e.context("a value is scalar:…, a list […] or a .npy file: "),
    })?;
    converted(tensor, dtype)
}

/// Splits `NAME=VALUE`.
pub(super) fn split(feed: &str) -> Done<(&str, &str)> {
    match feed.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(Stop::Usage(format!(
            "--feed {feed}: NAME=FILE.npy, NAME=scalar:VALUE or NAME=[VALUES] is wanted"
        ))),
    }
}

/// The type and shape that a tensor of the graph has.
pub(super) fn place(graph: &Graph, e: Endpoint) -> (DType, PartialShape) {
    let node = graph.node(e.node);
    let port = e.port as usize;
    let dtype = node
        .as_ref()
        .and_then(|n| n.outputs.get(port))
        .map_or(DType::F32, |t| t.base);
    let shape = node.as_ref().and_then(|n| n.shapes.get(port)).cloned();
    (dtype, shape.unwrap_or_default())
}

/// Checks that a value fits the tensor that it is fed to.
pub(super) fn check_shape(name: &str, value: &Tensor, shape: &PartialShape) -> Result<()> {
    if shape.accepts(value.shape()) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "Cannot feed value of shape {} for Tensor {name}, which has shape {shape}",
        value.shape()
    )))
}

/// A value in the type that is wanted, where that is a matter of how it was stored: NumPy makes float64 and int64 of
/// what nobody gave a type. Floats may lose digits; integers must fit.
pub(super) fn converted(t: Tensor, dtype: DType) -> Result<Tensor> {
    let from = t.dtype();
    let refused = || {
        Error::invalid_argument(format!(
            "a value of type {} cannot be fed as {}",
            dtype_name(from),
            dtype_name(dtype)
        ))
    };
    if from == dtype {
        return Ok(t);
    }
    let fits = match () {
        _ if from.is_integer() => dtype.is_integer() || dtype.is_floating(),
        _ if from.is_floating() => dtype.is_floating(),
        _ if from.is_complex() => dtype.is_complex(),
        _ => false,
    };
    if !fits {
        return Err(refused());
    }
    if from.is_complex() {
        let mut cells = Cells::new(dtype)?;
        for i in 0..t.elements() {
            let v = match from {
                DType::C64 => t
                    .data::<Complex<f32>>()?
                    .get(i)
                    .map(|v| Complex::new(v.re.into(), v.im.into())),
                _ => t.data::<Complex<f64>>()?.get(i).copied(),
            };
            cells.complex(v.unwrap_or_default());
        }
        return cells.finish(t.shape().dims());
    }
    match dtype {
        DType::F16 => to_half(&t, f16::from_f64),
        DType::BF16 => to_half(&t, bf16::from_f64),
        DType::F32 => to_half(&t, |v| v as f32),
        DType::F64 => to_half(&t, |v| v),
        DType::I8 => to_int::<i8>(&t),
        DType::I16 => to_int::<i16>(&t),
        DType::I32 => to_int::<i32>(&t),
        DType::I64 => to_int::<i64>(&t),
        DType::U8 => to_int::<u8>(&t),
        DType::U16 => to_int::<u16>(&t),
        DType::U32 => to_int::<u32>(&t),
        DType::U64 => to_int::<u64>(&t),
        _ => Err(refused()),
    }
}

fn numbers(t: &Tensor) -> Result<Vec<f64>> {
    fn of<T: Element>(t: &Tensor, f: impl Fn(T) -> f64) -> Result<Vec<f64>> {
        Ok(t.data::<T>()?.iter().map(|v| f(*v)).collect())
    }
    match t.dtype() {
        DType::F16 => of::<f16>(t, f16::to_f64),
        DType::BF16 => of::<bf16>(t, bf16::to_f64),
        DType::F32 => of::<f32>(t, f64::from),
        DType::F64 => of::<f64>(t, |v| v),
        _ => Ok(integers(t)?.into_iter().map(|v| v as f64).collect()),
    }
}

fn integers(t: &Tensor) -> Result<Vec<i128>> {
    fn of<T: Element + Into<i128>>(t: &Tensor) -> Result<Vec<i128>> {
        Ok(t.data::<T>()?.iter().map(|v| (*v).into()).collect())
    }
    match t.dtype() {
        DType::I8 => of::<i8>(t),
        DType::I16 => of::<i16>(t),
        DType::I32 => of::<i32>(t),
        DType::I64 => of::<i64>(t),
        DType::U8 => of::<u8>(t),
        DType::U16 => of::<u16>(t),
        DType::U32 => of::<u32>(t),
        _ => of::<u64>(t),
    }
}

fn to_half<T: Element>(t: &Tensor, f: impl Fn(f64) -> T) -> Result<Tensor> {
    let values: Vec<T> = numbers(t)?.into_iter().map(f).collect();
    Tensor::from_slice(t.shape(), &values)
}

fn to_int<T: Element + TryFrom<i128>>(t: &Tensor) -> Result<Tensor> {
    let fit = |v: i128| {
        T::try_from(v).map_err(|_| {
            Error::invalid_argument(format!("{v} does not fit {}", dtype_name(T::DTYPE)))
        })
    };
    let values: Result<Vec<T>> = integers(t)?.into_iter().map(fit).collect();
    Tensor::from_slice(t.shape(), &values?)
}

/// One element as it is written.
struct Word {
    text: String,
    /// Whether it stood in quotes.
    quoted: bool,
}

impl Word {
    fn bare(text: &str) -> Word {
        Word {
            text: text.to_string(),
            quoted: false,
        }
    }
}

/// Elements read so far, in their type.
struct Cells {
    dtype: DType,
    ints: Vec<i128>,
    floats: Vec<f64>,
    complex: Vec<Complex<f64>>,
    strings: Vec<Bytes>,
}

impl Cells {
    fn new(dtype: DType) -> Result<Cells> {
        let known = dtype.is_integer()
            || dtype.is_floating()
            || dtype.is_complex()
            || matches!(dtype, DType::Bool | DType::String);
        if !known {
            return Err(Error::invalid_argument(format!(
                "a tensor of type {} cannot be fed",
                dtype_name(dtype)
            )));
        }
        Ok(Cells {
            dtype,
            ints: Vec::new(),
            floats: Vec::new(),
            complex: Vec::new(),
            strings: Vec::new(),
        })
    }

    fn complex(&mut self, v: Complex<f64>) {
        self.complex.push(v);
    }

    fn push(&mut self, word: &Word) -> Result<()> {
        let text = word.text.as_str();
        let bad = || {
            Error::invalid_argument(format!(
                "'{text}' is no value of type {}",
                dtype_name(self.dtype)
            ))
        };
        if self.dtype == DType::String {
            self.strings.push(Arc::from(text.as_bytes()));
            return Ok(());
        }
        let text = text.trim();
        if word.quoted {
            return Err(bad());
        }
        if self.dtype.is_integer() {
            let v = text.parse::<i128>().map_err(|_| bad())?;
            let fits = match self.dtype {
                DType::I8 => i8::try_from(v).is_ok(),
                DType::I16 => i16::try_from(v).is_ok(),
                DType::I32 => i32::try_from(v).is_ok(),
                DType::I64 => i64::try_from(v).is_ok(),
                DType::U8 => u8::try_from(v).is_ok(),
                DType::U16 => u16::try_from(v).is_ok(),
                DType::U32 => u32::try_from(v).is_ok(),
                _ => u64::try_from(v).is_ok(),
            };
            if !fits {
                return Err(bad());
            }
            self.ints.push(v);
        } else if self.dtype == DType::Bool {
            match text {
                "true" | "True" | "1" => self.ints.push(1),
                "false" | "False" | "0" => self.ints.push(0),
                _ => return Err(bad()),
            }
        } else if self.dtype.is_complex() {
            let v = complex(text).ok_or_else(bad)?;
            self.complex.push(v);
        } else {
            self.floats.push(text.parse::<f64>().map_err(|_| bad())?);
        }
        Ok(())
    }

    fn finish(self, dims: &[usize]) -> Result<Tensor> {
        fn ints<T: Element + TryFrom<i128>>(shape: &Shape, values: &[i128]) -> Result<Tensor> {
            // `push` checked that each fits.
            let cast = values.iter().map(|v| T::try_from(*v).unwrap_or_default());
            Tensor::from_slice(shape, &cast.collect::<Vec<T>>())
        }
        fn floats<T: Element>(
            shape: &Shape,
            values: &[f64],
            f: impl Fn(f64) -> T,
        ) -> Result<Tensor> {
            let cast: Vec<T> = values.iter().map(|v| f(*v)).collect();
            Tensor::from_slice(shape, &cast)
        }
        let shape = Shape::of(dims)?;
        let (i, f) = (&self.ints, &self.floats);
        match self.dtype {
            DType::I8 => ints::<i8>(&shape, i),
            DType::I16 => ints::<i16>(&shape, i),
            DType::I32 => ints::<i32>(&shape, i),
            DType::I64 => ints::<i64>(&shape, i),
            DType::U8 => ints::<u8>(&shape, i),
            DType::U16 => ints::<u16>(&shape, i),
            DType::U32 => ints::<u32>(&shape, i),
            DType::U64 => ints::<u64>(&shape, i),
            DType::Bool => {
                let values: Vec<bool> = i.iter().map(|v| *v != 0).collect();
                Tensor::from_slice(&shape, &values)
            }
            DType::F16 => floats(&shape, f, f16::from_f64),
            DType::BF16 => floats(&shape, f, bf16::from_f64),
            DType::F32 => floats(&shape, f, |v| v as f32),
            DType::F64 => floats(&shape, f, |v| v),
            DType::C64 => {
                let single = |v: &Complex<f64>| Complex::new(v.re as f32, v.im as f32);
                let values: Vec<Complex<f32>> = self.complex.iter().map(single).collect();
                Tensor::from_slice(&shape, &values)
            }
            DType::C128 => Tensor::from_slice(&shape, &self.complex),
            _ => Tensor::from_strings(shape, self.strings),
        }
    }
}

/// A complex number as Python writes it: `3`, `2j`, `1+2j`, `(1-2.5e-3j)`.
fn complex(text: &str) -> Option<Complex<f64>> {
    let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let text = inner.unwrap_or(text);
    let Some(body) = text.strip_suffix(['j', 'i']) else {
        return text.parse().ok().map(|re| Complex::new(re, 0.0));
    };
    // The sign between the parts: the last one that no exponent takes.
    let bytes = body.as_bytes();
    let cut = (1..bytes.len())
        .rev()
        .find(|i| matches!(bytes[*i], b'+' | b'-') && !matches!(bytes[*i - 1], b'e' | b'E'));
    let (re, im) = match cut {
        Some(i) => (body[..i].parse().ok()?, &body[i..]),
        None => (0.0, body),
    };
    let im = match im {
        "" | "+" => 1.0,
        "-" => -1.0,
        im => im.parse().ok()?,
    };
    Some(Complex::new(re, im))
}

/// A nested list.
fn list(text: &str, dtype: DType) -> Result<Tensor> {
    let mut parser = Parser {
        rest: text,
        whole: text,
    };
    let mut cells = Cells::new(dtype)?;
    // For each open list the elements seen; `dims` fills from the inside, as lists close.
    let mut open: Vec<usize> = Vec::new();
    let mut dims: Vec<Option<usize>> = Vec::new();
    let mut leaf: Option<usize> = None;
    loop {
        if parser.take('[') {
            if open.len() >= MAX_RANK {
                return Err(parser.bad(&format!("more than {MAX_RANK} brackets")));
            }
            if leaf.is_some_and(|depth| open.len() >= depth) {
                return Err(parser.bad("lists and values side by side"));
            }
            open.push(0);
            dims.resize(dims.len().max(open.len()), None);
            if !parser.take(']') {
                continue;
            }
            // An empty list is as deep as its brackets.
            parser.close(&mut open, &mut dims, &mut leaf)?;
        } else {
            if open.is_empty() {
                return Err(parser.bad("a list is wanted"));
            }
            let depth = *leaf.get_or_insert(open.len());
            if depth != open.len() || dims.len() > depth {
                return Err(parser.bad("lists and values side by side"));
            }
            cells
                .push(&parser.word()?)
                .map_err(|e| e.context(format!("{text}: ")))?;
        }
        // After a value or a closed list.
        loop {
            match open.last_mut() {
                None if parser.at_end() => {
                    let dims: Vec<usize> = dims.iter().map(|d| d.unwrap_or(0)).collect();
                    return cells.finish(&dims);
                }
                None => return Err(parser.bad("nothing may follow the list")),
                Some(count) => *count += 1,
            }
            if parser.take(']') {
                parser.close(&mut open, &mut dims, &mut leaf)?;
            } else if parser.take(',') {
                // A comma at the end of a list, as Python allows.
                if !parser.take(']') {
                    break;
                }
                parser.close(&mut open, &mut dims, &mut leaf)?;
            } else {
                return Err(parser.bad("a comma or a bracket is missing"));
            }
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    whole: &'a str,
}

impl Parser<'_> {
    fn bad(&self, what: &str) -> Error {
        let at = self.whole.len() - self.rest.len();
        Error::invalid_argument(format!("{}: {what} (at byte {at})", self.whole))
    }
    fn take(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
    fn at_end(&self) -> bool {
        self.rest.trim().is_empty()
    }

    /// A list ends: all lists of one depth have one length.
    fn close(
        &self,
        open: &mut Vec<usize>,
        dims: &mut [Option<usize>],
        leaf: &mut Option<usize>,
    ) -> Result<()> {
        let Some(count) = open.pop() else {
            return Err(self.bad("too many brackets"));
        };
        let depth = open.len();
        if count == 0 && leaf.is_none() {
            *leaf = Some(depth + 1);
        }
        let slot = dims.get_mut(depth);
        match slot {
            Some(slot) if slot.is_none_or(|d| d == count) => {
                *slot = Some(count);
                Ok(())
            }
            Some(slot) => Err(self.bad(&format!(
                "lists of {} and {count} elements side by side",
                slot.unwrap_or(0)
            ))),
            None => Err(self.bad("too many brackets")),
        }
    }

    fn word(&mut self) -> Result<Word> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
            let text = match stream.next() {
                Some(Ok(text)) => text,
                _ => return Err(self.bad("a string does not end or has a wrong escape")),
            };
            self.rest = self.rest.get(stream.byte_offset()..).unwrap_or("");
            return Ok(Word { text, quoted: true });
        }
        let end = self.rest.find([',', ']', '[']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word.trim() {
            "" => Err(self.bad("a value is missing")),
            word => Ok(Word::bare(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, dtype: DType) -> String {
        match value(text, dtype) {
            Ok(t) => t.to_string(),
            Err(e) => format!("{:?}: {}", e.code(), e.message()),
        }
    }

    #[test]
    fn literals_take_the_type_they_are_fed_to() {
        use DType::*;
        for (text, dtype, want) in [
            ("scalar:3.5", F32, "float[] [3.5]"),
            ("scalar:-2", I8, "int8[] [-2]"),
            (
                "scalar: 18446744073709551615",
                U64,
                "uint64[] [18446744073709551615]",
            ),
            ("scalar:true", Bool, "bool[] [1]"),
            ("scalar:hello = [x]", String, "string[] [hello = [x]]"),
            ("scalar:", String, "string[] []"),
            ("scalar:1e400", F64, "double[] [inf]"),
            ("scalar:nan", F16, "half[] [nan]"),
            ("scalar:1-2.5e-1j", C64, "complex64[] [(1,-0.25)]"),
            ("scalar:(-j)", C128, "complex128[] [(0,-1)]"),
            ("[1,2,3]", I32, "int32[3] [1 2 3]"),
            (" [ [1.5, 2], [3, 4,], ] ", F32, "float[2,2] [[1.5 2][3 4]]"),
            ("[]", F32, "float[0] []"),
            ("[[], []]", I64, "int64[2,0] []"),
            ("[[[1]], [[2]]]", BF16, "bfloat16[2,1,1] [[[1]][[2]]]"),
            (
                r#"["a, b]", "c\u00e9", d]"#,
                String,
                r"string[3] [a, b] c\303\251 d]",
            ),
            ("[True, false, 0]", Bool, "bool[3] [1 0 0]"),
        ] {
            assert_eq!(shown(text, dtype), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        use DType::*;
        for (text, dtype, want) in [
            ("scalar:x", F32, "'x' is no value of type float32"),
            ("scalar:300", U8, "'300' is no value of type uint8"),
            ("scalar:1.5", I32, "'1.5' is no value of type int32"),
            ("scalar:2", Bool, "'2' is no value"),
            ("scalar:", F32, "'' is no value"),
            ("scalar:1+", C64, "is no value of type complex64"),
            (
                "scalar:1",
                Resource,
                "a tensor of type resource cannot be fed",
            ),
            ("[1, 2", I32, "a comma or a bracket is missing"),
            ("[1 2]", I32, "'1 2' is no value"),
            ("[1,,2]", I32, "a value is missing"),
            ("[1]]", I32, "nothing may follow"),
            ("[1] 2", I32, "nothing may follow"),
            ("[[1],[2,3]]", I32, "lists of 1 and 2 elements"),
            ("[[],[1]]", I32, "lists of 0 and 1 elements"),
            ("[[1],2]", I32, "side by side"),
            ("[1,[2]]", I32, "side by side"),
            ("[[],[[]]]", I32, "side by side"),
            ("[\"a]", String, "a string does not end"),
            ("[\"1\"]", I32, "'1' is no value"),
            ("[", I32, "a value is missing"),
            (
                "nowhere.npy",
                F32,
                "a value is scalar:…, a list […] or a .npy file",
            ),
        ] {
            let got = shown(text, dtype);
            assert!(got.contains(want), "{text}: {got}");
        }
        let deep = "[".repeat(100_000);
        assert!(shown(&deep, I32).contains("more than 254 brackets"));
    }

    #[test]
    fn numpy_s_default_types_become_what_is_wanted() {
        let of = |t: Tensor, d| match converted(t, d) {
            Ok(t) => t.to_string(),
            Err(e) => e.message().to_string(),
        };
        assert_eq!(of(Tensor::from([0.1f64]), DType::F32), "float[1] [0.1]");
        assert_eq!(of(Tensor::from([1i64, -1]), DType::I32), "int32[2] [1 -1]");
        assert_eq!(of(Tensor::from([3i64]), DType::F16), "half[1] [3]");
        assert_eq!(
            of(Tensor::from([-1i64]), DType::U8),
            "-1 does not fit uint8"
        );
        assert_eq!(
            of(Tensor::from([1.0f64]), DType::I32),
            "a value of type float64 cannot be fed as int32"
        );
        assert_eq!(
            of(Tensor::from([true]), DType::F32),
            "a value of type bool cannot be fed as float32"
        );
        let z = Tensor::from_slice(&Shape::of(&[1]).unwrap(), &[Complex::new(1.0f64, 2.0)]);
        assert_eq!(of(z.unwrap(), DType::C64), "complex64[1] [(1,2)]");
    }
}
