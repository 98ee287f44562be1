//! The mean of the gradients that several towers have for one variable, in a fixed order of additions.

use super::towers::Reduction;
use crate::grad::{Gradient, IndexedSlices};
use crate::graph::{Output, Scope};
use crate::ops::math::KeepDims;
use crate::ops::state::Variable;

/// The mean of one gradient of each tower. What stands with the variable is named in `scope`; `towers` say the devices.
pub(super) fn reduce<'g>(
    scope: Scope<'g>,
    reduction: Reduction,
    towers: &[Scope<'g>],
    gradients: &[Gradient<'g>],
    variable: Variable<'g>,
) -> Gradient<'g> {
    let node = variable.handle().node().node();
    let at = scope
        .device("")
        .device(&node.map(|n| n.device.clone()).unwrap_or_default());
    let slices = gradients.iter().map(|g| match g {
        Gradient::Slices(s) => Some(*s),
        Gradient::Dense(_) => None,
    });
    if let Some(slices) = slices.collect::<Option<Vec<IndexedSlices<'g>>>>() {
        return Gradient::Slices(rows(at, &slices));
    }
    match reduction {
        Reduction::Stack => stack(at, gradients),
        Reduction::Ring | Reduction::Tree => {
            let at = at.scope(&variable.name());
            let on: Vec<Scope<'g>> = towers
                .iter()
                .map(|t| at.device("").device(&t.data().device))
                .collect();
            let parts: Vec<Output<'g>> = gradients
                .iter()
                .zip(&on)
                .map(|(g, s)| g.dense(*s))
                .collect();
            match reduction {
                Reduction::Tree => tree(&on, parts),
                _ => ring(at, &on, &parts, variable),
            }
        }
    }
    .into()
}

/// All rows, one gradient's after the other's, each divided by the number of towers: rows that repeat add up.
fn rows<'g>(at: Scope<'g>, slices: &[IndexedSlices<'g>]) -> IndexedSlices<'g> {
    let values: Vec<Output<'g>> = slices.iter().map(|s| s.values).collect();
    let indices: Vec<Output<'g>> = slices.iter().map(|s| s.indices).collect();
    IndexedSlices {
        values: divided(at, at.concat(&values, 0i32), slices.len()),
        indices: at.concat(&indices, 0i32),
        dense_shape: slices[0].dense_shape,
    }
}

fn divided<'g>(at: Scope<'g>, sum: Output<'g>, towers: usize) -> Output<'g> {
    match towers {
        1 => sum,
        n => at.real_div(sum, n as f32),
    }
}

fn stack<'g>(at: Scope<'g>, gradients: &[Gradient<'g>]) -> Output<'g> {
    let rows: Vec<Output<'g>> = gradients
        .iter()
        .map(|g| at.expand_dims(g.dense(at), 0i32))
        .collect();
    at.mean(at.concat(&rows, 0i32), 0i32, KeepDims::No)
}

fn tree<'g>(on: &[Scope<'g>], mut sums: Vec<Output<'g>>) -> Output<'g> {
    let n = sums.len();
    let mut stride = 1;
    while stride < n {
        for i in (0..n - stride).step_by(2 * stride) {
            sums[i] = on[i].add(sums[i], sums[i + stride]);
        }
        stride *= 2;
    }
    divided(on[0], sums[0], n)
}

fn ring<'g>(
    at: Scope<'g>,
    on: &[Scope<'g>],
    gradients: &[Output<'g>],
    variable: Variable<'g>,
) -> Output<'g> {
    let n = gradients.len();
    let shape = variable.value().shape().to_shape();
    // A gradient of unknown size, or of fewer elements than towers, is cut into fewer parts.
    let elements = shape.as_ref().map_or(1, |s| s.elements());
    let count = elements.clamp(1, n);
    let parts: Vec<Vec<Output<'g>>> = match count {
        1 => gradients.iter().map(|g| vec![*g]).collect(),
        _ => {
            let size = |i: usize| (elements / count + usize::from(i < elements % count)) as i64;
            let sizes: Vec<i64> = (0..count).map(size).collect();
            let cut = |(g, s): (&Output<'g>, &Scope<'g>)| {
                let flat = s.reshape(*g, [-1i32]);
                s.split_sizes(flat, sizes.clone(), 0i32, count)
            };
            gradients.iter().zip(on).map(cut).collect()
        }
    };
    let mean = |part: usize| {
        // Part k begins at tower k and ends, once around, at the tower before it.
        let along = (1..n).map(|hop| (part + hop) % n);
        let sum = along.fold(parts[part][part], |sum, t| on[t].add(sum, parts[t][part]));
        divided(on[(part + n - 1) % n], sum, n)
    };
    let means: Vec<Output<'g>> = (0..count).map(mean).collect();
    match (shape, &means[..]) {
        (Some(shape), [_, _, ..]) => {
            let dims: Vec<i64> = shape.dims().iter().map(|d| *d as i64).collect();
            at.reshape(at.concat(&means, 0i32), dims)
        }
        _ => means[0],
    }
}
