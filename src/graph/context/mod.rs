//! Control-flow contexts: the branches of conditionals and the loops in which nodes stand, as in TensorFlow's version 1.

mod admit;
mod history;
mod proto;

pub(crate) use admit::{At, add_value, admit, enter, fix_controls};
pub(crate) use history::{LoopGradient, Side, accumulate, accumulated, backward_sync};

use super::{Endpoint, Node, NodeId, NodeRef, Output, Scope, State};
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::panic::Location;

/// The number of a context in its graph.
pub(crate) type ContextId = u32;

/// A context: what is used inside from outside comes in through a Switch or an Enter.
#[derive(Debug)]
pub(crate) struct Context {
    /// Its unique name; a loop's frame has the same.
    pub(crate) name: String,
    pub(crate) outer: Option<ContextId>,
    /// The outputs that it has seen: made inside, or stood for by those in `external`.
    pub(crate) values: HashSet<Endpoint>,
    /// What stands inside for outputs from outside.
    pub(crate) external: HashMap<Endpoint, Endpoint>,
    pub(crate) kind: Kind,
}

/// What kind of context.
#[derive(Debug)]
pub(crate) enum Kind {
    Branch(Branch),
    Loop(Loop),
}

/// One branch of a conditional.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) predicate: Endpoint,
    /// What runs exactly when the branch is taken.
    pub(crate) pivot: Endpoint,
    /// Which output of a Switch leads here: 0 for false, 1 for true.
    pub(crate) side: u32,
}

/// A loop.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub(crate) parallel_iterations: i64,
    pub(crate) maximum_iterations: Option<Endpoint>,
    pub(crate) back_prop: bool,
    pub(crate) swap_memory: bool,
    /// Orders what has no other inputs: in the predicate, and in the body once that begins.
    pub(crate) pivot_for_predicate: Option<Endpoint>,
    pub(crate) pivot_for_body: Option<Endpoint>,
    /// The LoopCond.
    pub(crate) pivot: Option<Endpoint>,
    pub(crate) enters: Vec<Endpoint>,
    pub(crate) exits: Vec<Endpoint>,
    /// Of a backward loop, its place in the graph's list of loop gradients.
    pub(crate) gradient: Option<usize>,
}

/// Where a node stands, as its gradient sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surroundings<'g> {
    /// In no context.
    None,
    /// In a branch of a conditional: its predicate, and which of its values leads here.
    Branch(Output<'g>, bool),
    /// In a loop, and in no branch within it.
    Loop,
}

impl State {
    pub(crate) fn context(&self, id: ContextId) -> Option<&Context> {
        self.contexts.get(id as usize)
    }
    pub(crate) fn context_mut(&mut self, id: ContextId) -> Option<&mut Context> {
        self.contexts.get_mut(id as usize)
    }
    pub(crate) fn loop_data(&self, id: ContextId) -> Option<&Loop> {
        match &self.context(id)?.kind {
            Kind::Loop(l) => Some(l),
            Kind::Branch(_) => None,
        }
    }
    pub(crate) fn loop_data_mut(&mut self, id: ContextId) -> Option<&mut Loop> {
        match &mut self.context_mut(id)?.kind {
            Kind::Loop(l) => Some(l),
            Kind::Branch(_) => None,
        }
    }
    pub(crate) fn branch_data(&self, id: ContextId) -> Option<Branch> {
        match &self.context(id)?.kind {
            Kind::Branch(b) => Some(*b),
            Kind::Loop(_) => None,
        }
    }
    pub(crate) fn outer_context(&self, id: ContextId) -> Option<ContextId> {
        self.context(id)?.outer
    }
    pub(crate) fn node_context(&self, id: NodeId) -> Option<ContextId> {
        self.node(id)?.context
    }
    /// The context of what a node gives: that of an Exit lies around its loop.
    pub(crate) fn output_context(&self, id: NodeId) -> Option<ContextId> {
        let context = self.node_context(id)?;
        match self.node(id).is_some_and(|n| leaves_loop(n)) {
            true => self.outer_context(context),
            false => Some(context),
        }
    }
    /// The innermost loop around a context, itself if it is one.
    pub(crate) fn loop_around(&self, mut context: Option<ContextId>) -> Option<ContextId> {
        while let Some(c) = context {
            if self.loop_data(c).is_some() {
                return Some(c);
            }
            context = self.outer_context(c);
        }
        None
    }
    /// Whether a context is another one or lies in it.
    pub(crate) fn is_within(&self, mut context: Option<ContextId>, of: ContextId) -> bool {
        while let Some(c) = context {
            if c == of {
                return true;
            }
            context = self.outer_context(c);
        }
        false
    }
    /// The gradient under construction of the innermost loop around a context.
    pub(crate) fn gradient_around(&self, context: Option<ContextId>) -> Option<usize> {
        self.loop_data(self.loop_around(context)?)?.gradient
    }
    /// The node after which what has no inputs of the context runs.
    pub(crate) fn control_pivot(&self, id: ContextId) -> Option<NodeId> {
        let pivot = match &self.context(id)?.kind {
            Kind::Branch(b) => Some(b.pivot),
            Kind::Loop(l) => l.pivot_for_body.or(l.pivot_for_predicate),
        };
        pivot.map(|p| p.node)
    }
    pub(crate) fn set_node_context(&mut self, node: NodeId, context: Option<ContextId>) {
        if let Some(n) = self.node_mut(node) {
            n.context = context;
        }
    }
    /// Makes an output known in a loop, or in a branch and in all that lies around it.
    pub(crate) fn know(&mut self, id: ContextId, output: Endpoint) {
        let mut context = Some(id);
        let everywhere = self.branch_data(id).is_some();
        while let Some(c) = context.and_then(|c| self.context_mut(c)) {
            c.values.insert(output);
            context = c.outer.filter(|_| everywhere);
        }
    }
    /// Makes an output known in one context.
    pub(crate) fn know_here(&mut self, id: ContextId, output: Endpoint) {
        if let Some(c) = self.context_mut(id) {
            c.values.insert(output);
        }
    }
    /// Makes what leaves a context known around it.
    pub(crate) fn know_outside(&mut self, id: ContextId, output: Endpoint) {
        if let Some(outer) = self.outer_context(id) {
            self.know_here(outer, output);
        }
    }
}

/// Whether it is an Exit.
pub(crate) fn leaves_loop(n: &Node) -> bool {
    matches!(n.op.name.as_str(), "Exit" | "RefExit")
}

/// Whether it is an Enter whose value is the same in all iterations.
pub(crate) fn enters_constant(n: &Node) -> bool {
    matches!(n.op.name.as_str(), "Enter" | "RefEnter")
        && n.attrs.bool("is_constant").unwrap_or(false)
}

/// What opens a loop.
pub(crate) struct LoopSettings {
    pub(crate) parallel_iterations: i64,
    pub(crate) maximum_iterations: Option<Endpoint>,
    pub(crate) back_prop: bool,
    pub(crate) swap_memory: bool,
}

impl<'g> Scope<'g> {
    /// The context in which nodes of the scope stand.
    pub(crate) fn context(self) -> Option<ContextId> {
        self.data().context
    }
    /// The scope in another context, with the same control dependencies.
    pub(crate) fn in_context(self, context: Option<ContextId>) -> Scope<'g> {
        self.derive(|d| {
            d.context = context;
            d.op_name = None;
        })
    }
    fn open(self, name: &str, kind: Kind) -> ContextId {
        let name = self.unique_name(name);
        let outer = self.context();
        let mut s = self.graph().state();
        s.contexts.push(Context {
            name,
            outer,
            values: HashSet::new(),
            external: HashMap::new(),
            kind,
        });
        (s.contexts.len() - 1) as ContextId
    }
    /// Opens one branch of a conditional: what is used inside from outside comes through a Switch on `predicate`;
    /// what has no inputs runs after `pivot`, an Identity of the Switch output that leads here.
    pub(crate) fn open_branch(
        self,
        predicate: Output<'g>,
        pivot: Output<'g>,
        taken: bool,
    ) -> Scope<'g> {
        let branch = Branch {
            predicate: predicate.endpoint(),
            pivot: pivot.endpoint(),
            side: u32::from(taken),
        };
        let id = self.open("cond_text", Kind::Branch(branch));
        let mut s = self.graph().state();
        s.set_node_context(branch.pivot.node, Some(id));
        if let Some(c) = s.context_mut(id) {
            c.values.extend([branch.predicate, branch.pivot]);
            c.external.insert(branch.predicate, branch.predicate);
        }
        drop(s);
        self.in_context(Some(id))
    }
    /// Opens a loop, whose nodes are yet to be made.
    pub(crate) fn open_loop(self, name: &str, settings: LoopSettings) -> ContextId {
        let LoopSettings {
            parallel_iterations,
            maximum_iterations,
            back_prop,
            swap_memory,
        } = settings;
        let data = Loop {
            parallel_iterations,
            maximum_iterations,
            back_prop,
            swap_memory,
            pivot_for_predicate: None,
            pivot_for_body: None,
            pivot: None,
            enters: Vec::new(),
            exits: Vec::new(),
            gradient: None,
        };
        self.open(name, Kind::Loop(data))
    }
    /// What a node stands in.
    pub(crate) fn surroundings(self, node: NodeRef<'g>) -> Surroundings<'g> {
        let s = self.graph().state();
        let Some(id) = s.output_context(node.id()) else {
            return Surroundings::None;
        };
        match s.branch_data(id) {
            None => Surroundings::Loop,
            Some(b) => {
                drop(s);
                Surroundings::Branch(
                    Output::new(self, b.predicate.node, b.predicate.port),
                    b.side == 1,
                )
            }
        }
    }
    /// An output made elsewhere, as it is seen in this scope: through a Switch in a branch of a conditional,
    /// through an Enter in a loop.
    #[track_caller]
    pub fn bring_in(self, x: Output<'g>) -> Output<'g> {
        let Some(context) = self.context().filter(|_| x.is_valid()) else {
            return x.in_scope(self);
        };
        let prefix = self.data().prefix;
        let at = At::new(self, prefix, Location::caller());
        match add_value(&at, context, x.endpoint()) {
            Ok(e) => Output::new(self, e.node, e.port),
            Err(e) => {
                self.graph().fail(e);
                Output::broken(self)
            }
        }
    }
}

impl<'g> Scope<'g> {
    /// What a branch gives; one that was not used inside comes in through a Switch that belongs to the branch.
    #[track_caller]
    pub(crate) fn result(self, x: Output<'g>) -> Output<'g> {
        let Some(context) = self.context().filter(|_| x.is_valid()) else {
            return x;
        };
        let known = {
            let s = self.graph().state();
            s.context(context)
                .is_none_or(|c| c.values.contains(&x.endpoint()))
        };
        let inside = self.bring_in(x);
        if !known && inside.is_valid() {
            let outputs = inside.node().outputs();
            let mut s = self.graph().state();
            for o in outputs {
                s.know(context, o.endpoint());
            }
        }
        inside
    }
}

/// The endpoint of what was built, or the mistake that was made.
pub(crate) fn built(o: Output<'_>) -> Result<Endpoint> {
    o.graph().check()?;
    match o.is_valid() {
        true => Ok(o.endpoint()),
        false => Err(Error::internal("a control-flow node has no outputs")),
    }
}
