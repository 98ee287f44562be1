//! Gradients of which only some rows are not zero (of Gather, say).

use crate::graph::{Output, Scope};

/// Row `values[i]` belongs at `indices[i]` of a tensor of shape `dense_shape`; rows may repeat and then add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexedSlices<'g> {
    /// The rows, `[n, …]`.
    pub values: Output<'g>,
    /// Where they belong, `[n]`.
    pub indices: Output<'g>,
    /// The shape of the whole.
    pub dense_shape: Output<'g>,
}

impl<'g> IndexedSlices<'g> {
    /// The whole tensor, repeated rows added up (op `UnsortedSegmentSum`).
    pub fn dense(self, scope: Scope<'g>) -> Output<'g> {
        let first = |x| {
            let s = scope.composite("strided_slice");
            let stack = |name: &str, at: i32| s.named(name).constant([at]);
            s.result_op("StridedSlice")
                .input(x)
                .input(stack("stack", 0))
                .input(stack("stack_1", 1))
                .input(stack("stack_2", 1))
                .attr("shrink_axis_mask", 1i64)
                .out()
        };
        let rows = first(self.dense_shape);
        scope
            .op("UnsortedSegmentSum")
            .input(self.values)
            .input(self.indices)
            .input(rows)
            .out()
    }
}
