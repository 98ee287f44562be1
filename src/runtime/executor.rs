//! The executor: tokens flow along the edges of a plan; a node runs when all its inputs have arrived.

use super::frames::{Frame, Place, Ready, States, reset_states, take_apart};
use super::plan::{Action, Executable};
use super::ready::{Lines, Slice};
use super::trace::{Started, Trace, Waited};
use crate::device::cpu::ThreadPool;
use crate::dtype::{DType, expect_dtype};
use crate::error::{Code, Error, Result};
use crate::kernel::{AsyncCall, FrameIter, OpContext, Step, Value};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// Kernels that take less than this on average run on the thread that made them ready.
const INLINE_NANOS: u32 = 5_000;

/// Of so many nodes that a thread runs, one is the one that has been ready for longest.
const FAIRNESS: u32 = 32;

/// After this long a run without end is looked into.
const STALL: Duration = Duration::from_secs(10);

/// Who knows what a run may be waiting for.
pub(super) trait Waiting {
    /// What is waited for, to be put behind a message; empty when that is not known.
    fn for_what(&self) -> String;
    /// Called once when the run takes long.
    fn stalled(&self);
}

/// What the thread that starts a run may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Compute in place of an idle worker.
    MayCompute,
    /// Only wait, since it has to watch the time.
    Waits,
}

/// One run of a plan.
pub(super) struct Run {
    pub(super) plan: Arc<Executable>,
    step: Arc<Step>,
    /// The state of the nodes outside of loops.
    pub(super) root: States,
    /// The loops that run outside of other loops.
    pub(super) root_frames: Mutex<HashMap<u32, Arc<Frame>>>,
    /// The loops begun so far.
    pub(super) frames_made: AtomicU64,
    pub(super) fetched: Mutex<Vec<Option<Value>>>,
    /// Nodes that are ready, running, or waiting for an asynchronous kernel.
    pub(super) outstanding: AtomicUsize,
    /// Those of them that wait for a thread.
    pub(super) lines: Lines,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
    finished: Mutex<bool>,
    signal: Condvar,
    trace: Option<Arc<Trace>>,
}

/// A list of outputs: `None` is dead.
pub(super) type Outputs = SmallVec<[Option<Value>; 3]>;

impl Run {
    /// Starts a run; [`Run::wait`] gives its outcome.
    ///
    /// # Errors
    /// `InvalidArgument` when a fed value has the wrong type.
    pub(super) fn start(
        plan: &Arc<Executable>,
        step: Arc<Step>,
        feeds: Vec<Tensor>,
        pool: &ThreadPool,
        trace: Option<Arc<Trace>>,
        caller: Caller,
    ) -> Result<Arc<Run>> {
        if feeds.len() != plan.feeds.len() {
            return Err(Error::invalid_argument(format!(
                "{} values given for {} feeds",
                feeds.len(),
                plan.feeds.len()
            )));
        }
        for (value, (name, dtype)) in feeds.iter().zip(&plan.feed_types) {
            if value.dtype() != *dtype {
                return Err(Error::invalid_argument(format!(
                    "Expects {name} to be {dtype} but {} is provided",
                    value.dtype()
                )));
            }
        }
        let mut root = plan.idle.lock().pop().unwrap_or_default();
        reset_states(plan, 0, &mut root);
        let run = Arc::new(Run {
            plan: plan.clone(),
            step,
            root,
            root_frames: Mutex::default(),
            frames_made: AtomicU64::new(0),
            fetched: Mutex::new(vec![None; plan.fetch_names.len()]),
            // One for the starter, so that nothing ends before everything has begun.
            outstanding: AtomicUsize::new(1),
            lines: Lines::default(),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
            finished: Mutex::new(false),
            signal: Condvar::new(),
            trace,
        });
        let mut ready: Vec<Ready> = plan
            .roots
            .iter()
            .map(|node| Ready {
                place: None,
                node: *node,
            })
            .collect();
        run.outstanding.fetch_add(ready.len(), Ordering::AcqRel);
        for (value, edges) in feeds.into_iter().zip(&plan.feeds) {
            run.send(&None, edges, Some(Value::Tensor(value)), &mut ready);
        }
        let weak = Arc::downgrade(&run);
        // Whoever cancels the step ends the run, also one that is busy in an endless loop.
        let registered = run.step.cancellation.register(Box::new(move || {
            if let Some(run) = weak.upgrade() {
                run.fail(Error::cancelled(
                    "Step was cancelled by an explicit call to `Session::Close()`.",
                ));
            }
        }));
        if registered.is_none() {
            run.fail(Error::cancelled(
                "Step was cancelled by an explicit call to `Session::Close()`.",
            ));
        }
        let guest = match caller {
            Caller::MayCompute => pool.enter(),
            Caller::Waits => None,
        };
        match guest {
            Some(_guest) => run.work(ready, pool),
            None => {
                run.note_ready(&ready);
                run.put_in_line(ready, pool);
            }
        }
        run.release(1);
        Ok(run)
    }

    /// Waits for the end and gives the fetched values.
    ///
    /// # Errors
    /// The first error of the step; `DeadlineExceeded` after the time-out.
    pub(super) fn wait(
        self: &Arc<Run>,
        timeout: Option<Duration>,
        waiting: &dyn Waiting,
    ) -> Result<Vec<Tensor>> {
        let start = Instant::now();
        let deadline = timeout.map(|t| start + t);
        let stall = start + STALL;
        let mut reported = false;
        let mut finished = self.finished.lock();
        while !*finished {
            let until = match (deadline, reported) {
                (Some(d), false) => d.min(stall),
                (Some(d), true) => d,
                (None, false) => stall,
                (None, true) => {
                    self.signal.wait(&mut finished);
                    continue;
                }
            };
            if !self.signal.wait_until(&mut finished, until).timed_out() || *finished {
                continue;
            }
            drop(finished);
            if deadline.is_some_and(|d| Instant::now() >= d) {
                let keys = self.step.rendezvous.waited_for();
                let unsent = keys.iter().map(|k| format!("; nobody has sent {k}"));
                self.fail(Error::new(
                    Code::DeadlineExceeded,
                    format!(
                        "Timed out waiting for notification{}{}",
                        waiting.for_what(),
                        unsent.collect::<String>()
                    ),
                ));
                finished = self.finished.lock();
                // What has begun is ended by the cancellation: wait for it.
                while !*finished {
                    self.signal.wait(&mut finished);
                }
            } else {
                reported = true;
                waiting.stalled();
                finished = self.finished.lock();
            }
        }
        drop(finished);
        if let Some(e) = self.error.lock().take() {
            return Err(e);
        }
        let fetched = std::mem::take(&mut *self.fetched.lock());
        fetched
            .into_iter()
            .zip(&self.plan.fetch_names)
            .map(|(v, name)| match v {
                Some(Value::Tensor(t)) => Ok(t),
                Some(Value::Ref(v)) => v.read(),
                None => Err(Error::invalid_argument(format!(
                    "The tensor returned for {name} was not valid."
                ))),
            })
            .collect()
    }

    /// Records an error and cancels the step; only the first one counts.
    pub(super) fn fail(&self, error: Error) {
        {
            let mut slot = self.error.lock();
            if slot.is_some() {
                return;
            }
            *slot = Some(error.clone());
        }
        self.failed.store(true, Ordering::Release);
        self.step.cancellation.cancel();
        self.step.rendezvous.abort(error);
    }

    /// Works for the run, beginning with these nodes, until nothing is left to do here.
    fn work(self: &Arc<Run>, ready: Vec<Ready>, pool: &ThreadPool) {
        self.lines.enter();
        self.note_ready(&ready);
        self.serve(ready, pool);
    }

    /// Runs nodes and what they make ready, the newest first, whose inputs are at hand, but now and then the oldest; then
    /// those in line. After a while what is ready here goes to the end of the line, and the thread to others who wait.
    pub(super) fn serve(self: &Arc<Run>, mut ready: Vec<Ready>, pool: &ThreadPool) {
        let mut local: Vec<Ready> = Vec::new();
        self.distribute(&mut ready, &mut local, pool);
        let (mut turn, mut slice) = (0u32, Slice::default());
        loop {
            turn = turn.wrapping_add(1);
            let is_fair = turn.is_multiple_of(FAIRNESS);
            let next = match is_fair && !local.is_empty() {
                true => Some(local.remove(0)),
                false => local.pop(),
            };
            let Some(next) = next.or_else(|| self.lines.next_or_leave()) else {
                return;
            };
            let long = self.is_long(next.node);
            // What became ready was counted then; a node that is over is taken off the count.
            if self.execute(&next, &mut ready) {
                self.note_ready(&ready);
                self.distribute(&mut ready, &mut local, pool);
                self.release(1);
            }
            if (is_fair || long) && slice.is_over() {
                let others = pool.has_waiting();
                if others || !self.lines.is_empty() {
                    self.put_in_line(local.drain(..), pool);
                }
                if others {
                    return pool.spawn_last(self.server());
                }
                slice = Slice::default();
            }
        }
    }

    /// Short nodes are run here; of the long ones one may be, if there is nothing else; the others wait for a thread.
    fn distribute(
        self: &Arc<Run>,
        ready: &mut Vec<Ready>,
        local: &mut Vec<Ready>,
        pool: &ThreadPool,
    ) {
        let mut long: SmallVec<[Ready; 4]> = SmallVec::new();
        for next in ready.drain(..).rev() {
            match self.is_long(next.node) {
                true => long.push(next),
                false => local.push(next),
            }
        }
        if local.is_empty() {
            local.extend(long.pop());
        }
        if !long.is_empty() {
            self.put_in_line(long.into_iter().rev(), pool);
        }
    }

    fn is_long(&self, node: u32) -> bool {
        let n = &self.plan.nodes[node as usize];
        match &n.action {
            Action::Kernel(k) => !k.is_cheap() && n.cost.load(Ordering::Relaxed) > INLINE_NANOS,
            _ => false,
        }
    }

    /// Runs one node and delivers its outputs; false when an asynchronous kernel has it now.
    fn execute(self: &Arc<Run>, this: &Ready, ready: &mut Vec<Ready>) -> bool {
        if self.failed.load(Ordering::Acquire) {
            return true;
        }
        let (place, node) = (&this.place, this.node);
        let n = &self.plan.nodes[node as usize];
        let (mut inputs, dead, winner) = {
            let mut s = self.states(place)[n.slot as usize].lock();
            (std::mem::take(&mut s.inputs), s.dead, s.winner)
        };
        let started = self.trace.as_ref().map(|t| t.started());
        let _charging = started.as_ref().map(Started::charge);
        if dead && n.is_transfer {
            // It tells the other end.
            inputs.iter_mut().for_each(|v| *v = None);
        } else if dead && !matches!(n.action, Action::ControlTrigger) {
            let nothing = std::iter::repeat_n(None, n.outputs.len()).collect();
            self.finish_node(this, nothing, ready, true);
            return true;
        }
        let outcome: Result<Outputs> = match &n.action {
            Action::ControlTrigger => Ok(Outputs::new()),
            Action::Merge { .. } => {
                let i = winner.unwrap_or(0) as usize;
                let value = inputs.get_mut(i).and_then(Option::take);
                let mut out = Outputs::new();
                out.push(value);
                out.push(Some(Value::Tensor(Tensor::from(i as i32))));
                Ok(out)
            }
            Action::Switch => self.switch(n, &mut inputs),
            Action::SwitchN => self.switch_n(n, &mut inputs),
            Action::Enter { .. } | Action::Exit | Action::NextIteration => {
                let value = inputs.first_mut().and_then(Option::take);
                Ok(std::iter::once(value).collect())
            }
            Action::Kernel(kernel) => self.dereference(n, &mut inputs).and_then(|()| {
                let timed = (!kernel.is_cheap()).then(Instant::now);
                let mut outputs: Outputs = std::iter::repeat_n(None, n.outputs.len()).collect();
                let mut ctx =
                    OpContext::new(&n.info, &n.env, &self.step, &mut inputs, &mut outputs);
                ctx.at = frame_iter(place);
                caught(|| kernel.compute(&mut ctx))?;
                if let Some(i) = outputs.iter().position(Option::is_none) {
                    return Err(Error::internal(format!(
                        "the kernel did not set output {i}"
                    )));
                }
                if let Some(t) = timed {
                    let now = t.elapsed().as_nanos().min(u128::from(u32::MAX / 2)) as u32;
                    let old = n.cost.load(Ordering::Relaxed);
                    let new = if old == u32::MAX {
                        now
                    } else {
                        old - old / 8 + now / 8
                    };
                    n.cost.store(new, Ordering::Relaxed);
                }
                Ok(outputs)
            }),
            Action::Async(kernel) => match self.dereference(n, &mut inputs) {
                Err(e) => Err(e),
                Ok(()) => {
                    let values = inputs.into_iter().flatten().collect();
                    match self.begin(this, kernel.clone(), values, started.clone()) {
                        Some(r) => r,
                        None => return false,
                    }
                }
            },
        };
        self.record(this, started, None, &outcome);
        self.complete(this, outcome, ready);
        true
    }

    /// The time, when a trace wants it.
    fn now(&self) -> Option<Instant> {
        self.trace.as_ref().map(|_| Instant::now())
    }

    /// Notes that these nodes are ready now.
    fn note_ready(&self, ready: &[Ready]) {
        if let Some(trace) = &self.trace {
            trace.scheduled(ready);
        }
    }

    /// Notes what a node cost that started then, and may have waited.
    fn record(
        &self,
        this: &Ready,
        started: Option<Started>,
        wait: Option<Waited>,
        outcome: &Result<Outputs>,
    ) {
        if let (Some(trace), Some(started)) = (&self.trace, started) {
            trace.record(this, started, wait, outcome);
        }
    }

    fn complete(self: &Arc<Run>, this: &Ready, outcome: Result<Outputs>, ready: &mut Vec<Ready>) {
        let n = &self.plan.nodes[this.node as usize];
        match outcome {
            Ok(outputs) => {
                // Only a transfer runs although it is dead.
                let dead = n.is_transfer && self.states(&this.place)[n.slot as usize].lock().dead;
                self.finish_node(this, outputs, ready, dead);
            }
            Err(e) => {
                let at = n.made_for.as_ref().unwrap_or(&n.info);
                let e = e.at_node(&at.name, &at.op).on_device(&at.device);
                self.fail(match n.location {
                    Some(l) => e.at_line(l),
                    None => e,
                });
            }
        }
    }

    /// Starts an asynchronous kernel; its outcome when it was there at once.
    fn begin(
        self: &Arc<Run>,
        this: &Ready,
        kernel: Arc<dyn crate::kernel::AsyncKernel>,
        inputs: SmallVec<[Value; 4]>,
        started: Option<Started>,
    ) -> Option<Result<Outputs>> {
        enum Slot {
            Starting,
            Done(Result<Vec<Value>>),
            /// Left to itself, then.
            Left(Option<Instant>),
        }
        let slot = Arc::new(Mutex::new(Slot::Starting));
        let n = &self.plan.nodes[this.node as usize];
        let at = frame_iter(&this.place);
        let (run, theirs, this) = (self.clone(), slot.clone(), this.clone());
        let node = this.node;
        let done = Box::new(move |result: Result<Vec<Value>>| {
            let mut s = theirs.lock();
            let Slot::Left(left) = *s else {
                *s = Slot::Done(result);
                return;
            };
            drop(s);
            let wait = left.zip(run.now());
            let pool = run.plan.nodes[node as usize].env.pool.clone();
            let target = pool.clone();
            target.spawn(Box::new(move || {
                let mut ready = Vec::new();
                let outcome = run.checked(node, result);
                let wait = wait
                    .zip(run.now())
                    .map(|((left, back), on)| (left, back, on));
                run.record(&this, started, wait, &outcome);
                run.complete(&this, outcome, &mut ready);
                run.release_after(ready, &pool);
            }));
        });
        let (info, env) = (n.info.clone(), n.env.clone());
        let mut call = AsyncCall::new(info, env, self.step.clone(), inputs, done);
        call.at = at;
        // A kernel that panics loses its call, which ends it.
        let panicked = caught(|| {
            kernel.start(call);
            Ok(())
        });
        let mut s = slot.lock();
        match std::mem::replace(&mut *s, Slot::Left(self.now())) {
            Slot::Done(r) => Some(panicked.and_then(|()| self.checked(node, r))),
            _ => None,
        }
    }

    fn checked(&self, node: u32, result: Result<Vec<Value>>) -> Result<Outputs> {
        let values = result?;
        let n = &self.plan.nodes[node as usize];
        if values.is_empty() && n.is_transfer {
            return Ok(std::iter::repeat_n(None, n.outputs.len()).collect());
        }
        if values.len() != n.outputs.len() {
            return Err(Error::internal(
                "an asynchronous kernel gave the wrong number of outputs",
            ));
        }
        Ok(values.into_iter().map(Some).collect())
    }

    fn release_after(self: &Arc<Run>, ready: Vec<Ready>, pool: &ThreadPool) {
        if !ready.is_empty() {
            self.work(ready, pool);
        }
        self.release(1);
    }

    /// Replaces references by values where the kernel wants a value. A kernel on a GPU reads what it is given as elements of
    /// its own type, so others are refused.
    fn dereference(
        &self,
        n: &super::plan::PlanNode,
        inputs: &mut SmallVec<[Option<Value>; 3]>,
    ) -> Result<()> {
        for (v, takes_ref) in inputs.iter_mut().zip(&n.takes_ref) {
            if let (Some(Value::Ref(variable)), false) = (&*v, takes_ref) {
                *v = Some(Value::Tensor(variable.read()?));
            }
        }
        for (v, dtype) in inputs.iter().zip(&n.gpu_types) {
            if let Some(Value::Tensor(t)) = v {
                expect_dtype(*dtype, t.dtype())?;
            }
        }
        Ok(())
    }

    fn switch(
        &self,
        n: &super::plan::PlanNode,
        inputs: &mut SmallVec<[Option<Value>; 3]>,
    ) -> Result<Outputs> {
        self.dereference(n, inputs)?;
        let taken = match inputs.get(1) {
            Some(Some(Value::Tensor(t))) if t.dtype() == DType::Bool && t.shape().is_scalar() => {
                t.to_scalar::<bool>()?
            }
            Some(Some(Value::Tensor(t))) => {
                return Err(Error::invalid_argument(format!(
                    "The second input must be a scalar, but it has shape {}",
                    t.shape()
                )));
            }
            _ => return Err(Error::internal("Switch has no predicate")),
        };
        let value = inputs.first_mut().and_then(Option::take);
        let mut out = Outputs::new();
        if taken {
            out.push(None);
            out.push(value);
        } else {
            out.push(value);
            out.push(None);
        }
        Ok(out)
    }

    fn switch_n(
        &self,
        n: &super::plan::PlanNode,
        inputs: &mut SmallVec<[Option<Value>; 3]>,
    ) -> Result<Outputs> {
        self.dereference(n, inputs)?;
        let last = n.outputs.len().saturating_sub(1);
        let chosen = match inputs.get(1) {
            Some(Some(Value::Tensor(t))) if t.shape().is_scalar() => {
                usize::try_from(t.to_scalar::<i32>()?).map_or(last, |i| i.min(last))
            }
            _ => {
                return Err(Error::invalid_argument("The second input must be a scalar"));
            }
        };
        let value = inputs.first_mut().and_then(Option::take);
        let mut out: Outputs = std::iter::repeat_n(None, n.outputs.len()).collect();
        if let Some(o) = out.get_mut(chosen) {
            *o = value;
        }
        Ok(out)
    }

    /// Takes nodes off the count; the last one ends the run.
    fn release(self: &Arc<Run>, count: usize) {
        if self.outstanding.fetch_sub(count, Ordering::AcqRel) == count {
            *self.finished.lock() = true;
            self.signal.notify_all();
        }
    }
}

fn frame_iter(place: &Place) -> FrameIter {
    place
        .as_ref()
        .map_or_else(FrameIter::default, |i| FrameIter {
            frame: i.frame.id,
            iteration: i.index,
        })
}

/// Calls a kernel; one that panics fails its step, and nothing else.
fn caught<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Error::internal(format!(
            "the kernel panicked: {}",
            said.unwrap_or_default()
        )))
    })
}

impl Drop for Run {
    fn drop(&mut self) {
        let states = std::mem::take(&mut self.root);
        // The iterations of loops that were under way own their loops, and these own them.
        take_apart(std::mem::take(&mut *self.root_frames.lock()));
        // Values left behind by a failed step must not live on in the pool of states.
        if self.failed.load(Ordering::Acquire) {
            return;
        }
        let mut idle = self.plan.idle.lock();
        if idle.len() < 32 {
            idle.push(states);
        }
    }
}
