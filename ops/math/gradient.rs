//! What the gradients of broadcasting ops share: sums over the axes along which an input was repeated.

use crate::grad::GradCtx;
use crate::graph::{Output, Scope};
use crate::shape::PartialShape;

impl<'g> GradCtx<'g> {
    /// Where to build what should not be computed before the gradient of output 0 is there.
    pub(crate) fn after_grad(&self) -> Scope<'g> {
        match self.grads.first().copied().flatten() {
            Some(crate::grad::Gradient::Dense(g)) => self.scope.after([g]),
            _ => self.scope,
        }
    }
}

/// The complex conjugate; a real tensor as it is.
pub(crate) fn conj(x: Output<'_>) -> Output<'_> {
    if x.dtype().is_complex() {
        x.scope().op("Conj").input(x).out()
    } else {
        x
    }
}

/// The shape of a tensor as int32 vector: a constant where the graph knows it.
pub(crate) fn shape_of<'g>(scope: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let known = x.shape().to_shape().and_then(|s| {
        let dims: Option<Vec<i32>> = s.dims().iter().map(|d| i32::try_from(*d).ok()).collect();
        dims
    });
    match known {
        Some(dims) => scope.named("Shape").constant(dims),
        None => scope.op("Shape").input(x).out(),
    }
}

/// Whether both shapes are known and the same.
pub(crate) fn same_known_shape(a: Output<'_>, b: Output<'_>) -> bool {
    let (a, b) = (a.shape(), b.shape());
    a.is_fully_known() && a == b
}

/// The axes along which each of two shapes is repeated, where the static shapes tell.
fn known_axes(a: &PartialShape, b: &PartialShape) -> Option<(Vec<i32>, Vec<i32>)> {
    let (a, b) = (a.dims()?, b.dims()?);
    let rank = a.len().max(b.len());
    let at = |d: &[Option<usize>], i: usize| {
        let missing = rank - d.len();
        if i < missing { Some(1) } else { d[i - missing] }
    };
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for i in 0..rank {
        match (at(a, i), at(b, i)) {
            (Some(1), y) if y != Some(1) => of_a.push(i as i32),
            (x, Some(1)) if x != Some(1) => of_b.push(i as i32),
            (None, _) | (_, None) => return None,
            _ => {}
        }
    }
    Some((of_a, of_b))
}

/// Sums the gradients `gx`, `gy` of a broadcasting op down to the shapes of its inputs `x`, `y`.
pub(crate) fn reduce_to_inputs<'g>(
    scope: Scope<'g>,
    [x, y]: [Output<'g>; 2],
    [gx, gy]: [Option<Output<'g>>; 2],
) -> [Option<Output<'g>>; 2] {
    if gx.is_none() && gy.is_none() {
        return [None, None];
    }
    let shapes = [shape_of(scope, x), shape_of(scope, y)];
    let ranks = [x.shape().rank(), y.shape().rank()];
    let (axes, needed) = match known_axes(&x.shape(), &y.shape()) {
        Some((of_x, of_y)) => {
            let needed = [
                !of_x.is_empty() || ranks[0] < ranks[1],
                !of_y.is_empty() || ranks[1] < ranks[0],
            ];
            (Err([of_x, of_y]), needed)
        }
        None => {
            let node = scope
                .op("BroadcastGradientArgs")
                .input(shapes[0])
                .input(shapes[1])
                .finish();
            (Ok([node.output(0), node.output(1)]), [true, true])
        }
    };
    let reduce = |i: usize, g: Output<'g>| {
        if !needed[i] {
            return g;
        }
        let sum = scope.op("Sum").attr("keep_dims", true).input(g);
        let sum = match &axes {
            Ok(outputs) => sum.input(outputs[i]),
            Err(known) => sum.input(known[i].as_slice()),
        };
        scope.op("Reshape").input(sum.out()).input(shapes[i]).out()
    };
    [gx.map(|g| reduce(0, g)), gy.map(|g| reduce(1, g))]
}
