//! Cancellation: what waits in a step registers how to be woken when the step ends early.

use crate::sync::Mutex;
use std::collections::HashMap;

/// The cancellation state of a step.
#[derive(Default)]
pub struct Cancellation(Mutex<State>);

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    callbacks: HashMap<u64, Box<dyn FnOnce() + Send>>,
}

/// A registered callback; see [`Cancellation::register`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration(u64);

impl Cancellation {
    /// Registers a callback for when the step is cancelled; `None` when it is already (the callback is dropped).
    pub fn register(&self, callback: Box<dyn FnOnce() + Send>) -> Option<Registration> {
        let mut s = self.0.lock();
        if s.cancelled {
            return None;
        }
        let id = s.next;
        s.next += 1;
        s.callbacks.insert(id, callback);
        Some(Registration(id))
    }
    /// Takes a callback back; false when it has run or is about to.
    pub fn deregister(&self, registration: Registration) -> bool {
        self.0.lock().callbacks.remove(&registration.0).is_some()
    }
    /// Cancels: runs all callbacks, once.
    pub fn cancel(&self) {
        let callbacks = {
            let mut s = self.0.lock();
            s.cancelled = true;
            std::mem::take(&mut s.callbacks)
        };
        for (_, callback) in callbacks {
            callback();
        }
    }
    /// Whether the step is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().cancelled
    }
}
