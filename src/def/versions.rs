//! Who may read a graph.

use super::{GRAPH_VERSION, GraphDef};
use crate::error::{Error, Result};

/// The oldest writer whose graphs are understood.
const MIN_PRODUCER: i32 = 0;

impl GraphDef {
    /// Whether this crate may read the graph, by the rule of TensorFlow.
    ///
    /// # Errors
    /// `InvalidArgument` when the graph wants a newer reader, was made by too old a writer, or excludes this version.
    pub fn check_versions(&self) -> Result<()> {
        let v = &self.versions;
        if v.min_consumer > GRAPH_VERSION {
            return Err(Error::invalid_argument(format!(
                "GraphDef min consumer version {} above current version {GRAPH_VERSION}. Please upgrade to a newer version.",
                v.min_consumer
            )));
        }
        if v.producer < MIN_PRODUCER {
            return Err(Error::invalid_argument(format!(
                "GraphDef producer version {} below min producer {MIN_PRODUCER}. Please regenerate your graph.",
                v.producer
            )));
        }
        if v.bad_consumers.contains(&GRAPH_VERSION) {
            return Err(Error::invalid_argument(format!(
                "GraphDef disallows consumer version {GRAPH_VERSION}. Please upgrade: this version is likely buggy."
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::def::VersionDef;

    #[test]
    fn versions_decide_who_may_read() {
        let check = |producer, min_consumer, bad: &[i32]| {
            let versions = VersionDef {
                producer,
                min_consumer,
                bad_consumers: bad.to_vec(),
            };
            let g = GraphDef {
                versions,
                ..GraphDef::default()
            };
            g.check_versions().map_err(|e| e.message().to_string())
        };
        check(0, 0, &[]).unwrap();
        check(i32::MAX, GRAPH_VERSION, &[1, GRAPH_VERSION - 1]).unwrap();
        assert!(
            check(1, 99999, &[])
                .unwrap_err()
                .contains("min consumer version 99999 above current version")
        );
        assert!(
            check(-1, 0, &[])
                .unwrap_err()
                .contains("producer version -1 below min producer 0")
        );
        assert!(
            check(1, 0, &[3, GRAPH_VERSION])
                .unwrap_err()
                .contains("disallows consumer version")
        );
    }
}
