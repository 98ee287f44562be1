//! Readers: records out of files whose names come from a queue. Waiting for the queue holds no thread.

mod source;

pub use source::{FixedLength, Identity, Source, TextLine, TfRecord, WholeFile};

use super::Resource;
use super::queue::{Delivery, Queue, Tuple};
use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::tensor::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// A record: key and value.
pub type Record = (Bytes, Bytes);

/// Receives the records of a read.
pub type ReadDone = Box<dyn FnOnce(Result<Vec<Record>>) + Send>;

/// What can end the waiting for a read: the step that it belongs to.
pub trait Cancel: Send + Sync {
    /// Whether it has ended.
    fn is_cancelled(&self) -> bool;
    /// Calls back once it ends; false when it has, and the callback is dropped.
    fn on_cancel(&self, callback: Box<dyn FnOnce() + Send>) -> bool;
}

/// A reader. Reads are served one after the other, in order of arrival.
pub struct Reader {
    core: Mutex<Core>,
    requests: Mutex<Requests>,
}

struct Core {
    source: Box<dyn Source>,
    /// The file (or other unit of work) that is being read.
    work: Option<Bytes>,
    /// The file that is or was read last.
    last: Bytes,
    started: i64,
    finished: i64,
    produced: i64,
}

#[derive(Default)]
struct Requests {
    waiting: VecDeque<(u64, Request)>,
    /// Somebody serves: he takes the requests in turn until none waits.
    busy: bool,
    next: u64,
}

/// A read that is asked for.
pub struct Request {
    /// Where file names come from.
    pub queue: Arc<Queue>,
    /// The most records wanted; they all come from one file.
    pub most: usize,
    /// The step, whose cancellation ends the waiting.
    pub step: Arc<dyn Cancel>,
    /// Where to go on after waiting.
    pub pool: Arc<ThreadPool>,
    /// Receives the records.
    pub done: ReadDone,
}

/// The state of a reader between two files, as it can be stored.
#[derive(Clone, PartialEq, prost::Message)]
struct ReaderState {
    #[prost(int64, tag = "1")]
    work_started: i64,
    #[prost(int64, tag = "2")]
    work_finished: i64,
    #[prost(int64, tag = "3")]
    num_records_produced: i64,
    #[prost(bytes = "vec", tag = "4")]
    current_work: Vec<u8>,
}

impl Resource for Reader {
    const KIND: &'static str = "Reader";
}

impl Reader {
    /// A reader over a kind of source.
    pub fn new(source: Box<dyn Source>) -> Reader {
        let core = Core {
            source,
            work: None,
            last: Bytes::default(),
            started: 0,
            finished: 0,
            produced: 0,
        };
        Reader {
            core: Mutex::new(core),
            requests: Mutex::default(),
        }
    }
    /// The records produced so far.
    pub fn records_produced(&self) -> i64 {
        self.core.lock().produced
    }
    /// The files read to their end so far.
    pub fn work_units_completed(&self) -> i64 {
        self.core.lock().finished
    }
    /// Forgets the current file and all counts.
    pub fn reset(&self) {
        self.core.lock().reset();
    }
    /// The state, for sources that can be stored.
    ///
    /// # Errors
    /// `Unimplemented` for the others.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let c = self.core.lock();
        if !c.source.can_store() {
            return Err(Error::unimplemented("Reader SerializeState"));
        }
        let state = ReaderState {
            work_started: c.started,
            work_finished: c.finished,
            num_records_produced: c.produced,
            current_work: c.last.to_vec(),
        };
        Ok(prost::Message::encode_to_vec(&state))
    }
    /// Goes back to a stored state; resets the reader when that fails.
    ///
    /// # Errors
    /// `Unimplemented` for sources that cannot be stored; `InvalidArgument` for a state that cannot be one.
    pub fn restore(&self, state: &[u8]) -> Result<()> {
        let mut c = self.core.lock();
        let restored = c.restore(state);
        if restored.is_err() {
            c.reset();
        }
        restored
    }

    /// Reads records, now (the outcome then comes on this thread) or when the queue gives a file.
    pub fn read(self: &Arc<Reader>, request: Request) {
        let spec = request.queue.spec();
        if spec.dtypes.as_slice() != [DType::String] {
            let text = match spec.dtypes.len() {
                1 => "Expected queue with single string component",
                _ => "Expected single component queue",
            };
            return (request.done)(Err(Error::invalid_argument(text)));
        }
        if request.most == 0 {
            return (request.done)(Ok(Vec::new()));
        }
        let step = request.step.clone();
        let (id, waits) = {
            let mut r = self.requests.lock();
            let id = r.next;
            r.next += 1;
            r.waiting.push_back((id, request));
            (id, std::mem::replace(&mut r.busy, true))
        };
        if !waits {
            return self.serve_waiting(Some(id));
        }
        let me = self.clone();
        let cancel = Box::new(move || me.cancel(id));
        if !step.on_cancel(cancel) {
            self.cancel(id);
        }
    }

    /// Ends a request whose turn has not come. (The one in turn ends with its wait for the queue.)
    fn cancel(&self, id: u64) {
        let removed = {
            let mut r = self.requests.lock();
            let at = r.waiting.iter().position(|(i, _)| *i == id);
            at.and_then(|i| r.waiting.remove(i))
        };
        if let Some((_, request)) = removed {
            finish(request, Err(cancelled()), false);
        }
    }

    /// Serves requests in turn until none waits, one has to wait for the queue, or the own one is over: then
    /// somebody else goes on with the others.
    fn serve_waiting(self: &Arc<Reader>, own: Option<u64>) {
        loop {
            let (id, next) = {
                let mut r = self.requests.lock();
                match r.waiting.pop_front() {
                    Some(next) => next,
                    None => {
                        r.busy = false;
                        return;
                    }
                }
            };
            let is_own = own == Some(id);
            if !self.serve(next, is_own) {
                return;
            }
            if is_own {
                let pool = {
                    let mut r = self.requests.lock();
                    r.busy = !r.waiting.is_empty();
                    r.waiting.front().map(|(_, next)| next.pool.clone())
                };
                if let Some(pool) = pool {
                    let me = self.clone();
                    pool.spawn(Box::new(move || me.serve_waiting(None)));
                }
                return;
            }
        }
    }

    /// Serves one request; false when it waits for the queue, and goes on from there.
    fn serve(self: &Arc<Reader>, mut request: Request, is_own: bool) -> bool {
        loop {
            if request.step.is_cancelled() {
                finish(request, Err(cancelled()), is_own);
                return true;
            }
            let outcome = self.core.lock().read(request.most);
            match outcome {
                Ok(records) if records.is_empty() => {}
                outcome => {
                    finish(request, outcome, is_own);
                    return true;
                }
            }
            // The next file: at once, or when the queue has one.
            let here: Arc<Mutex<Option<(Request, Result<Tuple>)>>> = Arc::default();
            let (slot, me, queue, step) = (
                here.clone(),
                self.clone(),
                request.queue.clone(),
                request.step.clone(),
            );
            let ticket = queue.dequeue(Box::new(move |result, delivery| {
                if delivery == Delivery::Here {
                    *slot.lock() = Some((request, result));
                    return;
                }
                let pool = request.pool.clone();
                pool.spawn(Box::new(move || {
                    let over = match me.begin(request, result, false) {
                        Some(request) => me.serve(request, false),
                        None => true,
                    };
                    if over {
                        me.serve_waiting(None);
                    }
                }));
            }));
            match (ticket, here.lock().take()) {
                (_, Some((r, result))) => match self.begin(r, result, is_own) {
                    Some(r) => request = r,
                    None => return true,
                },
                (Some(ticket), None) => {
                    let target = queue.clone();
                    let cancel = Box::new(move || target.cancel(ticket));
                    if !step.on_cancel(cancel) {
                        queue.cancel(ticket);
                    }
                    return false;
                }
                (None, None) => return false,
            }
        }
    }

    /// Opens the file that the queue gave; `None` when the request has ended with an error.
    fn begin(&self, request: Request, name: Result<Tuple>, is_own: bool) -> Option<Request> {
        let opened = name.and_then(|tuple| {
            let name = tuple
                .first()
                .ok_or_else(|| Error::internal("an empty element"))?;
            if name.elements() != 1 {
                return Err(Error::invalid_argument(
                    "Expected to dequeue a one-element string tensor",
                ));
            }
            let name = name.to_bytes()?.clone();
            let mut c = self.core.lock();
            c.source.open(&name)?;
            c.last = name.clone();
            c.work = Some(name);
            c.started += 1;
            Ok(())
        });
        match opened {
            Ok(()) => Some(request),
            Err(e) => {
                finish(request, Err(e), is_own);
                None
            }
        }
    }
}

/// Gives a request its outcome: here when it is the caller's own, else on a thread of the pool, since what follows
/// from it may be long.
fn finish(request: Request, outcome: Result<Vec<Record>>, is_own: bool) {
    let done = request.done;
    match is_own {
        true => done(outcome),
        false => request.pool.spawn(Box::new(move || done(outcome))),
    }
}

fn cancelled() -> Error {
    Error::cancelled("Dequeue operation was cancelled")
}

impl Core {
    fn reset(&mut self) {
        self.source.close();
        (self.work, self.last) = (None, Bytes::default());
        (self.started, self.finished, self.produced) = (0, 0, 0);
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        if !self.source.can_store() {
            return Err(Error::unimplemented("Reader RestoreState"));
        }
        let bad = |what: &str| {
            Error::invalid_argument(format!("{what} the reader: {}", state.escape_ascii()))
        };
        let s = <ReaderState as prost::Message>::decode(state)
            .map_err(|_| bad("Could not parse state for"))?;
        if s.work_started < 0 || s.work_finished < 0 || s.num_records_produced < 0 {
            return Err(bad("Unexpected negative value when restoring in"));
        }
        // Neither is negative, so the difference is in range; of a file begun and not finished there is at most one.
        let open = s.work_started - s.work_finished;
        if !(0..=1).contains(&open) {
            return Err(bad(
                "Inconsistent work started vs. finished when restoring in",
            ));
        }
        self.source.close();
        (self.started, self.finished, self.produced) =
            (s.work_started, s.work_finished, s.num_records_produced);
        self.last = Bytes::from(s.current_work.as_slice());
        self.work = (open == 1).then(|| self.last.clone());
        if let Some(work) = self.work.clone() {
            self.source.open(&work)?;
        }
        Ok(())
    }

    /// Up to `most` records of the current file; none when there is no current file, or it is at its end.
    fn read(&mut self, most: usize) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        while self.work.is_some() && records.len() < most {
            let next = match self.source.next() {
                Ok(next) => next,
                // What was read before the fault is given; the next read meets the fault again.
                Err(_) if !records.is_empty() => break,
                Err(e) => return Err(e),
            };
            let over = next.is_none() || self.source.is_exhausted();
            if let Some(record) = next {
                records.push(record);
                self.produced += 1;
            }
            if over {
                self.source.close();
                self.work = None;
                self.finished = self.started;
            }
        }
        Ok(records)
    }
}
