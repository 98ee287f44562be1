//! `tensorloom checkpoint export`, `import` and `convert`: checkpoints from and to other files, and to other formats.

use super::checkpoint::open;
use super::output::{Done, complain};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::{
    BundleWriter, CheckpointReader, NpzOptions, SafetensorsReader, V1Writer, read_npz, write_npz,
    write_safetensors,
};
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write the tensors of a checkpoint to a NumPy archive or a safetensors file
///
/// The ending decides: .npz or .safetensors. NumPy has no bfloat16: such tensors become float32 there. Safetensors
/// has no strings: a checkpoint that holds some is an error unless --key leaves them out.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom checkpoint export out/model.ckpt-100 weights.npz
  tensorloom checkpoint export out/model.ckpt-100 conv1.safetensors --key 'conv1/*'")]
pub(super) struct Export {
    /// The checkpoint
    prefix: PathBuf,
    /// FILE.npz or FILE.safetensors
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Only keys of this pattern (`*` stands for anything); several add up
    #[arg(long, value_name = "PATTERN")]
    key: Vec<String>,
    /// Deflate the arrays of a NumPy archive
    #[arg(long)]
    compress: bool,
}

/// Write the tensors of a NumPy archive or a safetensors file as a checkpoint
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  tensorloom checkpoint import weights.safetensors out/model.ckpt-0"
)]
pub(super) struct Import {
    /// FILE.npz or FILE.safetensors; the content tells which
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The prefix of the checkpoint to write
    #[arg(value_name = "OUT_PREFIX")]
    output: PathBuf,
}

/// Write a checkpoint anew: as V2 (one from before 2017 becomes readable for today's programs), or as V1
///
/// Slices of partitioned tensors are put together, and several data files become one.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  tensorloom checkpoint convert old/model.ckpt-1000 new/model.ckpt-1000"
)]
pub(super) struct Convert {
    /// The checkpoint
    prefix: PathBuf,
    /// The prefix of the checkpoint to write
    #[arg(value_name = "OUT_PREFIX")]
    output: PathBuf,
    /// The format to write
    #[arg(long, value_enum, default_value_t = Format::V2)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Format {
    /// The old format, one file
    V1,
    /// Tensor bundles
    V2,
}

/// What a file of tensors is, by its ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Npz,
    Safetensors,
}

impl Kind {
    fn of_ending(path: &Path) -> Option<Kind> {
        let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "npz" => Some(Kind::Npz),
            "safetensors" => Some(Kind::Safetensors),
            _ => None,
        }
    }

    /// A ZIP archive begins with its signature, which is no length of a header that would be read.
    fn of_content(path: &Path) -> Result<Option<Kind>> {
        use std::io::Read;
        let at = |e: std::io::Error| Error::io(path, &e);
        let mut begin = Vec::new();
        let file = std::fs::File::open(path).map_err(at)?;
        file.take(9).read_to_end(&mut begin).map_err(at)?;
        Ok(match &begin[..] {
            [b'P', b'K', ..] => Some(Kind::Npz),
            [_, _, _, _, _, _, _, _, b'{'] => Some(Kind::Safetensors),
            _ => Kind::of_ending(path),
        })
    }
}

impl Export {
    pub(super) fn run(&self) -> Done<ExitCode> {
        let kind = Kind::of_ending(&self.output).ok_or_else(|| {
            super::output::Stop::Usage(format!(
                "{}: the ending must be .npz or .safetensors",
                self.output.display()
            ))
        })?;
        let reader = open(&self.prefix)?;
        let wanted =
            |key: &str| self.key.is_empty() || self.key.iter().any(|p| matches_pattern(p, key));
        let tensors: Vec<(&str, Tensor)> = reader
            .keys()
            .into_iter()
            .filter(|k| wanted(k))
            .map(|k| Ok((k, reader.read(k)?)))
            .collect::<Result<_>>()?;
        if tensors.is_empty() && !self.key.is_empty() {
            return Err(Error::not_found(format!(
                "no key of the checkpoint matches {}",
                self.key.join(", ")
            ))
            .into());
        }
        let list: Vec<(&str, &Tensor)> = tensors.iter().map(|(k, t)| (*k, t)).collect();
        match kind {
            Kind::Npz => {
                let short = list
                    .iter()
                    .filter(|(_, t)| t.dtype() == DType::BF16)
                    .count();
                if short > 0 {
                    complain(&format!(
                        "warning: {short} tensors of type bfloat16 are written as float32"
                    ));
                }
                let options = NpzOptions {
                    compress: self.compress,
                };
                write_npz(&self.output, &list, options)?;
            }
            Kind::Safetensors => {
                let about = BTreeMap::from([("format".to_string(), "tf".to_string())]);
                write_safetensors(&self.output, &list, &about)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Import {
    pub(super) fn run(&self) -> Done<ExitCode> {
        let tensors = match Kind::of_content(&self.input)? {
            Some(Kind::Npz) => read_npz(&self.input)?,
            Some(Kind::Safetensors) => {
                let reader = SafetensorsReader::open(&self.input)?;
                let read = |n: &str| Ok((n.to_string(), reader.read(n)?));
                reader.names().map(read).collect::<Result<_>>()?
            }
            None => {
                return Err(Error::invalid_argument(format!(
                    "{} is neither a NumPy archive nor a safetensors file",
                    self.input.display()
                ))
                .into());
            }
        };
        let mut writer = BundleWriter::new(&self.output)?;
        for (name, tensor) in &tensors {
            writer.add(name, tensor)?;
        }
        writer.finish()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Convert {
    pub(super) fn run(&self) -> Done<ExitCode> {
        let reader = open(&self.prefix)?;
        match self.format {
            Format::V2 => self.to_bundle(&reader)?,
            Format::V1 => {
                let mut writer = V1Writer::new(&self.output);
                for key in reader.keys() {
                    writer.add(key, &reader.read(key)?)?;
                }
                writer.finish()?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Tensor by tensor: only one is in memory.
    fn to_bundle(&self, reader: &CheckpointReader) -> Result<()> {
        let mut writer = BundleWriter::new(&self.output)?;
        for key in reader.keys() {
            writer.add(key, &reader.read(key)?)?;
        }
        writer.finish()
    }
}

/// Whether a text has a pattern's form, in which `*` stands for anything.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, want) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("conv1/*", "conv1/weights", true),
            ("conv1/*", "conv2/weights", false),
            ("*/weights", "conv1/weights", true),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), want, "{pattern} {text}");
        }
    }
}
