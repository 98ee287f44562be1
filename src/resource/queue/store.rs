//! The elements of a queue, in the order in which they will leave.

use super::{QueueKind, QueueSpec, Tuple};
use crate::resource::philox::{Philox, Words};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

/// Elements by kind of queue.
pub(super) enum Store {
    Fifo(VecDeque<Tuple>),
    Random {
        elements: Vec<Tuple>,
        words: Words,
    },
    Priority {
        heap: BinaryHeap<Reverse<Ranked>>,
        arrivals: u64,
    },
}

/// An element with its rank: priority, then arrival.
pub(super) struct Ranked {
    priority: i64,
    arrival: u64,
    tuple: Tuple,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Ranked {}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        (self.priority, self.arrival).cmp(&(other.priority, other.arrival))
    }
}

impl Store {
    pub(super) fn new(spec: &QueueSpec) -> Store {
        match spec.kind {
            QueueKind::Fifo | QueueKind::PaddingFifo => Store::Fifo(VecDeque::new()),
            QueueKind::RandomShuffle => Store::Random {
                elements: Vec::new(),
                words: Words::new(Philox::from_seeds(spec.seeds.0, spec.seeds.1)),
            },
            QueueKind::Priority => Store::Priority {
                heap: BinaryHeap::new(),
                arrivals: 0,
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Store::Fifo(q) => q.len(),
            Store::Random { elements, .. } => elements.len(),
            Store::Priority { heap, .. } => heap.len(),
        }
    }

    pub(super) fn push(&mut self, tuple: Tuple) {
        match self {
            Store::Fifo(q) => q.push_back(tuple),
            Store::Random { elements, .. } => elements.push(tuple),
            Store::Priority { heap, arrivals } => {
                let priority = tuple
                    .first()
                    .and_then(|t| t.data::<i64>().ok()?.first().copied());
                heap.push(Reverse(Ranked {
                    // Checked on entry to be there.
                    priority: priority.unwrap_or(0),
                    arrival: *arrivals,
                    tuple,
                }));
                *arrivals += 1;
            }
        }
    }

    /// Takes the next element; the last one fills the hole that a random pick leaves.
    pub(super) fn pop(&mut self) -> Option<Tuple> {
        match self {
            Store::Fifo(q) => q.pop_front(),
            Store::Random { elements, words } => {
                let n = elements.len();
                if n == 0 {
                    return None;
                }
                // A queue holds fewer than 2^31 elements.
                let i = words.word() % n as u32;
                Some(elements.swap_remove(i as usize))
            }
            Store::Priority { heap, .. } => heap.pop().map(|Reverse(r)| r.tuple),
        }
    }

    /// Gives elements back that were taken in this order: to the front again, or, where there is no front, the
    /// last one first.
    pub(super) fn put_back(&mut self, taken: Vec<Tuple>) {
        for tuple in taken.into_iter().rev() {
            match self {
                Store::Fifo(q) => q.push_front(tuple),
                Store::Random { .. } | Store::Priority { .. } => self.push(tuple),
            }
        }
    }
}
