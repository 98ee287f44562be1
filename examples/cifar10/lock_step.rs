//! Input in step with training: between two steps the queue gets exactly what a step takes, so that what it serves is a
//! function of the seeds alone.

use tensorloom::graph::{Endpoint, QueueRunnerInfo};
use tensorloom::train::Hook;
use tensorloom::train::hooks::LoopState;
use tensorloom::{Callable, Error, Result, Session, Tensor};

/// Runs a queue runner's enqueue op by hand.
pub struct LockStep {
    enqueue: Callable<0, 0>,
    /// Elements still to be added before the next step.
    missing: i64,
    per_step: u32,
}

impl LockStep {
    /// Fills the queue to its capacity at first, and after each step by what the step took.
    ///
    /// # Errors
    /// When the enqueue op does not compile.
    pub fn new(
        session: &Session,
        runner: &QueueRunnerInfo,
        capacity: i64,
        per_step: u32,
    ) -> Result<LockStep> {
        const NOTHING: [Endpoint; 0] = [];
        let enqueue = *runner
            .enqueue
            .first()
            .ok_or_else(|| Error::invalid_argument("a queue runner without ops"))?;
        let enqueue = session.callable(NOTHING, NOTHING, enqueue)?;
        Ok(LockStep {
            enqueue,
            missing: capacity,
            per_step,
        })
    }
    fn fill(&mut self) -> Result<()> {
        while self.missing > 0 {
            self.enqueue.call([])?;
            self.missing -= 1;
        }
        Ok(())
    }
}

impl Hook for LockStep {
    fn begin(&mut self, _: &mut LoopState<'_>) -> Result<()> {
        self.fill()
    }
    fn after_run(&mut self, _: &mut LoopState<'_>, _: &[Tensor]) -> Result<()> {
        self.missing += i64::from(self.per_step);
        self.fill()
    }
}
