//! One GPU: its streams, its memory, the kernels that were compiled for it, and how they are launched.

use super::driver::{Arg, Driver, EventId, Facts, Grid, StreamId};
use super::kernels::Kernels;
use super::memory::{Block, Blocks, Prefer};
use super::source::Source;
use super::transfer::{Completion, Staging};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::tensor::ledger::{Ledger, taken};
use crate::tensor::{Allocator, DeviceMemory};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use super::memory::GpuStats;

/// The part of the free memory that a GPU's tensors may take; the rest is for the driver and for code.
const USABLE: f64 = 0.95;

/// One GPU. All its kernels run on one stream, so a kernel may be launched as soon as those that make its
/// inputs were; copies run on streams of their own.
pub struct Gpu {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) index: usize,
    facts: Facts,
    pub(super) blocks: Blocks,
    pub(super) compute: StreamId,
    /// Copies from the host and from other GPUs.
    pub(super) inward: StreamId,
    /// Copies to the host.
    pub(super) outward: StreamId,
    /// An event to order two streams by; whoever records it holds the lock until the other stream waits.
    order: Mutex<EventId>,
    /// How much the compute stream was given so far.
    pub(super) given: AtomicU64,
    /// How much of it is known to be done.
    pub(super) done: AtomicU64,
    marks: Mutex<Marks>,
    kernels: Arc<Kernels>,
    pub(super) staging: Staging,
    pub(super) completion: Completion,
}

impl Gpu {
    /// The device of that number of a driver.
    ///
    /// # Errors
    /// `NotFound` when there is none; what the driver says.
    pub fn new(driver: Arc<dyn Driver>, index: usize) -> Result<Arc<Gpu>> {
        let facts = driver.devices().get(index).cloned().ok_or_else(|| {
            Error::not_found(format!("the {} driver has no GPU {index}", driver.name()))
        })?;
        let (free, _) = driver.memory(index)?;
        let limit = (free as f64 * USABLE) as usize;
        Ok(Arc::new(Gpu {
            blocks: Blocks::new(driver.clone(), index, limit),
            compute: driver.stream(index)?,
            inward: driver.stream(index)?,
            outward: driver.stream(index)?,
            order: Mutex::new(driver.event(index)?),
            given: AtomicU64::new(0),
            done: AtomicU64::new(0),
            marks: Mutex::default(),
            kernels: Kernels::new(driver.clone(), index),
            staging: Staging::new(driver.clone(), index),
            completion: Completion::new(index)?,
            facts,
            index,
            driver,
        }))
    }

    /// What is known of the device.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
    /// Its number among the devices of its driver.
    pub fn index(&self) -> usize {
        self.index
    }
    /// What drives it: `CUDA`, `emulator`.
    pub fn driver_name(&self) -> &'static str {
        self.driver.name()
    }
    /// What its allocator holds.
    pub fn stats(&self) -> GpuStats {
        self.blocks.stats()
    }
    /// The bytes of host memory that it holds to copy through.
    pub fn pinned_bytes(&self) -> usize {
        self.staging.held()
    }
    /// Waits until everything that was queued is done.
    ///
    /// # Errors
    /// The error of a kernel or a copy that failed.
    pub fn synchronize(&self) -> Result<()> {
        for stream in [self.inward, self.compute, self.outward] {
            self.driver.synchronize(stream)?;
        }
        Ok(())
    }

    /// A one-dimensional grid for a kernel that loops with `GRID_STRIDE`: at least one block, and not more than
    /// keep any device busy.
    pub fn blocks(elements: usize, threads: u32) -> Grid {
        let blocks = elements.div_ceil(threads.max(1) as usize).clamp(1, 1 << 14);
        Grid {
            blocks: [blocks as u32, 1, 1],
            threads: [threads.max(1), 1, 1],
            shared: 0,
        }
    }

    /// Queues the kernel of that name for an element type on the compute stream.
    ///
    /// # Safety
    /// The arguments are the kernel's, and with them it stays within tensors that live now: one with wrong arguments writes
    /// where it likes. Memory that is freed after this call is given out again only to work that is queued behind it.
    ///
    /// # Errors
    /// `Internal` when the source does not compile; what the driver says.
    pub(crate) unsafe fn launch(
        &self,
        source: &'static Source,
        dtype: DType,
        function: &str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<()> {
        grid.check()
            .map_err(|e| e.context(format!("{function} of {}: ", source.name)))?;
        let id = self.kernels.function(source, dtype, function)?;
        // SAFETY: the caller vouches for arguments and memory.
        unsafe { self.driver.launch(self.compute, id, &grid, args) }.map_err(|e| {
            e.context(format!(
                "launching {function} of {} for {dtype}: ",
                source.name
            ))
        })?;
        self.queued();
        Ok(())
    }

    /// Begins to compile a source for an element type, when that was not done yet: a kernel that is made says so what it
    /// is going to launch.
    pub(crate) fn prepare(&self, source: &'static Source, dtype: DType) {
        self.kernels.prepare(source, dtype);
    }

    /// Counts what the compute stream was just given (not before, so that who reads the count knows all of it queued).
    pub(super) fn queued(&self) {
        let before = self.given.fetch_add(1, Ordering::AcqRel);
        if before % MARK_EVERY == MARK_EVERY - 1 {
            self.mark();
        }
    }

    /// Records how far the compute stream was filled. A mark that cannot be made is not missed: the next one does.
    fn mark(&self) {
        let mut marks = self.marks.lock();
        self.look_at(&mut marks);
        if marks.waiting.len() >= MOST_MARKS {
            return;
        }
        let spare = marks.spare.pop();
        let Ok(event) = spare.map_or_else(|| self.driver.event(self.index), Ok) else {
            return;
        };
        let given = self.given.load(Ordering::Acquire);
        match self.driver.record(event, self.compute) {
            Ok(()) => marks.waiting.push_back((given, event)),
            Err(_) => marks.spare.push(event),
        }
    }

    /// Takes off the marks that the compute stream has passed.
    fn look_at(&self, marks: &mut Marks) {
        while let Some((given, event)) = marks.waiting.front().copied()
            && self.driver.is_over(event).unwrap_or(false)
        {
            self.done.fetch_max(given, Ordering::AcqRel);
            marks.waiting.pop_front();
            marks.spare.push(event);
        }
    }

    /// Whether the compute stream is known to have done that much of what it was given.
    pub(super) fn is_done(&self, given: u64) -> bool {
        let known = || given <= self.done.load(Ordering::Acquire);
        known() || {
            self.look_at(&mut self.marks.lock());
            known()
        }
    }

    /// What `after` is given from now on begins after what `before` was given so far, here or on another GPU.
    pub(super) fn order(&self, before: StreamId, after: StreamId) -> Result<()> {
        let event = self.order.lock();
        self.driver.record(*event, before)?;
        self.driver.wait(after, *event)
    }

    /// A block for a tensor.
    pub(super) fn take(self: &Arc<Gpu>, bytes: usize, prefer: Prefer) -> Result<GpuBlock> {
        let taken_now = self.blocks.take(bytes, prefer);
        let (block, in_use) = match taken_now {
            Err(_) if bytes <= self.stats().limit => {
                // What copies still hold comes back when they are over.
                for stream in [self.inward, self.outward] {
                    self.driver.synchronize(stream)?;
                }
                self.completion.wait();
                self.blocks.take(bytes, prefer)?
            }
            other => other?,
        };
        Ok(GpuBlock {
            ledger: taken(Allocator::Gpu(self.index), block.size, in_use),
            block,
            gpu: self.clone(),
        })
    }
}

/// So many launches lie between two marks in the compute stream.
const MARK_EVERY: u64 = 32;
/// No more marks than this are made before one is passed.
const MOST_MARKS: usize = 64;

/// Events in the compute stream, the oldest first, with how much it had been given when they were recorded, and events
/// to make others of. They tell what is done where nothing comes back to the host.
#[derive(Default)]
struct Marks {
    waiting: VecDeque<(u64, EventId)>,
    spare: Vec<EventId>,
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // A driver that fails here has lost the device.
        let _ = self.synchronize();
        self.blocks.release();
    }
}

/// A block that goes back to its GPU when it is dropped.
pub(super) struct GpuBlock {
    pub(super) gpu: Arc<Gpu>,
    pub(super) block: Block,
    ledger: Option<Arc<Ledger>>,
}

impl DeviceMemory for GpuBlock {
    fn address(&self) -> u64 {
        self.block.ptr.0
    }
    fn size(&self) -> usize {
        self.block.size
    }
    fn allocator(&self) -> Allocator {
        Allocator::Gpu(self.gpu.index)
    }
    fn ledger(&self) -> Option<&Arc<Ledger>> {
        self.ledger.as_ref()
    }
}

impl Drop for GpuBlock {
    fn drop(&mut self) {
        let in_use = self.gpu.blocks.give(Block {
            freed_at: self.gpu.given.load(Ordering::Acquire),
            ..self.block
        });
        if let Some(ledger) = &self.ledger {
            let bytes = self.block.size as i64;
            ledger.enter(Allocator::Gpu(self.gpu.index), -bytes, in_use);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cuda::SourceFile;
    use crate::device::cuda::fake::Fake;

    fn launch(gpu: &Gpu, dtype: DType, name: &str) -> Result<()> {
        // SAFETY: a kernel of the fake driver does nothing.
        unsafe { gpu.launch(&SOURCE, dtype, name, Gpu::blocks(1000, 256), &[]) }
    }

    static SOURCE: Source = Source {
        name: "two",
        files: &[SourceFile {
            path: "two.cu",
            text: "f_f32 g_f32",
        }],
        types: &[DType::F32],
    };

    #[test]
    fn a_source_is_compiled_once_and_its_functions_are_found_once() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let gpu = Gpu::new(fake.clone(), 0).unwrap();
        for _ in 0..3 {
            for function in ["f", "g"] {
                launch(&gpu, DType::F32, function).unwrap();
            }
        }
        assert_eq!((fake.compiled(), fake.launched()), (1, 6));
        let e = launch(&gpu, DType::F32, "h").unwrap_err();
        assert_eq!(e.code(), crate::Code::NotFound);
        let e = launch(&gpu, DType::F64, "f").unwrap_err();
        assert_eq!(e.code(), crate::Code::Internal);
        assert!(Gpu::new(fake, 1).is_err());
    }

    #[test]
    fn what_is_prepared_is_compiled_before_the_launch_and_only_once() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let gpu = Gpu::new(fake.clone(), 0).unwrap();
        for _ in 0..3 {
            gpu.prepare(&SOURCE, DType::F32);
        }
        while fake.compiled() == 0 {
            std::thread::yield_now();
        }
        launch(&gpu, DType::F32, "f").unwrap();
        assert_eq!((fake.compiled(), fake.launched()), (1, 1));
    }

    #[test]
    fn an_image_that_cannot_be_loaded_is_made_once_more() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let gpu = Gpu::new(fake.clone(), 0).unwrap();
        fake.damage_image();
        launch(&gpu, DType::F32, "f").unwrap();
        assert_eq!((fake.compiled(), fake.launched()), (2, 1));
    }

    /// Nothing comes back to the host, and yet what is done becomes known.
    #[test]
    fn what_is_done_is_known_without_downloads() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let gpu = Gpu::new(fake.clone(), 0).unwrap();
        let given = |gpu: &Gpu| gpu.given.load(Ordering::Acquire);
        let before = given(&gpu);
        for _ in 0..MARK_EVERY {
            launch(&gpu, DType::F32, "f").unwrap();
        }
        assert!(gpu.is_done(before + 1) && gpu.is_done(MARK_EVERY));
        launch(&gpu, DType::F32, "f").unwrap();
        assert!(!gpu.is_done(given(&gpu)));
        // No more events than are needed at once.
        for _ in 0..10 * MARK_EVERY * MOST_MARKS as u64 {
            launch(&gpu, DType::F32, "f").unwrap();
        }
        let marks = gpu.marks.lock();
        assert!(marks.waiting.len() + marks.spare.len() <= 2);
    }

    #[test]
    fn grids_are_never_empty_and_never_too_large() {
        assert_eq!(Gpu::blocks(0, 256).blocks, [1, 1, 1]);
        assert_eq!(Gpu::blocks(257, 256).blocks, [2, 1, 1]);
        assert_eq!(Gpu::blocks(usize::MAX, 256).blocks, [1 << 14, 1, 1]);
    }
}
