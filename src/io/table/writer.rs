//! Writes a table, byte for byte as TensorFlow does (uncompressed).

use super::block::BlockBuilder;
use super::{FOOTER, Handle, MAGIC, RESTART_INTERVAL};
use crate::error::{Error, Result};
use crate::io::crc;

/// A block is closed when it would be this large.
const BLOCK_SIZE: usize = 262_144;

/// Builds a table in memory: keys and values in ascending order, then [`TableBuilder::finish`].
pub(crate) struct TableBuilder {
    out: Vec<u8>,
    data: BlockBuilder,
    index: BlockBuilder,
    last_key: Option<Vec<u8>>,
    /// The block just closed, whose index entry waits for the next key.
    pending: Option<Handle>,
}

impl TableBuilder {
    pub(crate) fn new() -> TableBuilder {
        TableBuilder {
            out: Vec::new(),
            data: BlockBuilder::new(RESTART_INTERVAL),
            index: BlockBuilder::new(1),
            last_key: None,
            pending: None,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// `Internal` when the key does not come after the last one; `InvalidArgument` above 4 GiB.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let last = self.last_key.get_or_insert_with(Vec::new);
        let first = self.out.is_empty() && self.data.is_empty();
        if !first && key <= last.as_slice() {
            return Err(Error::internal("keys of a table must ascend"));
        }
        let limit = u32::MAX as usize - 64;
        let entry = key.len().saturating_add(value.len());
        if entry > limit {
            return Err(Error::invalid_argument(format!(
                "a table entry of {entry} bytes is too large"
            )));
        }
        if entry >= 2 * BLOCK_SIZE {
            self.close_block();
        }
        if let Some(handle) = self.pending.take() {
            let last = self.last_key.as_deref().unwrap_or_default();
            let separator = separator(last, key);
            add_handle(&mut self.index, &separator, handle);
        }
        self.data.add(key, value);
        let last = self.last_key.get_or_insert_with(Vec::new);
        last.clear();
        last.extend_from_slice(key);
        if self.data.size() >= BLOCK_SIZE {
            self.close_block();
        }
        Ok(())
    }

    fn close_block(&mut self) {
        if !self.data.is_empty() {
            let block = self.data.finish();
            self.pending = Some(write_block(&mut self.out, &block));
        }
    }

    /// The bytes of the table.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.close_block();
        let metaindex = write_block(&mut self.out, &BlockBuilder::new(RESTART_INTERVAL).finish());
        if let Some(handle) = self.pending.take() {
            let last = self.last_key.as_deref().unwrap_or_default();
            add_handle(&mut self.index, &successor(last), handle);
        }
        let index_block = self.index.finish();
        let index = write_block(&mut self.out, &index_block);
        let mut footer = Vec::with_capacity(FOOTER);
        metaindex.put(&mut footer);
        index.put(&mut footer);
        footer.resize(FOOTER - MAGIC.len(), 0);
        footer.extend_from_slice(&MAGIC);
        self.out.extend_from_slice(&footer);
        self.out
    }
}

fn add_handle(index: &mut BlockBuilder, key: &[u8], handle: Handle) {
    let mut value = Vec::new();
    handle.put(&mut value);
    index.add(key, &value);
}

fn write_block(out: &mut Vec<u8>, block: &[u8]) -> Handle {
    let handle = Handle {
        offset: out.len() as u64,
        size: block.len() as u64,
    };
    let start = out.len();
    out.extend_from_slice(block);
    out.push(0);
    let crc = crc::mask(crc::value(&out[start..]));
    out.extend_from_slice(&crc.to_le_bytes());
    handle
}

/// A short key that is at least `last` and below `next`.
fn separator(last: &[u8], next: &[u8]) -> Vec<u8> {
    let shared = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    if let (Some(a), Some(b)) = (last.get(shared), next.get(shared))
        && *a < 0xff
        && a + 1 < *b
    {
        let mut key = last[..shared].to_vec();
        key.push(a + 1);
        return key;
    }
    last.to_vec()
}

/// A short key that is at least `last`.
fn successor(last: &[u8]) -> Vec<u8> {
    match last.iter().position(|b| *b != 0xff) {
        Some(i) => {
            let mut key = last[..i].to_vec();
            key.push(last[i] + 1);
            key
        }
        None => last.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_lie_between() {
        let cases: [(&[u8], &[u8], &[u8]); 6] = [
            (b"abc", b"abx", b"abd"),
            (b"abc", b"abd", b"abc"),
            (b"abc", b"abcd", b"abc"),
            (b"a", b"c", b"b"),
            (b"", b"x", b""),
            (b"a\xff", b"c", b"b"),
        ];
        for (last, next, want) in cases {
            assert_eq!(separator(last, next), want);
            assert!(want >= last && want < next);
        }
        assert_eq!(successor(b"q"), b"r");
        assert_eq!(successor(b"\xff\xffab"), b"\xff\xffb");
        assert_eq!(successor(b"\xff"), b"\xff");
    }

    #[test]
    fn keys_must_ascend() {
        let mut t = TableBuilder::new();
        t.add(b"", b"header").unwrap();
        assert!(t.add(b"", b"again").is_err());
        t.add(b"b", b"").unwrap();
        assert!(t.add(b"a", b"").is_err());
    }
}
