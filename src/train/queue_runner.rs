//! Queue runners: threads that keep queues filled.

use super::Coordinator;
use crate::error::{Code, Result};
use crate::graph::{Endpoint, Graph, Item, NodeId, NodeRef, QueueRunnerInfo, keys};
use crate::runtime::Session;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Adds a queue runner to the graph's collection: it runs each enqueue op again and again in a thread of its own
/// (the same op several times for several threads), closes the queue when all have come to the end of their input, and
/// cancels what still waits when training stops. Makes the two closing ops.
#[track_caller]
pub fn add_queue_runner<'g>(queue: crate::graph::Output<'g>, enqueue: &[NodeRef<'g>]) {
    let scope = queue.scope();
    let name = queue.node().name();
    let short = name.rsplit('/').next().unwrap_or(&name).to_string();
    let close = |suffix: &str, cancel: bool| {
        scope
            .op("QueueCloseV2")
            .input(queue)
            .attr("cancel_pending_enqueues", cancel)
            .name(format!("{short}_{suffix}"))
            .finish()
    };
    let (close, cancel) = (close("Close", false), close("Close", true));
    if !cancel.is_valid() || enqueue.iter().any(|e| !e.is_valid()) {
        return;
    }
    let runner = QueueRunnerInfo {
        queue: queue.node().id(),
        enqueue: enqueue.iter().map(|e| e.id()).collect(),
        close: close.id(),
        cancel: cancel.id(),
        closed_by: vec![Code::OutOfRange],
    };
    queue
        .graph()
        .add_to_collection(keys::QUEUE_RUNNERS, Item::QueueRunner(runner));
}

/// Starts all queue runners of the session's graph (TensorFlow's `start_queue_runners`).
///
/// # Errors
/// When an enqueue op does not compile, or no thread is to be had.
pub fn start_queue_runners(session: &Session, coord: &Coordinator) -> Result<()> {
    for runner in session.graph().queue_runners() {
        start_queue_runner(session, coord, &runner)?;
    }
    Ok(())
}

/// Starts one queue runner.
///
/// # Errors
/// As [`start_queue_runners`].
pub fn start_queue_runner(
    session: &Session,
    coord: &Coordinator,
    runner: &QueueRunnerInfo,
) -> Result<()> {
    const NOTHING: [Endpoint; 0] = [];
    let graph: &Graph = session.graph();
    let name = |id: NodeId| graph.node(id).map(|n| n.name.clone()).unwrap_or_default();
    let queue = name(runner.queue);
    let running = Arc::new(AtomicUsize::new(runner.enqueue.len()));
    for enqueue in &runner.enqueue {
        let run = session.callable(NOTHING, NOTHING, *enqueue)?;
        let (session, coord_in, running, runner) = (
            session.clone(),
            coord.clone(),
            running.clone(),
            runner.clone(),
        );
        coord.spawn(
            &format!("QueueRunnerThread-{queue}-{}", name(*enqueue)),
            move || {
                while !coord_in.should_stop() {
                    let Err(e) = run.call([]) else { continue };
                    if !runner.closed_by.contains(&e.code()) {
                        coord_in.request_stop(Some(e));
                        running.fetch_sub(1, Ordering::AcqRel);
                        return;
                    }
                    break;
                }
                if running.fetch_sub(1, Ordering::AcqRel) == 1 {
                    // The queue may be closed already; then there is nothing to do.
                    let _ = session.run_target(runner.close);
                }
            },
        )?;
    }
    let (session, coord_in, cancel) = (session.clone(), coord.clone(), runner.cancel);
    coord.spawn(
        &format!("QueueRunnerThread-{queue}-close_on_stop"),
        move || {
            coord_in.wait_for_stop(None);
            // After the session's end there is nothing left to cancel.
            let _ = session.run_target(cancel);
        },
    )
}
