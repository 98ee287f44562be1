//! One block of a table: entries that share prefixes with their predecessors, and restart points.

use super::varint;
use crate::error::{Error, Result};

/// Builds a block.
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    interval: usize,
    since_restart: usize,
    last_key: Vec<u8>,
}

impl BlockBuilder {
    pub(super) fn new(interval: usize) -> BlockBuilder {
        BlockBuilder {
            bytes: Vec::new(),
            restarts: vec![0],
            interval,
            since_restart: 0,
            last_key: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The size that the block would have if it ended here.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 4 * self.restarts.len() + 4
    }

    /// Adds an entry; keys ascend (the table builder checks that).
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        let mut shared = 0;
        if self.since_restart < self.interval {
            let pairs = self.last_key.iter().zip(key);
            shared = pairs.take_while(|(a, b)| a == b).count();
        } else {
            // A block is flushed at 256 KiB and one entry is below 4 GiB, so offsets of restarts fit.
            self.restarts.push(self.bytes.len() as u32);
            self.since_restart = 0;
        }
        let suffix = key.get(shared..).unwrap_or_default();
        varint::put(&mut self.bytes, shared as u64);
        varint::put(&mut self.bytes, suffix.len() as u64);
        varint::put(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(suffix);
        self.bytes.extend_from_slice(value);
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.since_restart += 1;
    }

    /// The finished block; the builder is empty again.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.bytes);
        for r in &self.restarts {
            out.extend_from_slice(&r.to_le_bytes());
        }
        out.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        *self = BlockBuilder::new(self.interval);
        out
    }
}

/// Keys of a sound block take at most this many times its size once their shared prefixes are spelt out
/// (writers restart every 16 keys).
const MAX_KEY_EXPANSION: usize = 256;

/// One entry of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// All entries of a block, in order; every length is checked against the block.
///
/// # Errors
/// `DataLoss` "bad entry in block" or "bad block contents".
pub(super) fn decode(block: &[u8]) -> Result<Vec<Entry>> {
    let bad_block = || Error::data_loss("bad block contents");
    let bad_entry = || Error::data_loss("bad entry in block");
    let (rest, count) = block.split_last_chunk::<4>().ok_or_else(bad_block)?;
    let restarts = (u32::from_le_bytes(*count) as usize)
        .checked_mul(4)
        .filter(|n| *n > 0 && *n <= rest.len())
        .ok_or_else(bad_block)?;
    let mut bytes = &rest[..rest.len() - restarts];
    let mut entries: Vec<Entry> = Vec::new();
    let mut key_bytes = 0usize;
    while !bytes.is_empty() {
        let shared = varint::take_u32(&mut bytes).ok_or_else(bad_entry)? as usize;
        let suffix = varint::take_u32(&mut bytes).ok_or_else(bad_entry)? as usize;
        let value = varint::take_u32(&mut bytes).ok_or_else(bad_entry)? as usize;
        let last = entries.last().map_or(&[][..], |e| &e.key[..]);
        let prefix = last.get(..shared).ok_or_else(bad_entry)?;
        let (suffix, rest) = bytes.split_at_checked(suffix).ok_or_else(bad_entry)?;
        let (value, rest) = rest.split_at_checked(value).ok_or_else(bad_entry)?;
        key_bytes = key_bytes.saturating_add(prefix.len() + suffix.len());
        if key_bytes > block.len().saturating_mul(MAX_KEY_EXPANSION) {
            return Err(bad_entry());
        }
        let key = [prefix, suffix].concat();
        if !entries.is_empty() && key.as_slice() <= last {
            return Err(Error::data_loss("bad entry in block: keys do not ascend"));
        }
        entries.push(Entry {
            key,
            value: value.to_vec(),
        });
        bytes = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::damages;

    #[test]
    fn an_empty_block_is_eight_bytes() {
        let mut b = BlockBuilder::new(16);
        assert_eq!(b.size(), 8);
        let bytes = b.finish();
        assert_eq!(bytes, [0, 0, 0, 0, 1, 0, 0, 0]);
        assert!(decode(&bytes).unwrap().is_empty());
    }

    #[test]
    fn entries_come_back_and_damage_never_panics() {
        let mut b = BlockBuilder::new(2);
        let keys = ["", "a", "ab", "abc", "b", "ba"];
        for k in keys {
            b.add(k.as_bytes(), format!("value of {k}").as_bytes());
        }
        let size = b.size();
        let bytes = b.finish();
        assert_eq!(bytes.len(), size);
        let entries = decode(&bytes).unwrap();
        assert!(
            entries
                .iter()
                .map(|e| &e.key[..])
                .eq(keys.map(str::as_bytes))
        );
        for damaged in damages(&bytes) {
            let _ = decode(&damaged);
        }
    }

    #[test]
    fn row_178_forged_lengths_are_refused() {
        let tail = [0, 0, 0, 0, 1, 0, 0, 0];
        let cases: [(&str, &[u8]); 7] = [
            ("shared beyond the previous key", &[1, 1, 0, b'a']),
            ("key past the end", &[0, 9, 0, b'a']),
            ("value past the end", &[0, 1, 9, b'a']),
            ("a varint that does not end", &[0xff, 0xff, 0xff]),
            (
                "a varint beyond 32 bits",
                &[0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, b'a'],
            ),
            ("a key twice", &[0, 1, 0, b'a', 0, 1, 0, b'a']),
            ("keys that descend", &[0, 1, 0, b'b', 0, 1, 0, b'a']),
        ];
        for (what, entries) in cases {
            let block = [entries, &tail].concat();
            let e = decode(&block).expect_err(what);
            assert!(e.message().starts_with("bad entry in block"), "{what}");
        }
        let mut bomb = vec![0, 0x80, 0x80, 2, 0];
        bomb.extend(vec![b'k'; 32768]);
        for _ in 0..20_000 {
            bomb.extend([0x80, 0x80, 2, 1, 0, b'a']);
        }
        bomb.extend(tail);
        assert!(decode(&bomb).is_err());
        for count in [0u32, 4, u32::MAX, 0x4000_0001] {
            let mut block = tail.to_vec();
            block[4..].copy_from_slice(&count.to_le_bytes());
            assert_eq!(decode(&block).unwrap_err().message(), "bad block contents");
        }
    }
}
