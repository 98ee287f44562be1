//! The bytes of one tensor in a data file, written and read with their checksum.

use super::entry::BundleEntry;
use super::region::Runs;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::io::file::{ReadAt, short_read};
use crate::io::{crc, varint};
use crate::tensor::{Bytes, Tensor};
use std::sync::Arc;

/// Bytes moved at a time, so that checksum and copy find them in the cache.
const CHUNK: usize = 1 << 18;

/// Whether numbers of this machine and those of the format differ in byte order.
const HOST_BIG: bool = cfg!(target_endian = "big");

/// Hands a tensor's stored bytes to `sink`, piece by piece; gives their number and checksum.
///
/// # Errors
/// What `sink` says; `Unimplemented` for types that no checkpoint holds.
pub(super) fn write(
    tensor: &Tensor,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<(u64, u32)> {
    if tensor.dtype() == DType::String {
        return write_strings(tensor.strings()?, sink);
    }
    if !tensor.dtype().is_pod() {
        return Err(Error::unimplemented(format!(
            "Saving data type {} not yet supported",
            tensor.dtype()
        )));
    }
    let bytes = tensor.bytes()?;
    let mut sum = 0;
    for piece in bytes.chunks(CHUNK) {
        let mut swapped;
        let mut piece = piece;
        if HOST_BIG {
            swapped = piece.to_vec();
            swap(tensor.dtype(), &mut swapped);
            piece = &swapped;
        }
        sum = crc::extend(sum, piece);
        sink(piece)?;
    }
    Ok((bytes.len() as u64, sum))
}

fn write_strings(
    strings: &[Bytes],
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<(u64, u32)> {
    let mut lengths = Vec::with_capacity(strings.len() + 4);
    let mut sum = 0;
    for s in strings {
        varint::put(&mut lengths, s.len() as u64);
        sum = extend_length(sum, s.len() as u64, false);
    }
    let check = crc::mask(sum).to_le_bytes();
    lengths.extend_from_slice(&check);
    sum = crc::extend(sum, &check);
    sink(&lengths)?;
    let mut size = lengths.len() as u64;
    for s in strings {
        sum = crc::extend(sum, s);
        size += s.len() as u64;
        sink(s)?;
    }
    Ok((size, sum))
}

/// Lengths are summed as fixed-size numbers in the writer's byte order.
fn extend_length(sum: u32, length: u64, big: bool) -> u32 {
    match (u32::try_from(length), big) {
        (Ok(n), false) => crc::extend(sum, &n.to_le_bytes()),
        (Ok(n), true) => crc::extend(sum, &n.to_be_bytes()),
        (Err(_), false) => crc::extend(sum, &length.to_le_bytes()),
        (Err(_), true) => crc::extend(sum, &length.to_be_bytes()),
    }
}

/// The stored bytes of one tensor.
pub(super) struct Stored<'a> {
    pub(super) file: &'a ReadAt,
    pub(super) entry: &'a BundleEntry,
    /// The byte order of the file.
    pub(super) big_endian: bool,
    /// The prefix of the bundle, for messages.
    pub(super) prefix: &'a str,
}

impl Stored<'_> {
    /// Checks that the data file holds the entry, before anything is allocated for it.
    fn check_extent(&self) -> Result<()> {
        match self.file.holds(self.entry.offset, self.entry.size) {
            true => Ok(()),
            false => Err(short_read()),
        }
    }

    fn check_sum(&self, sum: u32) -> Result<()> {
        if crc::agree(self.entry.crc32c, sum) {
            return Ok(());
        }
        Err(Error::data_loss(format!(
            "TensorBundle at {} shard {} ({} bytes): Checksum does not match: stored {:08} vs. calculated on the \
             restored bytes {sum}",
            self.prefix, self.entry.shard, self.entry.size, self.entry.crc32c
        )))
    }

    /// Passes over all bytes and checks them.
    pub(super) fn verify(&self) -> Result<()> {
        if self.entry.dtype.is_pod() {
            let mut none = std::iter::empty();
            self.copy_runs(&mut none, &mut [])
        } else {
            self.strings().map(|_| ())
        }
    }

    /// The whole tensor of plain data or strings.
    pub(super) fn tensor(&self) -> Result<Tensor> {
        let entry = self.entry;
        if !entry.dtype.is_pod() {
            return Tensor::from_strings(entry.shape.clone(), self.strings()?);
        }
        self.check_extent()?;
        let mut tensor = Tensor::alloc(entry.dtype, entry.shape.clone())?;
        let out = tensor.bytes_mut()?;
        let mut sum = 0;
        let mut offset = entry.offset;
        for piece in out.chunks_mut(CHUNK) {
            self.file.read_exact(offset, piece)?;
            offset += piece.len() as u64;
            sum = crc::extend(sum, piece);
        }
        self.check_sum(sum)?;
        self.settle(out);
        Ok(tensor)
    }

    /// Copies parts of plain data into `out`; all bytes are read, so that the checksum is checked.
    pub(super) fn copy(&self, mut runs: Runs, out: &mut [u8]) -> Result<()> {
        let size = self.entry.dtype.size();
        let mut in_bytes = runs
            .by_ref()
            .map(|r| (r.from * size, r.to * size, r.length * size));
        self.copy_runs(&mut in_bytes, out)
    }

    /// `runs` ascend: place among the stored bytes, place in `out`, length.
    fn copy_runs(
        &self,
        runs: &mut dyn Iterator<Item = (usize, usize, usize)>,
        out: &mut [u8],
    ) -> Result<()> {
        self.check_extent()?;
        // Only what lies in the file is asked for, and files are no larger than usize on machines that hold tensors.
        let size = usize::try_from(self.entry.size).map_err(|_| short_read())?;
        let mut chunk = vec![0u8; size.min(CHUNK)];
        let mut sum = 0;
        let mut run = runs.next();
        let mut start = 0;
        while start < size {
            let len = (size - start).min(CHUNK);
            let piece = &mut chunk[..len];
            self.file
                .read_exact(self.entry.offset + start as u64, piece)?;
            sum = crc::extend(sum, piece);
            let end = start + len;
            while let Some((from, to, length)) = run {
                if from >= end {
                    break;
                }
                let n = length.min(end - from);
                let source = piece.get(from - start..from - start + n);
                match (source, out.get_mut(to..to + n)) {
                    (Some(source), Some(target)) => target.copy_from_slice(source),
                    _ => return Err(Error::internal("a slice lies outside its tensor")),
                }
                run = match n == length {
                    true => runs.next(),
                    false => Some((from + n, to + n, length - n)),
                };
            }
            start = end;
        }
        self.check_sum(sum)
    }

    /// Turns stored bytes into valid elements of this machine.
    pub(super) fn settle(&self, bytes: &mut [u8]) {
        if self.big_endian != HOST_BIG {
            swap(self.entry.dtype, bytes);
        }
        if self.entry.dtype == DType::Bool {
            bytes.iter_mut().for_each(|b| *b = u8::from(*b != 0));
        }
    }

    /// The elements of a string tensor.
    pub(super) fn strings(&self) -> Result<Vec<Bytes>> {
        let entry = self.entry;
        let elements = entry.shape.elements();
        if entry.size == 0 {
            // `check_size` saw to it that there are no elements.
            return Ok(Vec::new());
        }
        let bytes = self.file.read(entry.offset, entry.size)?;
        let mut rest = &bytes[..];
        // One byte a length at least, as `check_size` saw to: the file bounds the allocation.
        let mut lengths = Vec::with_capacity(elements.min(bytes.len()));
        let mut sum = 0;
        for _ in 0..elements {
            let length = varint::take(&mut rest)
                .ok_or_else(|| Error::data_loss("string lengths are not parseable"))?;
            sum = extend_length(sum, length, self.big_endian);
            lengths.push(length);
        }
        let too_long = || {
            Error::data_loss(format!(
                "String lengths longer than expected offset {}",
                entry.offset.saturating_add(entry.size)
            ))
        };
        let (check, mut rest) = rest.split_at_checked(4).ok_or_else(too_long)?;
        let mut stored = check.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
        if self.big_endian {
            stored = stored.swap_bytes();
        }
        let stored = crc::unmask(stored);
        if !crc::agree(stored, sum) {
            return Err(Error::data_loss(format!(
                "The length checksum does not match: expected {stored:08} but actual is {sum:08}"
            )));
        }
        sum = crc::extend(sum, check);
        let total = lengths.iter().try_fold(0u64, |n, l| n.checked_add(*l));
        if total != Some(rest.len() as u64) {
            return Err(too_long());
        }
        sum = crc::extend(sum, rest);
        self.check_sum(sum)?;
        let mut strings = Vec::with_capacity(lengths.len());
        for length in lengths {
            // The sum of all lengths is that of the rest, so each fits.
            let (s, after) = rest
                .split_at_checked(length as usize)
                .ok_or_else(too_long)?;
            strings.push(Arc::from(s));
            rest = after;
        }
        Ok(strings)
    }
}

/// Reverses the bytes of each number; the parts of complex numbers count singly.
fn swap(dtype: DType, bytes: &mut [u8]) {
    let size = match dtype.is_complex() {
        true => dtype.size() / 2,
        false => dtype.size(),
    };
    if size > 1 {
        bytes.chunks_exact_mut(size).for_each(|n| n.reverse());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::hex;

    fn written(tensor: &Tensor) -> (Vec<u8>, u32) {
        let mut out = Vec::new();
        let (size, sum) = write(tensor, &mut |b| {
            out.extend_from_slice(b);
            Ok(())
        })
        .unwrap();
        assert_eq!(size, out.len() as u64);
        (out, crc::mask(sum))
    }

    #[test]
    fn bytes_and_checksums_are_tensorflows() {
        let (bytes, sum) = written(&Tensor::from([1.0f32, 2.0, 3.0, 4.0]));
        assert_eq!(bytes, hex("0000803f 00000040 00004040 00008040"));
        assert_eq!(sum, 0x7498_284c);
        assert_eq!(written(&Tensor::from([true, false])).1, 0x81ce_b05f);
        assert_eq!(written(&Tensor::from(0i64)).1, 0x0798_0329);
    }

    #[test]
    fn strings_are_lengths_checksum_bytes() {
        let long = "x".repeat(200);
        let (bytes, _) = written(&Tensor::from(["hello", "", &long]));
        assert_eq!(bytes.len(), 213);
        assert_eq!(bytes[..4], hex("05 00 c801"));
        let sum = crc::mask(crc::value(&hex("05000000 00000000 c8000000")));
        assert_eq!(bytes[4..8], sum.to_le_bytes());
        assert_eq!(bytes[8..13], *b"hello");
    }

    #[test]
    fn resources_are_not_saved() {
        let handles = Tensor::from_handles(crate::Shape::of(&[0]).unwrap(), vec![]).unwrap();
        assert!(write(&handles, &mut |_| Ok(())).is_err());
    }
}
