//! `tensorloom checkpoint`: what a checkpoint holds, whether it is sound, and how it differs from another.

use super::checkpoint_files;
use super::output::{Done, ErrorFact, Out, Table, dtype_name, tensor_json};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::{CheckpointReader, TensorSlice, latest_checkpoint};
use crate::shape::Shape;
use crate::tensor::Tensor;
use num_complex::Complex;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// So many elements of a tensor are printed.
const SHOWN: i64 = 100;

/// Look into checkpoints, check them, compare and convert them
///
/// PREFIX is the path of a checkpoint without `.index`, as TensorFlow names it, or a folder, whose newest checkpoint is
/// taken. Both formats are read: tensor bundles (V2) and the one before 2017 (V1, whose prefix is the file itself, or a
/// pattern of its shards).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom checkpoint list out/model.ckpt-100
  tensorloom checkpoint verify out/model.ckpt-100")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Diff(Diff),
    Verify(Verify),
    Export(checkpoint_files::Export),
    Import(checkpoint_files::Import),
    Convert(checkpoint_files::Convert),
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        match &self.command {
            Command::List(a) => a.run(out),
            Command::Show(a) => a.run(out),
            Command::Diff(a) => a.run(out),
            Command::Verify(a) => a.run(out),
            Command::Export(a) => a.run(),
            Command::Import(a) => a.run(),
            Command::Convert(a) => a.run(),
        }
    }
}

/// Opens a checkpoint by its prefix, or the newest one of a folder.
pub(super) fn open(path: &Path) -> Result<CheckpointReader> {
    if !path.is_dir() {
        return CheckpointReader::open(path);
    }
    let newest = latest_checkpoint(path).ok_or_else(|| {
        Error::not_found(format!(
            "{}: the folder has no checkpoint state file that names a checkpoint",
            path.display()
        ))
    })?;
    CheckpointReader::open(newest)
}

fn format_name(reader: &CheckpointReader) -> &'static str {
    match reader.bundle() {
        Some(_) => "V2",
        None => "V1",
    }
}

/// List keys, types, shapes and sizes
///
/// A tensor that is stored in slices (a partitioned variable) has each of them below it, as `start,length` for each
/// dimension, `-` for all of it.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tensorloom checkpoint list out/model.ckpt-100 --json")]
struct List {
    /// The checkpoint
    prefix: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// One tensor as the list has it.
#[derive(Serialize)]
struct Listed {
    key: String,
    dtype: &'static str,
    shape: Vec<usize>,
    /// Of its elements; of strings, as they are stored.
    bytes: u64,
    slices: Vec<String>,
}

fn listed(reader: &CheckpointReader, key: &str) -> Result<Listed> {
    let (dtype, shape) = reader.dtype_and_shape(key)?;
    let slices = reader.slices(key)?;
    let bytes = match dtype.is_pod() {
        true => (shape.elements() as u64).saturating_mul(dtype.size() as u64),
        false => match reader.bundle() {
            Some(bundle) if slices.is_empty() => bundle.entry(key)?.size,
            _ => reader.read(key)?.byte_size() as u64,
        },
    };
    Ok(Listed {
        key: key.to_string(),
        dtype: dtype_name(dtype),
        shape: shape.dims().to_vec(),
        bytes,
        slices: slices.iter().map(TensorSlice::to_string).collect(),
    })
}

impl List {
    fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let reader = open(&self.prefix)?;
        let keys = reader.keys();
        let all: Vec<Listed> = keys
            .iter()
            .map(|k| listed(&reader, k))
            .collect::<Result<_>>()?;
        let total: u64 = all.iter().map(|l| l.bytes).sum();
        let format = format_name(&reader);
        let shards = reader.bundle().map(|b| b.shards());
        if self.json {
            out.json(&json!({
                "format": format, "shards": shards, "tensors": all, "total_bytes": total,
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&[3]);
        for l in &all {
            let shape = format!("{:?}", l.shape);
            table.row([l.key.as_str(), l.dtype, &shape, &l.bytes.to_string()]);
            for s in &l.slices {
                table.row([&format!("  slice {s}")]);
            }
        }
        table.print(out, "")?;
        writeln!(out, "{} tensors, {total} bytes, format {format}", all.len())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Show one tensor, or a part of it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom checkpoint show out/model.ckpt-100 conv1/biases
  tensorloom checkpoint show out/model.ckpt-100 conv1/weights --slice 0,1:0,1:-:-")]
struct Show {
    /// The checkpoint
    prefix: PathBuf,
    /// The tensor's name
    key: String,
    /// Only this part: `start,length` for each dimension, `-` for all of it, joined by `:`
    #[arg(long, value_name = "SLICE")]
    slice: Option<String>,
    /// Print all elements, however many
    #[arg(long)]
    all: bool,
    /// Print one JSON document, with all elements
    #[arg(long)]
    json: bool,
}

impl Show {
    fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let reader = open(&self.prefix)?;
        let tensor = match &self.slice {
            None => reader.read(&self.key)?,
            Some(s) => reader.read_slice(&self.key, &TensorSlice::parse(s)?)?,
        };
        if self.json {
            out.json(&tensor_json(&tensor))?;
            return Ok(ExitCode::SUCCESS);
        }
        let max = if self.all { -1 } else { SHOWN };
        writeln!(
            out,
            "{}  {} {}\n{}",
            self.key,
            dtype_name(tensor.dtype()),
            tensor.shape(),
            tensor.summarize(max)
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Compare two checkpoints: keys, types, shapes and values
///
/// The exit status is 0 when they hold the same, 1 when they differ. Values are compared bit for bit (NaN equals NaN)
/// unless --tolerance is given.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  tensorloom checkpoint diff out/model.ckpt-100 out/model.ckpt-200 --tolerance 1e-6"
)]
struct Diff {
    /// The one checkpoint
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Numbers that differ by no more count as equal
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.0)]
    tolerance: f64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// How a tensor differs.
#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Difference {
    OnlyInA {
        key: String,
    },
    OnlyInB {
        key: String,
    },
    Kind {
        key: String,
        a: String,
        b: String,
    },
    Values {
        key: String,
        /// Elements that differ.
        count: usize,
        of: usize,
        /// The greatest distance of two numbers; none where there are no numbers, or one is not finite.
        max_distance: Option<f64>,
    },
}

impl Diff {
    fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let (a, b) = (open(&self.a)?, open(&self.b)?);
        let (in_a, in_b): (BTreeSet<&str>, BTreeSet<&str>) = (
            a.keys().into_iter().collect(),
            b.keys().into_iter().collect(),
        );
        let mut found = Vec::new();
        for key in in_a.union(&in_b) {
            let name = key.to_string();
            match (in_a.contains(key), in_b.contains(key)) {
                (true, false) => found.push(Difference::OnlyInA { key: name }),
                (false, _) => found.push(Difference::OnlyInB { key: name }),
                (true, true) => found.extend(self.compare(&a, &b, key)?),
            }
        }
        if self.json {
            out.json(&json!({"equal": found.is_empty(), "differences": found}))?;
        } else {
            for d in &found {
                print_difference(d, out)?;
            }
        }
        Ok(match found.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(super::FAILED),
        })
    }

    fn compare(
        &self,
        a: &CheckpointReader,
        b: &CheckpointReader,
        key: &str,
    ) -> Result<Option<Difference>> {
        let kind = |(dtype, shape): (DType, Shape)| format!("{} {shape}", dtype_name(dtype));
        let (in_a, in_b) = (kind(a.dtype_and_shape(key)?), kind(b.dtype_and_shape(key)?));
        let key = key.to_string();
        if in_a != in_b {
            return Ok(Some(Difference::Kind {
                key,
                a: in_a,
                b: in_b,
            }));
        }
        let (x, y) = (a.read(&key)?, b.read(&key)?);
        let (count, max_distance) = distance(&x, &y, self.tolerance)?;
        Ok((count > 0).then(|| Difference::Values {
            key,
            count,
            of: x.elements(),
            max_distance: max_distance.filter(|d| d.is_finite()),
        }))
    }
}

fn print_difference(d: &Difference, out: &mut Out) -> Done {
    match d {
        Difference::OnlyInA { key } => writeln!(out, "- {key}")?,
        Difference::OnlyInB { key } => writeln!(out, "+ {key}")?,
        Difference::Kind { key, a, b } => writeln!(out, "! {key}  {a} | {b}")?,
        Difference::Values {
            key,
            count,
            of,
            max_distance,
        } => {
            let most = max_distance.map_or(String::new(), |d| format!(", by at most {d:e}"));
            writeln!(out, "~ {key}  {count} of {of} elements differ{most}")?;
        }
    }
    Ok(())
}

/// How many elements differ by more than the tolerance, and the greatest distance of those.
pub(super) fn distance(a: &Tensor, b: &Tensor, tolerance: f64) -> Result<(usize, Option<f64>)> {
    fn of<T: crate::dtype::Element>(
        a: &Tensor,
        b: &Tensor,
        tolerance: f64,
        apart: impl Fn(T, T) -> f64,
    ) -> Result<(usize, Option<f64>)> {
        let distances = a
            .data::<T>()?
            .iter()
            .zip(b.data::<T>()?)
            .map(|(x, y)| apart(*x, *y));
        // A distance that is no number is that of a number to what is none.
        let apart: Vec<f64> = distances.filter(|d| d.is_nan() || *d > tolerance).collect();
        let most = apart.iter().fold(0.0f64, |m, d| match d.is_nan() {
            true => f64::INFINITY,
            false => m.max(*d),
        });
        Ok((apart.len(), Some(most)))
    }
    fn floats(x: f64, y: f64) -> f64 {
        match x == y || x.is_nan() && y.is_nan() {
            true => 0.0,
            false => (x - y).abs(),
        }
    }
    fn parts(x: Complex<f64>, y: Complex<f64>) -> f64 {
        let (re, im) = (floats(x.re, y.re), floats(x.im, y.im));
        re.hypot(im)
    }
    let wide = |v: Complex<f32>| Complex::new(f64::from(v.re), f64::from(v.im));
    match a.dtype() {
        DType::F16 => of::<half::f16>(a, b, tolerance, |x, y| floats(x.into(), y.into())),
        DType::BF16 => of::<half::bf16>(a, b, tolerance, |x, y| floats(x.into(), y.into())),
        DType::F32 => of::<f32>(a, b, tolerance, |x, y| floats(x.into(), y.into())),
        DType::F64 => of::<f64>(a, b, tolerance, floats),
        DType::C64 => of::<Complex<f32>>(a, b, tolerance, |x, y| parts(wide(x), wide(y))),
        DType::C128 => of::<Complex<f64>>(a, b, tolerance, parts),
        DType::I8 => of::<i8>(a, b, tolerance, |x, y| f64::from(x.abs_diff(y))),
        DType::I16 => of::<i16>(a, b, tolerance, |x, y| f64::from(x.abs_diff(y))),
        DType::I32 => of::<i32>(a, b, tolerance, |x, y| f64::from(x.abs_diff(y))),
        DType::I64 => of::<i64>(a, b, tolerance, |x, y| x.abs_diff(y) as f64),
        DType::U8 => of::<u8>(a, b, tolerance, |x, y| f64::from(x.abs_diff(y))),
        DType::U16 => of::<u16>(a, b, tolerance, |x, y| f64::from(x.abs_diff(y))),
        DType::U32 => of::<u32>(a, b, tolerance, |x, y| f64::from(x.abs_diff(y))),
        DType::U64 => of::<u64>(a, b, tolerance, |x, y| x.abs_diff(y) as f64),
        DType::String => {
            let pairs = a.strings()?.iter().zip(b.strings()?);
            Ok((pairs.filter(|(x, y)| x != y).count(), None))
        }
        other => {
            let (x, y) = (a.bytes()?, b.bytes()?);
            let size = other.size().max(1);
            let pairs = x.chunks(size).zip(y.chunks(size));
            Ok((pairs.filter(|(x, y)| x != y).count(), None))
        }
    }
}

/// Check every checksum, and say where a fault is
///
/// All blocks of the index and all bytes of the data files are read. The exit status is 0 when everything is sound.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tensorloom checkpoint verify out/model.ckpt-100")]
struct Verify {
    /// The checkpoint
    prefix: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Verify {
    fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let reader = open(&self.prefix)?;
        let checked = reader.verify();
        let tensors = checked.len();
        let bytes: u64 = checked.iter().filter_map(|(_, r)| r.as_ref().ok()).sum();
        let faults: Vec<(String, Error)> = checked
            .into_iter()
            .filter_map(|(key, r)| r.err().map(|e| (key, e)))
            .collect();
        let place = |key: &str| -> Option<String> {
            let entry = reader.bundle()?.entry(key).ok()?;
            entry.slices.is_empty().then(|| {
                format!(
                    "data file {}, bytes {} to {}",
                    entry.shard,
                    entry.offset,
                    entry.offset.saturating_add(entry.size)
                )
            })
        };
        if self.json {
            let faults: Vec<serde_json::Value> = faults
                .iter()
                .map(|(key, e)| json!({"key": key, "place": place(key), "error": ErrorFact::from(e)}))
                .collect();
            out.json(&json!({
                "format": format_name(&reader), "tensors": tensors, "bytes": bytes,
                "sound": faults.is_empty(), "faults": faults,
            }))?;
        } else {
            for (key, e) in &faults {
                let place = place(key).map_or(String::new(), |p| format!(" ({p})"));
                writeln!(out, "{key}{place}: {:?}: {}", e.code(), e.message())?;
            }
        }
        if faults.is_empty() {
            if !self.json {
                writeln!(out, "{tensors} tensors, {bytes} bytes: sound")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(Error::data_loss(format!(
            "{} of {tensors} tensors cannot be read: {}",
            faults.len(),
            faults
                .iter()
                .take(5)
                .map(|(k, _)| k.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))
        .into())
    }
}
