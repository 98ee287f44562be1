//! SerializeTensor, ParseTensor: tensors as messages.

use crate::def::{tensor_from_proto, tensor_to_proto};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::proto::TensorProto;
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use prost::Message;

pub(crate) static SERIALIZE_TENSOR: OpEntry = OpEntry {
    def: OpDef {
        signature: "SerializeTensor(tensor:T) -> (serialized:string)",
        attrs: "T:type",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            let bytes = to_content(ctx.input(0)?)?.encode_to_vec();
            ctx.set(0, Tensor::string(bytes))
        }))
    })],
};

pub(crate) static PARSE_TENSOR: OpEntry = OpEntry {
    def: OpDef {
        signature: "ParseTensor(serialized:string) -> (output:out_type)",
        attrs: "out_type:type",
        flags: Flags::PURE,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let dtype = init.attrs.dtype("out_type")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            let out = parse(ctx.input(0)?, dtype)?;
            ctx.set(0, out)
        }))
    })],
};

/// The message of a tensor: numbers as raw content whatever their count, strings as a list.
pub(crate) fn to_content(t: &Tensor) -> Result<TensorProto> {
    let p = tensor_to_proto(t);
    if t.dtype() == DType::String || cfg!(target_endian = "big") {
        return Ok(p);
    }
    Ok(TensorProto {
        dtype: p.dtype,
        tensor_shape: p.tensor_shape,
        version_number: p.version_number,
        tensor_content: t.bytes()?.to_vec(),
        ..Default::default()
    })
}

fn parse(serialized: &Tensor, dtype: DType) -> Result<Tensor> {
    if !serialized.shape().is_scalar() {
        return Err(Error::invalid_argument(format!(
            "Expected `serialized` to be a scalar, got shape: {}",
            serialized.shape()
        )));
    }
    let message = TensorProto::decode(&serialized.to_bytes()?[..])
        .map_err(|e| Error::invalid_argument(format!("Cannot parse tensor from proto: {e}")))?;
    let tensor = tensor_from_proto(&message)?;
    if tensor.dtype() != dtype {
        return Err(Error::invalid_argument(format!(
            "Type mismatch between parsed tensor ({}) and dtype ({dtype})",
            tensor.dtype()
        )));
    }
    Ok(tensor)
}
