//! `per_image_standardization`: images with mean 0 and variance 1.

use super::check::{built, checked};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Operand, Output, Scope};
use crate::ops::array::SliceSpec;
use crate::ops::math::KeepDims;

/// The dimensions of one image.
const AXES: [i32; 3] = [-1, -2, -3];

#[track_caller]
fn standardize<'g>(s: Scope<'g>, image: Output<'g>) -> Result<Output<'g>> {
    let image = s.cast(checked(s, image)?, DType::F32);
    let sizes = s.strided_slice(s.shape(image), &SliceSpec::new().from(-3));
    let count = sizes.in_scope(s).prod();
    let mean = s.mean(image, AXES, KeepDims::Yes);
    let outer = s.scope("reduce_std");
    let inner = outer.scope("reduce_variance");
    let centre = inner.mean(image, AXES, KeepDims::Yes);
    let distance = image.in_scope(inner) - centre;
    let variance = inner.mean(inner.square(distance), AXES, KeepDims::Yes);
    let deviation = outer.sqrt(variance);
    // A constant image has no deviation: this keeps the quotient finite.
    let least = s.rsqrt(s.cast(count, DType::F32));
    let deviation = s.maximum(deviation, least);
    let name = format!("{}/", s.name());
    let quotient = s.op("RealDiv").name(name);
    Ok(quotient
        .input(image.in_scope(s) - mean)
        .input(deviation)
        .out())
}

impl<'g> Scope<'g> {
    /// Each of the images (`[height, width, channels]`, or batches of such) as float, less its mean, divided by
    /// its standard deviation, which is taken to be at least one over the square root of the number of pixels.
    #[track_caller]
    pub fn per_image_standardization(self, image: impl Operand<'g>) -> Output<'g> {
        let s = self.composite("per_image_standardization");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        built(self, "per_image_standardization", standardize(s, image))
    }

    /// The former name of [`Scope::per_image_standardization`].
    #[track_caller]
    pub fn per_image_whitening(self, image: impl Operand<'g>) -> Output<'g> {
        self.per_image_standardization(image)
    }
}
