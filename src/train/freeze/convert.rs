//! What the nodes of a body become.

use super::body::{Body, Carrier, Keep, Notation, Source, passes_on};
use super::call::{Freezer, call_of};
use super::{Origin, stand_in};
use crate::def::{AttrValue, NodeDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use std::collections::{BTreeMap, HashSet};

/// Ops that ask whether a variable has a value, which a constant always has.
const ANSWERED: [&str; 2] = ["VarIsInitializedOp", "IsVariableInitialized"];

/// A frozen body.
pub(super) struct Frozen {
    pub(super) nodes: Vec<NodeDef>,
    /// What was wanted, in order.
    pub(super) roots: Vec<Root>,
    /// The variables whose values are read.
    pub(super) reads: HashSet<Origin>,
    /// The variables that were changed.
    pub(super) writes: HashSet<Origin>,
}

/// Something wanted of a body.
pub(super) struct Root {
    /// As an input names it now.
    pub(super) text: String,
    /// The variable that it was.
    pub(super) carrier: Option<Carrier>,
}

impl Body<'_> {
    /// The nodes that the roots need, none of which makes, reads or changes a variable.
    ///
    /// # Errors
    /// `FailedPrecondition` where a root needs the result of a change, or a variable is read after one.
    pub(super) fn freeze(&self, freezer: &mut Freezer<'_>) -> Result<Frozen> {
        let kept = self.kept()?;
        let (reads, writes) = self.effects(&kept)?;
        let kept: Vec<bool> = kept.iter().map(|k| *k != Keep::Nothing).collect();
        let mut nodes = Vec::new();
        for (i, n) in self
            .given
            .nodes
            .iter()
            .enumerate()
            .filter(|(i, _)| kept[*i])
        {
            let made = self
                .convert(freezer, i, n)
                .map_err(|e| e.at_node(&n.name, &n.op))?;
            nodes.extend(made);
        }
        let names: HashSet<&str> = self
            .given
            .nodes
            .iter()
            .zip(&kept)
            .filter(|(_, k)| **k)
            .map(|(n, _)| n.name.as_str())
            .collect();
        for n in &mut nodes {
            n.input.retain(|i| match i.strip_prefix('^') {
                Some(name) => names.contains(name),
                None => true,
            });
            colocate(n, &names);
        }
        let roots = self.roots.iter().zip(&self.given.roots);
        let roots = roots.map(|(s, text)| Root {
            text: self.renamed(text, *s),
            carrier: s
                .port
                .and_then(|p| self.carriers.get(&(s.from, p)).cloned()),
        });
        Ok(Frozen {
            roots: roots.collect(),
            nodes,
            reads,
            writes,
        })
    }

    /// What is left of each node when nothing that only changes variables runs.
    ///
    /// # Errors
    /// `FailedPrecondition` where a root needs the result of a change.
    pub(super) fn kept(&self) -> Result<Vec<Keep>> {
        let mut kept = vec![Keep::Nothing; self.given.nodes.len()];
        let mut stack: Vec<(Source, Option<usize>)> =
            self.roots.iter().map(|s| (*s, None)).collect();
        while let Some((s, user)) = stack.pop() {
            let Some(n) = self.given.nodes.get(s.from) else {
                continue;
            };
            if self.dropped(s.from) {
                if s.port.is_none() {
                    continue;
                }
                let e = Error::failed_precondition(format!(
                    "'{}' ({}) changes a variable, and what it gives is needed: it is no constant",
                    n.name, n.op
                ));
                let place = user.map_or(n, |u| &self.given.nodes[u]);
                return Err(e.at_node(&place.name, &place.op));
            }
            let (before, now) = match s.port {
                Some(_) => (kept[s.from], Keep::Value),
                None => (kept[s.from], Keep::Run),
            };
            kept[s.from] = before.max(now);
            if before == Keep::Nothing {
                let asks = ANSWERED.contains(&n.op.as_str());
                let inputs = self.inputs[s.from].iter();
                // The answer is a constant.
                let inputs = inputs.filter(|i| !asks || i.port.is_none());
                stack.extend(inputs.map(|i| (*i, Some(s.from))));
            }
        }
        Ok(kept)
    }

    fn convert(&self, freezer: &mut Freezer<'_>, i: usize, n: &NodeDef) -> Result<Vec<NodeDef>> {
        if let Some(v) = self.variable(n)? {
            let dtype = n.attr.get("dtype").cloned();
            let dtype = dtype.unwrap_or(AttrValue::Type(DType::F32));
            let value = AttrValue::Placeholder(stand_in(&v));
            freezer.variables.entry(v).or_insert_with(|| n.clone());
            let mut made = self.become_op(n, i, "Const", [("dtype", dtype), ("value", value)]);
            made.input.retain(|i| i.starts_with('^'));
            return Ok(vec![made]);
        }
        let carried = self.carried(i);
        let first = carried.iter().flatten().next().copied();
        if let Some(made) = self.calls.get(&i) {
            let mut new = self.become_op(n, i, &n.op, []);
            new.attr = n.attr.clone();
            if let Some(call) = call_of(freezer, n) {
                let names: Vec<&str> = made.iter().map(|m| m.name.as_str()).collect();
                rename_calls(&mut new, &call.functions, &names);
                if let Some((ins, outs)) = call.types {
                    let given = carried.iter().enumerate().skip(call.first_arg);
                    let given = given.filter_map(|(k, c)| {
                        Some((k - call.first_arg, (*c).filter(|c| !c.by_ref)?.dtype))
                    });
                    retype(&mut new, ins, given);
                    let results = self.results(i);
                    retype(&mut new, outs, results.iter().copied());
                    forget_shapes(&mut new, &results);
                }
            }
            if first.is_some() {
                new.attr.remove("_read_only_resource_inputs");
            }
            return Ok(vec![new]);
        }
        let Some(c) = first else {
            let mut same = n.clone();
            same.input = self.inputs_of(i, n);
            return Ok(vec![same]);
        };
        let value = AttrValue::Type(c.dtype);
        let of = |name: &str| n.attr.get(name).cloned();
        let made = match n.op.as_str() {
            "ReadVariableOp" => {
                let mut read = self.become_op(n, i, "Identity", [("T", value)]);
                if let Some(shapes) = of("_output_shapes") {
                    read.attr.insert("_output_shapes".into(), shapes);
                }
                read
            }
            "ResourceGather" => return Ok(self.gather(i, n, value)),
            "ResourceGatherNd" => {
                let indices = of("Tindices").unwrap_or(AttrValue::Type(DType::I32));
                let attrs = [("Tparams", value), ("Tindices", indices)];
                self.become_op(n, i, "GatherNd", attrs)
            }
            "VariableShape" => {
                let out = of("out_type").unwrap_or(AttrValue::Type(DType::I32));
                self.become_op(n, i, "Shape", [("T", value), ("out_type", out)])
            }
            "VarIsInitializedOp" | "IsVariableInitialized" => {
                let yes = AttrValue::Tensor(Tensor::from(true));
                let attrs = [("dtype", AttrValue::Type(DType::Bool)), ("value", yes)];
                let mut made = self.become_op(n, i, "Const", attrs);
                made.input.retain(|i| i.starts_with('^'));
                made
            }
            "IdentityN" if !c.by_ref => {
                let mut made = self.become_op(n, i, &n.op, []);
                made.attr = n.attr.clone();
                made.attr.remove("_output_shapes");
                let types = carried.iter().enumerate();
                retype(
                    &mut made,
                    "T",
                    types.filter_map(|(k, c)| Some((k, (*c)?.dtype))),
                );
                made
            }
            op => match passes_on(op, c.by_ref) {
                Some(plain) => {
                    let mut made = self.become_op(n, i, plain, []);
                    made.attr = n.attr.clone();
                    made.attr.remove("_output_shapes");
                    made.attr.insert("T".into(), value);
                    made
                }
                // It takes the value.
                None => {
                    let mut same = n.clone();
                    same.input = self.inputs_of(i, n);
                    same
                }
            },
        };
        Ok(vec![made])
    }

    /// A node in the place of another: name, device, inputs and the attributes that begin with `_` stay.
    fn become_op<const N: usize>(
        &self,
        n: &NodeDef,
        i: usize,
        op: &str,
        attrs: [(&str, AttrValue); N],
    ) -> NodeDef {
        let mut attr: BTreeMap<String, AttrValue> = n
            .attr
            .iter()
            .filter(|(k, _)| k.starts_with('_') && *k != "_output_shapes")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        attr.extend(attrs.map(|(k, v)| (k.to_string(), v)));
        NodeDef {
            name: n.name.clone(),
            op: op.to_string(),
            input: self.inputs_of(i, n),
            device: n.device.clone(),
            attr,
            ..NodeDef::default()
        }
    }

    /// Rows of a variable as rows of a tensor; the axis is a constant of its own.
    fn gather(&self, i: usize, n: &NodeDef, value: AttrValue) -> Vec<NodeDef> {
        let indices = n.attr.get("Tindices").cloned();
        let batch = n.attr.get("batch_dims").cloned();
        let attrs = [
            ("Tparams", value),
            ("Tindices", indices.unwrap_or(AttrValue::Type(DType::I32))),
            ("Taxis", AttrValue::Type(DType::I32)),
            ("batch_dims", batch.clone().unwrap_or(AttrValue::Int(0))),
        ];
        let mut made = self.become_op(n, i, "GatherV2", attrs);
        let axis_value = match batch {
            Some(AttrValue::Int(b)) => i32::try_from(b).unwrap_or(0),
            _ => 0,
        };
        let mut name = format!("{}/axis", n.name);
        while self.index.contains_key(name.as_str()) {
            name.push('_');
        }
        let data = made.input.iter().filter(|i| !i.starts_with('^')).count();
        // Within a loop the constant must be of the same turn as the rows.
        let same_turn = self.inputs[i]
            .iter()
            .filter(|s| s.port.is_some())
            .nth(1)
            .and_then(|s| self.given.nodes.get(s.from));
        let axis = NodeDef {
            name: name.clone(),
            op: "Const".into(),
            input: same_turn.iter().map(|s| format!("^{}", s.name)).collect(),
            device: n.device.clone(),
            attr: [
                ("dtype".to_string(), AttrValue::Type(DType::I32)),
                (
                    "value".to_string(),
                    AttrValue::Tensor(Tensor::from(axis_value)),
                ),
            ]
            .into(),
            ..NodeDef::default()
        };
        let text = match self.given.notation {
            Notation::Graph => name,
            Notation::Function => format!("{name}:output:0"),
        };
        made.input.insert(data, text);
        vec![axis, made]
    }

    fn inputs_of(&self, i: usize, n: &NodeDef) -> Vec<String> {
        let all = n.input.iter().zip(&self.inputs[i]);
        all.map(|(text, s)| self.renamed(text, *s)).collect()
    }

    /// An input as it is written now: in functions outputs have names, and the new ops other ones.
    fn renamed(&self, text: &str, s: Source) -> String {
        let producer = self.given.nodes.get(s.from);
        let (Notation::Function, Some(port), Some(n)) = (self.given.notation, s.port, producer)
        else {
            return text.to_string();
        };
        let becomes_other = matches!(
            n.op.as_str(),
            "VarHandleOp" | "ReadVariableOp" | "VarIsInitializedOp" | "IsVariableInitialized"
        );
        let of_variable =
            n.op == "VarHandleOp" || !self.carried(s.from).iter().all(Option::is_none);
        match becomes_other && of_variable {
            true => format!("{}:output:{port}", n.name),
            false => text.to_string(),
        }
    }

    /// The results of a call that were variables, and their types.
    fn results(&self, i: usize) -> Vec<(usize, DType)> {
        let mut found: Vec<(usize, DType)> = self
            .carriers
            .iter()
            .filter(|((from, _), _)| *from == i)
            .map(|((_, port), c)| (*port, c.dtype))
            .collect();
        found.sort_by_key(|f| f.0);
        found
    }
}

/// Takes from a node's group those that are gone; the importer of TensorFlow wants all to be there.
fn colocate(n: &mut NodeDef, names: &HashSet<&str>) {
    let Some(AttrValue::BytesList(groups)) = n.attr.get_mut("_class") else {
        return;
    };
    groups.retain(|g| match g.strip_prefix(b"loc:@") {
        Some(name) => std::str::from_utf8(name).is_ok_and(|n| names.contains(n)),
        None => true,
    });
    if groups.is_empty() {
        n.attr.remove("_class");
    }
}

/// Puts the new functions' names in the place of the old ones'.
fn rename_calls(n: &mut NodeDef, old: &[String], new: &[&str]) {
    if old.len() == 1 && n.op == old[0] {
        n.op = new.first().map_or_else(|| n.op.clone(), |s| s.to_string());
        return;
    }
    let mut next = new.iter();
    // In the order in which the call lists them.
    for attr in [
        "f",
        "cond",
        "body",
        "then_branch",
        "else_branch",
        "branches",
    ] {
        match n.attr.get_mut(attr) {
            Some(AttrValue::Func(name, _)) => {
                if let Some(new) = next.next() {
                    *name = new.to_string();
                }
            }
            Some(AttrValue::FuncList(list)) => {
                for ((name, _), new) in list.iter_mut().zip(&mut next) {
                    *name = new.to_string();
                }
            }
            _ => {}
        }
    }
}

fn retype(n: &mut NodeDef, attr: &str, types: impl Iterator<Item = (usize, DType)>) {
    if let Some(AttrValue::TypeList(list)) = n.attr.get_mut(attr) {
        for (k, dtype) in types {
            if let Some(t) = list.get_mut(k) {
                *t = dtype;
            }
        }
    }
}

/// The shapes of results that were handles are not those of the values.
fn forget_shapes(n: &mut NodeDef, results: &[(usize, DType)]) {
    if results.is_empty() {
        return;
    }
    n.attr.remove("_output_shapes");
    if let Some(AttrValue::ShapeList(shapes)) = n.attr.get_mut("output_shapes") {
        for (k, _) in results {
            if let Some(s) = shapes.get_mut(*k) {
                *s = PartialShape::unknown();
            }
        }
    }
}
