//! Elements as items of which only the size matters: what kernels that move data are generic over.

use super::cuda;
use crate::device::cuda::Gpu;
use crate::dtype::{DType, expect_dtype};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::{Bytes, ResourceHandle, Tensor, Variant};

/// The types that kernels move about: plain data, strings, resource handles, variants.
pub(crate) const MOVABLE: &[DType] = &[
    DType::F32,
    DType::F64,
    DType::I32,
    DType::U8,
    DType::I16,
    DType::I8,
    DType::String,
    DType::C64,
    DType::I64,
    DType::Bool,
    DType::BF16,
    DType::U16,
    DType::C128,
    DType::F16,
    DType::U32,
    DType::U64,
    DType::Resource,
    DType::Variant,
];

/// An element that is moved without being looked at.
pub(crate) trait Item: Clone + Send + Sync + 'static {}
impl Item for u8 {}
impl Item for u16 {}
impl Item for u32 {}
impl Item for u64 {}
impl Item for u128 {}
impl Item for Bytes {}
impl Item for ResourceHandle {}
impl Item for Variant {}

/// A computation that moves elements of any type from some tensors to a new one.
pub(crate) trait Move {
    /// Fills `out`. At first it holds zeros, empty strings, handles or variants where the tensor is not of plain
    /// data, and unspecified elements otherwise.
    ///
    /// # Errors
    /// Whatever is wrong with the inputs.
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()>;
    /// The same where the first input and `out` lie in the memory of a GPU.
    ///
    /// # Errors
    /// Whatever is wrong with the inputs; `Unimplemented` where there is no such kernel.
    fn launch(self, _gpu: &Gpu, _inputs: &[&Tensor], _out: &Tensor) -> Result<()>
    where
        Self: Sized,
    {
        Err(Error::unimplemented(
            "a computation that is not done on GPUs",
        ))
    }
}

/// A new tensor of that type and shape, filled by `job` from the elements of `inputs`, which have the same type.
///
/// # Errors
/// `ResourceExhausted` when it does not fit in memory; `InvalidArgument` for inputs of another type; those of `job`.
pub(crate) fn produce(
    dtype: DType,
    shape: Shape,
    inputs: &[&Tensor],
    job: impl Move,
) -> Result<Tensor> {
    for t in inputs {
        expect_dtype(dtype, t.dtype())?;
    }
    if let Some(gpu) = inputs.first().and_then(|t| t.gpu().cloned()) {
        let out = Tensor::alloc_on(&gpu, dtype, shape)?;
        job.launch(&gpu, inputs, &out)?;
        return Ok(out);
    }
    match dtype {
        DType::String => {
            let sources: Vec<&[Bytes]> =
                inputs.iter().map(|t| t.strings()).collect::<Result<_>>()?;
            let mut out = Tensor::zeros(dtype, shape.clone())?.strings()?.to_vec();
            job.run(&sources, &mut out)?;
            Tensor::from_strings(shape, out)
        }
        DType::Resource => {
            let sources: Vec<&[ResourceHandle]> =
                inputs.iter().map(|t| t.handles()).collect::<Result<_>>()?;
            let none = ResourceHandle {
                device: String::new(),
                container: String::new(),
                name: String::new(),
                kind: String::new(),
            };
            let mut out = vec![none; checked_count(&shape, dtype)?];
            job.run(&sources, &mut out)?;
            Tensor::from_handles(shape, out)
        }
        DType::Variant => {
            let sources: Vec<&[Variant]> =
                inputs.iter().map(|t| t.variants()).collect::<Result<_>>()?;
            let mut out = vec![Variant::Empty; checked_count(&shape, dtype)?];
            job.run(&sources, &mut out)?;
            Tensor::from_variants(shape, out)
        }
        _ => {
            let mut out = Tensor::alloc(dtype, shape)?;
            match dtype.size() {
                1 => plain::<u8>(inputs, &mut out, job)?,
                2 => plain::<u16>(inputs, &mut out, job)?,
                4 => plain::<u32>(inputs, &mut out, job)?,
                8 => plain::<u64>(inputs, &mut out, job)?,
                16 => plain::<u128>(inputs, &mut out, job)?,
                n => return Err(Error::internal(format!("elements of {n} bytes"))),
            }
            Ok(out)
        }
    }
}

/// The number of handles or variants of a shape, if they can be meant to fit in memory.
fn checked_count(shape: &Shape, dtype: DType) -> Result<usize> {
    let count = shape.elements();
    if count > 1 << 24 {
        return Err(Error::resource_exhausted(format!(
            "OOM when allocating tensor with shape{shape} and type {dtype} by allocator cpu"
        )));
    }
    Ok(count)
}

fn plain<E: Item + bytemuck::Pod>(
    inputs: &[&Tensor],
    out: &mut Tensor,
    job: impl Move,
) -> Result<()> {
    let misaligned = |_| Error::internal("a misaligned tensor");
    let sources: Vec<&[E]> = inputs
        .iter()
        .map(|t| bytemuck::try_cast_slice(t.bytes()?).map_err(misaligned))
        .collect::<Result<_>>()?;
    let target = bytemuck::try_cast_slice_mut(out.bytes_mut()?).map_err(misaligned)?;
    job.run(&sources, target)
}

/// Copies every element of one tensor to every place of the new one (op `Fill`).
pub(crate) struct Repeat;
impl Move for Repeat {
    fn run<E: Item>(self, inputs: &[&[E]], out: &mut [E]) -> Result<()> {
        match inputs {
            [[value]] => {
                out.fill(value.clone());
                Ok(())
            }
            _ => Err(Error::internal("one element was expected")),
        }
    }
    fn launch(self, gpu: &Gpu, inputs: &[&Tensor], out: &Tensor) -> Result<()> {
        match inputs {
            [value] => cuda::fill(gpu, out, value),
            _ => Err(Error::internal("one element was expected")),
        }
    }
}
