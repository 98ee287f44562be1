//! Brightness and contrast of images, by given or random amounts.

use super::check::built;
use super::convert::Overflow;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Operand, Output, Scope};

/// What a random amount lies between.
struct Range {
    low: f32,
    high: f32,
}

/// A random float, with the nodes that TensorFlow makes for bounds that are Python floats.
#[track_caller]
fn amount<'g>(scope: Scope<'g>, range: Range, seed: Option<i64>) -> Output<'g> {
    let s = scope.scope("random_uniform");
    let shape = s.named("shape").constant(Vec::<i32>::new());
    let low = s.named("min").constant(range.low);
    let high = s.named("max").constant(range.high);
    let (seed, seed2) = scope.graph().seeds(seed);
    let unit = s
        .op("RandomUniform")
        .input(shape)
        .attr("dtype", DType::F32)
        .attr("seed", seed)
        .attr("seed2", seed2)
        .out();
    let width = s.named("sub").sub(high, low);
    let scaled = s.named("mul").mul(unit, width);
    let name = format!("{}/", s.name());
    let sum = s.op("AddV2").name(name).input(scaled).input(low).out();
    sum.in_scope(scope)
}

/// half and float images are changed as they are, others as floats.
#[track_caller]
fn as_float<'g>(s: Scope<'g>, image: Output<'g>) -> Output<'g> {
    match image.dtype() {
        DType::F16 | DType::F32 => image,
        _ => s.convert_image_dtype(image, DType::F32, Overflow::Wrap),
    }
}

fn checked_delta(max: f32) -> Result<Range> {
    if max >= 0.0 {
        let (low, high) = (-max, max);
        return Ok(Range { low, high });
    }
    Err(Error::invalid_argument("max_delta must be non-negative."))
}

fn checked_factors(low: f32, high: f32) -> Result<Range> {
    if low >= high || low.is_nan() || high.is_nan() {
        return Err(Error::invalid_argument("upper must be > lower."));
    }
    if low < 0.0 {
        return Err(Error::invalid_argument("lower must be non-negative."));
    }
    Ok(Range { low, high })
}

impl<'g> Scope<'g> {
    /// `image` with `delta`, a scalar, added to every pixel. Images of whole numbers are taken as floats from 0
    /// to 1 for that, and made whole again within the range of their type.
    #[track_caller]
    pub fn adjust_brightness(self, image: impl Operand<'g>, delta: impl Operand<'g>) -> Output<'g> {
        let s = self.composite("adjust_brightness");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        let float = as_float(s, image);
        let delta = match delta.output() {
            Some(delta) => s.cast(delta, float.dtype()),
            None => {
                let cast = s.scope("Cast");
                let delta = delta.operand(cast.named("x"), Some(DType::F32));
                let name = format!("{}/", cast.name());
                match float.dtype() {
                    d if d == delta.dtype() => delta,
                    d => s.op("Cast").name(name).input(delta).attr("DstT", d).out(),
                }
            }
        };
        let name = format!("{}/", s.name());
        let sum = s.op("AddV2").name(name).input(float).input(delta).out();
        s.convert_image_dtype(sum, image.dtype(), Overflow::Saturate)
            .in_scope(self.unnamed())
    }

    /// [`Scope::adjust_brightness`] by a random amount between `-max_delta` and `max_delta`.
    #[track_caller]
    pub fn random_brightness(
        self,
        image: impl Operand<'g>,
        max_delta: f32,
        seed: Option<i64>,
    ) -> Output<'g> {
        match checked_delta(max_delta) {
            Ok(range) => {
                let delta = amount(self.unnamed(), range, seed);
                self.adjust_brightness(image, delta)
            }
            Err(e) => built(self, "random_brightness", Err(e)),
        }
    }

    /// `images` (`[height, width, channels]`, or batches of such) with the distance of every pixel from the mean
    /// of its channel multiplied by `factor`, a float scalar (op `AdjustContrastv2`). Images of whole numbers
    /// are taken as floats from 0 to 1 for that, and made whole again within the range of their type.
    #[track_caller]
    pub fn adjust_contrast(self, images: impl Operand<'g>, factor: impl Operand<'g>) -> Output<'g> {
        let s = self.composite("adjust_contrast");
        let images = images.operand(s.named("images"), None);
        if !images.is_valid() {
            return Output::broken(self.unnamed());
        }
        let adjusted = s
            .op("AdjustContrastv2")
            .name(format!("{}/", s.name()))
            .input(as_float(s, images))
            .input_like(factor, DType::F32)
            .out();
        s.convert_image_dtype(adjusted, images.dtype(), Overflow::Saturate)
            .in_scope(self.unnamed())
    }

    /// [`Scope::adjust_contrast`] by a random factor from `lower` up to `upper`.
    #[track_caller]
    pub fn random_contrast(
        self,
        image: impl Operand<'g>,
        lower: f32,
        upper: f32,
        seed: Option<i64>,
    ) -> Output<'g> {
        match checked_factors(lower, upper) {
            Ok(range) => {
                let factor = amount(self.unnamed(), range, seed);
                self.adjust_contrast(image, factor)
            }
            Err(e) => built(self, "random_contrast", Err(e)),
        }
    }
}
