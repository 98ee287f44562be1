//! Reference-counted, 64-byte aligned buffers that return to a pool, so that a steady step allocates nothing.

use super::ledger::{Allocator, Ledger, taken};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// The alignment of every buffer in bytes (one cache line, one AVX-512 register).
pub const ALIGN: usize = 64;
/// Buffers below this size come from the system allocator, which is fast for them.
const POOLED: usize = 4096;
/// Buffers above this size go back to the system at once.
const LARGEST_CLASS: usize = 1 << 30;
/// Four size classes for each power of two.
const CLASSES: usize = 4 * 31;
/// No more than this many bytes wait in the pool.
const POOL_LIMIT: usize = 2 << 30;

/// The block in front of the data: the count of owners, the size of the data part, and who is told when it is given back.
#[repr(C, align(64))]
struct Header {
    owners: AtomicUsize,
    capacity: usize,
    /// None in a block that waits.
    ledger: Mutex<Option<Arc<Ledger>>>,
}

/// Bytes with shared ownership. Mutable only for a sole owner.
pub(crate) struct Buffer(NonNull<Header>);

// SAFETY: the bytes are plain; they are mutated only through `&mut Buffer` with a single owner.
unsafe impl Send for Buffer {}
// SAFETY: as above; the count is atomic.
unsafe impl Sync for Buffer {}

struct Pool {
    /// Free blocks by class, as addresses of their headers.
    free: [Mutex<Vec<usize>>; CLASSES],
    waiting: AtomicUsize,
    /// Blocks taken from the system so far (pooled sizes only).
    fresh: AtomicUsize,
    in_use: AtomicUsize,
    peak: AtomicUsize,
}

static POOL: Pool = Pool {
    free: [const { Mutex::new(Vec::new()) }; CLASSES],
    waiting: AtomicUsize::new(0),
    fresh: AtomicUsize::new(0),
    in_use: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};

/// What the buffer pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Bytes in live buffers.
    pub in_use: usize,
    /// The most bytes that were live at once since the start or the last [`reset_pool_peak`].
    pub peak: usize,
    /// Bytes that wait for reuse.
    pub waiting: usize,
    /// Buffers of at least 4 KiB that had to be taken from the system so far.
    pub fresh: usize,
}

/// The state of the process-wide buffer pool.
pub fn pool_stats() -> PoolStats {
    PoolStats {
        in_use: POOL.in_use.load(Ordering::Relaxed),
        peak: POOL.peak.load(Ordering::Relaxed),
        waiting: POOL.waiting.load(Ordering::Relaxed),
        fresh: POOL.fresh.load(Ordering::Relaxed),
    }
}

/// Lets the peak begin anew at what is live now.
pub fn reset_pool_peak() {
    POOL.peak
        .store(POOL.in_use.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// The class whose size is at least `bytes`, and that size.
fn class_of(bytes: usize) -> (usize, usize) {
    let power = usize::BITS as usize - 1 - bytes.leading_zeros() as usize;
    let quarter = 1usize << (power - 2);
    let steps = bytes.div_ceil(quarter);
    // `steps` is 4..=8; 8 is the first class of the next power.
    (4 * power + (steps - 4), steps * quarter)
}

fn layout(capacity: usize) -> Option<Layout> {
    let size = capacity.checked_add(std::mem::size_of::<Header>())?;
    Layout::from_size_align(size, ALIGN).ok()
}

impl Buffer {
    /// A buffer of at least `bytes` bytes whose content is initialized but unspecified.
    pub(crate) fn new(bytes: usize) -> Result<Buffer> {
        let oom = || Error::resource_exhausted(format!("OOM when allocating {bytes} bytes"));
        let capacity = if (POOLED..=LARGEST_CLASS).contains(&bytes) {
            let (class, size) = class_of(bytes);
            if let Some(address) = POOL.free[class].lock().pop() {
                POOL.waiting.fetch_sub(size, Ordering::Relaxed);
                let header = address as *mut Header;
                // SAFETY: the pool owns the block, so nobody else looks at its header.
                unsafe { (*header).owners.store(1, Ordering::Relaxed) };
                // SAFETY: addresses in the pool come from live allocations and are not null.
                return Ok(account(Buffer(unsafe { NonNull::new_unchecked(header) })));
            }
            POOL.fresh.fetch_add(1, Ordering::Relaxed);
            size
        } else {
            bytes
        };
        let layout = layout(capacity).ok_or_else(oom)?;
        // SAFETY: the layout has a size above zero (the header's).
        let raw = unsafe { alloc_zeroed(layout) } as *mut Header;
        let header = NonNull::new(raw).ok_or_else(oom)?;
        // SAFETY: fresh memory of at least the header's size and alignment.
        unsafe {
            raw.write(Header {
                owners: AtomicUsize::new(1),
                capacity,
                ledger: Mutex::new(None),
            })
        };
        Ok(account(Buffer(header)))
    }

    fn header(&self) -> &Header {
        // SAFETY: the block lives as long as one owner does.
        unsafe { self.0.as_ref() }
    }
    /// The first byte.
    pub(crate) fn data(&self) -> *mut u8 {
        // SAFETY: the data part follows the header in the same allocation.
        unsafe { (self.0.as_ptr() as *mut u8).add(std::mem::size_of::<Header>()) }
    }
    pub(crate) fn capacity(&self) -> usize {
        self.header().capacity
    }
    /// Whether nobody else holds this buffer.
    pub(crate) fn is_unique(&self) -> bool {
        self.header().owners.load(Ordering::Acquire) == 1
    }
    pub(crate) fn same(&self, other: &Buffer) -> bool {
        self.0 == other.0
    }
    /// Who is told when it is given back.
    pub(crate) fn ledger(&self) -> Option<Arc<Ledger>> {
        self.header().ledger.lock().clone()
    }
    /// From now on somebody else is.
    pub(crate) fn tell(&self, ledger: &Arc<Ledger>) {
        *self.header().ledger.lock() = Some(ledger.clone());
    }
}

/// Counts a buffer that was just taken.
fn account(buffer: Buffer) -> Buffer {
    let bytes = buffer.capacity();
    let now = POOL.in_use.fetch_add(bytes, Ordering::Relaxed) + bytes;
    POOL.peak.fetch_max(now, Ordering::Relaxed);
    if let Some(ledger) = taken(Allocator::Host, bytes, now) {
        buffer.tell(&ledger);
    }
    buffer
}

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        self.header().owners.fetch_add(1, Ordering::Relaxed);
        Buffer(self.0)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.header().owners.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        let capacity = self.capacity();
        let before = POOL.in_use.fetch_sub(capacity, Ordering::Relaxed);
        // SAFETY: the last owner is gone, so nobody else looks at the header.
        let ledger = unsafe { self.0.as_mut() }.ledger.get_mut();
        if let Some(ledger) = ledger.take() {
            ledger.enter(Allocator::Host, -(capacity as i64), before - capacity);
        }
        if (POOLED..=LARGEST_CLASS).contains(&capacity)
            && POOL
                .waiting
                .load(Ordering::Relaxed)
                .saturating_add(capacity)
                <= POOL_LIMIT
        {
            POOL.waiting.fetch_add(capacity, Ordering::Relaxed);
            POOL.free[class_of(capacity).0]
                .lock()
                .push(self.0.as_ptr() as usize);
            return;
        }
        if let Some(layout) = layout(capacity) {
            // SAFETY: allocated by `new` with this layout, and the last owner is gone.
            unsafe { dealloc(self.0.as_ptr() as *mut u8, layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_their_sizes() {
        let mut last = 0;
        for bytes in [
            4096,
            4097,
            5000,
            6144,
            8191,
            8192,
            100_000,
            1 << 20,
            (1 << 30) - 1,
            1 << 30,
        ] {
            let (class, size) = class_of(bytes);
            assert!(size >= bytes && size <= bytes + bytes / 4 && class < CLASSES && class >= last);
            assert_eq!(class_of(size), (class, size));
            last = class;
        }
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let a = Buffer::new(77_777).unwrap();
        assert_eq!(a.data() as usize % ALIGN, 0);
        let b = a.clone();
        assert!(!a.is_unique());
        drop(b);
        assert!(a.is_unique() && a.capacity() >= 77_777);
    }
}
