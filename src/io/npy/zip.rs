//! The ZIP archives of `.npz` files: stored and deflated members, 64-bit sizes.

use crate::error::{Error, Result};
use crate::io::atomic::AtomicFile;
use crate::io::file::ReadAt;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
/// The extra field with 64-bit sizes.
const EXTRA64: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
/// A 32-bit field with this value stands for the 64-bit one in the extra field.
const IN_EXTRA: u64 = u32::MAX as u64;
/// No deflate stream expands by more than this.
const MAX_EXPANSION: u64 = 1032;

/// How a `.npz` file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NpzOptions {
    /// Whether arrays are deflated, as `numpy.savez_compressed` does.
    pub compress: bool,
}

/// One file of an archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

/// An open archive.
pub(super) struct Archive {
    file: ReadAt,
    members: Vec<Member>,
}

fn bad(what: &str) -> Error {
    Error::data_loss(format!("damaged zip archive: {what}"))
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Archive> {
        let file = ReadAt::open(path)?;
        let members = directory(&file).map_err(|e| e.context(format!("{}: ", path.display())))?;
        Ok(Archive { file, members })
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The bytes of a member, checked against its size and checksum.
    pub(super) fn read(&self, member: &Member) -> Result<Vec<u8>> {
        let cut = |_| bad("a member lies beyond the end");
        let header = self.file.read(member.offset, 30).map_err(cut)?;
        let mut fields = Fields(&header);
        if fields.u32()? != LOCAL {
            return Err(bad("a member has no header"));
        }
        fields.skip(22)?;
        let skip = 30 + u64::from(fields.u16()?) + u64::from(fields.u16()?);
        let start = member
            .offset
            .checked_add(skip)
            .ok_or_else(|| bad("offset"))?;
        let packed = self.file.read(start, member.packed).map_err(cut)?;
        let bytes = match member.method {
            STORED => packed,
            DEFLATED => {
                if member.size > member.packed.saturating_mul(MAX_EXPANSION) {
                    return Err(bad("a member claims more than it can hold"));
                }
                let mut out = Vec::new();
                // One byte more than it claims shows that it lies; no more than that is ever unpacked.
                let mut stream = DeflateDecoder::new(&packed[..]).take(member.size + 1);
                let read = stream.read_to_end(&mut out);
                read.map_err(|e| bad(&format!("a member cannot be unpacked: {e}")))?;
                out
            }
            n => {
                return Err(Error::invalid_argument(format!(
                    "zip compression method {n} is not read"
                )));
            }
        };
        if bytes.len() as u64 != member.size {
            return Err(bad("a member has another size than it claims"));
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        match crate::io::crc::agree(member.crc, crc.sum()) {
            true => Ok(bytes),
            false => Err(bad("checksum mismatch")),
        }
    }
}

/// The members by the central directory at the end.
fn directory(file: &ReadAt) -> Result<Vec<Member>> {
    // The end record is 22 bytes and a comment of at most 64 KiB; a locator of 20 bytes may come before.
    let tail_size = file.size().min(22 + 20 + 65535);
    let tail_start = file.size() - tail_size;
    let tail = file.read(tail_start, tail_size)?;
    let is_end = |at: &usize| {
        let rest = &tail[*at..];
        let comment = rest
            .get(20..22)
            .map(|c| usize::from(u16::from_le_bytes([c[0], c[1]])));
        rest.starts_with(&END.to_le_bytes()) && comment == rest.len().checked_sub(22)
    };
    let end = (0..tail.len()).rev().find(is_end);
    let end = end.ok_or_else(|| Error::invalid_argument("not a zip archive"))?;
    let mut fields = Fields(&tail[end + 4..]);
    let disks = (fields.u16()?, fields.u16()?);
    fields.skip(2)?;
    let mut count = u64::from(fields.u16()?);
    let mut size = u64::from(fields.u32()?);
    let mut start = u64::from(fields.u32()?);
    let locator = end.checked_sub(20).map(|at| &tail[at..end]);
    if let Some(locator) = locator.filter(|l| l.starts_with(&LOCATOR64.to_le_bytes())) {
        let mut fields = Fields(&locator[8..]);
        let end64 = file
            .read(fields.u64()?, 56)
            .map_err(|_| bad("no end record"))?;
        let mut fields = Fields(&end64);
        if fields.u32()? != END64 {
            return Err(bad("no end record"));
        }
        fields.skip(28)?;
        count = fields.u64()?;
        size = fields.u64()?;
        start = fields.u64()?;
    } else if disks != (0, 0) {
        return Err(Error::invalid_argument(
            "zip archives of several disks are not read",
        ));
    }
    let bytes = file.read(start, size).map_err(|_| bad("no directory"))?;
    let mut fields = Fields(&bytes);
    let mut members = Vec::new();
    let mut names = HashSet::new();
    // Members do not overlap, so together they are no larger than the file.
    let mut packed = 0u64;
    for _ in 0..count {
        let member = member(&mut fields)?;
        packed = packed.saturating_add(member.packed);
        if packed > file.size() {
            return Err(bad("members overlap"));
        }
        if !names.insert(member.name.clone()) {
            return Err(bad(&format!("{} occurs twice", member.name)));
        }
        if !member.name.ends_with('/') {
            members.push(member);
        }
    }
    Ok(members)
}

/// One entry of the central directory.
fn member(fields: &mut Fields<'_>) -> Result<Member> {
    if fields.u32()? != CENTRAL {
        return Err(bad("an entry of the directory has no mark"));
    }
    fields.skip(4)?;
    let flags = fields.u16()?;
    if flags & 1 != 0 {
        return Err(Error::invalid_argument(
            "encrypted zip archives are not read",
        ));
    }
    let method = fields.u16()?;
    fields.skip(4)?;
    let crc = fields.u32()?;
    let mut packed = u64::from(fields.u32()?);
    let mut size = u64::from(fields.u32()?);
    let lengths = (fields.u16()?, fields.u16()?, fields.u16()?);
    fields.skip(8)?;
    let mut offset = u64::from(fields.u32()?);
    let name = fields.take(usize::from(lengths.0))?;
    let mut extra = Fields(fields.take(usize::from(lengths.1))?);
    fields.skip(usize::from(lengths.2))?;
    while extra.0.len() >= 4 {
        let id = extra.u16()?;
        let len = usize::from(extra.u16()?);
        let mut field = Fields(extra.take(len)?);
        if id == EXTRA64 {
            for value in [&mut size, &mut packed, &mut offset] {
                if *value == IN_EXTRA {
                    *value = field.u64()?;
                }
            }
        }
    }
    Ok(Member {
        name: String::from_utf8_lossy(name).into_owned(),
        method,
        crc,
        packed,
        size,
        offset,
    })
}

/// Little-endian numbers taken off the front of some bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let split = self.0.split_at_checked(n);
        let (taken, rest) = split.ok_or_else(|| bad("an entry is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }
    fn skip(&mut self, n: usize) -> Result<()> {
        self.take(n).map(|_| ())
    }
    fn u64(&mut self) -> Result<u64> {
        let bytes = self.take(8)?.iter().rev();
        Ok(bytes.fold(0, |n, b| n << 8 | u64::from(*b)))
    }
    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?.iter().rev();
        Ok(bytes.fold(0, |n, b| n << 8 | u32::from(*b)))
    }
    fn u16(&mut self) -> Result<u16> {
        let bytes = self.take(2)?.iter().rev();
        Ok(bytes.fold(0, |n, b| n << 8 | u16::from(*b)))
    }
}

/// Writes an archive.
pub(super) struct ArchiveWriter {
    file: AtomicFile,
    options: NpzOptions,
    offset: u64,
    members: Vec<Member>,
}

impl ArchiveWriter {
    pub(super) fn new(file: AtomicFile, options: NpzOptions) -> ArchiveWriter {
        ArchiveWriter {
            file,
            options,
            offset: 0,
            members: Vec::new(),
        }
    }

    /// Adds a member that consists of these parts.
    pub(super) fn add(&mut self, name: &str, parts: &[&[u8]]) -> Result<()> {
        if self.members.iter().any(|m| m.name == name) {
            return Err(Error::invalid_argument(format!("{name} is added twice")));
        }
        if u16::try_from(name.len()).is_err() {
            return Err(Error::invalid_argument("a name of more than 64 KiB"));
        }
        let mut crc = Crc::new();
        parts.iter().for_each(|p| crc.update(p));
        let size = parts.iter().map(|p| p.len() as u64).sum();
        let deflated = match self.options.compress {
            true => Some(deflate(parts)?),
            false => None,
        };
        let member = Member {
            name: name.to_string(),
            method: if deflated.is_some() { DEFLATED } else { STORED },
            crc: crc.sum(),
            packed: deflated.as_ref().map_or(size, |d| d.len() as u64),
            size,
            offset: self.offset,
        };
        let mut header = LOCAL.to_le_bytes().to_vec();
        let extra = common(&member, false, &mut header);
        header.extend_from_slice(name.as_bytes());
        header.extend_from_slice(&extra);
        self.put(&header)?;
        match &deflated {
            Some(bytes) => self.put(bytes)?,
            None => parts.iter().try_for_each(|p| self.put(p))?,
        }
        self.members.push(member);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.offset += bytes.len() as u64;
        self.file.append(bytes)
    }

    /// Writes the directory and gives the archive its name.
    pub(super) fn finish(mut self) -> Result<()> {
        let start = self.offset;
        let mut out = Vec::new();
        for member in &self.members {
            out.extend_from_slice(&CENTRAL.to_le_bytes());
            // Made by a Unix system.
            out.extend_from_slice(&(45u16 | 3 << 8).to_le_bytes());
            let extra = common(member, true, &mut out);
            // No comment, disk 0, no attributes.
            out.extend_from_slice(&[0; 10]);
            out.extend_from_slice(&(member.offset.min(IN_EXTRA) as u32).to_le_bytes());
            out.extend_from_slice(member.name.as_bytes());
            out.extend_from_slice(&extra);
        }
        let size = out.len() as u64;
        let count = self.members.len() as u64;
        if count >= 0xffff || size >= IN_EXTRA || start >= IN_EXTRA {
            let end64 = start + size;
            out.extend_from_slice(&END64.to_le_bytes());
            out.extend_from_slice(&44u64.to_le_bytes());
            out.extend_from_slice(&[45, 0, 45, 0]);
            out.extend_from_slice(&[0; 8]);
            for value in [count, count, size, start] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            out.extend_from_slice(&LOCATOR64.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&end64.to_le_bytes());
            out.extend_from_slice(&1u32.to_le_bytes());
        }
        out.extend_from_slice(&END.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let short = (count.min(0xffff) as u16).to_le_bytes();
        out.extend_from_slice(&short);
        out.extend_from_slice(&short);
        out.extend_from_slice(&(size.min(IN_EXTRA) as u32).to_le_bytes());
        out.extend_from_slice(&(start.min(IN_EXTRA) as u32).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        self.put(&out)?;
        self.file.commit()
    }
}

/// Appends the fields that both kinds of header have, from the version needed to the length of the extra field; gives
/// the extra field.
fn common(member: &Member, central: bool, out: &mut Vec<u8>) -> Vec<u8> {
    let mut extra = Vec::new();
    let large = member.size >= IN_EXTRA || member.packed >= IN_EXTRA;
    if large {
        extra.extend_from_slice(&member.size.to_le_bytes());
        extra.extend_from_slice(&member.packed.to_le_bytes());
    }
    if central && member.offset >= IN_EXTRA {
        extra.extend_from_slice(&member.offset.to_le_bytes());
    }
    if !extra.is_empty() {
        let len = extra.len() as u16;
        extra.splice(0..0, [EXTRA64.to_le_bytes(), len.to_le_bytes()].concat());
    }
    let version: u16 = if extra.is_empty() { 20 } else { 45 };
    // The first moment that the format knows: files do not depend on when they were made.
    let (time, date) = (0u16, 0x21u16);
    for field in [version, UTF8, member.method, time, date] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(&member.crc.to_le_bytes());
    for size in [member.packed, member.size] {
        let size = if large { IN_EXTRA } else { size };
        out.extend_from_slice(&(size as u32).to_le_bytes());
    }
    out.extend_from_slice(&(member.name.len() as u16).to_le_bytes());
    out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
    extra
}

fn deflate(parts: &[&[u8]]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let done = parts.iter().try_for_each(|p| encoder.write_all(p));
    let out = done.and_then(|()| encoder.finish());
    out.map_err(|e| Error::internal(format!("deflate failed: {e}")))
}
