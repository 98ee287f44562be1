//! Input in step with training: before each step the queues are filled up, and while it runs nobody adds to them, so
//! that what they serve is a function of the seeds alone.

use std::sync::atomic::{AtomicBool, Ordering};
use tensorloom::graph::{Endpoint, QueueRunnerInfo};
use tensorloom::train::Hook;
use tensorloom::train::hooks::LoopState;
use tensorloom::{Callable, Error, Result, Session, Tensor};

/// Queues that are filled by hand. They stand in the order in which elements pass through them.
pub struct LockStep<'a> {
    queues: Vec<Filled>,
    interrupt: &'a AtomicBool,
}

struct Filled {
    enqueue: Callable<0, 0>,
    size: Callable<0, 1>,
    /// The elements that it holds when a step begins.
    full: i64,
}

impl<'a> LockStep<'a> {
    /// Fills nothing yet; filling stops when interrupted.
    pub fn new(interrupt: &'a AtomicBool) -> LockStep<'a> {
        LockStep {
            queues: Vec::new(),
            interrupt,
        }
    }
    /// Fills the queue of this runner, by its first enqueue op, to `full` elements.
    ///
    /// # Errors
    /// When the graph has no op that gives the queue's size, or an op does not compile.
    pub fn add(&mut self, session: &Session, runner: &QueueRunnerInfo, full: i64) -> Result<()> {
        const NOTHING: [Endpoint; 0] = [];
        let of_queue = |inputs: &[Endpoint]| inputs.iter().any(|i| i.node == runner.queue);
        let size = (session.graph().nodes().iter())
            .find(|n| n.op.name == "QueueSizeV2" && of_queue(&n.inputs))
            .map(|n| Endpoint {
                node: n.id,
                port: 0,
            });
        let (Some(size), Some(enqueue)) = (size, runner.enqueue.first()) else {
            return Err(Error::invalid_argument(
                "the queue has no size op or its runner no enqueue op",
            ));
        };
        self.queues.push(Filled {
            enqueue: session.callable(NOTHING, NOTHING, *enqueue)?,
            size: session.callable(NOTHING, [size], ())?,
            full,
        });
        Ok(())
    }
    /// Filling a queue takes from the one before it: all are filled once more, from the last to the first.
    fn fill(&self) -> Result<()> {
        for queue in self.queues.iter().chain(self.queues.iter().rev().skip(1)) {
            let [size] = queue.size.call([])?;
            for _ in i64::from(size.to_scalar::<i32>()?)..queue.full {
                if self.interrupt.load(Ordering::Relaxed) {
                    return Ok(());
                }
                queue.enqueue.call([])?;
            }
        }
        Ok(())
    }
}

impl Hook for LockStep<'_> {
    fn begin(&mut self, _: &mut LoopState<'_>) -> Result<()> {
        self.fill()
    }
    fn after_run(&mut self, _: &mut LoopState<'_>, _: &[Tensor]) -> Result<()> {
        self.fill()
    }
}
