//! Reads a table; nothing in the file is trusted.

use super::block::{Entry, decode};
use super::{FOOTER, Handle, MAGIC, TRAILER};
use crate::error::{Code, Error, Result};
use crate::io::crc;
use crate::io::file::ReadAt;
use std::path::Path;

/// No snappy block expands by more than this (a copy of 64 bytes takes two to three).
const MAX_EXPANSION: usize = 64;

/// An open table: its index is read, its blocks are read when needed.
pub(crate) struct Table {
    file: ReadAt,
    /// For each block: a key that no key of the block exceeds, and where it lies.
    index: Vec<(Vec<u8>, Handle)>,
}

impl Table {
    /// Opens a file.
    ///
    /// # Errors
    /// `DataLoss` when it is not a sound table; what the file system says.
    pub(crate) fn open(path: &Path) -> Result<Table> {
        let file = ReadAt::open(path)?;
        let size = file.size();
        if size < FOOTER as u64 {
            return Err(Error::data_loss("file is too short to be an sstable"));
        }
        let footer = file.read(size - FOOTER as u64, FOOTER as u64)?;
        let (mut handles, magic) = footer.split_at(FOOTER - MAGIC.len());
        if magic != MAGIC {
            return Err(Error::data_loss("not an sstable (bad magic number)"));
        }
        let _metaindex = Handle::take(&mut handles).ok_or_else(bad_handle)?;
        let handle = Handle::take(&mut handles).ok_or_else(bad_handle)?;
        let mut index = Vec::new();
        for entry in read_block(&file, handle)? {
            let block = Handle::take(&mut &entry.value[..]).ok_or_else(bad_handle)?;
            index.push((entry.key, block));
        }
        Ok(Table { file, index })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `DataLoss` when the block that would hold it is damaged.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let at = self
            .index
            .partition_point(|(last, _)| last.as_slice() < key);
        let Some((_, handle)) = self.index.get(at) else {
            return Ok(None);
        };
        let entries = read_block(&self.file, *handle)?;
        let found = entries.into_iter().find(|e| e.key == key);
        Ok(found.map(|e| e.value))
    }

    /// All entries in order.
    ///
    /// # Errors
    /// `DataLoss` when a block is damaged or keys do not ascend from block to block.
    pub(crate) fn entries(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        // Blocks of one file do not overlap: together they cannot be larger than it.
        let mut total = 0u64;
        for (_, handle) in &self.index {
            total = total.saturating_add(handle.size);
            if total > self.file.size() {
                return Err(bad_handle());
            }
            for entry in read_block(&self.file, *handle)? {
                if all.last().is_some_and(|(key, _)| *key >= entry.key) {
                    return Err(Error::data_loss("bad entry in block: keys do not ascend"));
                }
                all.push((entry.key, entry.value));
            }
        }
        Ok(all)
    }
}

fn bad_handle() -> Error {
    Error::data_loss("bad block handle")
}

fn read_block(file: &ReadAt, handle: Handle) -> Result<Vec<Entry>> {
    let with_trailer = handle.size.checked_add(TRAILER as u64);
    let len = with_trailer.ok_or_else(bad_handle)?;
    if !file.holds(handle.offset, len) {
        return Err(Error::data_loss("truncated block read"));
    }
    let bytes = file.read(handle.offset, len).map_err(|e| match e.code() {
        Code::OutOfRange => Error::data_loss("truncated block read"),
        _ => e,
    })?;
    // `read` gave exactly `len` bytes, which is at least the trailer's.
    let (covered, stored) = bytes.split_at(bytes.len() - 4);
    let stored = stored.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b));
    if !crc::agree(stored, crc::mask(crc::value(covered))) {
        return Err(Error::data_loss("block checksum mismatch"));
    }
    match covered.split_last() {
        Some((0, block)) => decode(block),
        Some((1, block)) => decode(&uncompress(block)?),
        _ => Err(Error::data_loss("bad block type")),
    }
}

fn uncompress(block: &[u8]) -> Result<Vec<u8>> {
    let corrupt = || Error::data_loss("corrupted compressed block contents");
    let len = snap::raw::decompress_len(block).map_err(|_| corrupt())?;
    if len > block.len().saturating_mul(MAX_EXPANSION) {
        return Err(corrupt());
    }
    let plain = snap::raw::Decoder::new().decompress_vec(block);
    plain.map_err(|_| corrupt())
}

#[cfg(test)]
mod tests {
    use super::super::TableBuilder;
    use super::*;
    use crate::io::testing::{TempDir, damages};

    fn table(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut b = TableBuilder::new();
        for (k, v) in entries {
            b.add(k, v).unwrap();
        }
        b.finish()
    }

    fn open(dir: &TempDir, bytes: &[u8]) -> Result<Table> {
        let path = dir.path("t");
        std::fs::write(&path, bytes).unwrap();
        Table::open(&path)
    }

    #[test]
    fn tables_of_many_sizes_come_back() {
        let dir = TempDir::new("table");
        let entry = |i: usize, len: usize| (format!("key{i:05}").into_bytes(), vec![i as u8; len]);
        let cases = [
            vec![],
            vec![(vec![], b"only".to_vec())],
            (0..40).map(|i| entry(i, i)).collect(),
            (0..3000).map(|i| entry(i, 300)).collect(),
            (0..4).map(|i| entry(i, 600_000)).collect(),
            vec![(vec![0xff], vec![1]), (vec![0xff, 0xff], vec![2])],
        ];
        for entries in cases {
            let table = open(&dir, &table(&entries)).unwrap();
            assert_eq!(table.entries().unwrap(), entries);
            for (k, v) in entries.iter().step_by(7) {
                assert_eq!(table.get(k).unwrap().as_ref(), Some(v));
                let absent = [k.as_slice(), b"\0"].concat();
                assert_eq!(table.get(&absent).unwrap(), None);
            }
        }
    }

    #[test]
    fn rows_177_to_179_damage_gives_data_loss() {
        let dir = TempDir::new("table-damage");
        let bytes = table(&[
            (vec![], b"header".to_vec()),
            (b"key".to_vec(), b"value".to_vec()),
        ]);
        for damaged in damages(&bytes) {
            let opened = open(&dir, &damaged);
            match opened.and_then(|t| t.entries()) {
                Ok(entries) => assert_eq!(entries[1].1, b"value"),
                Err(e) => assert_eq!(e.code(), Code::DataLoss),
            }
        }
        let e = open(&dir, &bytes[..47]).err().unwrap();
        assert_eq!(e.message(), "file is too short to be an sstable");
        let mut b = bytes.clone();
        *b.last_mut().unwrap() ^= 1;
        let e = open(&dir, &b).err().unwrap();
        assert_eq!(e.message(), "not an sstable (bad magic number)");
        let mut b = bytes.clone();
        b[3] ^= 1;
        let e = open(&dir, &b).unwrap().entries().unwrap_err();
        assert_eq!(e.message(), "block checksum mismatch");
    }

    /// A table whose single data block is `block` stored with that compression type.
    fn with_block(block: &[u8], kind: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let put = |block: &[u8], kind: u8, out: &mut Vec<u8>| {
            let handle = Handle {
                offset: out.len() as u64,
                size: block.len() as u64,
            };
            let covered = [block, &[kind]].concat();
            out.extend(&covered);
            out.extend(crc::mask(crc::value(&covered)).to_le_bytes());
            handle
        };
        let data = put(block, kind, &mut out);
        let mut index = super::super::block::BlockBuilder::new(1);
        let mut value = Vec::new();
        data.put(&mut value);
        index.add(b"z", &value);
        let index = put(&index.finish(), 0, &mut out);
        let mut footer = Vec::new();
        index.put(&mut footer);
        index.put(&mut footer);
        footer.resize(40, 0);
        out.extend(footer);
        out.extend(MAGIC);
        out
    }

    #[test]
    fn snappy_blocks_are_read_and_forged_ones_refused() {
        let dir = TempDir::new("table-snappy");
        let mut block = super::super::block::BlockBuilder::new(16);
        for i in 0..100 {
            block.add(format!("key{i:03}").as_bytes(), b"the same value");
        }
        let plain = block.finish();
        let packed = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        let t = open(&dir, &with_block(&packed, 1)).unwrap();
        assert_eq!(t.entries().unwrap().len(), 100);
        assert_eq!(t.get(b"key042").unwrap().unwrap(), b"the same value");
        let e = open(&dir, &with_block(&plain, 2)).unwrap().entries();
        assert_eq!(e.unwrap_err().message(), "bad block type");
        // A claim of 4 GiB from a few bytes, and damage under a sound checksum.
        for forged in [
            vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0],
            packed[..packed.len() / 2].to_vec(),
        ] {
            let e = open(&dir, &with_block(&forged, 1)).unwrap().entries();
            assert_eq!(
                e.unwrap_err().message(),
                "corrupted compressed block contents"
            );
        }
        for damaged in damages(&packed[..60]) {
            let _ = open(&dir, &with_block(&damaged, 1)).and_then(|t| t.entries());
        }
    }

    #[test]
    fn handles_beyond_the_file_are_refused() {
        let dir = TempDir::new("table-handles");
        for (offset, size) in [(0, 1 << 40), (u64::MAX, 1), (1 << 40, 8), (0, u64::MAX)] {
            let mut bytes = vec![0; 32];
            let mut footer = Vec::new();
            for _ in 0..2 {
                Handle { offset, size }.put(&mut footer);
            }
            footer.resize(40, 0);
            bytes.extend(footer);
            bytes.extend(MAGIC);
            assert_eq!(open(&dir, &bytes).err().unwrap().code(), Code::DataLoss);
        }
    }
}
