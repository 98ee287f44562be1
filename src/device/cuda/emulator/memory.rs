//! The memory of an emulated device: one arena of fixed size, allocations between red zones, fresh memory poisoned.

use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;

/// What memory holds that nobody wrote: a NaN in every floating-point type; in a second run, by which reads of it are
/// found, a large number.
pub const POISON: [u8; 2] = [0xFF, 0x7B];
/// What red zones hold, alike.
const ZONE: [[u8; 2]; 2] = [[0xF5, 0xFF], [0x79, 0x7A]];
/// The length of the red zone before an allocation, the least length of the one behind it, and the alignment.
const ALIGN: usize = 256;
/// The greatest length of a red zone.
const LONGEST_ZONE: usize = 4096;
/// A page; the arena begins on one.
const PAGE: usize = 4096;

/// The memory of a device.
pub struct Arena {
    /// What the host's allocator gave.
    raw: NonNull<u8>,
    layout: Layout,
    base: usize,
    size: usize,
    state: Mutex<State>,
}

// SAFETY: the arena owns its memory; who writes to it when is the matter of streams, as on a device.
unsafe impl Send for Arena {}
// SAFETY: as above; the tables are behind a lock.
unsafe impl Sync for Arena {}

#[derive(Default)]
struct State {
    /// Free ranges of the arena, none next to another: offset and length.
    free: BTreeMap<usize, usize>,
    /// Allocations by the offset of their first byte.
    blocks: BTreeMap<usize, Block>,
    used: usize,
}

#[derive(Clone, Copy)]
struct Block {
    /// As it was allocated.
    whole: usize,
    /// What its present owner on the host may use.
    bytes: usize,
    /// What the work that runs now may use.
    now: usize,
    /// No work has touched it since it was given out.
    fresh: bool,
    /// Which of the two patterns its red zones hold.
    pattern: usize,
    /// Given back by the host, but work that was queued before may still use it.
    freed: bool,
}

impl Block {
    fn new(bytes: usize) -> Block {
        Block {
            whole: bytes,
            bytes,
            now: bytes,
            fresh: true,
            pattern: 0,
            freed: false,
        }
    }
    /// The bytes that it takes with its red zones.
    fn room(&self) -> usize {
        self.whole.next_multiple_of(ALIGN) + 2 * ALIGN
    }
    /// The red zones before and behind it.
    fn zones(&self, at: usize) -> [(usize, usize); 2] {
        let end = at - ALIGN + self.room();
        let behind = (end - at - self.now).min(LONGEST_ZONE);
        [(at - ALIGN, ALIGN), (at + self.now, behind)]
    }
}

/// What work uses of an allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The offset in the arena.
    pub at: usize,
    /// Bytes.
    pub bytes: usize,
    /// Nobody has written to it.
    pub fresh: bool,
}

impl Arena {
    /// An arena of `size` bytes; the host's memory is taken only as it is used.
    pub fn new(size: usize) -> Result<Arena> {
        let exhausted = || Error::resource_exhausted(format!("no {size} bytes for a device"));
        // The alignment is small, so that the allocator can hand out pages that were never touched.
        let whole = size.checked_add(PAGE).filter(|_| size >= PAGE);
        let layout = whole.and_then(|bytes| Layout::from_size_align(bytes, 16).ok());
        let layout = layout.ok_or_else(exhausted)?;
        // SAFETY: the layout's size is not 0.
        let raw = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(exhausted)?;
        let state = State {
            free: BTreeMap::from([(0, size)]),
            ..State::default()
        };
        Ok(Arena {
            raw,
            layout,
            base: (raw.as_ptr() as usize).next_multiple_of(PAGE),
            size,
            state: Mutex::new(state),
        })
    }

    /// Free and total bytes.
    pub fn usage(&self) -> (u64, u64) {
        let used = self.state.lock().used;
        ((self.size - used) as u64, self.size as u64)
    }

    /// Poisoned memory between red zones; its address.
    pub fn allocate(&self, bytes: usize) -> Result<u64> {
        if bytes == 0 {
            return Err(Error::invalid_argument("an allocation of 0 bytes"));
        }
        let mut state = self.state.lock();
        let exhausted = |used: usize| {
            Error::resource_exhausted(format!(
                "out of memory: {bytes} bytes asked for, {used} of {} in use",
                self.size
            ))
        };
        let whole = bytes
            .checked_next_multiple_of(ALIGN)
            .and_then(|b| b.checked_add(2 * ALIGN))
            .ok_or_else(|| exhausted(state.used))?;
        let place = state.free.iter().find(|(_, length)| **length >= whole);
        let Some((&at, &length)) = place else {
            return Err(exhausted(state.used));
        };
        state.free.remove(&at);
        if length > whole {
            state.free.insert(at + whole, length - whole);
        }
        state.used += whole;
        let start = at + ALIGN;
        state.blocks.insert(start, Block::new(bytes));
        self.begin(&mut state, start, bytes);
        Ok((self.base + start) as u64)
    }

    /// The owner on the host changes: from now on it uses so many bytes of an allocation. [`Arena::arrived`] is to follow
    /// when the work of the last owner is over. The allocation's offset.
    pub fn given_out(&self, address: u64, bytes: usize) -> Result<usize> {
        let at = self.offset(address);
        let mut state = self.state.lock();
        match at.and_then(|at| Some((at, state.blocks.get_mut(&at)?))) {
            Some((at, block)) if bytes <= block.whole && !block.freed => {
                block.bytes = bytes;
                Ok(at)
            }
            _ => Err(Error::invalid_argument(format!(
                "{address:#x} is no allocation of {bytes} bytes"
            ))),
        }
    }

    /// Work of the new owner comes next: what the last one left is poisoned, and so is what lies past the new end.
    pub fn arrived(&self, at: usize, bytes: usize) {
        self.begin(&mut self.state.lock(), at, bytes);
    }

    fn begin(&self, state: &mut State, at: usize, bytes: usize) {
        let Some(block) = state.blocks.get_mut(&at) else {
            return;
        };
        (block.now, block.fresh, block.pattern) = (bytes, true, 0);
        self.paint(at, block);
        // SAFETY: the range belongs to this allocation, which no work uses now.
        unsafe { self.bytes(at, bytes) }.fill(POISON[0]);
    }

    fn paint(&self, at: usize, block: &Block) {
        let bytes = ZONE[block.pattern];
        for (start, length) in block.zones(at) {
            // SAFETY: red zones belong to the arena alone.
            let zone = unsafe { self.bytes(start, length) };
            zone.iter_mut()
                .enumerate()
                .for_each(|(i, b)| *b = bytes[i % 2]);
        }
    }

    /// Puts one of the two patterns into the red zones of some allocations.
    pub fn paint_zones(&self, spans: &[Span], pattern: usize) {
        let mut state = self.state.lock();
        for span in spans {
            if let Some(block) = state.blocks.get_mut(&span.at) {
                block.pattern = pattern;
                self.paint(span.at, block);
            }
        }
    }

    /// Work has used the allocation in which an address lies, if it is in this arena.
    pub fn touched(&self, address: u64) {
        let Some(at) = self.offset(address) else {
            return;
        };
        let mut state = self.state.lock();
        if let Some((_, block)) = state.blocks.range_mut(..=at).next_back() {
            block.fresh = false;
        }
    }

    /// The same of an allocation that is known.
    pub fn touch(&self, span: &Span) {
        self.touched((self.base + span.at) as u64);
    }

    /// Marks an allocation as freed; [`Arena::release`] is to follow when no queued work uses it any more.
    pub fn free(&self, address: u64) -> Result<usize> {
        let at = self.offset(address);
        let mut state = self.state.lock();
        match at.and_then(|at| Some((at, state.blocks.get_mut(&at)?))) {
            Some((at, block)) if !block.freed => {
                block.freed = true;
                Ok(at)
            }
            _ => Err(Error::invalid_argument(format!(
                "{address:#x} is no allocation of this device, or was freed before"
            ))),
        }
    }

    /// Gives a freed allocation back to the arena.
    pub fn release(&self, at: usize) {
        let mut state = self.state.lock();
        let Some(block) = state.blocks.remove(&at) else {
            return;
        };
        // SAFETY: the range is within the arena and belongs to this allocation alone.
        unsafe { self.bytes(at, block.whole) }.fill(POISON[0]);
        let mut start = at - ALIGN;
        let mut length = block.room();
        state.used -= length;
        if let Some(next) = state.free.remove(&(start + length)) {
            length += next;
        }
        let before = state.free.range(..start).next_back();
        if let Some((&at, &before)) = before.filter(|(at, length)| **at + **length == start) {
            (start, length) = (at, before + length);
        }
        state.free.insert(start, length);
    }

    /// Whether an address lies in this arena at all.
    pub fn holds(&self, address: u64) -> bool {
        self.offset(address).is_some()
    }

    /// That `bytes` bytes from `address` lie in one allocation that was not freed.
    pub fn check(&self, address: u64, bytes: usize) -> Result<()> {
        let wrong = |what: String| Err(Error::invalid_argument(what));
        let Some(at) = self.offset(address) else {
            return wrong(format!("{address:#x} is not in this device's memory"));
        };
        match self.state.lock().block(at) {
            None => wrong(format!("{address:#x} is in no allocation")),
            Some((_, block)) if block.freed => wrong(format!("{address:#x} was freed")),
            Some((start, block))
                if (at - start)
                    .checked_add(bytes)
                    .is_none_or(|e| e > block.bytes) =>
            {
                wrong(format!(
                    "{bytes} bytes from byte {} of an allocation of {} bytes",
                    at - start,
                    block.bytes
                ))
            }
            Some(_) => Ok(()),
        }
    }

    /// The allocations that some words lead to, if they are addresses, and those that the words in them lead to.
    pub fn reachable(&self, words: impl IntoIterator<Item = u64>) -> Vec<Span> {
        let state = self.state.lock();
        let (mut found, mut open) = (BTreeSet::new(), Vec::new());
        let follow = |word: u64, found: &mut BTreeSet<Span>| {
            let (at, block) = state.block(self.offset(word)?)?;
            let (bytes, fresh) = (block.now, block.fresh);
            let span = Span { at, bytes, fresh };
            found.insert(span).then_some(span)
        };
        open.extend(words.into_iter().filter_map(|w| follow(w, &mut found)));
        while let Some(Span { at, bytes, .. }) = open.pop() {
            for i in 0..bytes / 8 {
                // SAFETY: the word lies in an allocation, which is aligned.
                let word = unsafe { *((self.base + at + 8 * i) as *const u64) };
                if self.offset(word).is_some() {
                    open.extend(follow(word, &mut found));
                }
            }
        }
        found.into_iter().collect()
    }

    /// The bytes of an allocation.
    ///
    /// # Safety
    /// The span is one of [`Arena::reachable`], and nobody else uses the memory as long as the slice lives.
    #[expect(clippy::mut_from_ref)] // as of any memory that others are kept from by agreement
    pub unsafe fn slice(&self, span: Span) -> &mut [u8] {
        // SAFETY: the caller's promise.
        unsafe { self.bytes(span.at, span.bytes) }
    }

    /// # Safety
    /// The range is within the arena, and nobody else uses it as long as the slice lives.
    #[expect(clippy::mut_from_ref)] // as above
    unsafe fn bytes(&self, at: usize, bytes: usize) -> &mut [u8] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut((self.base + at) as *mut u8, bytes) }
    }

    /// A write outside of all allocations that hit a red zone, in words.
    pub fn damage(&self) -> Option<String> {
        let state = self.state.lock();
        for (&at, block) in &state.blocks {
            for (side, zone) in block.zones(at).into_iter().enumerate() {
                // SAFETY: red zones belong to the arena alone; kernels must not write there.
                let bytes = unsafe { self.bytes(zone.0, zone.1) };
                let hit = |i: &usize| bytes[*i] != ZONE[block.pattern][i % 2];
                let place = match side {
                    0 => (0..zone.1).rev().find(hit).map(|i| (zone.1 - i, "before")),
                    _ => (0..zone.1).find(hit).map(|i| (i + 1, "past")),
                };
                if let Some((distance, place)) = place {
                    return Some(format!(
                        "a write {distance} bytes {place} an allocation of {} bytes",
                        block.now
                    ));
                }
            }
        }
        None
    }

    fn offset(&self, address: u64) -> Option<usize> {
        let at = usize::try_from(address).ok()?.checked_sub(self.base)?;
        (at < self.size).then_some(at)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.raw.as_ptr(), self.layout) }
    }
}

impl State {
    /// The allocation that an offset lies in or just behind.
    fn block(&self, at: usize) -> Option<(usize, Block)> {
        let (&start, &block) = self.blocks.range(..=at).next_back()?;
        (at - start <= block.bytes.max(block.now)).then_some((start, block))
    }
}
