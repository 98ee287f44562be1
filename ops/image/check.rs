//! What the image helpers ask of their input, while the graph is built where sizes are known, else in the step.

use crate::error::{Error, Result};
use crate::graph::{NodeRef, Output, Scope};
use crate::ops::array::SliceSpec;
use std::panic::Location;

/// The result of a helper; on an error the graph keeps it and the result is broken.
#[track_caller]
pub(super) fn built<'g>(scope: Scope<'g>, helper: &str, result: Result<Output<'g>>) -> Output<'g> {
    match result {
        Ok(output) => output.in_scope(scope.unnamed()),
        Err(e) => {
            let name = match scope.name() {
                prefix if prefix.is_empty() => helper.to_string(),
                prefix => format!("{prefix}/{helper}"),
            };
            let e = e.at_node(name, helper).at_line(Location::caller());
            scope.graph().fail(e);
            Output::broken(scope.unnamed())
        }
    }
}

/// Assertions that `image` has three dimensions or more and that the last three are not empty; none where the
/// shape says it.
///
/// # Errors
/// `InvalidArgument` where the shape says the opposite.
#[track_caller]
pub(super) fn image_checks<'g>(s: Scope<'g>, image: Output<'g>) -> Result<Vec<NodeRef<'g>>> {
    let shape = image.shape();
    let known = match shape.dims() {
        None => false,
        Some([.., height, width, channels]) => {
            let inner = [height, width, channels];
            if inner.iter().any(|d| **d == Some(0)) {
                return Err(Error::invalid_argument(format!(
                    "inner 3 dims of 'image.shape' must be > 0: {shape}"
                )));
            }
            inner.iter().all(|d| d.is_some())
        }
        Some(_) => {
            return Err(Error::invalid_argument(format!(
                "'image' (shape {shape}) must be at least three-dimensional."
            )));
        }
    };
    if known {
        return Ok(Vec::new());
    }
    let inner = s.strided_slice(s.shape(image), &SliceSpec::new().from(-3));
    let positive = {
        let s = s.scope("assert_positive");
        let zero = s.constant(0i32);
        let s = s.scope("assert_less");
        let all = s.less(zero, inner).in_scope(s).all();
        s.assert_true(
            all,
            &["inner 3 dims of 'image.shape' must be > 0.".into()],
            3,
        )
    };
    let rank = s.rank(image);
    let enough = {
        let s = s.scope("assert_greater_equal");
        let three = s.named("y").constant(3i32);
        let all = s.greater_equal(rank, three).in_scope(s).all();
        let data = [
            "'image' must be at least three-dimensional.".into(),
            "Condition x >= y did not hold element-wise:".into(),
            format!("x ({}) = ", rank.name()).as_str().into(),
            rank.into(),
            format!("y ({}) = ", three.name()).as_str().into(),
            three.into(),
        ];
        s.assert_true(all, &data, 3)
    };
    Ok(vec![positive, enough])
}

/// `image`, available once it is known to have at least three dimensions, the last three not empty.
///
/// # Errors
/// As [`image_checks`].
#[track_caller]
pub(super) fn checked<'g>(s: Scope<'g>, image: Output<'g>) -> Result<Output<'g>> {
    let checks = image_checks(s, image)?;
    Ok(s.with_dependencies(checks, image))
}
