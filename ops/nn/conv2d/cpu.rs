//! The forward convolution on the CPU.

use crate::device::cpu::ThreadPool;
use crate::device::cpu::gemm::GemmScalar;
use crate::error::Result;
use crate::ops::nn::compute::{self, Compute, Widened};
use crate::ops::nn::conv_geometry::ConvGeometry;
use crate::ops::nn::direct_conv::{FilterLayout, Finish, Target, convolve};
use crate::ops::nn::layout::{self, Images};
use crate::ops::nn::window::DataFormat;

/// `out = input * filter` in the sizes of `g`; input and output in the order of `format`.
///
/// `finish` adds a bias of `g.out_depth` elements and cuts off negative results, where wanted.
///
/// # Errors
/// `ResourceExhausted` when there is no memory for copies.
pub fn conv2d<T: Compute<In: PartialOrd>>(
    pool: &ThreadPool,
    g: &ConvGeometry,
    format: DataFormat,
    input: &[T],
    filter: &[T],
    out: &mut [T],
    finish: Finish<T>,
) -> Result<()> {
    let input = Images::new(pool, format, g.input(), input)?;
    let input = Widened::new(pool, input.get())?;
    let filter = Widened::new(pool, filter)?;
    let bias = finish.bias.map(|b| Widened::new(pool, b)).transpose()?;
    let finish = Finish {
        bias: bias.as_ref().map(Widened::get),
        relu: finish.relu,
    };
    layout::fill(pool, format, g.output(), out, |out| {
        compute::fill(pool, out, |out| {
            groups(pool, g, input.get(), filter.get(), out, finish)
        })
    })
}

fn groups<T: GemmScalar + PartialOrd>(
    pool: &ThreadPool,
    g: &ConvGeometry,
    input: &[T],
    filter: &[T],
    out: &mut [T],
    finish: Finish<T>,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let depth = g.group_depth();
    let cols = g.spatial[1].window;
    // Without input channels there is no group, but an output of zeros (and bias).
    for group in 0..g.groups().max(1) {
        let unfold = g.unfold_input(group);
        let target = Target {
            rows: g.spatial[0].output,
            cols: g.spatial[1].output,
            channels: g.out_depth,
            origin: (0, 0),
            step: (1, 1),
            first: group * depth,
            depth,
        };
        let unfold = if g.in_depth == 0 {
            crate::ops::nn::unfold::Unfold { depth: 0, ..unfold }
        } else {
            unfold
        };
        let base = |row, col| (row * cols + col) * g.filter_depth * g.out_depth + group * depth;
        let layout = FilterLayout {
            data: filter,
            base: &base,
            step: g.out_depth,
            col: 1,
        };
        convolve(pool, &unfold, input, &layout, &target, out, finish)?;
    }
    Ok(())
}
