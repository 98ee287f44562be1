//! Tokens and loops: what has arrived at each node, in which iteration of which loop, and where outputs go.

use super::executor::{Outputs, Run};
use super::plan::{Action, Edge, Executable};
use crate::error::Error;
use crate::kernel::Value;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What has arrived at the nodes of a loop (or outside of loops) in one iteration.
pub(super) type States = Vec<Mutex<NodeState>>;

/// What has arrived at a node.
#[derive(Default)]
pub(super) struct NodeState {
    /// Inputs still to come, data and control; of a Merge only control.
    pub(super) pending: u32,
    /// Merge only: data inputs still to come.
    pub(super) data_pending: u32,
    /// Some input was dead; for a Merge, all were.
    pub(super) dead: bool,
    /// Merge only: which input won.
    pub(super) winner: Option<u32>,
    pub(super) fired: bool,
    pub(super) inputs: SmallVec<[Option<Value>; 3]>,
}

/// The iteration in which a node runs; `None` outside of loops.
pub(super) type Place = Option<Arc<Iteration>>;

/// A node all of whose inputs have arrived.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) place: Place,
    pub(super) node: u32,
}

/// One iteration of a loop.
pub(super) struct Iteration {
    pub(super) frame: Arc<Frame>,
    pub(super) index: u64,
    states: States,
    /// Nodes that are ready or running, and loops that run inside.
    outstanding: AtomicUsize,
    /// Loops that run inside.
    children: Mutex<HashMap<u32, Arc<Frame>>>,
}

/// A loop at run time.
pub(super) struct Frame {
    /// Its number within the run, from 1 on.
    pub(super) id: u64,
    plan: u32,
    parent: Place,
    state: Mutex<FrameState>,
}

#[derive(Default)]
struct FrameState {
    /// The live iterations, in order.
    iterations: VecDeque<Arc<Iteration>>,
    next_index: u64,
    /// Enter nodes that have not delivered yet.
    pending_enters: u32,
    /// What goes to every iteration: Enter nodes with their values.
    constants: Vec<(u32, Option<Value>)>,
    /// Values for the iteration after the last, which may not start yet: NextIteration nodes with theirs.
    waiting: Vec<(u32, Value)>,
    /// Exits that were dead in the last iteration.
    dead_exits: Vec<u32>,
    done: bool,
}

/// Prepares the states of a loop's nodes for a new iteration.
pub(super) fn reset_states(plan: &Executable, frame: u32, states: &mut States) {
    let nodes = &plan.frames[frame as usize].nodes;
    states.resize_with(nodes.len(), Default::default);
    for (s, node) in states.iter_mut().zip(nodes) {
        let n = &plan.nodes[*node as usize];
        let s = s.get_mut();
        let data = n.takes_ref.len() as u32;
        let is_merge = matches!(n.action, Action::Merge { .. });
        *s = NodeState {
            pending: if is_merge {
                n.control_inputs
            } else {
                n.control_inputs + data
            },
            data_pending: data,
            inputs: std::mem::take(&mut s.inputs),
            ..NodeState::default()
        };
        s.inputs.clear();
        s.inputs.resize(data as usize, None);
    }
}

/// Frees loops that were left in the midst, and those inside of them.
pub(super) fn take_apart(frames: HashMap<u32, Arc<Frame>>) {
    for frame in frames.into_values() {
        let iterations = std::mem::take(&mut frame.state.lock().iterations);
        for i in iterations {
            take_apart(std::mem::take(&mut *i.children.lock()));
        }
    }
}

/// A Merge runs once: with its first live input, or dead when all inputs are.
fn merge_is_ready(s: &mut NodeState) -> bool {
    if s.fired || s.pending > 0 {
        return false;
    }
    let ready = s.winner.is_some() || s.data_pending == 0;
    if ready {
        s.fired = true;
        s.dead = s.winner.is_none();
    }
    ready
}

impl Run {
    pub(super) fn states<'a>(&'a self, place: &'a Place) -> &'a States {
        match place {
            None => &self.root,
            Some(i) => &i.states,
        }
    }

    /// Sends the outputs of a node on; `dead` when the node itself did not run.
    pub(super) fn finish_node(
        &self,
        this: &Ready,
        outputs: Outputs,
        ready: &mut Vec<Ready>,
        dead: bool,
    ) {
        let n = &self.plan.nodes[this.node as usize];
        match n.action {
            Action::Enter { frame, is_constant } => {
                let value = outputs.into_iter().next().flatten();
                self.enter(this, frame, is_constant, value, ready);
            }
            Action::Exit => {
                let value = outputs.into_iter().next().flatten();
                match (&this.place, value) {
                    (Some(i), Some(value)) => {
                        let parent = i.frame.parent.clone();
                        self.send_all(&parent, this.node, Some(value), ready);
                    }
                    (Some(i), None) => {
                        let mut f = i.frame.state.lock();
                        if i.index + 1 == f.next_index {
                            f.dead_exits.push(this.node);
                        }
                    }
                    (None, _) => {}
                }
            }
            Action::NextIteration => {
                if let (Some(i), Some(Some(value))) = (&this.place, outputs.into_iter().next()) {
                    self.next_iteration(i, this.node, value, ready);
                }
            }
            _ => {
                let before = ready.len();
                for (value, edges) in outputs.into_iter().zip(&n.outputs) {
                    self.deliver_all(&this.place, edges, value, ready);
                }
                for target in &n.control_outputs {
                    self.deliver_control(&this.place, *target, dead, ready);
                }
                self.count(&this.place, ready.len() - before);
            }
        }
        if let Some(i) = &this.place {
            self.leave(i, ready);
        }
    }

    /// Sends one value along edges.
    pub(super) fn send(
        &self,
        place: &Place,
        edges: &[Edge],
        value: Option<Value>,
        ready: &mut Vec<Ready>,
    ) {
        let before = ready.len();
        self.deliver_all(place, edges, value, ready);
        self.count(place, ready.len() - before);
    }

    /// Sends the first output, and the control signal, of a node to a place that is not its own.
    fn send_all(&self, place: &Place, node: u32, value: Option<Value>, ready: &mut Vec<Ready>) {
        let n = &self.plan.nodes[node as usize];
        let before = ready.len();
        let dead = value.is_none();
        if let Some(edges) = n.outputs.first() {
            self.deliver_all(place, edges, value, ready);
        }
        for target in &n.control_outputs {
            self.deliver_control(place, *target, dead, ready);
        }
        self.count(place, ready.len() - before);
    }

    fn count(&self, place: &Place, added: usize) {
        if added > 0 {
            self.outstanding.fetch_add(added, Ordering::AcqRel);
            if let Some(i) = place {
                i.outstanding.fetch_add(added, Ordering::AcqRel);
            }
        }
    }

    fn deliver_all(
        &self,
        place: &Place,
        edges: &[Edge],
        value: Option<Value>,
        ready: &mut Vec<Ready>,
    ) {
        let Some((last, others)) = edges.split_last() else {
            return;
        };
        for edge in others {
            self.deliver(place, *edge, value.clone(), ready);
        }
        self.deliver(place, *last, value, ready);
    }

    fn deliver(&self, place: &Place, edge: Edge, value: Option<Value>, ready: &mut Vec<Ready>) {
        let (node, input) = match edge {
            Edge::Fetch(i) => {
                if let Some(slot) = self.fetched.lock().get_mut(i as usize) {
                    *slot = value;
                }
                return;
            }
            Edge::Node { node, input } => (node, input),
        };
        let n = &self.plan.nodes[node as usize];
        let mut s = self.states(place)[n.slot as usize].lock();
        let live = value.is_some();
        let is_ready = match n.action {
            Action::Merge { is_loop } => {
                // The other input of a loop's Merge belongs to other iterations: a dead Enter decides alone.
                s.data_pending = if is_loop {
                    0
                } else {
                    s.data_pending.saturating_sub(1)
                };
                if live && s.winner.is_none() && !s.fired {
                    s.winner = Some(input);
                    s.inputs[input as usize] = value;
                }
                merge_is_ready(&mut s)
            }
            _ => {
                let Some(left) = s.pending.checked_sub(1) else {
                    drop(s);
                    return self.comes_again(node);
                };
                s.inputs[input as usize] = value;
                s.dead |= !live;
                s.pending = left;
                left == 0
            }
        };
        if is_ready {
            ready.push(Ready {
                place: place.clone(),
                node,
            });
        }
    }

    /// A malformed loop sends something out of it in more than one iteration.
    fn comes_again(&self, node: u32) {
        let info = &self.plan.nodes[node as usize].info;
        let message = "An input of the node came twice: a loop has an Exit that is live in several iterations";
        self.fail(Error::invalid_argument(message).at_node(&info.name, &info.op));
    }

    fn deliver_control(&self, place: &Place, node: u32, dead: bool, ready: &mut Vec<Ready>) {
        let n = &self.plan.nodes[node as usize];
        let mut s = self.states(place)[n.slot as usize].lock();
        let Some(left) = s.pending.checked_sub(1) else {
            drop(s);
            return self.comes_again(node);
        };
        s.pending = left;
        let is_ready = if matches!(n.action, Action::Merge { .. }) {
            merge_is_ready(&mut s)
        } else {
            s.dead |= dead;
            s.pending == 0
        };
        if is_ready {
            ready.push(Ready {
                place: place.clone(),
                node,
            });
        }
    }

    /// A value enters a loop, which begins with its first one.
    fn enter(
        &self,
        this: &Ready,
        frame: u32,
        is_constant: bool,
        value: Option<Value>,
        ready: &mut Vec<Ready>,
    ) {
        let child = {
            let mut frames = match &this.place {
                None => self.root_frames.lock(),
                Some(i) => i.children.lock(),
            };
            match frames.get(&frame) {
                Some(f) => f.clone(),
                None => {
                    let made = Arc::new(Frame {
                        id: self.frames_made.fetch_add(1, Ordering::Relaxed) + 1,
                        plan: frame,
                        parent: this.place.clone(),
                        state: Mutex::new(FrameState {
                            pending_enters: self.plan.frames[frame as usize].enters,
                            ..FrameState::default()
                        }),
                    });
                    frames.insert(frame, made.clone());
                    if let Some(i) = &this.place {
                        i.outstanding.fetch_add(1, Ordering::AcqRel);
                    }
                    made
                }
            }
        };
        {
            let mut f = child.state.lock();
            if f.next_index == 0 {
                self.start_iteration(&child, &mut f, ready);
            }
            if is_constant {
                f.constants.push((this.node, value.clone()));
                for i in f.iterations.clone() {
                    self.send_all(&Some(i), this.node, value.clone(), ready);
                }
            } else if let Some(first) = f.iterations.front().filter(|i| i.index == 0).cloned() {
                self.send_all(&Some(first), this.node, value, ready);
            }
            f.pending_enters = f.pending_enters.saturating_sub(1);
        }
        self.clean_up(&child, ready);
    }

    fn next_iteration(
        &self,
        from: &Arc<Iteration>,
        node: u32,
        value: Value,
        ready: &mut Vec<Ready>,
    ) {
        let frame = &from.frame;
        let mut f = frame.state.lock();
        let existing = f
            .iterations
            .iter()
            .find(|i| i.index == from.index + 1)
            .cloned();
        if let Some(i) = existing {
            self.send_all(&Some(i), node, Some(value), ready);
            return;
        }
        f.waiting.push((node, value));
        if f.iterations.len() < self.plan.frames[frame.plan as usize].parallel {
            self.start_iteration(frame, &mut f, ready);
        }
    }

    /// Begins the next iteration with the constants and with what waits for it.
    fn start_iteration(&self, frame: &Arc<Frame>, f: &mut FrameState, ready: &mut Vec<Ready>) {
        let mut states = States::new();
        reset_states(&self.plan, frame.plan, &mut states);
        let iteration = Arc::new(Iteration {
            frame: frame.clone(),
            index: f.next_index,
            states,
            outstanding: AtomicUsize::new(0),
            children: Mutex::default(),
        });
        f.next_index += 1;
        f.dead_exits.clear();
        f.iterations.push_back(iteration.clone());
        let place = Some(iteration);
        for (node, value) in &f.constants {
            self.send_all(&place, *node, value.clone(), ready);
        }
        for (node, value) in std::mem::take(&mut f.waiting) {
            self.send_all(&place, node, Some(value), ready);
        }
    }

    /// A node of an iteration, or a loop inside it, is over.
    fn leave(&self, i: &Arc<Iteration>, ready: &mut Vec<Ready>) {
        if i.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.clean_up(&i.frame, ready);
        }
    }

    /// Ends iterations that have nothing left to do, in order, and the loop when all have ended.
    fn clean_up(&self, frame: &Arc<Frame>, ready: &mut Vec<Ready>) {
        let dead_exits = {
            let mut f = frame.state.lock();
            if f.done {
                return;
            }
            while let Some(first) = f.iterations.front() {
                let busy = first.outstanding.load(Ordering::Acquire) > 0;
                if busy || first.index == 0 && f.pending_enters > 0 {
                    return;
                }
                f.iterations.pop_front();
                if !f.waiting.is_empty() {
                    self.start_iteration(frame, &mut f, ready);
                }
            }
            if f.pending_enters > 0 {
                return;
            }
            f.done = true;
            std::mem::take(&mut f.dead_exits)
        };
        for node in dead_exits {
            self.send_all(&frame.parent, node, None, ready);
        }
        match &frame.parent {
            None => {
                self.root_frames.lock().remove(&frame.plan);
            }
            Some(i) => {
                i.children.lock().remove(&frame.plan);
                self.leave(i, ready);
            }
        }
    }
}
