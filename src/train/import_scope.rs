//! The names in the collections of a meta graph, as they are within a name scope.

use super::import_meta::VARIABLES;
use crate::error::{Error, Result};
use crate::graph::keys;
use crate::proto::collection_def::Kind;
use crate::proto::control_flow_context_def::Ctxt;
use crate::proto::{
    CondContextDef, ControlFlowContextDef, QueueRunnerDef, SaverDef, ValuesDef, VariableDef,
    WhileContextDef,
};
use prost::Message;

/// A name scope with its slash, or nothing.
pub(super) struct ImportScope<'a>(pub(super) &'a str);

impl ImportScope<'_> {
    /// An entry list with all names put into the scope, wherever the kind of its messages is known. Plain texts count as
    /// names, as TensorFlow has it.
    pub(super) fn collection(&self, name: &str, kind: Kind) -> Result<Kind> {
        if self.0.is_empty() {
            return Ok(kind);
        }
        Ok(match kind {
            Kind::NodeList(mut list) => {
                list.value.iter_mut().for_each(|n| self.name(n));
                Kind::NodeList(list)
            }
            Kind::BytesList(mut list) => {
                for bytes in &mut list.value {
                    *bytes = match name {
                        _ if VARIABLES.contains(&name) => rewrite(bytes, |v| self.variable(v))?,
                        keys::QUEUE_RUNNERS => rewrite(bytes, |q| self.queue_runner(q))?,
                        keys::SAVERS => {
                            rewrite(bytes, |s: &mut SaverDef| *s = self.saver(s.clone()))?
                        }
                        "cond_context" => rewrite(bytes, |c| self.cond(c))?,
                        "while_context" => rewrite(bytes, |c| self.while_loop(c))?,
                        _ => match std::str::from_utf8(bytes) {
                            Ok(text) => self.named(text).into_bytes(),
                            Err(_) => continue,
                        },
                    };
                }
                Kind::BytesList(list)
            }
            other => other,
        })
    }

    /// A saver whose ops stand in the scope.
    pub(super) fn saver(&self, mut s: SaverDef) -> SaverDef {
        self.name(&mut s.filename_tensor_name);
        self.name(&mut s.save_tensor_name);
        self.name(&mut s.restore_op_name);
        s
    }

    fn variable(&self, v: &mut VariableDef) {
        self.name(&mut v.variable_name);
        self.name(&mut v.initializer_name);
        self.name(&mut v.snapshot_name);
        self.name(&mut v.initial_value_name);
        if let Some(slice) = &mut v.save_slice_info_def {
            self.name(&mut slice.full_name);
        }
    }

    fn queue_runner(&self, q: &mut QueueRunnerDef) {
        self.name(&mut q.queue_name);
        q.enqueue_op_name.iter_mut().for_each(|n| self.name(n));
        self.name(&mut q.close_op_name);
        self.name(&mut q.cancel_op_name);
    }

    fn cond(&self, c: &mut CondContextDef) {
        self.name(&mut c.context_name);
        self.name(&mut c.pred_name);
        self.name(&mut c.pivot_name);
        c.values_def.iter_mut().for_each(|v| self.values(v));
        self.nested(&mut c.nested_contexts);
    }

    fn while_loop(&self, w: &mut WhileContextDef) {
        self.name(&mut w.context_name);
        self.name(&mut w.pivot_name);
        self.name(&mut w.pivot_for_pred_name);
        self.name(&mut w.pivot_for_body_name);
        self.name(&mut w.maximum_iterations_name);
        w.loop_exit_names.iter_mut().for_each(|n| self.name(n));
        w.loop_enter_names.iter_mut().for_each(|n| self.name(n));
        w.values_def.iter_mut().for_each(|v| self.values(v));
        self.nested(&mut w.nested_contexts);
    }

    fn nested(&self, contexts: &mut [ControlFlowContextDef]) {
        for c in contexts {
            match &mut c.ctxt {
                Some(Ctxt::CondCtxt(c)) => self.cond(c),
                Some(Ctxt::WhileCtxt(w)) => self.while_loop(w),
                None => {}
            }
        }
    }

    fn values(&self, v: &mut ValuesDef) {
        v.values.iter_mut().for_each(|n| self.name(n));
        let external = std::mem::take(&mut v.external_values).into_iter();
        v.external_values = external
            .map(|(inside, outside)| (self.named(&inside), self.named(&outside)))
            .collect();
    }

    /// Puts a name that is there into the scope.
    fn name(&self, name: &mut String) {
        if !name.is_empty() {
            *name = self.named(name);
        }
    }

    /// The scope comes behind the marks of control inputs and colocation groups.
    fn named(&self, name: &str) -> String {
        for mark in ["^", "loc:@"] {
            if let Some(rest) = name.strip_prefix(mark) {
                return format!("{mark}{}{rest}", self.0);
            }
        }
        format!("{}{name}", self.0)
    }
}

/// A message changed.
fn rewrite<M: Message + Default>(bytes: &[u8], change: impl FnOnce(&mut M)) -> Result<Vec<u8>> {
    let malformed = |e| Error::invalid_argument(format!("an entry cannot be parsed: {e}"));
    let mut message = M::decode(bytes).map_err(malformed)?;
    change(&mut message);
    Ok(message.encode_to_vec())
}
