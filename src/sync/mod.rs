//! The primitives of threads that wait for each other: the real ones, or a model's whose schedules can be explored.
//!
//! With the feature `shuttle` the same names stand for shuttle's primitives, and `tests/schedules.rs` runs the pool, the
//! queues and the executor under every kind of schedule. What never waits while another thread needs it (caches, counters)
//! uses the real ones directly.

#[cfg(feature = "shuttle")]
mod model;
#[cfg(not(feature = "shuttle"))]
mod real {
    pub use crossbeam::deque;
    pub use parking_lot::{Condvar, Mutex};
    pub use std::sync::atomic;
    pub use std::{hint, thread, thread_local};
}

#[cfg(feature = "shuttle")]
pub(crate) use model::*;
#[cfg(not(feature = "shuttle"))]
pub(crate) use real::*;

/// How often to look again before sleeping; a model sleeps at once, since each look is a step of its schedules.
pub(crate) fn spins(real: u32) -> u32 {
    if cfg!(feature = "shuttle") { 0 } else { real }
}
