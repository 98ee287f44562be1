//! DynamicPartition: the slices of a tensor sorted into several tensors.

use super::gather::gathered;
use super::items::MOVABLE;
use super::runs::checked_indices;
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::registry::OpEntry;
use crate::shape::{PartialShape, Shape};
use crate::tensor::Tensor;

pub(crate) static DYNAMIC_PARTITION: OpEntry = OpEntry {
    def: OpDef {
        signature: "DynamicPartition(data:T, partitions:int32) -> (outputs:num_partitions*T)",
        attrs: "num_partitions:int>=1; T:type",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[KernelDef::cpu(&[("T", MOVABLE)], new)],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let (data, partitions) = (ctx.input(0), ctx.input(1));
    let (Some(d), Some(p)) = (data.dims(), partitions.dims()) else {
        return Ok(());
    };
    let outer = d.get(..p.len()).ok_or_else(|| {
        Error::invalid_argument(format!(
            "Shape must be at least rank {} but is rank {}",
            p.len(),
            d.len()
        ))
    })?;
    PartialShape::of(outer.to_vec()).merge(&partitions)?;
    let mut dims = vec![None];
    dims.extend_from_slice(&d[p.len()..]);
    for i in 0..ctx.outputs.len() {
        ctx.set(i, PartialShape::of(dims.clone()));
    }
    Ok(())
}

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let count = init.outputs.len();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (data, partitions) = (ctx.input(0)?, ctx.input(1)?);
        let (d, p) = (data.shape(), partitions.shape());
        if !d.dims().starts_with(p.dims()) {
            return Err(Error::invalid_argument(format!(
                "data.shape must start with partitions.shape, got data.shape = {d}, partitions.shape = {p}"
            )));
        }
        let to = checked_indices("partitions", p, &partitions.to_i64s()?, count)?;
        let mut rows: Vec<Vec<i64>> = vec![Vec::new(); count];
        for (i, part) in to.iter().enumerate() {
            rows[*part].push(i as i64);
        }
        let mut dims = vec![p.elements()];
        dims.extend_from_slice(&d.dims()[p.rank()..]);
        let flat = data.reshaped(Shape::of(&dims)?)?;
        for (i, rows) in rows.into_iter().enumerate() {
            let part = gathered(ctx.pool(), &flat, &Tensor::from(rows), 0, 0)?;
            ctx.set(i, part)?;
        }
        Ok(())
    }))
}

/// The gradients of the parts stitched together again.
fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let s = ctx.scope;
    let (data, partitions) = (ctx.input(0), ctx.input(1));
    let count = ctx.node.num_outputs();
    let shape = s.shape(partitions);
    let axis = s.constant([0i32]);
    let total = s.op("Prod").input(shape).input(axis);
    let total = total.attr("keep_dims", false).out();
    let places = s.range(0i32, total, 1i32).reshape(shape);
    let places = s.dynamic_partition(places, partitions, count);
    let grads: Vec<Output<'g>> = (0..count).map(|i| ctx.grad(i)).collect();
    let whole = s.dynamic_stitch(&places, &grads);
    dense([Some(whole.reshape(s.shape(data))), None])
}

impl<'g> Scope<'g> {
    /// The slices of `data` sorted into `count` tensors by the numbers in `partitions` (op `DynamicPartition`).
    #[track_caller]
    pub fn dynamic_partition(
        self,
        data: impl Operand<'g>,
        partitions: impl Operand<'g>,
        count: usize,
    ) -> Vec<Output<'g>> {
        let made = self
            .op("DynamicPartition")
            .input(data)
            .input(partitions)
            .attr("num_partitions", count as i64)
            .finish();
        (0..count).map(|i| made.output(i)).collect()
    }
}
