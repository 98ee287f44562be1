//! Ready nodes that wait for a thread: one line for each device, served in turn, by a few tasks of the pool.
//!
//! A run has at most as many tasks in the pool as the pool has threads, and each goes to the end of the pool's line now
//! and then. So neither a device with hundreds of long nodes nor a loop without end keeps another device, or another
//! run, waiting.

use super::executor::Run;
use super::frames::Ready;
use crate::device::cpu::{Task, ThreadPool};
use crate::sync::{Mutex, spins};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many microseconds a thread goes on before it looks for others who wait.
const SLICE: u32 = 2_000;

/// The time for which a thread has been at work, from the first look on.
#[derive(Default)]
pub(super) struct Slice(Option<Instant>);

impl Slice {
    /// Whether it is over; in a model, whose clock means nothing, it always is.
    pub(super) fn is_over(&mut self) -> bool {
        let begun = self.0.get_or_insert_with(Instant::now);
        begun.elapsed() >= Duration::from_micros(spins(SLICE).into())
    }
}

/// The lines of a run.
#[derive(Default)]
pub(super) struct Lines(Mutex<State>);

#[derive(Default)]
struct State {
    /// By device.
    lines: Vec<VecDeque<Ready>>,
    /// Whose turn it is.
    turn: usize,
    len: usize,
    /// Threads at work for the run, and tasks of the pool that will be.
    servers: usize,
}

impl State {
    /// A node goes to the end of its device's line; one that another device waits for, to its head.
    fn push(&mut self, device: usize, is_transfer: bool, ready: Ready) {
        if self.lines.len() <= device {
            self.lines.resize_with(device + 1, VecDeque::new);
        }
        match is_transfer {
            true => self.lines[device].push_front(ready),
            false => self.lines[device].push_back(ready),
        }
        self.len += 1;
    }
    fn pop(&mut self) -> Option<Ready> {
        let count = self.lines.len();
        for device in (self.turn..count).chain(0..self.turn) {
            if let Some(ready) = self.lines[device].pop_front() {
                self.turn = (device + 1) % count;
                self.len -= 1;
                return Some(ready);
            }
        }
        None
    }
}

impl Lines {
    /// A thread begins to work for the run.
    pub(super) fn enter(&self) {
        self.0.lock().servers += 1;
    }
    /// The node whose turn it is; when there is none, the thread is done.
    pub(super) fn next_or_leave(&self) -> Option<Ready> {
        let mut s = self.0.lock();
        let next = s.pop();
        s.servers -= usize::from(next.is_none());
        next
    }
    /// Whether no node is in line.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().len == 0
    }
}

impl Run {
    /// Puts nodes in line, and calls threads to serve them.
    pub(super) fn put_in_line(
        self: &Arc<Run>,
        nodes: impl IntoIterator<Item = Ready>,
        pool: &ThreadPool,
    ) {
        let called = {
            let mut s = self.lines.0.lock();
            for ready in nodes {
                let n = &self.plan.nodes[ready.node as usize];
                s.push(n.device as usize, n.is_transfer, ready);
            }
            let called = s.len.min(pool.threads().saturating_sub(s.servers));
            s.servers += called;
            called
        };
        for _ in 0..called {
            pool.spawn(self.server());
        }
    }

    /// A task that has entered and serves the lines.
    pub(super) fn server(self: &Arc<Run>) -> Task {
        let run = self.clone();
        Box::new(move || {
            let Some(next) = run.lines.next_or_leave() else {
                return;
            };
            // The pool outlives the task: the plan's devices hold it.
            let pool = run.plan.nodes[next.node as usize].env.pool.clone();
            run.serve(vec![next], &pool);
        })
    }
}
