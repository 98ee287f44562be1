//! Streams and events of the emulator: queues that threads of their own work off, and marks in them.

use super::module::Stacks;
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a stream is given.
pub type Job = Box<dyn FnOnce(&mut Stacks) + Send>;

/// A queue with its thread.
pub struct Stream {
    /// The device.
    pub device: usize,
    jobs: Option<mpsc::Sender<Job>>,
    worker: Option<JoinHandle<()>>,
}

/// A place in a queue that others can wait for.
#[derive(Default)]
pub struct Mark {
    reached: Mutex<bool>,
    changed: Condvar,
}

impl Stream {
    /// A stream of a device. With a seed it waits at random before it does something.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no thread to be had.
    pub fn new(device: usize, delays: Option<u64>) -> Result<Stream> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let mut random = delays.map(|seed| seed.wrapping_mul(2).wrapping_add(1));
        let work = move || {
            let mut stacks = Stacks::default();
            for job in jobs {
                if let Some(state) = &mut random {
                    // xorshift64
                    *state ^= *state << 13;
                    *state ^= *state >> 7;
                    *state ^= *state << 17;
                    if *state >> 63 == 1 {
                        std::thread::sleep(Duration::from_micros((*state >> 32) % 500));
                    }
                }
                job(&mut stacks);
            }
        };
        let worker = std::thread::Builder::new()
            .name(format!("gpu{device}-stream"))
            .spawn(work)
            .map_err(|e| Error::resource_exhausted(format!("a stream's thread: {e}")))?;
        Ok(Stream {
            device,
            jobs: Some(sender),
            worker: Some(worker),
        })
    }

    /// Queues a job.
    pub fn push(&self, job: Job) -> Result<()> {
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        match sent {
            true => Ok(()),
            false => Err(Error::internal("the stream's thread has ended")),
        }
    }

    /// A mark behind all that the stream was given.
    pub fn mark(&self) -> Result<Arc<Mark>> {
        let mark = Arc::new(Mark::default());
        let theirs = mark.clone();
        self.push(Box::new(move |_| theirs.reach()))?;
        Ok(mark)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.jobs = None;
        let worker = self.worker.take();
        // The last owner of a driver may be a job of the stream itself.
        if let Some(worker) = worker.filter(|w| w.thread().id() != std::thread::current().id()) {
            // A panic in a job has been reported where it happened.
            let _ = worker.join();
        }
    }
}

impl Mark {
    /// Whether the stream got there.
    pub fn is_reached(&self) -> bool {
        *self.reached.lock()
    }

    /// Waits until it is reached.
    pub fn wait(&self) {
        let mut reached = self.reached.lock();
        while !*reached {
            self.changed.wait(&mut reached);
        }
    }

    fn reach(&self) {
        *self.reached.lock() = true;
        self.changed.notify_all();
    }
}
