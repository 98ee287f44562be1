//! Two string tensors element by element, with broadcasting.

use crate::error::Result;
use crate::kernel::OpContext;
use crate::shape::{Broadcast, Shape};
use crate::tensor::Bytes;

/// Combines the string inputs 0 and 1; gives the result's shape and elements.
///
/// # Errors
/// When the inputs are not strings or their shapes do not fit.
pub(crate) fn combine<U>(
    ctx: &OpContext<'_>,
    f: impl Fn(&Bytes, &Bytes) -> U,
) -> Result<(Shape, Vec<U>)> {
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    let (x, y) = (a.strings()?, b.strings()?);
    let plan = Broadcast::new(a.shape(), b.shape())?;
    let mut out = Vec::with_capacity(plan.shape.elements());
    let mut index = vec![0usize; plan.dims.len()];
    let position = |index: &[usize], strides: &[usize]| -> usize {
        index.iter().zip(strides).map(|(i, s)| i * s).sum()
    };
    for _ in 0..plan.shape.elements() {
        let (i, j) = (position(&index, &plan.left), position(&index, &plan.right));
        out.push(f(&x[i], &y[j]));
        for (i, n) in index.iter_mut().zip(&plan.dims).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    Ok((plan.shape, out))
}
