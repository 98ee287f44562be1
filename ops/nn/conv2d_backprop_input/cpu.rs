//! The convolution's gradient with respect to its input, on the CPU.

use crate::device::cpu::ThreadPool;
use crate::device::cpu::gemm::GemmScalar;
use crate::error::Result;
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::conv_geometry::ConvGeometry;
use crate::ops::nn::direct_conv::{FilterLayout, Finish, Target, convolve};
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::window::DataFormat;

/// `out` is the gradient of the input, given that of the output; both in the order of `format`.
///
/// It is a convolution of the gradient with the filter turned around; one for each phase of the strides.
///
/// # Errors
/// `ResourceExhausted` when there is no memory for copies.
pub fn conv2d_backprop_input<T: Compute<In: PartialOrd>>(
    pool: &ThreadPool,
    g: &ConvGeometry,
    format: DataFormat,
    filter: &[T],
    gradient: &[T],
    out: &mut [T],
) -> Result<()> {
    if filter.is_empty() || gradient.is_empty() {
        out.fill(T::default());
        return Ok(());
    }
    let gradient = Images::new(pool, format, g.output(), gradient)?;
    let gradient = Widened::new(pool, gradient.get())?;
    let filter = Widened::new(pool, filter)?;
    layout::fill(pool, format, g.input(), out, |out| {
        compute::fill(pool, out, |out| {
            phases(pool, g, filter.get(), gradient.get(), out)
        })
    })
}

fn phases<T: GemmScalar + PartialOrd>(
    pool: &ThreadPool,
    g: &ConvGeometry,
    filter: &[T],
    gradient: &[T],
    out: &mut [T],
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let depth = g.group_depth();
    let [h, w] = &g.spatial;
    for group in 0..g.groups() {
        for y in 0..h.stride.min(h.input) {
            for x in 0..w.stride.min(w.input) {
                let unfold = g.unfold_output(group, [y, x]);
                let target = Target {
                    rows: h.input,
                    cols: w.input,
                    channels: g.in_depth,
                    origin: (y, x),
                    step: (h.stride, w.stride),
                    first: group * g.filter_depth,
                    depth: g.filter_depth,
                };
                let base = |row, col| {
                    (row * w.window + col) * g.filter_depth * g.out_depth + group * depth
                };
                let layout = FilterLayout {
                    data: filter,
                    base: &base,
                    step: 1,
                    col: g.out_depth,
                };
                convolve(pool, &unfold, gradient, &layout, &target, out, Finish::NONE)?;
            }
        }
    }
    Ok(())
}
