//! One work-stealing thread pool for everything: nodes of a step and the loops inside kernels.

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::deque::{Injector, Steal, Stealer, Worker};
use crate::sync::hint::spin_loop;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, spins, thread_local};
use crate::tensor::ledger::{Ledger, charge, charged};
use std::cell::RefCell;
use std::sync::{Arc, Weak};

/// Of so many tasks that a worker takes, one comes from the queue whose turn it is.
const FAIRNESS: u32 = 16;

/// A piece of work.
pub type Task = Box<dyn FnOnce() + Send>;

/// A fixed set of worker threads that steal work from each other.
///
/// [`ThreadPool::spawn`] starts a task; [`ThreadPool::parallel_for`] splits a loop. The caller of a loop
/// always works on it itself, and idle workers join; so loops nest without deadlock and the number of
/// running threads never exceeds the number of workers plus the callers from outside.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// let pool = tensorloom::ThreadPool::new(2);
/// let sum = AtomicUsize::new(0);
/// pool.parallel_for(100, &|i| { sum.fetch_add(i, Ordering::Relaxed); });
/// assert_eq!(sum.into_inner(), 4950);
/// ```
pub struct ThreadPool {
    shared: Arc<Shared>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    threads: usize,
}

struct Shared {
    injector: Injector<Task>,
    /// Loops that want help; looked at before tasks, since a caller waits for them.
    loops: Mutex<Vec<Arc<Loop>>>,
    /// Their number, changed under their lock: a worker does not sleep while it is not 0.
    open_loops: AtomicUsize,
    stealers: Vec<Stealer<Task>>,
    sleepers: AtomicUsize,
    /// Workers at work, plus guests.
    active: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
}

/// A running `parallel_for`.
struct Loop {
    /// The body, valid while `finished < jobs`: the caller does not return before.
    body: *const (dyn Fn(usize) + Sync),
    jobs: usize,
    next: AtomicUsize,
    finished: AtomicUsize,
    /// Threads that have joined: never more than the pool has workers.
    joined: AtomicUsize,
    panicked: AtomicBool,
    done: Mutex<bool>,
    all_done: Condvar,
    /// Where the caller's memory is entered, and so the jobs'.
    ledger: Option<Arc<Ledger>>,
}

// SAFETY: `body` points to a Sync closure and is only called for job numbers below `jobs`, each taken once
// from `next`; the caller that owns the closure waits until all of them have finished.
unsafe impl Send for Loop {}
// SAFETY: as above; all other fields are synchronized.
unsafe impl Sync for Loop {}

impl Loop {
    /// Takes jobs until none is left.
    fn work(&self) {
        loop {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            if job >= self.jobs {
                return;
            }
            // SAFETY: a job below `jobs` is unfinished, so the caller still waits and the closure lives.
            let body = unsafe { &*self.body };
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(job))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            if self.finished.fetch_add(1, Ordering::AcqRel) + 1 == self.jobs {
                *self.done.lock() = true;
                self.all_done.notify_all();
            }
        }
    }
    fn exhausted(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.jobs
    }
}

thread_local! {
    static LOCAL: RefCell<Option<(Weak<Shared>, Worker<Task>)>> = const { RefCell::new(None) };
}

impl ThreadPool {
    /// A pool of that many workers; 0 means one for each core.
    pub fn new(threads: usize) -> Arc<ThreadPool> {
        let threads = if threads == 0 {
            thread::available_parallelism().map_or(1, |n| n.get())
        } else {
            threads
        };
        let workers: Vec<Worker<Task>> = (0..threads).map(|_| Worker::new_lifo()).collect();
        let shared = Arc::new(Shared {
            injector: Injector::new(),
            loops: Mutex::new(Vec::new()),
            open_loops: AtomicUsize::new(0),
            stealers: workers.iter().map(Worker::stealer).collect(),
            sleepers: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let handles = workers
            .into_iter()
            .enumerate()
            .filter_map(|(i, worker)| {
                let shared = shared.clone();
                thread::Builder::new()
                    .name(format!("tensorloom-{i}"))
                    .spawn(move || run_worker(shared, worker))
                    .ok()
            })
            .collect();
        Arc::new(ThreadPool {
            shared,
            handles: Mutex::new(handles),
            threads,
        })
    }

    /// The number of workers.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Lets the calling thread, which is not a worker, compute in place of an idle worker; `None` when all
    /// workers are busy. The place is given back when the guest is dropped.
    pub fn enter(&self) -> Option<Guest<'_>> {
        let claim = |n: usize| (n < self.threads).then_some(n + 1);
        self.shared
            .active
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, claim)
            .ok()?;
        Some(Guest(&self.shared.active))
    }

    /// Starts a task on some worker.
    pub fn spawn(&self, task: Task) {
        let rest = LOCAL.with(|l| match &*l.borrow() {
            Some((pool, worker)) if pool.as_ptr() == Arc::as_ptr(&self.shared) => {
                worker.push(task);
                None
            }
            _ => Some(task),
        });
        if let Some(task) = rest {
            self.shared.injector.push(task);
        }
        self.shared.wake_one();
    }

    /// Starts a task when those that wait have been started.
    pub fn spawn_last(&self, task: Task) {
        self.shared.injector.push(task);
        self.shared.wake_one();
    }

    /// Whether tasks, or loops that want help, wait for a thread.
    pub fn has_waiting(&self) -> bool {
        !self.shared.is_idle()
    }

    /// Calls `body(0)` … `body(jobs - 1)`, each once, on the calling thread and on idle workers, and
    /// returns when all have returned. Which thread runs a job is not defined; so results are
    /// reproducible exactly when jobs write to separate places and `jobs` does not depend on the threads.
    ///
    /// # Panics
    /// When a body panicked (on the caller's thread, after all jobs are done).
    pub fn parallel_for(&self, jobs: usize, body: &(dyn Fn(usize) + Sync)) {
        if jobs == 0 {
            return;
        }
        if jobs == 1 || self.threads == 1 {
            for job in 0..jobs {
                body(job);
            }
            return;
        }
        // SAFETY: only the lifetime is extended; this function returns after the last use (see `Loop`).
        let body: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(body) };
        let state = Arc::new(Loop {
            body,
            jobs,
            next: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            joined: AtomicUsize::new(1),
            panicked: AtomicBool::new(false),
            done: Mutex::new(false),
            all_done: Condvar::new(),
            ledger: charged(),
        });
        {
            let mut loops = self.shared.loops.lock();
            loops.push(state.clone());
            self.shared.open_loops.fetch_add(1, Ordering::SeqCst);
        }
        for _ in 0..(jobs - 1).min(self.threads - 1) {
            self.shared.wake_one();
        }
        state.work();
        {
            let mut loops = self.shared.loops.lock();
            if let Some(i) = loops.iter().position(|l| Arc::ptr_eq(l, &state)) {
                loops.swap_remove(i);
                self.shared.open_loops.fetch_sub(1, Ordering::SeqCst);
            }
        }
        // The rest of the jobs are short and run elsewhere: spin a little before sleeping.
        let mut rounds = 0;
        while state.finished.load(Ordering::Acquire) < jobs {
            rounds += 1;
            if rounds < spins(2000) {
                spin_loop();
                continue;
            }
            let mut done = state.done.lock();
            while !*done {
                state.all_done.wait(&mut done);
            }
        }
        if state.panicked.load(Ordering::Relaxed) {
            panic!("a parallel loop's body panicked");
        }
    }

    /// Splits `0..items` into blocks of `block` items and calls `body(start, end)` for each, in parallel.
    ///
    /// The blocks depend only on `items` and `block`, so a reduction over them is reproducible.
    pub fn for_blocks(&self, items: usize, block: usize, body: &(dyn Fn(usize, usize) + Sync)) {
        let block = block.max(1);
        let jobs = items.div_ceil(block);
        self.parallel_for(jobs, &|job| {
            body(job * block, ((job + 1) * block).min(items))
        });
    }
}

/// A thread from outside that computes in place of a worker.
pub struct Guest<'a>(&'a AtomicUsize);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        {
            let _guard = self.shared.sleep.lock();
            self.shared.wake.notify_all();
        }
        let me = thread::current().id();
        for handle in self.handles.lock().drain(..) {
            // The last owner may be a task on a worker itself: that one cannot wait for its own end.
            if handle.thread().id() != me {
                let _ = handle.join();
            }
        }
    }
}

impl Shared {
    fn wake_one(&self) {
        // What was pushed must be seen by whoever is about to sleep, or its sleep be seen here.
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _guard = self.sleep.lock();
            self.wake.notify_one();
        }
    }
    fn find_loop(&self) -> Option<Arc<Loop>> {
        if self.open_loops.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut loops = self.loops.lock();
        while let Some(l) = loops.last() {
            if !l.exhausted() && l.joined.load(Ordering::Relaxed) < self.stealers.len() {
                l.joined.fetch_add(1, Ordering::Relaxed);
                return Some(l.clone());
            }
            loops.pop();
            self.open_loops.fetch_sub(1, Ordering::SeqCst);
        }
        None
    }
    /// A worker's next task: its own newest one, whose data is at hand, else one that waits for any worker, else another
    /// worker's oldest. Every so often each of these queues comes first, so that no task waits for ever.
    fn find_task(&self, turn: u32) -> Option<Task> {
        let is_fair = turn.is_multiple_of(FAIRNESS);
        if !is_fair {
            let own = LOCAL.with(|l| l.borrow().as_ref().and_then(|(_, w)| w.pop()));
            if own.is_some() {
                return own;
            }
        }
        let queues = self.stealers.len() + 1;
        let first = match is_fair {
            true => (turn / FAIRNESS) as usize,
            false => 0,
        };
        loop {
            let mut retry = false;
            for k in 0..queues {
                let stolen = match (first + k) % queues {
                    0 => self.injector.steal(),
                    i => self.stealers[i - 1].steal(),
                };
                match stolen {
                    Steal::Success(t) => return Some(t),
                    Steal::Retry => retry = true,
                    Steal::Empty => {}
                }
            }
            if !retry {
                return None;
            }
        }
    }
    fn is_idle(&self) -> bool {
        self.open_loops.load(Ordering::SeqCst) == 0
            && self.injector.is_empty()
            && self.stealers.iter().all(Stealer::is_empty)
    }
}

fn run_worker(shared: Arc<Shared>, worker: Worker<Task>) {
    LOCAL.with(|l| *l.borrow_mut() = Some((Arc::downgrade(&shared), worker)));
    let (mut idle, mut turn) = (0, 0u32);
    while !shared.stop.load(Ordering::SeqCst) {
        if let Some(l) = shared.find_loop() {
            idle = 0;
            shared.active.fetch_add(1, Ordering::AcqRel);
            let charging = l.ledger.clone().map(|ledger| charge(Some(ledger)));
            l.work();
            drop(charging);
            shared.active.fetch_sub(1, Ordering::AcqRel);
        } else if let Some(task) = shared.find_task(turn) {
            (idle, turn) = (0, turn.wrapping_add(1));
            shared.active.fetch_add(1, Ordering::AcqRel);
            // A task that panics must not take its worker away from the others.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
            shared.active.fetch_sub(1, Ordering::AcqRel);
        } else if idle < spins(200) {
            idle += 1;
            spin_loop();
        } else {
            let mut guard = shared.sleep.lock();
            shared.sleepers.fetch_add(1, Ordering::SeqCst);
            if shared.is_idle() && !shared.stop.load(Ordering::SeqCst) {
                shared.wake.wait(&mut guard);
            }
            shared.sleepers.fetch_sub(1, Ordering::SeqCst);
            idle = 0;
        }
    }
    LOCAL.with(|l| l.borrow_mut().take());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_nest_inside_tasks() {
        let pool = ThreadPool::new(3);
        let total = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = std::sync::mpsc::channel();
        for _ in 0..50 {
            let (pool2, total, tx) = (pool.clone(), total.clone(), tx.clone());
            pool.spawn(Box::new(move || {
                pool2.parallel_for(20, &|i| {
                    pool2.parallel_for(5, &|_| {
                        total.fetch_add(i, Ordering::Relaxed);
                    });
                });
                tx.send(()).unwrap();
            }));
        }
        for _ in 0..50 {
            rx.recv().unwrap();
        }
        assert_eq!(total.load(Ordering::Relaxed), 50 * 190 * 5);
    }

    #[test]
    fn memory_of_a_loop_counts_for_its_caller_on_every_thread() {
        let pool = ThreadPool::new(3);
        let ledger = Arc::new(Ledger::default());
        let threads = Mutex::new(std::collections::HashSet::new());
        let job = |_| {
            threads.lock().insert(std::thread::current().id());
            let scratch = crate::device::cpu::Scratch::<f32>::new(2048).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(1));
            drop(scratch);
        };
        let charging = charge(Some(ledger.clone()));
        while threads.lock().len() < 2 {
            pool.parallel_for(8, &job);
        }
        drop(charging);
        let (taken, rest): (Vec<_>, Vec<_>) =
            ledger.entries().into_iter().partition(|e| e.bytes > 0);
        assert!(taken.len() >= 8 && taken.len().is_multiple_of(8));
        assert_eq!(taken.len(), rest.len());
        // Workers go on to count for nobody.
        pool.parallel_for(8, &job);
        assert_eq!(ledger.entries().len(), 2 * taken.len());
    }
}
