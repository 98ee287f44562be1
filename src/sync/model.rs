//! Shuttle's primitives with the signatures of parking_lot and crossbeam.

pub use shuttle::sync::atomic;
pub use shuttle::{hint, thread_local};
use std::ops::{Deref, DerefMut};
use std::time::Instant;

/// Threads; how many cores there are is the machine's.
pub mod thread {
    pub use shuttle::thread::*;
    pub use std::thread::available_parallelism;
}

/// parking_lot's `Mutex`.
#[derive(Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

/// parking_lot's `MutexGuard`; empty only while it waits for a condition.
pub struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(shuttle::sync::Mutex::new(value))
    }
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(|e| e.into_inner())))
    }
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(|e| e.into_inner())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_deref().expect("the lock is held")
    }
}
impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect("the lock is held")
    }
}

/// parking_lot's `Condvar`.
#[derive(Default)]
pub struct Condvar(shuttle::sync::Condvar);

/// Whether a wait ended by its time: never, in a model, so that no lost wake-up hides behind one.
pub struct WaitTimeoutResult;

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub const fn new() -> Condvar {
        Condvar(shuttle::sync::Condvar::new())
    }
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = guard
            .0
            .take()
            .map(|g| self.0.wait(g).unwrap_or_else(|e| e.into_inner()));
    }
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult
    }
    pub fn notify_one(&self) {
        self.0.notify_one();
    }
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// crossbeam's `deque`.
pub mod deque {
    pub use crossbeam::deque::Steal;
    use shuttle::sync::Mutex;
    use std::collections::VecDeque;
    use std::sync::Arc;

    type Tasks<T> = Arc<Mutex<VecDeque<T>>>;

    fn with<T, R>(tasks: &Mutex<VecDeque<T>>, act: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        act(&mut tasks.lock().unwrap_or_else(|e| e.into_inner()))
    }
    fn stolen<T>(task: Option<T>) -> Steal<T> {
        task.map_or(Steal::Empty, Steal::Success)
    }

    pub struct Injector<T>(Mutex<VecDeque<T>>);

    impl<T> Injector<T> {
        pub fn new() -> Injector<T> {
            Injector(Mutex::new(VecDeque::new()))
        }
        pub fn push(&self, task: T) {
            with(&self.0, |t| t.push_back(task));
        }
        pub fn is_empty(&self) -> bool {
            with(&self.0, |t| t.is_empty())
        }
        pub fn steal(&self) -> Steal<T> {
            stolen(with(&self.0, VecDeque::pop_front))
        }
    }

    pub struct Worker<T>(Tasks<T>);

    impl<T> Worker<T> {
        pub fn new_lifo() -> Worker<T> {
            Worker(Arc::default())
        }
        pub fn push(&self, task: T) {
            with(&self.0, |t| t.push_back(task));
        }
        pub fn pop(&self) -> Option<T> {
            with(&self.0, VecDeque::pop_back)
        }
        pub fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.clone())
        }
    }

    pub struct Stealer<T>(Tasks<T>);

    impl<T> Stealer<T> {
        pub fn is_empty(&self) -> bool {
            with(&self.0, |t| t.is_empty())
        }
        pub fn steal(&self) -> Steal<T> {
            stolen(with(&self.0, VecDeque::pop_front))
        }
    }
}
