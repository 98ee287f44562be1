//! The convolution's gradient with respect to its filter, on the CPU.

use crate::device::cpu::ThreadPool;
use crate::error::Result;
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::conv_geometry::ConvGeometry;
use crate::ops::nn::direct_conv_grad::{ResultGradient, filter_gradient};
use crate::ops::nn::layout::Images;
use crate::ops::nn::window::DataFormat;

/// `out` is the gradient of the filter, given the input and the gradient of the output, both in the order of
/// `format`.
///
/// # Errors
/// `ResourceExhausted` when there is no memory for copies or partial sums.
pub fn conv2d_backprop_filter<T: Compute>(
    pool: &ThreadPool,
    g: &ConvGeometry,
    format: DataFormat,
    input: &[T],
    gradient: &[T],
    out: &mut [T],
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    if input.is_empty() || gradient.is_empty() {
        out.fill(T::default());
        return Ok(());
    }
    let input = Images::new(pool, format, g.input(), input)?;
    let input = Widened::new(pool, input.get())?;
    let gradient = Images::new(pool, format, g.output(), gradient)?;
    let gradient = Widened::new(pool, gradient.get())?;
    compute::fill(pool, out, |out| {
        for group in 0..g.groups() {
            let unfold = g.unfold_input(group);
            let depth = g.group_depth();
            let grad = ResultGradient {
                data: gradient.get(),
                channels: g.out_depth,
                first: group * depth,
                depth,
            };
            filter_gradient(pool, &unfold, input.get(), grad, g.spatial[1].window, out)?;
        }
        Ok(())
    })
}
