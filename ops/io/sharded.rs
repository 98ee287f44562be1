//! ShardedFilename, ShardedFilespec: the names of the parts of a file.

use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static SHARDED_FILENAME: OpEntry = OpEntry {
    def: OpDef {
        signature: "ShardedFilename(basename:string, shard:int32, num_shards:int32) -> (filename:string)",
        attrs: "",
        flags: Flags::PURE,
        infer: scalars,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let mut name = base(ctx)?;
            let shard = ctx.scalar::<i32>(1, "shard")?;
            let count = ctx.scalar::<i32>(2, "num_shards")?;
            name.extend_from_slice(format!("-{shard:05}-of-{count:05}").as_bytes());
            ctx.set(0, Tensor::string(name))
        }))
    })],
};

pub(crate) static SHARDED_FILESPEC: OpEntry = OpEntry {
    def: OpDef {
        signature: "ShardedFilespec(basename:string, num_shards:int32) -> (filename:string)",
        attrs: "",
        flags: Flags::PURE,
        infer: scalars,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let mut name = base(ctx)?;
            let count = ctx.scalar::<i32>(1, "num_shards")?;
            name.extend_from_slice(format!("-?????-of-{count:05}").as_bytes());
            ctx.set(0, Tensor::string(name))
        }))
    })],
};

fn scalars(ctx: &mut crate::op::ShapeCtx<'_>) -> crate::Result<()> {
    for i in 0..ctx.len() {
        ctx.with_rank(i, 0)?;
    }
    infer::scalar(ctx)
}

fn base(ctx: &OpContext<'_>) -> crate::Result<Vec<u8>> {
    let name = ctx.input(0)?;
    match name.shape().is_scalar() {
        true => Ok(name.to_bytes()?.to_vec()),
        false => Err(Error::invalid_argument(format!(
            "basename must be a scalar, got shape {}",
            name.shape()
        ))),
    }
}
