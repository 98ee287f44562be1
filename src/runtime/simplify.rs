//! Simplification of what a run needs: identities removed, constants folded, equal nodes merged.
//!
//! None of it changes a result by a bit: folding calls the same kernels.

use super::partition::is_transfer;
use super::prune::RunSignature;
use super::single::SingleOp;
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::graph::{Endpoint, Node, NodeId};
use crate::kernel::{Env, Value};
use crate::registry::Registry;
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// A node of a run before it is planned: the graph's node, with inputs that may have been redirected.
pub(super) struct Draft {
    pub(super) node: Arc<Node>,
    pub(super) inputs: Vec<Endpoint>,
    pub(super) controls: Vec<NodeId>,
    /// Where it runs: the number of a device of the session.
    pub(super) device: u32,
    /// Its outputs, when they are known already.
    pub(super) constants: Option<Vec<Tensor>>,
}

impl Draft {
    pub(super) fn new(node: Arc<Node>) -> Draft {
        Draft {
            inputs: node.inputs.clone(),
            controls: node.controls.clone(),
            device: 0,
            constants: None,
            node,
        }
    }
}

/// Results larger than this are not folded: the plan would hold them for ever.
const LARGEST_CONSTANT: usize = 10 << 20;

/// Simplifies the drafts of a run, and redirects its fetches.
pub(super) fn simplify(
    drafts: &mut Vec<Draft>,
    signature: &RunSignature,
    fetches: &mut [Endpoint],
    registry: &Registry,
    env: &Arc<Env>,
) {
    let fed: HashSet<Endpoint> = signature.feeds.iter().copied().collect();
    let keep: HashSet<NodeId> = signature
        .targets
        .iter()
        .copied()
        .chain(signature.feeds.iter().map(|e| e.node))
        .collect();
    remove_identities(drafts, fetches, &fed, &keep);
    fold_constants(drafts, &fed, registry, env);
    merge_equal(drafts, fetches, &fed, &keep);
    remove_unneeded(drafts, signature, fetches, &fed);
}

fn index(drafts: &[Draft]) -> HashMap<NodeId, usize> {
    drafts
        .iter()
        .enumerate()
        .map(|(i, d)| (d.node.id, i))
        .collect()
}

/// Redirects data and control edges, following chains to their end, or to what is fed.
fn redirect(
    drafts: &mut [Draft],
    fetches: &mut [Endpoint],
    fed: &HashSet<Endpoint>,
    mut to: HashMap<Endpoint, Endpoint>,
    mut controls: HashMap<NodeId, NodeId>,
) {
    shorten(&mut to, |e| fed.contains(e));
    shorten(&mut controls, |_| false);
    let last = |e: Endpoint| match to.get(&e).filter(|_| !fed.contains(&e)) {
        Some(end) => *end,
        None => e,
    };
    for d in drafts.iter_mut() {
        for e in &mut d.inputs {
            *e = last(*e);
        }
        for c in &mut d.controls {
            if let Some(end) = controls.get(c) {
                *c = *end;
            }
        }
        d.controls.sort();
        d.controls.dedup();
    }
    for e in fetches.iter_mut() {
        *e = last(*e);
    }
}

/// Leads each key to the end of its chain.
fn shorten<K: Copy + Eq + Hash>(to: &mut HashMap<K, K>, is_end: impl Fn(&K) -> bool) {
    let keys: Vec<K> = to.keys().copied().collect();
    let mut path = Vec::new();
    for key in keys {
        let mut end = key;
        while let Some(next) = to.get(&end).filter(|_| path.is_empty() || !is_end(&end)) {
            path.push(end);
            end = *next;
        }
        for k in path.drain(..) {
            to.insert(k, end);
        }
    }
}

/// An Identity of a value (not of a reference, whose reading has its moment) only renames it. One behind a Switch
/// or a `_Recv` stays: what it controls must die with it.
fn remove_identities(
    drafts: &mut [Draft],
    fetches: &mut [Endpoint],
    fed: &HashSet<Endpoint>,
    keep: &HashSet<NodeId>,
) {
    let place = index(drafts);
    let (mut to, mut controls) = (HashMap::new(), HashMap::new());
    for d in drafts.iter() {
        let n = &d.node;
        let [input] = d.inputs.as_slice() else {
            continue;
        };
        let Some(from) = place.get(&input.node).map(|i| &drafts[*i].node) else {
            continue;
        };
        let is_ref = from
            .outputs
            .get(input.port as usize)
            .is_none_or(|t| t.is_ref);
        let branches = matches!(
            from.op.name.as_str(),
            "Switch" | "RefSwitch" | "_SwitchN" | "Merge" | "RefMerge" | "Enter" | "Exit"
        ) || is_transfer(&from.op.name);
        let passes = matches!(
            n.op.name.as_str(),
            "Identity" | "StopGradient" | "PreventGradient"
        );
        if passes
            && !is_ref
            && !branches
            && d.controls.is_empty()
            && !keep.contains(&n.id)
            && !fed.contains(input)
        {
            to.insert(
                Endpoint {
                    node: n.id,
                    port: 0,
                },
                *input,
            );
            controls.insert(n.id, input.node);
        }
    }
    redirect(drafts, fetches, fed, to, controls);
}

fn is_pure(n: &Node) -> bool {
    let plain = |d: DType| d.is_pod() || d == DType::String;
    !n.op.flags.stateful
        && !n.outputs.is_empty()
        && n.outputs
            .iter()
            .chain(&n.input_types)
            .all(|t| !t.is_ref && plain(t.base))
        && !matches!(
            n.op.name.as_str(),
            "ReadFile"
                | "MatchingFiles"
                | "Placeholder"
                | "PlaceholderV2"
                | "PlaceholderWithDefault"
                | "Switch"
                | "_SwitchN"
                | "Merge"
                | "Enter"
                | "Exit"
                | "NextIteration"
                | "LoopCond"
        )
}

fn fold_constants(
    drafts: &mut [Draft],
    fed: &HashSet<Endpoint>,
    registry: &Registry,
    env: &Arc<Env>,
) {
    let mut known: HashMap<Endpoint, Tensor> = HashMap::new();
    for d in drafts.iter_mut() {
        let n = d.node.clone();
        if n.op.name == "Const" {
            if let Ok(value) = n.attrs.tensor("value")
                && d.controls.is_empty()
            {
                known.insert(
                    Endpoint {
                        node: n.id,
                        port: 0,
                    },
                    value.clone(),
                );
            }
            continue;
        }
        if !is_pure(&n) || d.inputs.is_empty() || !d.controls.is_empty() {
            continue;
        }
        let inputs: Option<Vec<Value>> = d
            .inputs
            .iter()
            .map(|e| {
                known
                    .get(e)
                    .filter(|_| !fed.contains(e))
                    .cloned()
                    .map(Value::Tensor)
            })
            .collect();
        let Some(inputs) = inputs else { continue };
        // What fails, or is too large, is left for the run, which reports it in its place.
        let small = n.shapes.iter().zip(&n.outputs).all(|(s, t)| {
            s.elements()
                .is_some_and(|e| e.saturating_mul(t.base.size().max(16)) <= LARGEST_CONSTANT)
        });
        if !small {
            continue;
        }
        let Ok(op) = SingleOp::for_node(registry, env, &n) else {
            continue;
        };
        let Ok(outputs) = op.run(inputs) else {
            continue;
        };
        let outputs: Option<Vec<Tensor>> = outputs
            .into_iter()
            .map(|v| match v {
                Value::Tensor(t) => Some(t),
                Value::Ref(_) => None,
            })
            .collect();
        let Some(outputs) = outputs else { continue };
        for (port, t) in outputs.iter().enumerate() {
            known.insert(
                Endpoint {
                    node: n.id,
                    port: port as u32,
                },
                t.clone(),
            );
        }
        d.inputs.clear();
        d.constants = Some(outputs);
    }
}

/// Pure nodes of one op on one device with equal attributes and inputs compute the same: one is enough.
fn merge_equal(
    drafts: &mut [Draft],
    fetches: &mut [Endpoint],
    fed: &HashSet<Endpoint>,
    keep: &HashSet<NodeId>,
) {
    let mut first: HashMap<(String, Vec<Endpoint>, Vec<NodeId>, u32), Vec<usize>> = HashMap::new();
    let (mut to, mut controls): (HashMap<Endpoint, Endpoint>, HashMap<NodeId, NodeId>) =
        Default::default();
    for i in 0..drafts.len() {
        let d = &mut drafts[i];
        for e in &mut d.inputs {
            while let Some(next) = to.get(e).filter(|_| !fed.contains(e)) {
                *e = *next;
            }
        }
        let d = &drafts[i];
        let n = &d.node;
        if !is_pure(n) || d.constants.is_some() || keep.contains(&n.id) || is_large_constant(n) {
            continue;
        }
        let key = (
            n.op.name.clone(),
            d.inputs.clone(),
            d.controls.clone(),
            d.device,
        );
        let same = first.entry(key).or_default();
        match same.iter().find(|j| drafts[**j].node.attrs == n.attrs) {
            Some(j) => {
                let other = drafts[*j].node.id;
                for port in 0..n.outputs.len() as u32 {
                    to.insert(
                        Endpoint { node: n.id, port },
                        Endpoint { node: other, port },
                    );
                }
                controls.insert(n.id, other);
            }
            None => same.push(i),
        }
    }
    redirect(drafts, fetches, fed, to, controls);
}

/// Comparing large constants costs more than it saves.
fn is_large_constant(n: &Node) -> bool {
    matches!(n.attrs.0.get("value"), Some(AttrValue::Tensor(t)) if t.byte_size() > 4096)
}

/// Leaves only what fetches and targets need.
pub(super) fn remove_unneeded(
    drafts: &mut Vec<Draft>,
    signature: &RunSignature,
    fetches: &[Endpoint],
    fed: &HashSet<Endpoint>,
) {
    let place = index(drafts);
    let mut needed = vec![false; drafts.len()];
    let mut stack: Vec<NodeId> = signature.targets.clone();
    stack.extend(fetches.iter().filter(|e| !fed.contains(e)).map(|e| e.node));
    while let Some(id) = stack.pop() {
        let Some(i) = place.get(&id) else { continue };
        if std::mem::replace(&mut needed[*i], true) {
            continue;
        }
        let d = &drafts[*i];
        stack.extend(d.inputs.iter().filter(|e| !fed.contains(e)).map(|e| e.node));
        stack.extend(d.controls.iter().copied());
    }
    let mut flags = needed.into_iter();
    drafts.retain(|_| flags.next().unwrap_or(false));
}
