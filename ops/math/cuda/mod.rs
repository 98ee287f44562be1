//! Launches of the CUDA kernels of arithmetic: functions of elements, with broadcasting, and conversions.

pub(crate) mod reduction;
pub(crate) mod scan;

use super::selection::Plan;
use crate::device::cuda::{Arg, Gpu, Source, source_file};
use crate::dtype::DType;
pub(crate) use crate::dtype::sets::FLOATS;
use crate::dtype::sets::PODS;
use crate::error::{Error, Result};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, NewKernel, OpContext};
use crate::shape::{Broadcast, Shape};
use crate::tensor::Tensor;

/// Floats and the signed integers that GPUs compute on: int32 stays on the host, since it counts and indexes.
pub(crate) const SIGNED: &[DType] = &[
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::I8,
    DType::I16,
    DType::I64,
];
/// [`SIGNED`] and unsigned integers.
pub(crate) const REALS: &[DType] = &[
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::I8,
    DType::I16,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
];

/// All that kernels compute on but complex numbers.
pub(crate) const NOT_COMPLEX: &[DType] = &[
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::Bool,
];

/// What a registration asks of the attribute `T`.
pub(crate) type When = &'static [(&'static str, &'static [DType])];
pub(crate) const ON_FLOATS: When = &[("T", FLOATS)];
pub(crate) const ON_SIGNED: When = &[("T", SIGNED)];
pub(crate) const ON_REALS: When = &[("T", REALS)];
/// int32, whose inputs and outputs stay in host memory also where the node is on a GPU, as in TensorFlow.
pub(crate) const ON_INT32: When = &[("T", &[DType::I32])];

pub(crate) static ELEMENTWISE: Source = Source {
    name: "math/elementwise",
    files: &[
        source_file!("ops/math/scalar.cuh"),
        source_file!("ops/math/elementwise.cu"),
    ],
    types: NOT_COMPLEX,
};
pub(crate) static BROADCAST: Source = Source {
    name: "math/broadcast",
    files: &[
        source_file!("ops/math/scalar.cuh"),
        source_file!("ops/math/broadcast.cuh"),
        source_file!("ops/math/broadcast.cu"),
    ],
    types: NOT_COMPLEX,
};
pub(crate) static SELECT: Source = Source {
    name: "math/select",
    files: &[
        source_file!("ops/math/broadcast.cuh"),
        source_file!("ops/math/select.cu"),
    ],
    types: SIZES,
};
pub(crate) static CAST: Source = Source {
    name: "math/cast",
    files: &[source_file!("ops/math/cast.cu")],
    types: PODS,
};

/// Source for each size of an element: what only moves elements takes those of one size alike.
pub(crate) const SIZES: &[DType] = &[DType::U8, DType::U16, DType::U32, DType::U64, DType::C128];

/// The one of [`SIZES`] that is as large as an element of this type.
///
/// # Errors
/// `Internal` for a type that is not plain data.
pub(crate) fn of_size(dtype: DType) -> Result<DType> {
    let found = SIZES.iter().find(|s| s.size() == dtype.size());
    found
        .copied()
        .ok_or_else(|| Error::internal(format!("{dtype} is not moved by a GPU")))
}

/// The CUDA function of an op: `squared_difference`. Second versions compute as the first ones.
pub(crate) fn function(op: &str) -> String {
    let mut name = String::new();
    for c in op.trim_end_matches("V2").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// How entry points are named that take or give indices of this type.
///
/// # Errors
/// `Unimplemented` for others than int32 and int64.
pub(crate) fn index_name(dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::I32 => Ok("i32"),
        DType::I64 => Ok("i64"),
        other => Err(Error::unimplemented(format!(
            "indices of type {other} on a GPU"
        ))),
    }
}

/// Begins to compile what a kernel is going to launch.
pub(crate) fn prepare(init: &KernelInit<'_>, source: &'static Source, dtype: DType) {
    if let Some(gpu) = &init.env.gpu {
        gpu.prepare(source, dtype);
    }
}

/// A struct of whole numbers by value.
pub(crate) fn words(values: impl IntoIterator<Item = i64>) -> Arg {
    Arg::Bytes(values.into_iter().flat_map(i64::to_ne_bytes).collect())
}

/// As many words as the array of a struct has, the rest zeros.
pub(crate) fn padded(values: &[i64], len: usize) -> impl Iterator<Item = i64> {
    values.iter().copied().chain(std::iter::repeat(0)).take(len)
}

fn data_type(types: &[crate::def::TypeRef], i: usize) -> Result<DType> {
    types
        .get(i)
        .map(|t| t.base)
        .ok_or_else(|| Error::internal(format!("there is no type {i}")))
}

/// The kernel of a function of each element.
pub(crate) fn unary(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let (from, to) = (data_type(init.inputs, 0)?, data_type(init.outputs, 0)?);
    prepare(init, &ELEMENTWISE, from);
    let name = function(&init.node.op);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (x, shape) = (ctx.input(0)?.device_ptr()?, ctx.input(0)?.shape().clone());
        let candidates: &[usize] = if from == to { &[0] } else { &[] };
        let (y, _) = ctx.forward_or_alloc(candidates, to, &shape)?;
        let n = shape.elements();
        // SAFETY: the arguments are the kernel's, and every tensor among them has `n` elements.
        unsafe {
            run(
                ctx.gpu()?,
                (&ELEMENTWISE, from),
                &name,
                n,
                [x, y.device_ptr()?, Arg::I64(n as i64)],
            )
        }?;
        ctx.set(0, y)
    }))
}

/// The kernel of LeakyRelu and its gradient: multiplies by `alpha` what belongs to a number that is not above 0.
pub(crate) fn leaky_relu(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let dtype = data_type(init.inputs, 0)?;
    prepare(init, &ELEMENTWISE, dtype);
    let (alpha, signs) = (init.attrs.float("alpha")?, init.inputs.len() - 1);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let shape = ctx.input(0)?.shape().clone();
        same_shape(ctx)?;
        let (x, signs) = (ctx.input(0)?.device_ptr()?, ctx.input(signs)?.device_ptr()?);
        let (y, _) = ctx.forward_or_alloc(&[0], dtype, &shape)?;
        let n = shape.elements();
        let args = [
            x,
            signs,
            y.device_ptr()?,
            Arg::I64(n as i64),
            Arg::F32(alpha),
        ];
        // SAFETY: the arguments are the kernel's, and every tensor among them has `n` elements.
        unsafe { run(ctx.gpu()?, (&ELEMENTWISE, dtype), "leaky_relu", n, args) }?;
        ctx.set(0, y)
    }))
}

/// Starts a kernel that walks over `n` elements, if there are any.
///
/// # Safety
/// As of [`Gpu::launch`].
pub(crate) unsafe fn run<const N: usize>(
    gpu: &Gpu,
    (source, dtype): (&'static Source, DType),
    function: &str,
    n: usize,
    args: [Arg; N],
) -> Result<()> {
    match n {
        0 => Ok(()),
        // SAFETY: the caller vouches for the arguments.
        _ => unsafe { gpu.launch(source, dtype, function, Gpu::blocks(n, 256), &args) },
    }
}

/// All inputs must have one shape.
///
/// # Errors
/// `InvalidArgument` "Inputs to operation … must have the same size and shape.  Input 0: [2] != input 1: [3]".
pub(crate) fn same_shape(ctx: &OpContext<'_>) -> Result<()> {
    let first = ctx.input(0)?.shape();
    for i in 1..ctx.num_inputs() {
        let other = ctx.input(i)?.shape();
        if other != first {
            return Err(Error::invalid_argument(format!(
                "Inputs to operation {} of type {} must have the same size and shape.  Input 0: {first} != input {i}: {other}",
                ctx.node.name, ctx.node.op
            )));
        }
    }
    Ok(())
}

/// Dimensions beyond which operands do not broadcast on a GPU, after those that do alike are merged.
const RANK: usize = 8;

/// The struct `Broadcast` of `broadcast.cu`.
fn broadcast(dims: &[usize], strides: &[&[usize]]) -> Result<Arg> {
    if dims.len() > RANK {
        return Err(Error::unimplemented(format!(
            "broadcasting along {} dimensions on a GPU",
            dims.len()
        )));
    }
    let signed = |v: &[usize]| v.iter().map(|n| *n as i64).collect::<Vec<i64>>();
    let mut fields: Vec<i64> = padded(&signed(dims), RANK).collect();
    for k in 0..3 {
        let own = strides.get(k).map(|s| signed(s)).unwrap_or_default();
        fields.extend(padded(&own, RANK));
    }
    fields.push(dims.len() as i64);
    Ok(words(fields))
}

/// How the operands of a binary kernel go together.
fn paired(a: &Shape, b: &Shape) -> Result<(Shape, Arg)> {
    if a == b {
        let n = a.elements();
        return Ok((a.clone(), broadcast(&[n], &[&[1], &[1]])?));
    }
    let plan = Broadcast::new(a, b)?;
    let strides: [&[usize]; 2] = [&plan.left, &plan.right];
    Ok((plan.shape.clone(), broadcast(&plan.dims, &strides)?))
}

/// The kernel of a function of two elements, with broadcasting.
pub(crate) fn binary(init: &KernelInit<'_>) -> Result<AnyKernel> {
    binary_of(init, paired)
}

/// The kernel of a function of two tensors of one size; the result has the shape of the first.
pub(crate) fn pairwise(init: &KernelInit<'_>) -> Result<AnyKernel> {
    binary_of(init, |a, b| {
        if a.elements() != b.elements() {
            return Err(Error::invalid_argument(format!(
                "The two arguments to a cwise op must have same number of elements, got {} and {}",
                a.elements(),
                b.elements()
            )));
        }
        paired(a, a)
    })
}

/// The kernel of a function of two tensors of one shape.
pub(crate) fn of_one_shape(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let AnyKernel::Sync(inner) = binary(init)? else {
        return Err(Error::internal("an elementwise kernel that waits"));
    };
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        same_shape(ctx)?;
        inner.compute(ctx)
    }))
}

fn binary_of(
    init: &KernelInit<'_>,
    pair: fn(&Shape, &Shape) -> Result<(Shape, Arg)>,
) -> Result<AnyKernel> {
    let (from, to) = (data_type(init.inputs, 0)?, data_type(init.outputs, 0)?);
    prepare(init, &BROADCAST, from);
    let name = function(&init.node.op);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (shape, plan) = pair(ctx.input(0)?.shape(), ctx.input(1)?.shape())?;
        let [x, y] = [ctx.input(0)?.device_ptr()?, ctx.input(1)?.device_ptr()?];
        let candidates: &[usize] = if from == to { &[0, 1] } else { &[] };
        let (z, _) = ctx.forward_or_alloc(candidates, to, &shape)?;
        let n = shape.elements();
        let args = [x, y, z.device_ptr()?, Arg::I64(n as i64), plan];
        // SAFETY: the arguments are the kernel's; the plan leads to elements of both operands, and the result has `n`.
        unsafe { run(ctx.gpu()?, (&BROADCAST, from), &name, n, args) }?;
        ctx.set(0, z)
    }))
}

/// `target` and an update of the same shape combined by a binary function of `broadcast.cu` (`add`, `sub`), in place
/// where nobody else holds the target.
pub(crate) fn update(
    gpu: &std::sync::Arc<Gpu>,
    function: &str,
    target: &mut Tensor,
    by: &Tensor,
) -> Result<()> {
    let (shape, plan) = paired(target.shape(), by.shape())?;
    let n = shape.elements();
    let old = target.device_ptr()?;
    let fresh = match target.is_unique() {
        true => target.clone(),
        false => Tensor::alloc_on(gpu, target.dtype(), shape)?,
    };
    let args = [
        old,
        by.device_ptr()?,
        fresh.device_ptr()?,
        Arg::I64(n as i64),
        plan,
    ];
    // SAFETY: as above; the update has the target's shape, or is repeated to it.
    unsafe { run(gpu, (&BROADCAST, target.dtype()), function, n, args) }?;
    *target = fresh;
    Ok(())
}

/// Output 0 from the inputs 0 (condition), 1 and 2.
pub(super) fn select(ctx: &mut OpContext<'_>, plan: &Plan) -> Result<()> {
    let [c, t, e] = [ctx.input(0)?, ctx.input(1)?, ctx.input(2)?];
    let dtype = t.dtype();
    crate::dtype::expect_dtype(dtype, e.dtype())?;
    let strides: Vec<&[usize]> = plan.strides.iter().map(Vec::as_slice).collect();
    let (dims, n) = (broadcast(&plan.dims, &strides)?, plan.shape.elements());
    let [c, t, e] = [c.device_ptr()?, t.device_ptr()?, e.device_ptr()?];
    let out = ctx.alloc(dtype, &plan.shape)?;
    let source = (&SELECT, of_size(dtype)?);
    let args = [c, t, e, out.device_ptr()?, Arg::I64(n as i64), dims];
    // SAFETY: the arguments are the kernel's; the plan leads to elements of the operands, and the result has `n`.
    unsafe { run(ctx.gpu()?, source, "select", n, args) }?;
    ctx.set(0, out)
}

/// The kernel of ClipByValue; `fits` checks the limits' shapes.
pub(super) fn clip(
    init: &KernelInit<'_>,
    fits: fn(&OpContext<'_>) -> Result<()>,
) -> Result<AnyKernel> {
    let dtype = data_type(init.inputs, 0)?;
    prepare(init, &BROADCAST, dtype);
    let name = function(&init.node.op);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        fits(ctx)?;
        let shape = ctx.input(0)?.shape().clone();
        let n = shape.elements();
        let step = |i: usize| Ok::<_, Error>(Arg::I64(i64::from(ctx.input(i)?.elements() != 1)));
        let (low_step, high_step) = (step(1)?, step(2)?);
        let pointer = |i: usize| ctx.input(i)?.device_ptr();
        let (x, low, high) = (pointer(0)?, pointer(1)?, pointer(2)?);
        let y = ctx.alloc(dtype, &shape)?;
        let args = [
            x,
            low,
            low_step,
            high,
            high_step,
            y.device_ptr()?,
            Arg::I64(n as i64),
        ];
        // SAFETY: the arguments are the kernel's; input and result have `n` elements, a limit as many or, with step 0, one.
        unsafe { run(ctx.gpu()?, (&BROADCAST, dtype), &name, n, args) }?;
        ctx.set(0, y)
    }))
}

/// The kernel of AddN, which adds in the CPU kernel's order: `first` inputs, then sums of eight.
pub(super) fn add_n(init: &KernelInit<'_>, first: fn(usize) -> usize) -> Result<AnyKernel> {
    let dtype = data_type(init.inputs, 0)?;
    prepare(init, &BROADCAST, dtype);
    Ok(AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        same_shape(ctx)?;
        let count = ctx.num_inputs();
        if count == 1 {
            let x = ctx.take_input(0)?;
            return ctx.set(0, x);
        }
        let addresses = (0..count)
            .map(|i| address(&ctx.input(i)?.device_ptr()?))
            .collect::<Result<Vec<i64>>>()?;
        let shape = ctx.input(0)?.shape().clone();
        let n = shape.elements();
        let mut done = first(count);
        // Later inputs are still read when the first sum is written.
        let candidates: Vec<usize> = (0..done).collect();
        let (out, _) = ctx.forward_or_alloc(&candidates, dtype, &shape)?;
        let mut group = &addresses[..done];
        loop {
            let add_to = i64::from(group.as_ptr() != addresses.as_ptr());
            let terms = words(padded(group, 9).chain([group.len() as i64, add_to]));
            let args = [terms, out.device_ptr()?, Arg::I64(n as i64)];
            // SAFETY: the arguments are the kernel's; at most 9 addresses of tensors that have `n` elements, as the result has.
            unsafe { run(ctx.gpu()?, (&BROADCAST, dtype), "add_n", n, args) }?;
            if done >= count {
                return ctx.set(0, out);
            }
            group = &addresses[done..(done + 8).min(count)];
            done += group.len();
        }
    }))
}

/// A pointer as a number within a struct.
pub(crate) fn address(pointer: &Arg) -> Result<i64> {
    match pointer {
        Arg::Ptr(p) => Ok(p.0 as i64),
        _ => Err(Error::internal("a pointer was expected")),
    }
}

/// The kernel of Cast. `cut` low bits of a float's mantissa are dropped before the conversion.
pub(super) fn cast(init: &KernelInit<'_>, from: DType, to: DType, cut: u32) -> AnyKernel {
    prepare(init, &CAST, from);
    AnyKernel::cheap(move |ctx: &mut OpContext<'_>| {
        let (x, shape) = (ctx.input(0)?.device_ptr()?, ctx.input(0)?.shape().clone());
        let y = ctx.alloc(to, &shape)?;
        let n = shape.elements();
        let types = [Arg::I32(to as i32), Arg::I32(cut as i32)];
        let [to, cut] = types;
        let args = [x, y.device_ptr()?, to, cut, Arg::I64(n as i64)];
        // SAFETY: the arguments are the kernel's, and every tensor among them has `n` elements.
        unsafe { run(ctx.gpu()?, (&CAST, from), "cast", n, args) }?;
        ctx.set(0, y)
    })
}

/// The registration of [`unary`] for these types.
pub(crate) const fn unary_on(when: When) -> KernelDef {
    KernelDef::gpu(when, unary)
}

/// The registration of the CPU's kernel for int32 on GPUs, with all of these arguments in host memory.
pub(crate) const fn int32_on_host(arguments: &'static [&'static str], new: NewKernel) -> KernelDef {
    KernelDef::gpu_host(ON_INT32, arguments, new)
}
