//! Builders that order what has no data dependency: `with_dependencies`, `tuple`.

use crate::graph::{NodeRef, Output, Scope};

impl<'g> Scope<'g> {
    /// `output`, available only after `before` have run (TensorFlow's `with_dependencies`: an Identity with
    /// control inputs, on the device of what it passes).
    #[track_caller]
    pub fn with_dependencies<N: Into<NodeRef<'g>>>(
        self,
        before: impl IntoIterator<Item = N>,
        output: Output<'g>,
    ) -> Output<'g> {
        let before: Vec<NodeRef<'g>> = before.into_iter().map(Into::into).collect();
        let named = match self.op_name() {
            Some(_) => self,
            None => self.named("control_dependency"),
        };
        let op = if output.type_ref().is_ref {
            "RefIdentity"
        } else {
            "Identity"
        };
        let at = named.colocate_with(output).after(before);
        at.op(op).input(output).out().in_scope(self.unnamed())
    }

    /// The same tensors, each available only when all of them (and `also`) are (TensorFlow's `tuple`).
    #[track_caller]
    pub fn tuple(self, outputs: &[Output<'g>], also: &[NodeRef<'g>]) -> Vec<Output<'g>> {
        let s = self.composite("tuple");
        let all = outputs.iter().map(|o| o.node()).chain(also.iter().copied());
        let gate = s.named("group_deps").group(all);
        outputs
            .iter()
            .map(|o| s.with_dependencies([gate], *o).in_scope(self.unnamed()))
            .collect()
    }
}
