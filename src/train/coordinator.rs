//! The coordinator: threads that work until one of them, or somebody else, asks all to stop.

use crate::error::{Code, Error, Result};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lets threads stop together and keeps the first error (TensorFlow's `tf.train.Coordinator`). Clones are the same.
///
/// ```
/// use tensorloom::train::Coordinator;
/// let coord = Coordinator::new();
/// let worker = coord.clone();
/// coord.spawn("counter", move || {
///     while !worker.should_stop() {
///         worker.request_stop(None);
///     }
/// }).unwrap();
/// coord.join(std::time::Duration::from_secs(1)).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Coordinator(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    error: Option<Error>,
    running: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Coordinator {
    /// A coordinator without threads.
    pub fn new() -> Coordinator {
        Coordinator::default()
    }
    /// Asks all threads to stop. The first error is kept for [`Coordinator::join`], unless it only says that the input
    /// ended (`OutOfRange`); errors after the first request (what a shutdown cancels, say) do not count.
    pub fn request_stop(&self, error: Option<Error>) {
        let mut s = self.0.state.lock();
        if !s.stop {
            s.stop = true;
            s.error = error.filter(|e| e.code() != Code::OutOfRange);
        }
        drop(s);
        self.0.changed.notify_all();
    }
    /// Whether a stop was asked for.
    pub fn should_stop(&self) -> bool {
        self.0.state.lock().stop
    }
    /// Waits until a stop is asked for, at most that long; true when it was.
    pub fn wait_for_stop(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.map(|t| Instant::now() + t);
        let mut s = self.0.state.lock();
        while !s.stop {
            match deadline {
                None => self.0.changed.wait(&mut s),
                Some(d) => {
                    if self.0.changed.wait_until(&mut s, d).timed_out() {
                        break;
                    }
                }
            }
        }
        s.stop
    }
    /// The error that the threads stopped for.
    pub fn error(&self) -> Option<Error> {
        self.0.state.lock().error.clone()
    }
    /// Starts a thread that [`Coordinator::join`] waits for. Should it panic, all are asked to stop.
    ///
    /// # Errors
    /// `ResourceExhausted` when the system gives no thread.
    pub fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let me = self.clone();
        let mut s = self.0.state.lock();
        let thread = thread::Builder::new()
            .name(name.to_string())
            .spawn(move || {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
                if outcome.is_err() {
                    me.request_stop(Some(Error::internal("a coordinated thread panicked")));
                }
                me.0.state.lock().running -= 1;
                me.0.changed.notify_all();
            })
            .map_err(|e| Error::resource_exhausted(format!("no thread for {name}: {e}")))?;
        s.running += 1;
        s.threads.push(thread);
        Ok(())
    }
    /// Waits until all threads have ended: as long as it takes before a stop is asked for, and at most `grace` after.
    ///
    /// # Errors
    /// The error kept by [`Coordinator::request_stop`]; `DeadlineExceeded` when threads are still running.
    pub fn join(&self, grace: Duration) -> Result<()> {
        let mut s = self.0.state.lock();
        while s.running > 0 && !s.stop {
            self.0.changed.wait(&mut s);
        }
        let deadline = Instant::now() + grace;
        while s.running > 0 {
            if self.0.changed.wait_until(&mut s, deadline).timed_out() {
                break;
            }
        }
        if let Some(e) = s.error.clone() {
            return Err(e);
        }
        if s.running > 0 {
            return Err(Error::new(
                Code::DeadlineExceeded,
                format!(
                    "Coordinator stopped with {} threads still running",
                    s.running
                ),
            ));
        }
        for t in std::mem::take(&mut s.threads) {
            // Its body has ended and its panic, if any, was caught.
            let _ = t.join();
        }
        Ok(())
    }
}
