//! The ops: one folder or file each, in families; [`Registry::builtin`] holds them all.

pub mod array;
pub mod control;
pub mod image;
pub mod io;
pub mod list;
pub mod math;
pub mod nn;
pub mod queue;
pub mod random;
pub mod stack;
pub mod state;
pub mod summary;
pub mod tensor_array;
#[cfg(test)]
pub(crate) mod testing;

use crate::graph::Graph;
use crate::registry::{OpEntry, Registry};
use std::sync::{Arc, OnceLock};

/// The ops of each family.
static FAMILIES: &[&[&OpEntry]] = &[
    array::OPS,
    control::OPS,
    image::OPS,
    io::OPS,
    io::strings::OPS,
    list::OPS,
    math::OPS,
    nn::OPS,
    queue::OPS,
    random::OPS,
    stack::OPS,
    state::OPS,
    state::APPLY_OPS,
    state::SCATTER_OPS,
    summary::OPS,
    tensor_array::OPS,
];

impl Registry {
    /// The registry of all ops of this crate.
    pub fn builtin() -> Arc<Registry> {
        static BUILTIN: OnceLock<Arc<Registry>> = OnceLock::new();
        BUILTIN
            .get_or_init(|| {
                let all: Vec<&OpEntry> = FAMILIES.iter().flat_map(|f| f.iter().copied()).collect();
                // It fails only for a malformed table, which the test below would show.
                Arc::new(Registry::new(&all).unwrap_or_default())
            })
            .clone()
    }
}

impl Graph {
    /// An empty graph over the ops of this crate.
    pub fn new() -> Graph {
        Graph::with_ops(Registry::builtin())
    }
}

impl Default for Graph {
    fn default() -> Graph {
        Graph::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_well_formed_and_unique() {
        let all: Vec<&OpEntry> = FAMILIES.iter().flat_map(|f| f.iter().copied()).collect();
        let registry = Registry::new(&all).unwrap();
        assert_eq!(registry.ops().len(), all.len());
    }
}
