//! The names of imported nodes: under the prefix, with a number where the graph has the name.

use super::plan::Plan;
use crate::def::GraphDef;
use crate::graph::State;
use std::collections::{HashMap, HashSet};

/// The names that differ from the definition's name behind the prefix.
pub(super) struct NewNames<'d>(HashMap<&'d str, String>);

impl<'d> NewNames<'d> {
    pub(super) fn new(s: &State, def: &'d GraphDef, plan: &Plan<'_>, prefix: &str) -> Self {
        let mut changed = HashMap::new();
        // Only what stands behind the prefix can be in the way: names, and scopes with names inside.
        let mut taken: HashSet<&str> = HashSet::new();
        for n in s.nodes.node_weights() {
            if n.name.starts_with(prefix) {
                add_with_scopes(&n.name, prefix.len(), &mut taken);
            }
        }
        if taken.is_empty() {
            return NewNames(changed);
        }
        let mut own: Option<HashSet<&str>> = None;
        let mut given: HashSet<String> = HashSet::new();
        for i in &plan.order {
            let name = def.node[*i].name.as_str();
            let full = format!("{prefix}{name}");
            if !taken.contains(full.as_str()) {
                continue;
            }
            // A new name must not be one that the definition has either.
            let own = own.get_or_insert_with(|| {
                let mut own = HashSet::new();
                for n in &def.node {
                    add_with_scopes(&n.name, 0, &mut own);
                }
                own
            });
            let free = (1u64..).find(|k| {
                let (short, full) = (format!("{name}_{k}"), format!("{full}_{k}"));
                !taken.contains(full.as_str())
                    && !own.contains(short.as_str())
                    && !given.contains(&full)
            });
            // One of more numbers than there are names is free.
            let new = format!("{full}_{}", free.unwrap_or(u64::MAX));
            given.insert(new.clone());
            changed.insert(name, new);
        }
        NewNames(changed)
    }

    /// The whole name of a node of the definition.
    pub(super) fn full(&self, prefix: &str, name: &str) -> String {
        match self.0.get(name) {
            Some(new) => new.clone(),
            None => format!("{prefix}{name}"),
        }
    }
}

/// A name and all scopes that it stands in, beyond the first `skip` bytes.
fn add_with_scopes<'a>(name: &'a str, skip: usize, names: &mut HashSet<&'a str>) {
    names.insert(name);
    let mut end = name.len();
    while let Some(slash) = name[..end].rfind('/').filter(|at| *at >= skip) {
        end = slash;
        // The longer scopes of a name that was seen were seen too.
        if !names.insert(&name[..end]) {
            return;
        }
    }
}
