//! Conv2D: the two-dimensional convolution (a cross-correlation) of image batches with filters.

pub mod cpu;
#[cfg(test)]
mod tests;

use crate::dtype::{DType, sets::FLOATS};
use crate::error::{Error, Result};
use crate::grad::{Grad, GradCtx, InputGradients, dense};
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx};
use crate::ops::nn::compute::Compute;
use crate::ops::nn::conv_attrs::ConvAttrs;
use crate::ops::nn::conv_geometry::ConvGeometry;
use crate::ops::nn::cuda;
use crate::ops::nn::direct_conv::Finish;
use crate::ops::nn::forwarding::forward_attrs;
use crate::ops::nn::window::four;
use crate::registry::OpEntry;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;
use half::{bf16, f16};

/// The attributes that all three passes share, in the order of TensorFlow's registry.
pub(crate) const SHARED_ATTRS: &[&str] = &[
    "strides",
    "use_cudnn_on_gpu",
    "padding",
    "explicit_paddings",
    "data_format",
    "dilations",
];

pub(crate) static CONV2D: OpEntry = OpEntry {
    def: OpDef {
        signature: "Conv2D(input:T, filter:T) -> (output:T)",
        attrs: "T:type{half,bfloat16,float,double,int32}; strides:list(int); use_cudnn_on_gpu:bool=true; padding:string{SAME,VALID,EXPLICIT}; explicit_paddings:list(int)=[]; data_format:string{NHWC,NCHW}=\"NHWC\"; dilations:list(int)=[1,1,1,1]",
        flags: Flags::PURE,
        infer,
    },
    grad: Grad::Fn(grad),
    kernels: &[
        KernelDef::cpu(&[("T", &[DType::F32])], new::<f32>),
        KernelDef::cpu(&[("T", &[DType::F64])], new::<f64>),
        KernelDef::cpu(&[("T", &[DType::F16])], new::<f16>),
        KernelDef::cpu(&[("T", &[DType::BF16])], new::<bf16>),
        KernelDef::cpu(&[("T", &[DType::I32])], new::<i32>),
        KernelDef::gpu(&[("T", FLOATS)], cuda::conv2d),
    ],
};

fn infer(ctx: &mut ShapeCtx<'_>) -> Result<()> {
    let attrs = ConvAttrs::of(ctx.attrs)?;
    let input = ctx.with_rank(0, 4)?;
    let filter = ctx.with_rank(1, 4)?;
    let output = infer_output(&attrs, &input, &filter)?;
    ctx.set(0, output);
    Ok(())
}

/// The output's shape as far as known.
fn infer_output(
    attrs: &ConvAttrs,
    input: &PartialShape,
    filter: &PartialShape,
) -> Result<PartialShape> {
    let [batch, height, width, depth] = attrs.dims(input);
    if let (Some(depth), Some(filter_depth)) = (depth, filter.dim(2)) {
        if filter_depth == 0 {
            return Err(Error::invalid_argument("Depth of filter must not be 0"));
        }
        if !depth.is_multiple_of(filter_depth) {
            return Err(Error::invalid_argument(format!(
                "Depth of input ({depth}) is not a multiple of input depth of filter ({filter_depth})"
            )));
        }
        let groups = depth / filter_depth;
        if let Some(out) = filter.dim(3)
            && groups > 0
            && !out.is_multiple_of(groups)
        {
            return Err(Error::invalid_argument(format!(
                "Depth of output ({out}) is not a multiple of the number of groups ({groups})"
            )));
        }
    }
    let sizes: [Dim; 4] = [
        batch,
        attrs.output_dim(0, height, filter.dim(0))?,
        attrs.output_dim(1, width, filter.dim(1))?,
        filter.dim(3),
    ];
    Ok(PartialShape::of(attrs.format.from_nhwc(sizes)))
}

/// Checks input and filter of a forward convolution and gives its sizes.
///
/// # Errors
/// `InvalidArgument` for other ranks than 4, an empty filter, and sizes that do not fit.
pub(crate) fn geometry(attrs: &ConvAttrs, input: &Shape, filter: &Shape) -> Result<ConvGeometry> {
    let input = four(input, "convolution input must be 4-dimensional: ")?;
    let filter_sizes = four(filter, "convolution filter must be 4-dimensional: ")?;
    if filter_sizes[2] > 0 && (filter_sizes[0] == 0 || filter_sizes[1] == 0) {
        return Err(Error::invalid_argument(
            "filter must not have zero elements (i.e. all dimensions must be non-zero)",
        ));
    }
    ConvGeometry::new(attrs, attrs.format.to_nhwc(input), filter_sizes)
}

fn new<T: Compute<In: PartialOrd>>(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let attrs = ConvAttrs::of(init.attrs)?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let (input, filter) = (ctx.input(0)?, ctx.input(1)?);
        let g = geometry(&attrs, input.shape(), filter.shape())?;
        let mut out = Tensor::alloc(T::DTYPE, attrs.shape(g.output())?)?;
        cpu::conv2d::<T>(
            ctx.pool(),
            &g,
            attrs.format,
            input.data()?,
            filter.data()?,
            out.make_mut()?,
            Finish::NONE,
        )?;
        ctx.set(0, out)
    }))
}

fn grad<'g>(ctx: &GradCtx<'g>) -> Result<InputGradients<'g>> {
    let (input, filter, g) = (ctx.input(0), ctx.input(1), ctx.grad(0));
    let shapes = ctx.scope.op("ShapeN").list([input, filter]).finish();
    let d_input = forward_attrs(
        ctx,
        ctx.scope
            .op("Conv2DBackpropInput")
            .input(shapes.output(0))
            .input(filter)
            .input(g),
        SHARED_ATTRS,
    );
    let d_filter = forward_attrs(
        ctx,
        ctx.scope
            .op("Conv2DBackpropFilter")
            .input(input)
            .input(shapes.output(1))
            .input(g),
        SHARED_ATTRS,
    );
    dense([Some(d_input.out()), Some(d_filter.out())])
}

impl<'g> Scope<'g> {
    /// The convolution of `[batch, height, width, depth]` images (or NCHW) with `[rows, columns, depth, filters]`
    /// filters (op `Conv2D`). A filter depth that divides the images' depth makes groups.
    ///
    /// ```
    /// use tensorloom::{DType, Graph, ops::nn::conv_attrs::ConvAttrs};
    /// let g = Graph::new();
    /// let x = g.placeholder("x", DType::F32, [None, Some(24), Some(24), Some(3)]);
    /// let w = g.placeholder("w", DType::F32, [5, 5, 3, 64]);
    /// let y = g.root().conv2d(x, w, &ConvAttrs::same(2));
    /// assert_eq!(y.shape().to_string(), "[?,12,12,64]");
    /// ```
    #[track_caller]
    pub fn conv2d(
        self,
        input: impl Operand<'g>,
        filter: impl Operand<'g>,
        attrs: &ConvAttrs,
    ) -> Output<'g> {
        attrs
            .set(self.op("Conv2D").input(input).input(filter))
            .out()
    }
}

impl<'g> Output<'g> {
    /// As [`Scope::conv2d`] of this image batch.
    #[track_caller]
    pub fn conv2d(self, filter: impl Operand<'g>, attrs: &ConvAttrs) -> Output<'g> {
        self.scope().conv2d(self, filter, attrs)
    }
}
