//! What the ops that may wait on a queue have in common: signatures, cancellation, where their outcome is used.

use super::handle;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelInit, Registration, Value};
use crate::resource::Queue;
use crate::resource::queue::{Delivery, Done, Ticket};
use crate::sync::Mutex;
use std::sync::Arc;

/// A kernel from a function that begins a call.
pub(super) struct Begin<F>(pub(super) F);

impl<F: Fn(AsyncCall) + Send + Sync> AsyncKernel for Begin<F> {
    fn start(&self, call: AsyncCall) {
        (self.0)(call);
    }
}

/// A kernel of an op whose components (inputs from `first` on, and the outputs) are those of the queue: begins
/// the operation with the queue and the call.
pub(super) fn kernel(
    init: &KernelInit<'_>,
    first: usize,
    begin: impl Fn(AsyncCall, Arc<Queue>) + Send + Sync + 'static,
) -> AnyKernel {
    let given = Given::new(init, first);
    AnyKernel::later(Begin(
        move |call: AsyncCall| match handle::of_call::<Queue>(&call, 0)
            .and_then(|queue| given.check(&queue).map(|()| queue))
        {
            Ok(queue) => begin(call, queue),
            Err(e) => call.finish(Err(e)),
        },
    ))
}

/// The types of a node, to be compared with those of the queue it meets.
struct Given {
    /// The inputs before the components, as text.
    fixed: Vec<String>,
    inputs: Vec<DType>,
    outputs: Vec<DType>,
}

impl Given {
    fn new(init: &KernelInit<'_>, first: usize) -> Given {
        let text = |t: &crate::def::TypeRef| match t.is_ref {
            true => format!("{}_ref", t.base),
            false => t.base.to_string(),
        };
        let (fixed, components) = init.inputs.split_at(first.min(init.inputs.len()));
        Given {
            fixed: fixed.iter().map(text).collect(),
            inputs: components.iter().map(|t| t.base).collect(),
            outputs: init.outputs.iter().map(|t| t.base).collect(),
        }
    }
    /// A queue of other components would give or take what the graph does not expect.
    fn check(&self, queue: &Queue) -> Result<()> {
        let own = &queue.spec().dtypes;
        let (wanted_in, wanted_out): (&[DType], &[DType]) = match self.outputs.is_empty() {
            true if self.inputs.is_empty() => return Ok(()),
            true => (own, &[]),
            false => (&[], own),
        };
        if self.inputs == wanted_in && self.outputs == wanted_out {
            return Ok(());
        }
        let side = |inputs: &[DType], outputs: &[DType]| {
            let mut all = self.fixed.clone();
            all.extend(inputs.iter().map(DType::to_string));
            let outputs: Vec<String> = outputs.iter().map(DType::to_string).collect();
            format!("{}->{}", all.join(", "), outputs.join(", "))
        };
        Err(Error::invalid_argument(format!(
            "Signature mismatch, have: {} expected: {}",
            side(&self.inputs, &self.outputs),
            side(wanted_in, wanted_out)
        )))
    }
}

/// How the step's cancellation knows of an operation.
enum Known {
    NotYet,
    By(Registration),
    /// The operation is over: nothing must stay behind in a step that goes on.
    NoMore,
}

/// Runs an operation of a queue for a call: ends the call with its outcome, or when the step is cancelled.
pub(super) fn operate<T: Send + 'static>(
    call: AsyncCall,
    queue: Arc<Queue>,
    cancelled: &'static str,
    operation: impl FnOnce(&Queue, Done<T>) -> Option<Ticket>,
    outputs: impl FnOnce(T, &Queue) -> Result<Vec<Value>> + Send + 'static,
) {
    if call.step.cancellation.is_cancelled() {
        return call.finish(Err(Error::cancelled(cancelled)));
    }
    let (step, source) = (call.step.clone(), queue.clone());
    let known = Arc::new(Mutex::new(Known::NotYet));
    let theirs = known.clone();
    let done: Done<T> = Box::new(move |result, delivery| {
        let before = std::mem::replace(&mut *theirs.lock(), Known::NoMore);
        if let Known::By(registration) = before {
            call.step.cancellation.deregister(registration);
        }
        let pool = call.env.pool.clone();
        let finish = move || call.finish_with(|| result.and_then(|r| outputs(r, &source)));
        // What follows from an outcome is not the work of the one who happened to bring it about.
        match delivery {
            Delivery::Here => finish(),
            Delivery::Elsewhere => pool.spawn(Box::new(finish)),
        }
    });
    let Some(ticket) = operation(&queue, done) else {
        return;
    };
    let target = queue.clone();
    let cancel = Box::new(move || target.cancel(ticket));
    let Some(registration) = step.cancellation.register(cancel) else {
        return queue.cancel(ticket);
    };
    let mut known = known.lock();
    if let Known::NoMore = *known {
        drop(known);
        step.cancellation.deregister(registration);
    } else {
        *known = Known::By(registration);
    }
}

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::ops::queue::QueueOptions;
    use crate::resource::Queue;
    use crate::runtime::Session;
    use std::sync::Arc;
    use std::thread::{spawn, yield_now};
    use std::time::{Duration, Instant};

    /// A step that goes on keeps nothing of the operations that are over.
    #[test]
    fn operations_that_are_over_leave_nothing() {
        let g = Graph::new();
        let q = g.root().fifo_queue(&QueueOptions {
            dtypes: vec![DType::I32],
            ..QueueOptions::default()
        });
        let all = [q.dequeue()[0], q.dequeue()[0]].map(|o| o.node());
        let both = g.root().group(all).name();
        let put = q.enqueue(&[g.root().constant(1i32)]);
        let session = Session::new(&g).unwrap();
        let step = session.clone();
        let step = spawn(move || step.run((), (), both.as_str()).unwrap());
        let until = Instant::now() + Duration::from_secs(20);
        let queue = loop {
            let found = session.resources().flat_map(|r| r.all::<Queue>()).next();
            match found {
                Some((_, _, q)) if q.waiting().1 == 2 => break q,
                _ => assert!(Instant::now() < until),
            }
            yield_now();
        };
        // One operation's outcome and its cancelling each own the queue until it is over.
        let owners = Arc::strong_count(&queue);
        session.run_target(put).unwrap();
        while Arc::strong_count(&queue) > owners - 2 {
            assert!(Instant::now() < until, "it is still owned");
            yield_now();
        }
        session.run_target(put).unwrap();
        step.join().unwrap();
    }
}
