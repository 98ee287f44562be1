//! What an operation on a queue does when it is tried.

use super::store::Store;
use super::{Batch, Queue, QueueKind, State, Tuple};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A waiting operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// Where an outcome is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Within the call that began the operation.
    Here,
    /// Within somebody else's call: long work should move on to a thread of its own.
    Elsewhere,
}

/// Receives the outcome of an operation.
pub type Done<T> = Box<dyn FnOnce(Result<T>, Delivery) + Send>;

pub(super) struct Attempt {
    pub(super) ticket: Ticket,
    pub(super) work: Work,
}

pub(super) enum Work {
    Enqueue {
        tuple: Option<Tuple>,
        done: Done<()>,
    },
    EnqueueMany {
        components: Tuple,
        next: usize,
        rows: usize,
        done: Done<()>,
    },
    Close {
        done: Done<()>,
    },
    Dequeue {
        done: Done<Tuple>,
    },
    DequeueMany {
        missing: usize,
        taken: Vec<Tuple>,
        or_fewer: bool,
        done: Done<Batch>,
    },
}

/// An outcome to be delivered once the lock is released.
pub(super) struct Finished {
    pub(super) delivery: Delivery,
    pub(super) call: Box<dyn FnOnce() + Send>,
}

fn finish<T: Send + 'static>(done: Done<T>, result: Result<T>, delivery: Delivery) -> Finished {
    Finished {
        delivery,
        call: Box::new(move || done(result, delivery)),
    }
}

impl Work {
    pub(super) fn is_enqueue(&self) -> bool {
        matches!(
            self,
            Work::Enqueue { .. } | Work::EnqueueMany { .. } | Work::Close { .. }
        )
    }
    pub(super) fn fail(self, e: Error, delivery: Delivery) -> Finished {
        match self {
            Work::Enqueue { done, .. } | Work::EnqueueMany { done, .. } | Work::Close { done } => {
                finish(done, Err(e), delivery)
            }
            Work::Dequeue { done } => finish(done, Err(e), delivery),
            Work::DequeueMany { done, .. } => finish(done, Err(e), delivery),
        }
    }
    /// Returns what it had taken.
    pub(super) fn put_back(mut self, store: &mut Store) -> Work {
        if let Work::DequeueMany { taken, .. } = &mut self {
            store.put_back(std::mem::take(taken));
        }
        self
    }
}

/// Row `i` as an element. FIFO queues share the batch's buffer, which is gone when its last row is; a shuffling
/// queue keeps rows for long, and copies so that one of them does not keep a whole batch alive.
fn row(t: &Tensor, i: usize, copy: bool) -> Result<Tensor> {
    let shared = t.row(i)?;
    if !copy || !shared.dtype().is_pod() {
        return Ok(shared);
    }
    let mut own = Tensor::alloc(shared.dtype(), shared.shape().clone())?;
    own.bytes_mut()?.copy_from_slice(shared.bytes()?);
    Ok(own)
}

impl Queue {
    fn closed(&self) -> Error {
        Error::cancelled(format!(
            "{} '{}' is closed.",
            self.spec.kind.name(),
            self.name
        ))
    }
    fn insufficient(&self, requested: usize, size: usize) -> Error {
        Error::out_of_range(format!(
            "{} '{}' is closed and has insufficient elements (requested {requested}, current size {size})",
            self.spec.kind.name(),
            self.name
        ))
    }

    /// The elements that may leave now.
    fn available(&self, s: &State) -> usize {
        let kept = if s.closed {
            0
        } else {
            self.spec.min_after_dequeue
        };
        s.store.len().saturating_sub(kept)
    }

    /// Tries an attempt: says whether anything moved, and gives back what is not over.
    pub(super) fn step(
        &self,
        s: &mut State,
        work: Work,
        delivery: Delivery,
        finished: &mut Vec<Finished>,
    ) -> (bool, Option<Work>) {
        match work {
            Work::Enqueue { mut tuple, done } => {
                if s.closed {
                    finished.push(finish(done, Err(self.closed()), delivery));
                } else if s.store.len() < self.spec.capacity {
                    if let Some(tuple) = tuple.take() {
                        s.store.push(tuple);
                    }
                    finished.push(finish(done, Ok(()), delivery));
                } else {
                    return (false, Some(Work::Enqueue { tuple, done }));
                }
                (true, None)
            }
            Work::EnqueueMany {
                components,
                mut next,
                rows,
                done,
            } => {
                if s.closed {
                    finished.push(finish(done, Err(self.closed()), delivery));
                    return (true, None);
                }
                let before = next;
                let copy = self.spec.kind == QueueKind::RandomShuffle;
                while next < rows && s.store.len() < self.spec.capacity {
                    let tuple: Result<Tuple> =
                        components.iter().map(|t| row(t, next, copy)).collect();
                    match tuple {
                        Ok(tuple) => s.store.push(tuple),
                        Err(e) => {
                            finished.push(finish(done, Err(e), delivery));
                            return (true, None);
                        }
                    }
                    next += 1;
                }
                if next == rows {
                    finished.push(finish(done, Ok(()), delivery));
                    return (true, None);
                }
                let work = Work::EnqueueMany {
                    components,
                    next,
                    rows,
                    done,
                };
                (next > before, Some(work))
            }
            Work::Close { done } => {
                let result = if s.closed {
                    let text = format!("Queue '{}' is already closed.", self.name);
                    Err(Error::cancelled(text))
                } else {
                    s.closed = true;
                    Ok(())
                };
                finished.push(finish(done, result, delivery));
                (true, None)
            }
            Work::Dequeue { done } => {
                let size = s.store.len();
                if s.closed && size == 0 {
                    finished.push(finish(done, Err(self.insufficient(1, 0)), delivery));
                    return (true, None);
                }
                if self.available(s) == 0 {
                    return (false, Some(Work::Dequeue { done }));
                }
                match s.store.pop() {
                    Some(tuple) => finished.push(finish(done, Ok(tuple), delivery)),
                    None => return (false, Some(Work::Dequeue { done })),
                }
                (true, None)
            }
            Work::DequeueMany {
                missing,
                taken,
                or_fewer,
                done,
            } => self.step_many(s, (missing, taken, or_fewer, done), delivery, finished),
        }
    }

    fn step_many(
        &self,
        s: &mut State,
        (mut missing, mut taken, or_fewer, done): (usize, Vec<Tuple>, bool, Done<Batch>),
        delivery: Delivery,
        finished: &mut Vec<Finished>,
    ) -> (bool, Option<Work>) {
        let size = s.store.len();
        if s.closed && size < missing {
            s.store.put_back(std::mem::take(&mut taken));
            if !or_fewer || s.store.len() == 0 {
                // When enqueues still wait, they fail before this is tried: the queue is closed.
                let e = self.insufficient(missing, size);
                finished.push(finish(done, Err(e), delivery));
                return (true, None);
            }
            missing = s.store.len();
        }
        let now = self.available(s).min(missing);
        taken.reserve(now);
        for _ in 0..now {
            match s.store.pop() {
                Some(tuple) => taken.push(tuple),
                None => break,
            }
            missing -= 1;
        }
        if missing == 0 {
            finished.push(finish(done, Ok(Batch::new(taken)), delivery));
            return (true, None);
        }
        let work = Work::DequeueMany {
            missing,
            taken,
            or_fewer,
            done,
        };
        (now > 0, Some(work))
    }
}

/// Whether elements of that type can be padded.
pub(super) fn has_padding(dtype: DType) -> bool {
    dtype.is_pod() || dtype == DType::String
}
