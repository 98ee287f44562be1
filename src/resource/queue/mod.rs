//! Queues of tuples of tensors, whose operations wait without holding a thread.
//!
//! Every operation is an *attempt*: it is tried at once, and while it cannot complete it waits in one of two
//! lists, enqueues and dequeues, each strictly in order of arrival. After any change the lists are tried
//! again, front first, until nothing moves; an attempt over many elements may move in part and stay in front.
//! Outcomes are delivered after the lock is released, so that they may start anything.

mod attempt;
mod batch;
mod spec;
mod store;
#[cfg(test)]
mod tests;

pub use attempt::{Delivery, Done, Ticket};
pub use batch::Batch;
pub use spec::{QueueKind, QueueSpec, UNBOUNDED};

use super::Resource;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::tensor::Tensor;
use attempt::{Attempt, Finished, Work};
use smallvec::SmallVec;
use std::collections::VecDeque;
use store::Store;

/// One element: as many tensors as the queue has components.
pub type Tuple = SmallVec<[Tensor; 2]>;

/// A queue.
pub struct Queue {
    /// The name that messages use.
    name: String,
    spec: QueueSpec,
    state: Mutex<State>,
}

/// What the lock protects.
struct State {
    store: Store,
    closed: bool,
    enqueues: VecDeque<Attempt>,
    dequeues: VecDeque<Attempt>,
    tickets: u64,
}

impl Resource for Queue {
    const KIND: &'static str = "Queue";
}

impl Queue {
    /// An empty queue.
    ///
    /// # Errors
    /// `InvalidArgument` when the description contradicts itself.
    pub fn new(name: impl Into<String>, spec: QueueSpec) -> Result<Queue> {
        spec.check()?;
        let state = State {
            store: Store::new(&spec),
            closed: false,
            enqueues: VecDeque::new(),
            dequeues: VecDeque::new(),
            tickets: 0,
        };
        Ok(Queue {
            name: name.into(),
            spec,
            state: Mutex::new(state),
        })
    }
    /// The name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Kind, component types and shapes, capacity.
    pub fn spec(&self) -> &QueueSpec {
        &self.spec
    }
    /// The number of elements, without those that a partial dequeue has taken.
    pub fn size(&self) -> usize {
        self.state.lock().store.len()
    }
    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }
    /// The enqueues (closings among them) and the dequeues that wait.
    pub fn waiting(&self) -> (usize, usize) {
        let s = self.state.lock();
        (s.enqueues.len(), s.dequeues.len())
    }
    /// What waits for this queue, in words; `None` when nothing does.
    pub fn describe_waiting(&self) -> Option<String> {
        let s = self.state.lock();
        let (enqueues, dequeues, size) = (s.enqueues.len(), s.dequeues.len(), s.store.len());
        drop(s);
        if enqueues + dequeues == 0 {
            return None;
        }
        Some(format!(
            "{} '{}' ({size} elements; waiting: {dequeues} to dequeue, {enqueues} to enqueue)",
            self.spec.kind.name(),
            self.name
        ))
    }
    /// Fails unless a second op under the same shared name asks for the same queue.
    ///
    /// # Errors
    /// `InvalidArgument` "Shared queue 'q' has capacity 5 but requested capacity was 6" and the like.
    pub fn matches(&self, other: &QueueSpec, op: &str) -> Result<()> {
        self.spec.matches(other, &self.name, op)
    }

    /// Adds one element, when there is room. `None`: the outcome has been delivered already.
    pub fn enqueue(&self, tuple: Tuple, done: Done<()>) -> Option<Ticket> {
        if let Err(e) = self.spec.check_tuple(&tuple) {
            done(Err(e), Delivery::Here);
            return None;
        }
        let tuple = Some(tuple);
        self.submit(Work::Enqueue { tuple, done })
    }
    /// Adds the rows of the components, one after the other, as there is room.
    pub fn enqueue_many(&self, components: Tuple, done: Done<()>) -> Option<Ticket> {
        let rows = match self.spec.check_batch(&components) {
            Ok(rows) => rows,
            Err(e) => {
                done(Err(e), Delivery::Here);
                return None;
            }
        };
        if rows == 0 {
            done(Ok(()), Delivery::Here);
            return None;
        }
        self.submit(Work::EnqueueMany {
            components,
            next: 0,
            rows,
            done,
        })
    }
    /// Takes one element, when there is one.
    pub fn dequeue(&self, done: Done<Tuple>) -> Option<Ticket> {
        self.submit(Work::Dequeue { done })
    }
    /// Takes `n` elements, as they come; with `or_fewer`, what is left once the queue is closed.
    pub fn dequeue_many(&self, n: i64, or_fewer: bool, done: Done<Batch>) -> Option<Ticket> {
        let op = if or_fewer { "UpTo" } else { "Many" };
        let wanted = match usize::try_from(n) {
            Ok(n) => n,
            Err(_) => {
                let text = format!("Dequeue{op}Op requested {n} < 0 elements");
                done(Err(Error::invalid_argument(text)), Delivery::Here);
                return None;
            }
        };
        if !self.spec.has_shapes() {
            let text = format!(
                "{}'s DequeueMany and DequeueUpTo require the components to have specified shapes.",
                self.spec.kind.name()
            );
            done(Err(Error::invalid_argument(text)), Delivery::Here);
            return None;
        }
        if wanted == 0 {
            done(Ok(Batch::new(Vec::new())), Delivery::Here);
            return None;
        }
        self.submit(Work::DequeueMany {
            missing: wanted,
            taken: Vec::new(),
            or_fewer,
            done,
        })
    }
    /// Closes the queue once the enqueues that wait already are through: later ones fail, dequeues take what
    /// is left. Closing twice fails with `Cancelled`.
    pub fn close(&self, done: Done<()>) -> Option<Ticket> {
        self.submit(Work::Close { done })
    }
    /// Closes the queue at once and makes the waiting enqueues fail with `Cancelled`.
    pub fn close_and_cancel(&self) {
        let mut finished = Vec::new();
        {
            let mut s = self.state.lock();
            s.closed = true;
            for a in std::mem::take(&mut s.enqueues) {
                let e = Error::cancelled("Enqueue operation was cancelled");
                finished.push(a.work.fail(e, Delivery::Elsewhere));
            }
            self.flush(&mut s, None, &mut finished);
        }
        deliver(finished);
    }
    /// Makes a waiting operation fail with `Cancelled`; nothing happens when it is over. What a dequeue of many
    /// had taken goes back.
    pub fn cancel(&self, ticket: Ticket) {
        let mut finished = Vec::new();
        {
            let mut s = self.state.lock();
            let state = &mut *s;
            let in_list = |list: &VecDeque<Attempt>| list.iter().position(|a| a.ticket == ticket);
            let removed = if let Some(i) = in_list(&state.enqueues) {
                state.enqueues.remove(i)
            } else if let Some(i) = in_list(&state.dequeues) {
                state.dequeues.remove(i)
            } else {
                None
            };
            let Some(attempt) = removed else { return };
            let text = match attempt.work.is_enqueue() {
                true => "Enqueue operation was cancelled",
                false => "Dequeue operation was cancelled",
            };
            let work = attempt.work.put_back(&mut state.store);
            finished.push(work.fail(Error::cancelled(text), Delivery::Elsewhere));
            self.flush(state, None, &mut finished);
        }
        deliver(finished);
    }

    fn submit(&self, work: Work) -> Option<Ticket> {
        let mut finished = Vec::new();
        let ticket = {
            let mut s = self.state.lock();
            let ticket = Ticket(s.tickets);
            s.tickets += 1;
            let list = match work.is_enqueue() {
                true => &mut s.enqueues,
                false => &mut s.dequeues,
            };
            list.push_back(Attempt { ticket, work });
            let over = self.flush(&mut s, Some(ticket), &mut finished);
            (!over).then_some(ticket)
        };
        deliver(finished);
        ticket
    }

    /// Tries both lists until nothing moves; says whether `own` came to its end.
    fn flush(&self, s: &mut State, own: Option<Ticket>, finished: &mut Vec<Finished>) -> bool {
        let mut own_over = false;
        loop {
            let mut progress = false;
            for enqueues in [true, false] {
                loop {
                    let list = match enqueues {
                        true => &mut s.enqueues,
                        false => &mut s.dequeues,
                    };
                    let Some(mut attempt) = list.pop_front() else {
                        break;
                    };
                    let delivery = match own == Some(attempt.ticket) {
                        true => Delivery::Here,
                        false => Delivery::Elsewhere,
                    };
                    let (moved, work) = self.step(s, attempt.work, delivery, finished);
                    progress |= moved;
                    match work {
                        Some(work) => {
                            attempt.work = work;
                            let list = match enqueues {
                                true => &mut s.enqueues,
                                false => &mut s.dequeues,
                            };
                            list.push_front(attempt);
                            break;
                        }
                        None => own_over |= own == Some(attempt.ticket),
                    }
                }
            }
            if !progress {
                return own_over;
            }
        }
    }
}

/// Hands the outcomes on: first those that go elsewhere, so that they are under way while ours is used.
fn deliver(mut finished: Vec<Finished>) {
    finished.sort_by_key(|f| f.delivery == Delivery::Here);
    for f in finished {
        (f.call)();
    }
}
