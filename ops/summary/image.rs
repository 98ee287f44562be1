//! ImageSummary: images as PNG.

use super::{names, values};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::io::{ImageElement, PngShape, encode_png, normalize_image};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::proto::{Summary, summary};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use half::f16;
use std::borrow::Cow;

pub(crate) static IMAGE_SUMMARY: OpEntry = OpEntry {
    def: OpDef {
        signature: "ImageSummary(tag:string, tensor:T) -> (summary:string)",
        attrs: "max_images:int>=1=3; T:type{uint8,float,half,double}=float; bad_color:tensor=[255,0,0,255]",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", &[DType::U8, DType::F32, DType::F16, DType::F64])],
        new,
    )],
};

/// Images may not have more pixels.
const MAX_PIXELS: usize = 1 << 29;

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let max_images = init.attrs.int("max_images")?;
    let max_images = usize::try_from(max_images)
        .ok()
        .filter(|n| *n > 0 && i32::try_from(*n).is_ok())
        .ok_or_else(|| {
            Error::invalid_argument(format!("max_images must be > 0, got {max_images}"))
        })?;
    let bad_color = init.attrs.tensor("bad_color")?;
    if bad_color.dtype() != DType::U8 {
        return Err(Error::invalid_argument(format!(
            "bad_color must be uint8, got {}",
            bad_color.dtype()
        )));
    }
    if !bad_color.shape().is_vector() {
        return Err(Error::invalid_argument(format!(
            "bad_color must be a vector, got shape {}",
            bad_color.shape()
        )));
    }
    let bad_color = bad_color.data::<u8>()?.to_vec();
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let tag = values::scalar_tag(ctx.input(0)?, "Tags must be a scalar")?;
        let out = summarize(&tag, ctx.input(1)?, max_images, &bad_color)?;
        ctx.set(0, values::encode(&out)?)
    }))
}

fn summarize(tag: &str, images: &Tensor, max_images: usize, bad_color: &[u8]) -> Result<Summary> {
    let shape = images.shape();
    let &[batch, height, width, channels @ (1 | 3 | 4)] = shape.dims() else {
        return Err(Error::invalid_argument(format!(
            "Tensor must be 4-D with last dim 1, 3, or 4, not {shape}"
        )));
    };
    let pixels = height.checked_mul(width).filter(|n| *n < MAX_PIXELS);
    let Some(pixels) = pixels else {
        return Err(Error::invalid_argument(format!(
            "image too large, got shape {shape}"
        )));
    };
    let mut out = Summary::default();
    if batch == 0 {
        return Ok(out);
    }
    if pixels == 0 {
        let dims: Vec<String> = shape.dims().iter().map(usize::to_string).collect();
        return Err(Error::invalid_argument(format!(
            "input tensor must have non-zero dims. Found: [{}].",
            dims.join(", ")
        )));
    }
    if bad_color.len() < channels && images.dtype() != DType::U8 {
        return Err(Error::invalid_argument(format!(
            "expected depth <= bad_color.size, got depth = {channels}, bad_color.size = {}",
            bad_color.len()
        )));
    }
    let png = PngShape {
        height,
        width,
        channels,
        compression: -1,
    };
    for i in 0..batch.min(max_images) {
        let image = images.row(i)?;
        let bytes = match image.dtype() {
            DType::U8 => Cow::Borrowed(image.data::<u8>()?),
            DType::F16 => normalized::<f16>(&image, channels, bad_color)?,
            DType::F64 => normalized::<f64>(&image, channels, bad_color)?,
            _ => normalized::<f32>(&image, channels, bad_color)?,
        };
        // Below MAX_PIXELS each side fits an i32.
        let encoded = summary::Image {
            height: height as i32,
            width: width as i32,
            colorspace: channels as i32,
            encoded_image_string: encode_png(&bytes, png)?,
        };
        out.value.push(summary::Value {
            tag: match max_images {
                1 => format!("{tag}/image"),
                _ => format!("{tag}/image/{i}"),
            },
            value: Some(summary::value::Value::Image(encoded)),
            ..Default::default()
        });
    }
    Ok(out)
}

fn normalized<T: Element + ImageElement>(
    image: &Tensor,
    channels: usize,
    bad_color: &[u8],
) -> Result<Cow<'static, [u8]>> {
    normalize_image(image.data::<T>()?, channels, bad_color).map(Cow::Owned)
}

impl<'g> Scope<'g> {
    /// Images (batch, rows, columns, 1, 3 or 4 channels) under a tag, verbatim, up to `max_images` of them (op
    /// `ImageSummary`; TensorFlow 0.x's `image_summary`), added to the summaries of the graph.
    #[track_caller]
    pub fn image_summary(
        self,
        tag: impl Operand<'g>,
        tensor: impl Operand<'g>,
        max_images: i64,
    ) -> Output<'g> {
        let op = self.op("ImageSummary").attr("max_images", max_images);
        names::collect(op.input(tag).input(tensor).out())
    }
    /// Images under a tag that is also the node's name (op `ImageSummary`; `tf.summary.image`), added to the
    /// summaries of the graph.
    #[track_caller]
    pub fn summary_image(
        self,
        name: &str,
        tensor: impl Operand<'g>,
        max_outputs: i64,
    ) -> Output<'g> {
        let (s, tag) = names::summary_scope(self, name);
        let tags = s.named("tag").constant(tag.as_str());
        let op = self.op("ImageSummary").name(format!("{tag}/"));
        let op = op.attr("max_images", max_outputs);
        names::collect(op.input(tags).input(tensor).out())
    }
}
