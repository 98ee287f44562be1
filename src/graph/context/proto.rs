//! Contexts as the messages that meta graphs hold in their collections.

use super::{Branch, Context, ContextId, Kind, Loop};
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph, State, keys};
use crate::proto::control_flow_context_def::Ctxt;
use crate::proto::{CondContextDef, ControlFlowContextDef, ValuesDef, WhileContextDef};
use prost::Message;
use std::collections::{HashMap, HashSet};

/// The most iterations of a loop that may run at the same time where its message does not say.
const PARALLEL_ITERATIONS: i64 = 10;

impl Graph {
    /// The contexts that lie in no other one, each with what lies in it, as entries of the collections
    /// [`keys::COND_CONTEXT`] and [`keys::WHILE_CONTEXT`].
    pub(crate) fn context_entries(&self) -> Vec<(&'static str, Vec<u8>)> {
        let s = self.state();
        let mut nested: HashMap<ContextId, Vec<ContextId>> = HashMap::new();
        let mut roots = Vec::new();
        for (id, c) in (0..).zip(&s.contexts) {
            match (c.outer, s.loop_data(id).and_then(|l| l.gradient)) {
                (Some(outer), _) => nested.entry(outer).or_default().push(id),
                (None, None) => roots.push(id),
                (None, Some(_)) => {}
            }
        }
        let entry = |id| match message(&s, &nested, id)? {
            Ctxt::CondCtxt(c) => Some((keys::COND_CONTEXT, c.encode_to_vec())),
            Ctxt::WhileCtxt(w) => Some((keys::WHILE_CONTEXT, w.encode_to_vec())),
        };
        roots.into_iter().filter_map(entry).collect()
    }

    /// Adds the context of an entry of one of those collections, with what lies in it.
    ///
    /// # Errors
    /// `InvalidArgument` when it cannot be parsed; `NotFound` when it names what is not in the graph.
    pub(crate) fn add_context_entry(&self, collection: &str, bytes: &[u8]) -> Result<()> {
        let malformed = |e: prost::DecodeError| {
            Error::invalid_argument(format!("an entry cannot be parsed: {e}"))
        };
        let context = match collection {
            keys::COND_CONTEXT => Ctxt::CondCtxt(CondContextDef::decode(bytes).map_err(malformed)?),
            _ => Ctxt::WhileCtxt(WhileContextDef::decode(bytes).map_err(malformed)?),
        };
        self.add_context(&context, None)
    }

    fn add_context(&self, message: &Ctxt, outer: Option<ContextId>) -> Result<()> {
        let endpoint = |name: &String| self.output(name).map(|o| o.endpoint());
        let some = |name: &String| match name.is_empty() {
            true => Ok(None),
            false => endpoint(name).map(Some),
        };
        let list = |names: &[String]| names.iter().map(endpoint).collect::<Result<Vec<_>>>();
        let (name, kind, values, nested) = match message {
            Ctxt::CondCtxt(c) => {
                let branch = Branch {
                    predicate: endpoint(&c.pred_name)?,
                    pivot: endpoint(&c.pivot_name)?,
                    side: u32::from(c.branch != 0),
                };
                let kind = Kind::Branch(branch);
                (&c.context_name, kind, &c.values_def, &c.nested_contexts)
            }
            Ctxt::WhileCtxt(w) => {
                let data = Loop {
                    parallel_iterations: match w.parallel_iterations {
                        n if n > 0 => i64::from(n),
                        _ => PARALLEL_ITERATIONS,
                    },
                    maximum_iterations: some(&w.maximum_iterations_name)?,
                    back_prop: w.back_prop,
                    swap_memory: w.swap_memory,
                    pivot_for_predicate: Some(endpoint(&w.pivot_for_pred_name)?),
                    pivot_for_body: Some(endpoint(&w.pivot_for_body_name)?),
                    pivot: Some(endpoint(&w.pivot_name)?),
                    enters: list(&w.loop_enter_names)?,
                    exits: list(&w.loop_exit_names)?,
                    gradient: None,
                };
                let kind = Kind::Loop(data);
                (&w.context_name, kind, &w.values_def, &w.nested_contexts)
            }
        };
        let empty = ValuesDef::default();
        let values = values.as_ref().unwrap_or(&empty);
        let mut external = HashMap::new();
        for (outside, inside) in &values.external_values {
            external.insert(endpoint(outside)?, endpoint(inside)?);
        }
        let values: HashSet<Endpoint> =
            values.values.iter().map(endpoint).collect::<Result<_>>()?;
        let id = {
            let mut s = self.state();
            let id = s.contexts.len() as ContextId;
            for e in values.iter().filter(|e| !external.contains_key(e)) {
                s.set_node_context(e.node, Some(id));
                // The frame has the name of its context, whatever scope the graph was brought into.
                if let Some(n) = s.node_mut(e.node)
                    && matches!(n.op.name.as_str(), "Enter" | "RefEnter")
                {
                    n.attrs.0.insert("frame_name".into(), name.as_str().into());
                }
            }
            s.names.reserve(name);
            s.contexts.push(Context {
                name: name.clone(),
                outer,
                values,
                external,
                kind,
            });
            id
        };
        let inner = nested.iter().filter_map(|n| n.ctxt.as_ref());
        inner
            .into_iter()
            .try_for_each(|n| self.add_context(n, Some(id)))
    }
}

/// The message of a context; `None` for a loop that was never finished.
fn message(s: &State, nested: &HashMap<ContextId, Vec<ContextId>>, id: ContextId) -> Option<Ctxt> {
    let c = s.context(id)?;
    let output = |e: &Endpoint| {
        s.node(e.node)
            .map_or(String::new(), |n| n.output_name(e.port))
    };
    let maybe = |e: &Option<Endpoint>| e.as_ref().map_or(String::new(), output);
    let mut values: Vec<String> = c.values.iter().map(output).collect();
    values.sort();
    let external = c.external.iter().map(|(o, i)| (output(o), output(i)));
    let values_def = Some(ValuesDef {
        values,
        external_values: external.collect(),
    });
    let inner = nested.get(&id).into_iter().flatten();
    let nested_contexts = inner.filter_map(|n| {
        let ctxt = Some(message(s, nested, *n)?);
        Some(ControlFlowContextDef { ctxt })
    });
    let nested_contexts = nested_contexts.collect();
    Some(match &c.kind {
        Kind::Branch(b) => Ctxt::CondCtxt(CondContextDef {
            context_name: c.name.clone(),
            pred_name: output(&b.predicate),
            pivot_name: output(&b.pivot),
            branch: i32::from(b.side == 1),
            values_def,
            nested_contexts,
        }),
        Kind::Loop(l) => {
            l.pivot?;
            Ctxt::WhileCtxt(WhileContextDef {
                context_name: c.name.clone(),
                parallel_iterations: i32::try_from(l.parallel_iterations).unwrap_or(i32::MAX),
                back_prop: l.back_prop,
                swap_memory: l.swap_memory,
                pivot_name: maybe(&l.pivot),
                pivot_for_pred_name: maybe(&l.pivot_for_predicate),
                pivot_for_body_name: maybe(&l.pivot_for_body),
                loop_exit_names: l.exits.iter().map(output).collect(),
                loop_enter_names: l.enters.iter().map(output).collect(),
                values_def,
                maximum_iterations_name: maybe(&l.maximum_iterations),
                nested_contexts,
            })
        }
    })
}
