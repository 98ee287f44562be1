//! The caching allocator of a GPU: memory that tensors gave back waits for the next tensor of about its size.
//!
//! It is ordered by the compute stream: a block may be given out again at once, since what the next owner queues
//! there comes after what the last one queued. Who writes it from another stream looks at `freed_at`.

use super::driver::{DevicePtr, Driver};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Every block begins at a multiple of this and has at least this size.
const SMALLEST: usize = 256;

/// What an allocator holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GpuStats {
    /// In live tensors.
    pub in_use: usize,
    /// The most that were live at once.
    pub peak: usize,
    /// The most that may be live and waiting together.
    pub limit: usize,
    /// Waiting for reuse.
    pub waiting: usize,
}

/// A piece of device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) ptr: DevicePtr,
    pub(super) size: usize,
    /// How many launches the compute stream had been given when the last owner let go; 0 for a new block.
    pub(super) freed_at: u64,
}

/// Which of several waiting blocks of one size to take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    /// The one that was given back last: it may still be in the device's cache.
    Newest,
    /// The one that was given back first: its last owner's work is the most likely to be over.
    Oldest,
}

/// The blocks of one device.
pub(super) struct Blocks {
    driver: Arc<dyn Driver>,
    device: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<usize, VecDeque<Block>>,
    stats: GpuStats,
}

impl Blocks {
    pub(super) fn new(driver: Arc<dyn Driver>, device: usize, limit: usize) -> Blocks {
        let mut state = State::default();
        state.stats.limit = limit;
        Blocks {
            driver,
            device,
            state: Mutex::new(state),
        }
    }

    pub(super) fn stats(&self) -> GpuStats {
        self.state.lock().stats
    }

    /// A block of at least `bytes` bytes, and how many are in use with it.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is none even after everything that waits was given back to the driver.
    pub(super) fn take(&self, bytes: usize, prefer: Prefer) -> Result<(Block, usize)> {
        let size = size_class(bytes).ok_or_else(|| exhausted(bytes))?;
        // The class may be larger than what is left.
        let least = bytes.max(1).next_multiple_of(SMALLEST);
        let mut state = self.state.lock();
        let fits = least..=size.saturating_add(size / 4);
        let found = state.waiting.range_mut(fits).next();
        if let Some((&class, blocks)) = found {
            let block = match prefer {
                Prefer::Newest => blocks.pop_back(),
                Prefer::Oldest => blocks.pop_front(),
            };
            if blocks.is_empty() {
                state.waiting.remove(&class);
            }
            if let Some(block) = block {
                state.stats.waiting -= block.size;
                state.account(block.size);
                return Ok((block, state.stats.in_use));
            }
        }
        let block = match self.fresh(&mut state, size) {
            Ok(block) => block,
            Err(_) => {
                self.trim(&mut state);
                self.fresh(&mut state, size)
                    .or_else(|_| self.fresh(&mut state, least))?
            }
        };
        state.account(block.size);
        Ok((block, state.stats.in_use))
    }

    /// Lets a block wait for its next owner; gives how many bytes are still in use.
    pub(super) fn give(&self, block: Block) -> usize {
        let mut state = self.state.lock();
        state.stats.in_use -= block.size;
        state.stats.waiting += block.size;
        state
            .waiting
            .entry(block.size)
            .or_default()
            .push_back(block);
        state.stats.in_use
    }

    /// Gives everything that waits back to the driver.
    pub(super) fn release(&self) {
        self.trim(&mut self.state.lock());
    }

    fn fresh(&self, state: &mut State, size: usize) -> Result<Block> {
        let held = state.stats.in_use + state.stats.waiting;
        if size > state.stats.limit.saturating_sub(held) {
            return Err(exhausted(size));
        }
        let ptr = self.driver.allocate(self.device, size)?;
        Ok(Block {
            ptr,
            size,
            freed_at: 0,
        })
    }

    fn trim(&self, state: &mut State) {
        for block in std::mem::take(&mut state.waiting).into_values().flatten() {
            state.stats.waiting -= block.size;
            // SAFETY: from `allocate` of this device; it waited, so no tensor has it, and the driver frees it after
            // what was queued. When that fails the device is lost, and the memory with it.
            let _ = unsafe { self.driver.free(self.device, block.ptr) };
        }
    }
}

impl State {
    fn account(&mut self, bytes: usize) {
        self.stats.in_use += bytes;
        self.stats.peak = self.stats.peak.max(self.stats.in_use);
    }
}

fn exhausted(bytes: usize) -> Error {
    Error::resource_exhausted(format!("OOM when allocating {bytes} bytes"))
}

/// The size of the blocks that serve a request: four classes for each power of two.
fn size_class(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(SMALLEST).checked_next_multiple_of(SMALLEST)?;
    let quarter = (1usize << bytes.ilog2()) / 4;
    bytes.checked_next_multiple_of(quarter.max(SMALLEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cuda::fake::Fake;
    use crate::error::Code;

    #[test]
    fn classes_cover_their_sizes_with_little_waste() {
        for bytes in [0, 1, 256, 257, 1000, 4096, 4097, 100_000, (1 << 31) + 1] {
            let size = size_class(bytes).unwrap();
            assert!(size >= bytes && size.is_multiple_of(SMALLEST));
            assert!(size <= bytes + bytes / 4 + SMALLEST, "{bytes}: {size}");
            assert_eq!(size_class(size), Some(size));
        }
        assert_eq!(size_class(usize::MAX), None);
    }

    #[test]
    fn blocks_are_used_again_and_what_waits_is_freed_under_pressure() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let blocks = Blocks::new(fake.clone(), 0, 1 << 20);
        let take = |bytes| blocks.take(bytes, Prefer::Newest);
        let a = take(100_000).unwrap().0;
        blocks.give(a);
        let (again, in_use) = take(99_000).unwrap();
        assert_eq!(in_use, again.size);
        assert_eq!((again.ptr, fake.allocations()), (a.ptr, 1));
        blocks.give(again);
        assert_eq!(blocks.stats().waiting, a.size);
        // All but a few bytes: only possible when the waiting block goes back.
        let all = take((1 << 20) - 256).unwrap().0;
        let stats = blocks.stats();
        assert_eq!(
            (stats.waiting, stats.in_use, stats.peak),
            (0, all.size, all.size)
        );
        let e = take(512).unwrap_err();
        assert_eq!(e.code(), Code::ResourceExhausted);
        assert_eq!(
            take(usize::MAX).unwrap_err().code(),
            Code::ResourceExhausted
        );
        assert_eq!(blocks.give(all), 0);
        blocks.release();
        assert_eq!((blocks.stats().waiting, fake.live()), (0, 0));
    }

    #[test]
    fn a_block_smaller_than_its_class_is_found_again() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let blocks = Blocks::new(fake.clone(), 0, 1 << 20);
        let take = |bytes| blocks.take(bytes, Prefer::Newest).unwrap().0;
        let (small, most) = (take(1), (1 << 20) - 512);
        let large = take(most);
        assert!(Some(large.size) < size_class(most));
        for _ in 0..3 {
            blocks.give(large);
            assert_eq!(take(most).ptr, large.ptr);
        }
        assert_eq!(fake.allocations(), 2);
        blocks.give(small);
        blocks.give(large);
        blocks.release();
    }
}
