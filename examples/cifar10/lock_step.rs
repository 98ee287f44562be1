//! Input in step with training: between two steps the queue gets exactly what a step takes, so that what it serves is a
//! function of the seeds alone.

use std::sync::atomic::{AtomicBool, Ordering};
use tensorloom::graph::{Endpoint, QueueRunnerInfo};
use tensorloom::train::Hook;
use tensorloom::train::hooks::LoopState;
use tensorloom::{Callable, Error, Result, Session, Tensor};

/// Runs a queue runner's enqueue op by hand.
pub struct LockStep<'a> {
    enqueue: Callable<0, 0>,
    /// Elements still to be added before the next step.
    missing: i64,
    per_step: i64,
    interrupt: &'a AtomicBool,
}

impl<'a> LockStep<'a> {
    /// Puts `first` elements into the queue at first, and after each step what the step took; stops when interrupted.
    ///
    /// # Errors
    /// When the enqueue op does not compile.
    pub fn new(
        session: &Session,
        runner: &QueueRunnerInfo,
        first: i64,
        per_step: i64,
        interrupt: &'a AtomicBool,
    ) -> Result<LockStep<'a>> {
        const NOTHING: [Endpoint; 0] = [];
        let enqueue = *runner
            .enqueue
            .first()
            .ok_or_else(|| Error::invalid_argument("a queue runner without ops"))?;
        let enqueue = session.callable(NOTHING, NOTHING, enqueue)?;
        Ok(LockStep {
            enqueue,
            missing: first,
            per_step,
            interrupt,
        })
    }
    fn fill(&mut self) -> Result<()> {
        while self.missing > 0 && !self.interrupt.load(Ordering::Relaxed) {
            self.enqueue.call([])?;
            self.missing -= 1;
        }
        Ok(())
    }
}

impl Hook for LockStep<'_> {
    fn begin(&mut self, _: &mut LoopState<'_>) -> Result<()> {
        self.fill()
    }
    fn after_run(&mut self, _: &mut LoopState<'_>, _: &[Tensor]) -> Result<()> {
        self.missing += self.per_step;
        self.fill()
    }
}
