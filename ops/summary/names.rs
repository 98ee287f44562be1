//! The names and tags of summaries: TensorFlow 1's, where the tag is the node's name, and the collection.

use crate::graph::{Output, Scope, keys};

/// A name without characters that node names may not have.
pub(super) fn clean_tag(name: &str) -> String {
    let cleaned: String = name
        .chars()
        .map(|c| match c {
            c if c.is_alphanumeric() || matches!(c, '-' | '/' | '_' | '.') => c,
            _ => '_',
        })
        .collect();
    cleaned.trim_start_matches('/').to_string()
}

/// The scope in which `tf.summary.*` makes a summary of that name; its name is the tag.
#[track_caller]
pub(super) fn summary_scope<'g>(s: Scope<'g>, name: &str) -> (Scope<'g>, String) {
    let inner = s.scope(&clean_tag(name));
    let tag = inner.name();
    (inner, tag)
}

/// Adds a summary to the graph's summaries.
pub(super) fn collect(summary: Output<'_>) -> Output<'_> {
    summary.scope().collect(keys::SUMMARIES, summary);
    summary
}
