//! The static structure of loops: which node belongs to which frame, and that there are no other cycles.

use super::plan::{Action, Edge, FramePlan, PlanNode};
use crate::error::{Error, Result};
use crate::graph::Node;
use std::collections::HashMap;

/// The targets of a node's data and control edges.
fn targets(n: &PlanNode) -> impl Iterator<Item = usize> + '_ {
    let data = n.outputs.iter().flatten().filter_map(|e| match e {
        Edge::Node { node, .. } => Some(*node as usize),
        Edge::Fetch(_) => None,
    });
    data.chain(n.control_outputs.iter().map(|c| *c as usize))
}

/// An order in which inputs come first; edges from NextIteration into Merge do not count.
fn order(nodes: &[PlanNode]) -> std::result::Result<Vec<usize>, (usize, usize)> {
    let back = |from: &PlanNode, to: usize| {
        matches!(from.action, Action::NextIteration)
            && matches!(nodes[to].action, Action::Merge { .. })
    };
    let mut pending = vec![0usize; nodes.len()];
    for n in nodes {
        for t in targets(n).filter(|t| !back(n, *t)) {
            pending[t] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|i| pending[*i] == 0).collect();
    let mut done = Vec::with_capacity(nodes.len());
    while let Some(i) = ready.pop() {
        done.push(i);
        for t in targets(&nodes[i]).filter(|t| !back(&nodes[i], *t)) {
            pending[t] -= 1;
            if pending[t] == 0 {
                ready.push(t);
            }
        }
    }
    match pending.iter().position(|p| *p > 0) {
        None => Ok(done),
        Some(first) => Err((nodes.len() - done.len(), first)),
    }
}

/// Finds the frame of each node and numbers the nodes within it. `feeds` are the nodes whose outputs are fed, with what
/// they lead to.
///
/// # Errors
/// `InvalidArgument` when a node has inputs from different frames, an Exit no Enter, or an Enter no frame name; for a cycle,
/// whose nodes would wait for each other.
pub(super) fn assign_frames(
    nodes: &mut [PlanNode],
    graph: &[&Node],
    feeds: &[(String, &[Edge])],
) -> Result<Vec<FramePlan>> {
    let order = order(nodes).map_err(|(count, first)| {
        Error::invalid_argument(format!(
            "Graph is invalid, contains a cycle with {count} nodes, including: {}",
            nodes[first].info.name
        ))
    })?;
    let mut frames = vec![FramePlan {
        nodes: Vec::new(),
        enters: 0,
        parallel: 1,
    }];
    let mut parents: Vec<(u32, String)> = vec![(0, String::new())];
    let mut known: HashMap<(u32, String), u32> = HashMap::new();
    // The frame in which a node's inputs arrive, once one has; and that input, for the message.
    let mut frame_of: Vec<Option<(u32, usize)>> = vec![None; nodes.len()];
    for i in order {
        let own = frame_of[i].map_or(0, |f| f.0);
        frame_of[i] = Some((own, i));
        let at = |e: Error| e.at_node(&graph[i].name, &graph[i].op.name);
        let mut leads_to = own;
        match nodes[i].action {
            Action::Enter { is_constant, .. } => {
                let name = graph[i].attrs.str("frame_name")?;
                let parallel = graph[i].attrs.int("parallel_iterations")?;
                if name.is_empty() {
                    return Err(at(Error::invalid_argument(format!(
                        "The Enter {{{{node {}}}}} must have a frame name.",
                        graph[i].name
                    ))));
                }
                if parallel <= 0 {
                    return Err(at(Error::invalid_argument(format!(
                        "parallel_iterations must be positive, got {parallel}"
                    ))));
                }
                let key = (own, name.to_string());
                let next = frames.len() as u32;
                let frame = *known.entry(key.clone()).or_insert(next);
                if frame == next {
                    frames.push(FramePlan {
                        nodes: Vec::new(),
                        enters: 0,
                        parallel: parallel as usize,
                    });
                    parents.push(key);
                } else if frames[frame as usize].parallel != parallel as usize {
                    return Err(at(Error::invalid_argument(format!(
                        "The Enters of frame '{name}' disagree on parallel_iterations"
                    ))));
                }
                frames[frame as usize].enters += 1;
                nodes[i].action = Action::Enter { frame, is_constant };
                leads_to = frame;
            }
            Action::Exit => {
                if own == 0 {
                    return Err(at(Error::invalid_argument(
                        "Invalid Exit op: Cannot find a corresponding Enter op.",
                    )));
                }
                leads_to = parents[own as usize].0;
            }
            _ => {}
        }
        for t in targets(&nodes[i]).collect::<Vec<_>>() {
            match frame_of[t] {
                None => frame_of[t] = Some((leads_to, i)),
                Some((f, _)) if f == leads_to => {}
                Some((f, other)) => {
                    let from = if other == t { i } else { other };
                    return Err(different_frames(
                        graph[t],
                        (&graph[from].name, &parents[f as usize].1),
                        (&graph[i].name, &parents[leads_to as usize].1),
                    ));
                }
            }
        }
        if matches!(nodes[i].action, Action::NextIteration) {
            for t in targets(&nodes[i]).collect::<Vec<_>>() {
                if let Action::Merge { is_loop } = &mut nodes[t].action {
                    *is_loop = true;
                }
            }
        }
    }
    for (i, f) in frame_of.iter().enumerate() {
        let list = &mut frames[f.map_or(0, |f| f.0) as usize].nodes;
        nodes[i].slot = list.len() as u32;
        list.push(i as u32);
    }
    // What is fed comes from outside of all loops.
    for (name, edges) in feeds {
        for edge in *edges {
            let Edge::Node { node, .. } = edge else {
                continue;
            };
            let at = *node as usize;
            let frame = frame_of[at].map_or(0, |f| f.0) as usize;
            if frame > 0 {
                let own = (&*graph[at].name, &*parents[frame].1);
                return Err(different_frames(graph[at], own, (name, "")));
            }
        }
    }
    Ok(frames)
}

/// An error at a node whose inputs, each with its frame, do not meet.
fn different_frames(node: &Node, one: (&str, &str), other: (&str, &str)) -> Error {
    Error::invalid_argument(format!(
        "{{{{node {}}}}} has inputs from different frames. The input {{{{node {}}}}} is in frame '{}'. The input {{{{node {}}}}} is in frame '{}'.",
        node.name, one.0, one.1, other.0, other.1
    ))
    .at_node(&node.name, &node.op.name)
}
