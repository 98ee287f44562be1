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
        match self.queue_download(tensor) {
            Err(e) => then(Err(e)),
            Ok(pieces) => {
                let (gpu, source) = (self.clone(), tensor.clone());
                // Kept outside of the call, so that it is not lost when it is refused.
                let slot = Arc::new(Mutex::new(Some(then)));
                let (theirs, ledger) = (slot.clone(), charged());
                let finish = move |outcome: Result<()>| {
                    let Some(then) = theirs.lock().take() else {
                        return;
                    };
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
                };
                let queue = self.completion.clone();
                let call = Box::new(move |outcome| queue.run(Box::new(move || finish(outcome))));
                if let Err(e) = self.driver.call_host(self.outward, call)
                    && let Some(then) = slot.lock().take()
                {
                    then(Err(e));
                }
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
        let (source, queue) = (tensor.clone(), self.completion.clone());
        let keep = Box::new(move |_| queue.run(Box::new(move || drop(source))));
        let queued = queued.and_then(|()| self.driver.call_host(self.inward, keep));
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
        if block.block.freed_at > self.done.load(Ordering::Acquire) {
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

    fn queue_download(&self, tensor: &Tensor) -> Result<Vec<Pinned>> {
        let own = tensor.gpu().is_some_and(|g| std::ptr::eq(&**g, self));
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
                Err(e) => return self.abandon(pieces, e),
            };
            let source = DevicePtr(from.0 + at as u64);
            // SAFETY: the range belongs to the tensor, which the caller keeps until the copy is over; the pinned
            // buffer is large enough and read only then.
            let queued = unsafe {
                self.driver
                    .to_host(self.outward, pinned.data.as_ptr(), source, len)
            };
            pieces.push(Pinned {
                used: len,
                ..pinned
            });
            if let Err(e) = queued {
                return self.abandon(pieces, e);
            }
        }
        Ok(pieces)
    }

    /// Ends a download half way: what was queued may still write to its buffers.
    fn abandon(&self, pieces: Vec<Pinned>, error: Error) -> Result<Vec<Pinned>> {
        for piece in pieces {
            // A buffer whose event cannot be recorded is never used again.
            let _ = self.staging.give_after(piece, self.outward);
        }
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
            if waiting.iter().map(|p| p.size).sum::<usize>() > MOST_WAITING {
                self.free_idle(&mut waiting);
            }
        }
        let data = match self.driver.allocate_pinned(self.device, size) {
            Ok(data) => data,
            Err(_) => {
                self.free_idle(&mut self.waiting.lock());
                self.driver.allocate_pinned(self.device, size)?
            }
        };
        self.held.fetch_add(size, Ordering::Relaxed);
        let spare = self.events.lock().pop();
        Ok(Pinned {
            data,
            size,
            used: 0,
            event: match spare {
                Some(event) => event,
                None => self.driver.event(self.device)?,
            },
        })
    }

    fn free_idle(&self, waiting: &mut Vec<Pinned>) {
        waiting.retain(|pinned| {
            if !self.driver.is_over(pinned.event).unwrap_or(false) {
                return true;
            }
            // SAFETY: allocated by `take`; it waited, and the copy that used it is over.
            let _ = unsafe { self.driver.free_pinned(self.device, pinned.data) };
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
        self.waiting.lock().push(pinned);
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.free_idle(&mut self.waiting.lock());
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread on which what follows a copy runs, since a stream's own call must not use the driver.
#[derive(Clone)]
pub(super) struct Completion(Sender<Job>);

impl Completion {
    /// The thread ends when the last clone is gone.
    pub(super) fn new(index: usize) -> Result<Completion> {
        let (sender, jobs) = channel::<Job>();
        std::thread::Builder::new()
            .name(format!("gpu-{index}"))
            .spawn(move || {
                for job in jobs {
                    // A caller's mistake must not end what all others wait for.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                }
            })
            .map_err(|e| Error::resource_exhausted(format!("no thread for GPU {index}: {e}")))?;
        Ok(Completion(sender))
    }

    fn run(&self, job: Job) {
        // The thread lives as long as this sender does.
        if let Err(lost) = self.0.send(job) {
            (lost.0)();
        }
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
}
