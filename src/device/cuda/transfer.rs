//! Copies between host and GPU and between GPUs: on streams of their own, through pinned memory, without waiting.

use super::driver::{DevicePtr, Driver, EventId, StreamId};
use super::gpu::{Gpu, GpuBlock};
use super::memory::Prefer;
use super::tensor::block_for;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use crate::tensor::ledger::{charge, charged};
use parking_lot::Mutex;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::ThreadId;

/// Pinned buffers have at least this size.
const SMALLEST_PINNED: usize = 1 << 16;
/// What is larger is copied piece by piece.
const PIECE: usize = 1 << 24;
/// No more than this many pinned bytes wait for reuse.
const MOST_WAITING: usize = 1 << 28;

/// What is called with a downloaded tensor.
pub type Downloaded = Box<dyn FnOnce(Result<Tensor>) + Send>;

impl Gpu {
    /// A copy of a host tensor in this GPU's memory; kernels that are launched from now on may use it. The copy
    /// itself goes on while the caller does.
    ///
    /// # Errors
    /// `ResourceExhausted` when it does not fit; `InvalidArgument` for a type that is not plain data.
    pub fn upload(self: &Arc<Gpu>, tensor: &Tensor) -> Result<Tensor> {
        let from = tensor.bytes()?;
        let block = block_for(self, tensor.dtype(), tensor.shape(), Prefer::Oldest)?;
        self.before_inward_copy(&block, tensor.byte_size())?;
        let queued = self.queue_upload(block.block.ptr, from);
        self.arrive(queued, tensor, block)
    }

    /// Copies a tensor of this GPU to the host, with all that was queued for it so far, and hands the copy to
    /// `then` on a thread of the GPU's, which must not be held up for long.
    pub fn download(self: &Arc<Gpu>, tensor: &Tensor, then: Downloaded) {
        let after = self.given.load(Ordering::Acquire);
        let pieces = match self.queue_download(tensor) {
            Err(e) => return then(Err(e)),
            Ok(pieces) => pieces,
        };
        let (gpu, ledger) = (self.clone(), charged());
        let kept = (tensor.clone(), pieces);
        self.when_over(self.outward, kept, move |(source, pieces), outcome| {
            let _charging = charge(ledger);
            let made = outcome.and_then(|()| {
                gpu.done.fetch_max(after, Ordering::AcqRel);
                gather(&source, &pieces)
            });
            for piece in pieces {
                gpu.staging.give(piece);
            }
            drop(source);
            then(made);
        });
    }

    /// Keeps something until a stream has done what it was given so far, and then hands it to `then` on the GPU's own
    /// thread. Where the driver refuses to tell when that is, it is waited for here.
    fn when_over<T: Send + 'static>(
        &self,
        stream: StreamId,
        kept: T,
        then: impl FnOnce(T, Result<()>) + Send + 'static,
    ) {
        // Outside of the call, so that it is not lost when the call is refused.
        let slot = Arc::new(Mutex::new(Some((kept, then))));
        let (theirs, queue) = (slot.clone(), self.completion.clone());
        let call = Box::new(move |outcome| {
            queue.run(Box::new(move || {
                let taken = theirs.lock().take();
                if let Some((kept, then)) = taken {
                    then(kept, outcome);
                }
            }));
        });
        if let Err(e) = self.driver.call_host(stream, call) {
            // A stream that fails here does nothing any more.
            let _ = self.driver.synchronize(stream);
            let taken = slot.lock().take();
            if let Some((kept, then)) = taken {
                then(kept, Err(e));
            }
        }
    }

    /// As [`Gpu::download`], but waits for the copy.
    ///
    /// # Errors
    /// The error of the copy, or of the work before it.
    pub fn download_now(self: &Arc<Gpu>, tensor: &Tensor) -> Result<Tensor> {
        let (tx, rx) = channel();
        self.download(
            tensor,
            Box::new(move |r| {
                // The receiver waits below.
                let _ = tx.send(r);
            }),
        );
        rx.recv()
            .unwrap_or_else(|_| Err(Error::internal("the copy to the host was dropped")))
    }

    /// A copy of another GPU's tensor in this one's memory; kernels that are launched from now on may use it.
    ///
    /// # Errors
    /// `ResourceExhausted` when it does not fit; `Internal` for a tensor in host memory or of another driver.
    pub fn copy_from(self: &Arc<Gpu>, tensor: &Tensor) -> Result<Tensor> {
        let other = tensor
            .gpu()
            .ok_or_else(|| Error::internal("the tensor lies in host memory"))?;
        if !Arc::ptr_eq(&self.driver, &other.driver) {
            return Err(Error::internal("the GPUs have different drivers"));
        }
        let block = block_for(self, tensor.dtype(), tensor.shape(), Prefer::Oldest)?;
        self.before_inward_copy(&block, tensor.byte_size())?;
        other.order(other.compute, self.inward)?;
        let (to, from) = (block.block.ptr, tensor.device_address()?);
        // SAFETY: both blocks are as large as the tensor; the source is kept until the copy is over.
        let queued = unsafe {
            self.driver
                .on_device(self.inward, to, from, tensor.byte_size())
        };
        self.when_over(self.inward, tensor.clone(), |source, _| drop(source));
        self.arrive(queued, tensor, block)
    }

    /// The tensor whose elements were queued to come into the block.
    fn arrive(&self, queued: Result<()>, like: &Tensor, block: GpuBlock) -> Result<Tensor> {
        // Also when it failed half way: the block's next owner must come after what was queued.
        self.order(self.inward, self.compute)?;
        self.queued();
        queued?;
        Ok(Tensor::in_device_memory(
            like.dtype(),
            like.shape().clone(),
            Arc::new(block),
        ))
    }

    /// Lets the inward stream wait for what the block's last owner queued, unless that is known to be done.
    fn before_inward_copy(&self, block: &GpuBlock, bytes: usize) -> Result<()> {
        if !self.is_done(block.block.freed_at) {
            self.order(self.compute, self.inward)?;
        }
        self.driver.given_out(self.inward, block.block.ptr, bytes)
    }

    /// Queues the copy of `from` to a block that is at least as large.
    fn queue_upload(&self, to: DevicePtr, from: &[u8]) -> Result<()> {
        for (i, piece) in from.chunks(PIECE).enumerate() {
            let pinned = self.staging.take(piece.len())?;
            let data = pinned.data.as_ptr();
            // SAFETY: a pinned buffer of at least this size that nobody else has.
            unsafe { std::ptr::copy_nonoverlapping(piece.as_ptr(), data, piece.len()) };
            let at = DevicePtr(to.0 + (i * PIECE) as u64);
            // SAFETY: the pinned buffer is used again only after the event that is recorded behind the copy, and the
            // block's next owner is ordered behind it.
            let queued = unsafe { self.driver.to_device(self.inward, at, data, piece.len()) };
            self.staging.give_after(pinned, self.inward)?;
            queued?;
        }
        Ok(())
    }

    fn queue_download(self: &Arc<Gpu>, tensor: &Tensor) -> Result<Vec<Pinned>> {
        let own = tensor.gpu().is_some_and(|g| Arc::ptr_eq(g, self));
        if !own {
            return Err(Error::internal(format!(
                "the tensor does not lie in the memory of GPU {}",
                self.index
            )));
        }
        let from = tensor.device_address()?;
        let bytes = tensor.byte_size();
        self.order(self.compute, self.outward)?;
        let mut pieces = Vec::with_capacity(bytes.div_ceil(PIECE));
        for at in (0..bytes).step_by(PIECE) {
            let len = PIECE.min(bytes - at);
            let pinned = match self.staging.take(len) {
                Ok(pinned) => pinned,
                Err(e) => return self.abandon(tensor, pieces, e),
            };
            let source = DevicePtr(from.0 + at as u64);
            // SAFETY: the range belongs to the tensor, which the caller or `abandon` keeps until the copy is over; the
            // pinned buffer is large enough and read only then.
            let queued = unsafe {
                self.driver
                    .to_host(self.outward, pinned.data.as_ptr(), source, len)
            };
            pieces.push(Pinned {
                used: len,
                ..pinned
            });
            if let Err(e) = queued {
                return self.abandon(tensor, pieces, e);
            }
        }
        Ok(pieces)
    }

    /// Ends a download half way: what was queued may still read the tensor and write to its buffers.
    fn abandon(
        self: &Arc<Gpu>,
        tensor: &Tensor,
        pieces: Vec<Pinned>,
        error: Error,
    ) -> Result<Vec<Pinned>> {
        let gpu = self.clone();
        let kept = (tensor.clone(), pieces);
        self.when_over(self.outward, kept, move |(source, pieces), _| {
            for piece in pieces {
                gpu.staging.give(piece);
            }
            drop(source);
        });
        Err(error)
    }
}

/// A host tensor of the downloaded pieces of `source`.
fn gather(source: &Tensor, pieces: &[Pinned]) -> Result<Tensor> {
    let mut tensor = Tensor::alloc(source.dtype(), source.shape().clone())?;
    let is_bool = tensor.dtype() == DType::Bool;
    let mut rest = tensor.bytes_mut()?;
    for piece in pieces {
        let (here, after) = rest.split_at_mut(piece.used);
        // SAFETY: the copy that wrote `used` bytes there is over.
        let got = unsafe { std::slice::from_raw_parts(piece.data.as_ptr(), piece.used) };
        match is_bool {
            // Other bytes than 0 and 1 must not become bools of this language.
            true => here
                .iter_mut()
                .zip(got)
                .for_each(|(h, g)| *h = u8::from(*g != 0)),
            false => here.copy_from_slice(got),
        }
        rest = after;
    }
    Ok(tensor)
}

/// A pinned buffer.
struct Pinned {
    data: NonNull<u8>,
    size: usize,
    used: usize,
    event: EventId,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Pinned {}

/// The pinned buffers of a device.
pub(super) struct Staging {
    driver: Arc<dyn Driver>,
    device: usize,
    /// Those that wait; the copy of one that was given back early may not be over.
    waiting: Mutex<Vec<Pinned>>,
    /// Events of buffers that are gone.
    events: Mutex<Vec<EventId>>,
    /// The bytes of all buffers.
    held: AtomicUsize,
}

impl Staging {
    pub(super) fn new(driver: Arc<dyn Driver>, device: usize) -> Staging {
        Staging {
            driver,
            device,
            waiting: Mutex::default(),
            events: Mutex::default(),
            held: AtomicUsize::new(0),
        }
    }

    /// The bytes of all buffers.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// A buffer that no copy uses.
    fn take(&self, bytes: usize) -> Result<Pinned> {
        let size = bytes.max(SMALLEST_PINNED).next_power_of_two();
        {
            let mut waiting = self.waiting.lock();
            for i in 0..waiting.len() {
                if waiting[i].size == size && self.driver.is_over(waiting[i].event)? {
                    return Ok(waiting.swap_remove(i));
                }
            }
        }
        let spare = self.events.lock().pop();
        let event = match spare {
            Some(event) => event,
            None => self.driver.event(self.device)?,
        };
        let made = self.driver.allocate_pinned(self.device, size);
        let made = made.or_else(|_| {
            self.free_idle(&mut self.waiting.lock(), 0);
            self.driver.allocate_pinned(self.device, size)
        });
        let data = made.inspect_err(|_| self.events.lock().push(event))?;
        self.held.fetch_add(size, Ordering::Relaxed);
        Ok(Pinned {
            data,
            size,
            used: 0,
            event,
        })
    }

    /// Frees buffers that no copy uses until no more than `most` bytes wait, those first that have waited for longest.
    fn free_idle(&self, waiting: &mut Vec<Pinned>, most: usize) {
        let mut bytes = waiting.iter().map(|p| p.size).sum::<usize>();
        waiting.retain(|pinned| {
            if bytes <= most || !self.driver.is_over(pinned.event).unwrap_or(false) {
                return true;
            }
            // SAFETY: allocated by `take`; it waited, and the copy that used it is over.
            let _ = unsafe { self.driver.free_pinned(self.device, pinned.data) };
            bytes -= pinned.size;
            self.held.fetch_sub(pinned.size, Ordering::Relaxed);
            self.events.lock().push(pinned.event);
            false
        });
    }

    /// Gives a buffer back that is free as soon as the stream has done what it was given so far.
    fn give_after(&self, pinned: Pinned, stream: StreamId) -> Result<()> {
        self.driver.record(pinned.event, stream)?;
        self.give(pinned);
        Ok(())
    }

    fn give(&self, pinned: Pinned) {
        let mut waiting = self.waiting.lock();
        waiting.push(pinned);
        self.free_idle(&mut waiting, MOST_WAITING);
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.free_idle(&mut self.waiting.lock(), 0);
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread on which what follows a copy runs, since a stream's own call must not use the driver.
#[derive(Clone)]
pub(super) struct Completion {
    jobs: Sender<Job>,
    thread: ThreadId,
}

impl Completion {
    /// The thread ends when the last clone is gone.
    pub(super) fn new(index: usize) -> Result<Completion> {
        let (sender, jobs) = channel::<Job>();
        let thread = std::thread::Builder::new()
            .name(format!("gpu-{index}"))
            .spawn(move || {
                for job in jobs {
                    // A caller's mistake must not end what all others wait for.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                }
            })
            .map_err(|e| Error::resource_exhausted(format!("no thread for GPU {index}: {e}")))?;
        Ok(Completion {
            jobs: sender,
            thread: thread.thread().id(),
        })
    }

    fn run(&self, job: Job) {
        // The thread lives as long as this sender does.
        if let Err(lost) = self.jobs.send(job) {
            (lost.0)();
        }
    }

    /// Waits until the thread has run what it was given so far; at once on the thread itself.
    pub(super) fn wait(&self) {
        if std::thread::current().id() == self.thread {
            return;
        }
        let (sender, over) = channel::<()>();
        self.run(Box::new(move || drop(sender)));
        // Nothing is sent: the sender's end tells.
        let _ = over.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cuda::fake::Fake;
    use crate::error::Code;

    fn gpus(n: usize) -> (Arc<Fake>, Vec<Arc<Gpu>>) {
        let fake = Arc::new(Fake::new(n, 256 << 20));
        let gpus = (0..n).map(|i| Gpu::new(fake.clone(), i).unwrap()).collect();
        (fake, gpus)
    }

    #[test]
    fn tensors_of_every_type_and_of_several_pieces_come_back_unchanged() {
        let (fake, gpus) = gpus(2);
        let long: Vec<i64> = (0..PIECE as i64 / 3).collect();
        for t in [
            Tensor::from([1.5f32, -2.0, f32::NAN]),
            Tensor::from([true, false, true]),
            Tensor::from([[1u8, 2], [3, 4]]),
            Tensor::from(7i64),
            Tensor::from(Vec::<f64>::new()),
            Tensor::from(long),
        ] {
            let there = gpus[0].upload(&t).unwrap();
            assert!(there.is_on_gpu() && there.shape() == t.shape());
            let other = gpus[1].copy_from(&there).unwrap();
            for (gpu, t2) in [(&gpus[0], &there), (&gpus[1], &other)] {
                let back = gpu.download_now(t2).unwrap();
                assert_eq!(back.bytes().unwrap(), t.bytes().unwrap());
            }
        }
        assert!(gpus[0].download_now(&Tensor::from(1i32)).is_err());
        assert!(gpus[0].upload(&Tensor::from("text")).is_err());
        drop(gpus);
        assert_eq!(fake.settled(), (0, 0));
    }

    #[test]
    fn rows_and_shapes_share_and_the_host_cannot_look() {
        let (_, gpus) = gpus(1);
        let t = gpus[0]
            .upload(&Tensor::from([[1i32, 2], [3, 4], [5, 6]]))
            .unwrap();
        assert!(t.is_unique());
        let row = t.row(1).unwrap();
        assert!(!t.is_unique() && row.shares_buffer(&t));
        let back = gpus[0].download_now(&row).unwrap();
        assert_eq!(back.data::<i32>().unwrap(), &[3, 4]);
        let e = t.data::<i32>().unwrap_err();
        assert_eq!(e.code(), Code::Internal);
        assert!(t.bytes().is_err() && t.data::<f32>().is_err());
        assert_eq!(t.to_string(), "int32[3,2] [<in GPU memory>]");
        assert!(t.device_ptr().is_ok() && Tensor::from(1i32).device_ptr().is_err());
    }

    #[test]
    fn a_failed_copy_and_a_full_device_give_errors() {
        let (fake, gpus) = gpus(1);
        let shape = crate::Shape::of(&[1 << 30]).unwrap();
        let e = Tensor::alloc_on(&gpus[0], DType::F32, shape).unwrap_err();
        assert_eq!(e.code(), Code::ResourceExhausted);
        assert_eq!(
            e.message(),
            "OOM when allocating tensor with shape[1073741824] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc"
        );
        let t = gpus[0].upload(&Tensor::from([1.0f32; 9])).unwrap();
        fake.fail_copies(true);
        assert!(gpus[0].upload(&Tensor::from(1.0f32)).is_err());
        assert!(gpus[0].download_now(&t).is_err());
        fake.fail_copies(false);
        assert!(gpus[0].download_now(&t).is_ok());
        drop(t);
        assert_eq!(gpus[0].stats().in_use, 0);
    }

    /// The download still holds the first tensor when room for the second is looked for.
    #[test]
    fn memory_that_a_copy_holds_is_waited_for() {
        let fake = Arc::new(Fake::new(1, 1 << 20));
        let gpu = Gpu::new(fake.clone(), 0).unwrap();
        let shape = crate::Shape::of(&[700_000]).unwrap();
        let alloc = || Tensor::alloc_on(&gpu, DType::U8, shape.clone());
        let first = alloc().unwrap();
        let small = gpu.upload(&Tensor::from(1i32)).unwrap();
        let slow = |_| std::thread::sleep(std::time::Duration::from_millis(100));
        gpu.download(&small, Box::new(slow));
        gpu.download(&first, Box::new(|_| {}));
        drop(first);
        let second = alloc().unwrap();
        assert_eq!(alloc().unwrap_err().code(), Code::ResourceExhausted);
        drop(second);
    }

    #[test]
    fn pinned_memory_stays_below_its_limit() {
        let fake = Arc::new(Fake::new(1, 1 << 30));
        let gpu = Gpu::new(fake, 0).unwrap();
        let shape = crate::Shape::of(&[MOST_WAITING + 5 * PIECE]).unwrap();
        let big = Tensor::alloc_on(&gpu, DType::U8, shape).unwrap();
        drop(gpu.download_now(&big).unwrap());
        gpu.completion.wait();
        assert!(gpu.pinned_bytes() <= MOST_WAITING);
    }

    /// A host call that is refused, called or not: the outcome comes once, and nothing stays behind.
    #[test]
    fn a_refused_host_call_is_an_error_and_nothing_is_lost() {
        for queued in [false, true] {
            let (fake, gpus) = gpus(2);
            let t = gpus[0].upload(&Tensor::from([1.0f32; 9])).unwrap();
            fake.refuse_calls(queued);
            assert!(gpus[0].download_now(&t).is_err());
            let there = gpus[1].copy_from(&t).unwrap();
            fake.accept_calls();
            assert!(gpus[0].download_now(&t).is_ok());
            drop((t, there));
            for gpu in &gpus {
                gpu.completion.wait();
                assert_eq!(gpu.stats().in_use, 0);
            }
            drop(gpus);
            assert_eq!(fake.settled(), (0, 0));
        }
    }
}
