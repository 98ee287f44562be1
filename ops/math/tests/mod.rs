//! Tests of the family: what the engines compute against plain loops, and each op's values.

mod along_axes;
mod binary;
mod clip_by_value;
mod graphs;
mod reductions;
mod values;

use crate::runtime::run_op;
use crate::{AttrValue, Attrs, Registry, Result, Tensor};

/// Runs an op on tensors, one for each argument.
pub(super) fn run(op: &str, args: &[Tensor], attrs: &[(&str, AttrValue)]) -> Result<Tensor> {
    let args = args.iter().map(|a| vec![a.clone()]).collect();
    let mut all = Attrs::default();
    for (name, value) in attrs {
        all.0.insert(name.to_string(), value.clone());
    }
    Ok(run_op(&Registry::builtin(), op, args, all)?[0].clone())
}

/// Numbers that look random, from -1 to 1.
pub(super) struct Noise(pub u64);

impl Noise {
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    }
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * n as f64) as usize % n
    }
    pub(super) fn tensor(&mut self, dims: &[usize]) -> Tensor {
        let n: usize = dims.iter().product();
        let values: Vec<f32> = (0..n).map(|_| self.next() as f32).collect();
        Tensor::from_vec(dims, values).unwrap()
    }
}
