//! `cond`: one of two branches runs, as the Switch and Merge nodes of TensorFlow's version 1 control flow.

use crate::error::Error;
use crate::graph::{NodeRef, Operand, Output, Scope};
use std::panic::Location;

/// What a branch of [`Scope::cond`] may return.
pub trait Branch<'g>: Sized {
    /// The tensors; a node stands for `pivot` after that node.
    fn outputs(self, scope: Scope<'g>, pivot: Output<'g>) -> Vec<Output<'g>>;
    /// The result from the merged tensors.
    fn merged(scope: Scope<'g>, outputs: Vec<Output<'g>>) -> Self;
}

impl<'g> Branch<'g> for Output<'g> {
    fn outputs(self, _: Scope<'g>, _: Output<'g>) -> Vec<Output<'g>> {
        vec![self]
    }
    fn merged(scope: Scope<'g>, outputs: Vec<Output<'g>>) -> Self {
        outputs.first().copied().unwrap_or(Output::broken(scope))
    }
}
impl<'g> Branch<'g> for Vec<Output<'g>> {
    fn outputs(self, _: Scope<'g>, _: Output<'g>) -> Vec<Output<'g>> {
        self
    }
    fn merged(_: Scope<'g>, outputs: Vec<Output<'g>>) -> Self {
        outputs
    }
}
impl<'g, const N: usize> Branch<'g> for [Output<'g>; N] {
    fn outputs(self, _: Scope<'g>, _: Output<'g>) -> Vec<Output<'g>> {
        self.to_vec()
    }
    fn merged(scope: Scope<'g>, outputs: Vec<Output<'g>>) -> Self {
        outputs.try_into().unwrap_or([Output::broken(scope); N])
    }
}
impl<'g> Branch<'g> for NodeRef<'g> {
    #[track_caller]
    fn outputs(self, scope: Scope<'g>, pivot: Output<'g>) -> Vec<Output<'g>> {
        vec![scope.with_dependencies([self], pivot)]
    }
    fn merged(scope: Scope<'g>, outputs: Vec<Output<'g>>) -> Self {
        outputs.first().map_or(NodeRef::broken(scope), |o| o.node())
    }
}

impl<'g> Scope<'g> {
    /// Runs what `if_true` builds when `predicate` holds and what `if_false` builds otherwise.
    ///
    /// Only nodes made in the scope that a closure is given belong to its branch: tensors from outside are
    /// brought in by using them there (`s.relu(x)`, or `x.in_scope(s)` before operators). Both closures
    /// return the same number of tensors of the same types. The nodes are those of TensorFlow's `tf.cond`
    /// with version 1 control flow.
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let s = g.root();
    /// let (p, x) = (s.constant(true), s.constant(2.0f32));
    /// let y = s.cond(p, |s| s.identity(x), |s| s.constant(0.0f32));
    /// assert_eq!(y.name(), "cond/Merge:0");
    /// ```
    #[track_caller]
    pub fn cond<B: Branch<'g>>(
        self,
        predicate: impl Operand<'g>,
        if_true: impl FnOnce(Scope<'g>) -> B,
        if_false: impl FnOnce(Scope<'g>) -> B,
    ) -> B {
        let location = Location::caller();
        let s = self.composite("cond");
        let predicate = predicate.operand(s, None);
        let node = s.op("Switch").input(predicate).input(predicate).finish();
        let pivots = [("switch_t", 1), ("switch_f", 0)]
            .map(|(name, port)| s.named(name).identity(node.output(port)));
        let pred_id = s.named("pred_id").identity(predicate);
        if !pred_id.is_valid() || !pivots.iter().all(|p| p.is_valid()) {
            return B::merged(self, Vec::new());
        }
        let on_true = branch(s, pred_id, pivots[0], true, if_true);
        let on_false = branch(s, pred_id, pivots[1], false, if_false);
        let fail = |text: String| {
            let e = Error::invalid_argument(text);
            self.graph()
                .fail(e.at_node(s.name(), "cond").at_line(location));
            B::merged(self, Vec::new())
        };
        if on_true.len() != on_false.len() {
            return fail(format!(
                "true_fn and false_fn must return the same number of tensors, got {} and {}",
                on_true.len(),
                on_false.len()
            ));
        }
        for (t, f) in on_true.iter().zip(&on_false) {
            if t.is_valid() && f.is_valid() && t.dtype() != f.dtype() {
                return fail(format!(
                    "Outputs of true_fn and false_fn must have the same type: {}, {}",
                    t.dtype(),
                    f.dtype()
                ));
            }
        }
        let merges = on_true.iter().zip(&on_false).map(|(t, f)| {
            let (out, _) = s.merge(&[*f, *t]);
            out.in_scope(self.unnamed())
        });
        let merges = merges.collect();
        B::merged(self, merges)
    }
}

/// Builds one branch; its results are brought in when they were made outside.
#[track_caller]
fn branch<'g, B: Branch<'g>>(
    s: Scope<'g>,
    pred_id: Output<'g>,
    pivot: Output<'g>,
    taken: bool,
    build: impl FnOnce(Scope<'g>) -> B,
) -> Vec<Output<'g>> {
    let inside = s.open_branch(pred_id, pivot, taken);
    let outputs = build(inside).outputs(inside, pivot.in_scope(inside));
    let outputs: Vec<Output<'g>> = outputs.into_iter().map(|o| inside.result(o)).collect();
    if let Some(context) = inside.context() {
        let mut state = s.graph().state();
        for o in outputs.iter().filter(|o| o.is_valid()) {
            state.know_outside(context, o.endpoint());
        }
    }
    outputs
}
