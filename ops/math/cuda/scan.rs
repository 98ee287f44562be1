//! Launches of the CUDA kernels of running sums and products.

use super::{function, prepare, words};
use crate::device::cuda::{Gpu, Source, source_file};
use crate::dtype::sets::FLOATS;
use crate::error::Result;
use crate::kernel::{AnyKernel, KernelInit, OpContext};
use crate::ops::math::cumulative::{Running, axis_of};

pub(crate) static SCAN: Source = Source {
    name: "math/scan",
    files: &[source_file!("ops/math/scan.cu")],
    types: FLOATS,
};

/// The kernel of Cumsum and Cumprod; the axis lies in host memory.
pub(crate) fn scan(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let (dtype, running) = (init.attrs.dtype("T")?, Running::of(init)?);
    prepare(init, &SCAN, dtype);
    let name = function(&init.node.op);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let x = ctx.input(0)?;
        let axis = axis_of(x.shape(), ctx.input(1)?)?;
        let y = ctx.alloc(dtype, x.shape())?;
        if x.elements() > 0 {
            let length = x.shape().dims()[axis];
            let width = x.shape().product(axis + 1..x.shape().rank());
            let lines = x.elements() / length;
            let flags = [running.exclusive, running.reverse].map(i64::from);
            let sizes = [length, width, lines].map(|v| v as i64);
            let layout = words(sizes.into_iter().chain(flags));
            let args = [x.device_ptr()?, y.device_ptr()?, layout];
            // Narrow blocks, since there may be few lines.
            let grid = Gpu::blocks(lines, 64);
            // SAFETY: the arguments are the kernel's; both tensors have that many lines of that length.
            unsafe { ctx.gpu()?.launch(&SCAN, dtype, &name, grid, &args) }?;
        }
        ctx.set(0, y)
    }))
}
