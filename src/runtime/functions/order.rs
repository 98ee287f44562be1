//! An order of nodes in which inputs come first.

use super::super::simplify::Draft;
use crate::graph::NodeId;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Sorts nodes so that each comes after its inputs, a loop's back edges aside. Nodes in a cycle come last, for the
/// plan to complain about.
pub(super) fn inputs_first(drafts: Vec<Draft>) -> Vec<Draft> {
    let place: HashMap<NodeId, usize> = drafts
        .iter()
        .enumerate()
        .map(|(i, d)| (d.node.id, i))
        .collect();
    let is_back = |from: usize, to: usize| {
        drafts[from].node.op.name.ends_with("NextIteration")
            && drafts[to].node.op.name.ends_with("Merge")
    };
    let mut pending = vec![0usize; drafts.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (i, d) in drafts.iter().enumerate() {
        let before = d
            .inputs
            .iter()
            .map(|e| e.node)
            .chain(d.controls.iter().copied());
        for from in before.filter_map(|id| place.get(&id).copied()) {
            if !is_back(from, i) {
                pending[i] += 1;
                users[from].push(i);
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..drafts.len())
        .filter(|i| pending[*i] == 0)
        .map(Reverse)
        .collect();
    let mut rank = vec![usize::MAX; drafts.len()];
    let mut next = 0;
    while let Some(Reverse(i)) = ready.pop() {
        rank[i] = next;
        next += 1;
        for &u in &users[i] {
            pending[u] -= 1;
            if pending[u] == 0 {
                ready.push(Reverse(u));
            }
        }
    }
    let mut ranked: Vec<(usize, Draft)> = rank.into_iter().zip(drafts).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, d)| d).collect()
}
