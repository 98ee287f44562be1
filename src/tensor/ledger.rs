//! Whom memory counts for while a step is traced: a ledger per execution of a node, told of what is taken and given back.

use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Where memory is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Allocator {
    /// The pool of host buffers, one for all CPU devices.
    Host,
    /// The memory of the GPU of that number.
    Gpu(usize),
    /// The host memory through which the GPU of that number copies.
    Pinned(usize),
}

/// TensorFlow's names: `cpu`, `GPU_0_bfc`, `gpu_host_bfc`.
impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allocator::Host => f.write_str("cpu"),
            Allocator::Gpu(i) => write!(f, "GPU_{i}_bfc"),
            Allocator::Pinned(_) => f.write_str("gpu_host_bfc"),
        }
    }
}

/// Memory that was taken, or given back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) allocator: Allocator,
    /// How many bytes; negative when given back.
    pub(crate) bytes: i64,
    /// The bytes that the allocator had given out to everybody then.
    pub(crate) in_use: u64,
}

/// The memory that was taken on behalf of somebody, in the order of time. A block is entered again when it is given
/// back, by whomever and however late.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Vec<Entry>>);

impl Ledger {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().clone()
    }
    /// Enters a change by `bytes` that left `in_use` bytes given out.
    pub(crate) fn enter(&self, allocator: Allocator, bytes: i64, in_use: usize) {
        let mut entries = self.0.lock();
        entries.push(Entry {
            at: Instant::now(),
            allocator,
            bytes,
            in_use: in_use as u64,
        });
    }
}

thread_local! {
    // Looked at by itself, since it costs less than the other: most steps are not traced.
    static CHARGING: Cell<bool> = const { Cell::new(false) };
    static CHARGED: RefCell<Option<Arc<Ledger>>> = const { RefCell::new(None) };
}

/// What this thread takes is entered in a ledger for as long as this lives.
pub(crate) struct Charging(Option<Arc<Ledger>>);

/// Lets what this thread takes count for `ledger`, or for nobody.
pub(crate) fn charge(ledger: Option<Arc<Ledger>>) -> Charging {
    CHARGING.set(ledger.is_some());
    Charging(CHARGED.replace(ledger))
}

impl Drop for Charging {
    fn drop(&mut self) {
        CHARGING.set(self.0.is_some());
        CHARGED.replace(self.0.take());
    }
}

/// The ledger in which what this thread takes is entered.
pub(crate) fn charged() -> Option<Arc<Ledger>> {
    match CHARGING.get() {
        true => CHARGED.with_borrow(Clone::clone),
        false => None,
    }
}

/// Enters what was just taken where this thread's memory counts; that ledger is to be told when it is given back.
pub(crate) fn taken(allocator: Allocator, bytes: usize, in_use: usize) -> Option<Arc<Ledger>> {
    let ledger = charged()?;
    ledger.enter(allocator, bytes as i64, in_use);
    Some(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Shape, Tensor};

    fn bytes(ledger: &Ledger) -> Vec<i64> {
        ledger.entries().iter().map(|e| e.bytes).collect()
    }
    fn tensor(elements: usize) -> Tensor {
        Tensor::alloc(DType::U8, Shape::of(&[elements]).unwrap()).unwrap()
    }

    #[test]
    fn memory_counts_for_who_took_it_until_the_last_owner_lets_go() {
        let (outer, inner) = (Arc::new(Ledger::default()), Arc::new(Ledger::default()));
        let unseen = tensor(100);
        let charging = charge(Some(outer.clone()));
        let a = tensor(4096);
        let b = {
            let _inner = charge(Some(inner.clone()));
            tensor(10)
        };
        let c = tensor(7);
        {
            let _nobody = charge(None);
            drop(tensor(50));
        }
        drop((charging, unseen));
        assert_eq!(bytes(&outer), [4096, 7]);
        assert_eq!(bytes(&inner), [10]);
        let shared = a.rows(1, 2).unwrap();
        drop(a);
        assert_eq!(bytes(&outer), [4096, 7]);
        std::thread::spawn(|| drop((shared, c, b))).join().unwrap();
        assert_eq!(bytes(&outer), [4096, 7, -4096, -7]);
        assert_eq!(bytes(&inner), [10, -10]);
        // The block waits in the pool now, and counts for nobody when it is taken again.
        drop(tensor(4096));
        assert_eq!(bytes(&outer).len(), 4);
        assert!(charged().is_none());
        assert!(
            outer
                .entries()
                .iter()
                .all(|e| e.allocator == Allocator::Host)
        );
    }
}
