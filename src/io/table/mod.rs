//! Sorted tables of keys and values (the LevelDB file format), which index checkpoints.

mod block;
mod reader;
mod writer;

pub(crate) use reader::Table;
pub(crate) use writer::TableBuilder;

use super::varint;

/// The last eight bytes of every table.
const MAGIC: [u8; 8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/// Two handles, padding and the magic.
const FOOTER: usize = 48;
/// After each block: the compression type and a checksum.
const TRAILER: usize = 5;
/// Keys between restart points of a data block.
const RESTART_INTERVAL: usize = 16;

/// Where a block lies: offset and size without its trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Handle {
    offset: u64,
    size: u64,
}

impl Handle {
    fn put(self, out: &mut Vec<u8>) {
        varint::put(out, self.offset);
        varint::put(out, self.size);
    }
    fn take(bytes: &mut &[u8]) -> Option<Handle> {
        Some(Handle {
            offset: varint::take(bytes)?,
            size: varint::take(bytes)?,
        })
    }
}
