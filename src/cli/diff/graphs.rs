//! What differs between the nodes, functions and versions of two graphs.

use super::text::attr_pair;
use super::{Comparison, Difference, What};
use crate::def::{FunctionDef, GraphDef, InputRef, NodeDef};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Where a node lies: in the graph, or in a function.
type Place<'p> = Option<&'p str>;

impl Comparison<'_> {
    /// # Errors
    /// `InvalidArgument` for a name that two nodes or functions have, and for a library that cannot be read.
    pub(super) fn graphs(&mut self, a: &GraphDef, b: &GraphDef) -> Result<()> {
        let (va, vb) = (&a.versions, &b.versions);
        let list = |l: &[i32]| format!("{l:?}");
        for (name, x, y) in [
            ("producer", va.producer.to_string(), vb.producer.to_string()),
            (
                "min_consumer",
                va.min_consumer.to_string(),
                vb.min_consumer.to_string(),
            ),
            (
                "bad_consumers",
                list(&va.bad_consumers),
                list(&vb.bad_consumers),
            ),
        ] {
            if x != y {
                self.note(What::Version, Some(name), Some(x), Some(y));
            }
        }
        self.nodes(None, &a.node, &b.node)?;
        self.functions(&a.functions()?, &b.functions()?)?;
        let (ga, gb) = (a.function_gradients()?, b.function_gradients()?);
        for name in keys(&ga, &gb) {
            let (x, y) = (ga.get(name), gb.get(name));
            if x != y {
                self.note(What::Gradient, Some(name), x.cloned(), y.cloned());
            }
        }
        Ok(())
    }

    fn functions(&mut self, a: &[FunctionDef], b: &[FunctionDef]) -> Result<()> {
        let (a, b) = (by_name(a)?, by_name(b)?);
        for name in keys(&a, &b) {
            let (x, y) = (a.get(name), b.get(name));
            match (x, y) {
                (Some(x), Some(y)) => self.function(name, x, y)?,
                _ => {
                    let text = |f: &&FunctionDef| format!("{} nodes", f.node.len());
                    self.differences.push(Difference {
                        what: What::Function,
                        function: Some(name.to_string()),
                        node: None,
                        name: None,
                        a: x.map(text),
                        b: y.map(text),
                    });
                }
            }
        }
        Ok(())
    }

    fn function(&mut self, name: &str, a: &FunctionDef, b: &FunctionDef) -> Result<()> {
        let part = |what: &str, x: Option<String>, y: Option<String>| Difference {
            what: What::FunctionPart,
            function: Some(name.to_string()),
            node: None,
            name: Some(what.to_string()),
            a: x,
            b: y,
        };
        if a.signature != b.signature {
            self.differences.push(part("signature", None, None));
        }
        for (what, x, y) in [
            ("result", &a.ret, &b.ret),
            ("control result", &a.control_ret, &b.control_ret),
        ] {
            for key in keys(x, y).into_iter().filter(|k| x.get(*k) != y.get(*k)) {
                let what = format!("{what} {key}");
                let d = part(&what, x.get(key).cloned(), y.get(key).cloned());
                self.differences.push(d);
            }
        }
        let args: BTreeSet<u32> = a
            .arg_attr
            .keys()
            .chain(b.arg_attr.keys())
            .copied()
            .collect();
        let empty = BTreeMap::new();
        let mut attrs = vec![(String::new(), &a.attr, &b.attr)];
        for i in args {
            let (x, y) = (a.arg_attr.get(&i), b.arg_attr.get(&i));
            attrs.push((
                format!("argument {i}, "),
                x.unwrap_or(&empty),
                y.unwrap_or(&empty),
            ));
        }
        for (place, x, y) in attrs {
            for key in keys(x, y) {
                let (v, w) = (x.get(key), y.get(key));
                if v != w && !self.ignored(key) {
                    let (v, w) = attr_pair(v, w);
                    self.differences
                        .push(part(&format!("{place}attr {key}"), v, w));
                }
            }
        }
        self.nodes(Some(name), &a.node, &b.node)
    }

    fn nodes(&mut self, place: Place<'_>, a: &[NodeDef], b: &[NodeDef]) -> Result<()> {
        let (a, b) = (unique(a)?, unique(b)?);
        for name in keys(&a, &b) {
            match (a.get(name), b.get(name)) {
                (Some(x), Some(y)) => self.node(place, x, y),
                (x, y) => {
                    let op = |n: &&NodeDef| n.op.clone();
                    let d = difference(What::Node, place, name, None, x.map(op), y.map(op));
                    self.differences.push(d);
                }
            }
        }
        Ok(())
    }

    fn node(&mut self, place: Place<'_>, a: &NodeDef, b: &NodeDef) {
        let mut found = Vec::new();
        let mut note = |what, name: Option<&str>, x: Option<String>, y: Option<String>| {
            found.push(difference(what, place, &a.name, name, x, y));
        };
        if a.op != b.op {
            note(What::Op, None, Some(a.op.clone()), Some(b.op.clone()));
        }
        if a.device != b.device {
            let (x, y) = (format!("'{}'", a.device), format!("'{}'", b.device));
            note(What::Device, None, Some(x), Some(y));
        }
        let (da, db) = (data_inputs(a, place), data_inputs(b, place));
        for i in 0..da.len().max(db.len()) {
            let (x, y) = (da.get(i), db.get(i));
            if x != y {
                note(What::Input, Some(&i.to_string()), x.cloned(), y.cloned());
            }
        }
        let (ca, cb) = (controls(a), controls(b));
        for c in ca.symmetric_difference(&cb) {
            let has = |set: &BTreeSet<&str>| set.contains(c).then(|| c.to_string());
            note(What::ControlInput, None, has(&ca), has(&cb));
        }
        // Attributes of different ops have nothing to do with each other.
        if a.op == b.op {
            for key in keys(&a.attr, &b.attr) {
                let (v, w) = (self.value(a, key), self.value(b, key));
                if v != w && !self.ignored(key) {
                    let (x, y) = attr_pair(v, w);
                    note(What::Attr, Some(key), x, y);
                }
            }
        }
        self.differences.extend(found);
    }
}

fn difference(
    what: What,
    place: Place<'_>,
    node: &str,
    name: Option<&str>,
    a: Option<String>,
    b: Option<String>,
) -> Difference {
    Difference {
        what,
        function: place.map(str::to_string),
        node: Some(node.to_string()),
        name: name.map(str::to_string),
        a,
        b,
    }
}

/// The keys of either map, in order.
pub(super) fn keys<'m, V>(a: &'m BTreeMap<String, V>, b: &'m BTreeMap<String, V>) -> Vec<&'m str> {
    let all: BTreeSet<&str> = a.keys().chain(b.keys()).map(String::as_str).collect();
    all.into_iter().collect()
}

fn unique(nodes: &[NodeDef]) -> Result<BTreeMap<String, &NodeDef>> {
    let mut found = BTreeMap::new();
    for n in nodes {
        if found.insert(n.name.clone(), n).is_some() {
            let e = Error::invalid_argument(format!("Node '{}' is not unique", n.name));
            return Err(e.at_node(&n.name, &n.op));
        }
    }
    Ok(found)
}

fn by_name(functions: &[FunctionDef]) -> Result<BTreeMap<String, &FunctionDef>> {
    let mut found = BTreeMap::new();
    for f in functions {
        if found.insert(f.name().to_string(), f).is_some() {
            return Err(Error::invalid_argument(format!(
                "Function '{}' is defined twice",
                f.name()
            )));
        }
    }
    Ok(found)
}

/// What a node reads; in a graph `node:0` is `node`.
fn data_inputs(n: &NodeDef, place: Place<'_>) -> Vec<String> {
    let data = n.input.iter().filter(|i| !i.starts_with('^'));
    data.map(|text| match InputRef::parse(text) {
        Ok(InputRef::Data(node, 0)) if place.is_none() => node.to_string(),
        _ => text.clone(),
    })
    .collect()
}

fn controls(n: &NodeDef) -> BTreeSet<&str> {
    n.input.iter().filter_map(|i| i.strip_prefix('^')).collect()
}
