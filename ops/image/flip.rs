//! Mirrored images: `flip_left_right` and `random_flip_left_right`.

use super::check::{built, checked};
use super::size::{Size, pack};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Operand, Output, Scope};
use crate::shape::PartialShape;

/// The dimension that runs from left to right in one image.
const WIDTH: i32 = 1;

/// Uniform numbers below 1 as TensorFlow draws them for a maximum of 1.0: with a product that changes nothing.
#[track_caller]
fn uniform<'g>(s: Scope<'g>, batch: Option<Output<'g>>, seed: Option<i64>) -> Output<'g> {
    let inside = s.scope("random_uniform");
    let shape = match batch {
        None => inside.named("shape").constant(Vec::<i32>::new()),
        Some(size) => pack(inside, "shape", &[Size::Computed(size)]),
    };
    inside.named("min").constant(0.0f32);
    let max = inside.named("max").constant(1.0f32);
    let (seed, seed2) = s.graph().seeds(seed);
    let unit = inside
        .op("RandomUniform")
        .input(shape)
        .attr("dtype", DType::F32)
        .attr("seed", seed)
        .attr("seed2", seed2)
        .out();
    inside.mul(unit, max).in_scope(s)
}

/// One image, flipped or not; the nodes of the choice stand in the scope of that name.
#[track_caller]
fn perhaps_flipped<'g>(
    s: Scope<'g>,
    image: Output<'g>,
    seed: Option<i64>,
    name: &str,
) -> Output<'g> {
    let flips = s.less(uniform(s, None, seed), 0.5f32);
    let result = s
        .named(name)
        .cond(flips, |s| s.reverse(image, [WIDTH]), |_| image);
    result.with_shape(match image.shape() {
        shape if shape.rank().is_none() => PartialShape::of_rank(3),
        shape => shape,
    })
}

/// A batch in which each image is flipped or not.
#[track_caller]
fn each_perhaps_flipped<'g>(s: Scope<'g>, images: Output<'g>, seed: Option<i64>) -> Output<'g> {
    let batch = s.index(s.shape(images), 0);
    let numbers = uniform(s, Some(batch), seed);
    let reshape = s.scope("Reshape");
    let one = Size::Known(1);
    let shape = pack(reshape, "shape", &[Size::Computed(batch), one, one, one]);
    let numbers = s
        .op("Reshape")
        .name(format!("{}/", reshape.name()))
        .input(numbers)
        .input(shape)
        .out();
    let flips = s.cast(s.round(numbers), images.dtype());
    let flipped = s.reverse(images, [WIDTH + 1]);
    let kept = s.op("Sub").name("sub").input_like(1i32, flips.dtype());
    let first = flips.in_scope(s) * flipped;
    let second = kept.input(flips).out().in_scope(s) * images;
    first.in_scope(s) + second
}

/// What to do with an image of unknown rank: 3, or else 4.
#[track_caller]
fn by_rank<'g>(
    s: Scope<'g>,
    image: Output<'g>,
    one: impl FnOnce(Scope<'g>) -> Output<'g>,
    several: impl FnOnce(Scope<'g>) -> Output<'g>,
) -> Result<Output<'g>> {
    let shape = image.shape();
    Ok(match shape.rank() {
        Some(3) => one(s),
        Some(4) => several(s),
        None => s.cond(s.equal(s.rank(image), 3i32), one, several),
        Some(_) => {
            return Err(Error::invalid_argument(format!(
                "'image' (shape {shape}) must have either 3 or 4 dimensions."
            )));
        }
    })
}

#[track_caller]
fn flip<'g>(s: Scope<'g>, image: Output<'g>) -> Result<Output<'g>> {
    let image = checked(s, image)?;
    by_rank(
        s,
        image,
        |s| s.reverse(image, [WIDTH]),
        |s| s.reverse(image, [WIDTH + 1]),
    )
}

#[track_caller]
fn random_flip<'g>(s: Scope<'g>, image: Output<'g>, seed: Option<i64>) -> Result<Output<'g>> {
    let image = checked(s, image)?;
    let name = format!("{}/", s.name());
    by_rank(
        s,
        image,
        |s| perhaps_flipped(s, image, seed, &name),
        |s| each_perhaps_flipped(s, image, seed),
    )
}

impl<'g> Scope<'g> {
    /// `image` (`[height, width, channels]`, or a batch of such) with left and right exchanged.
    #[track_caller]
    pub fn flip_left_right(self, image: impl Operand<'g>) -> Output<'g> {
        let s = self.composite("flip_left_right");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        built(self, "flip_left_right", flip(s, image))
    }

    /// `image` (`[height, width, channels]`) with left and right exchanged, or as it is, one as likely as the
    /// other; of a batch, each image by itself.
    #[track_caller]
    pub fn random_flip_left_right(self, image: impl Operand<'g>, seed: Option<i64>) -> Output<'g> {
        let s = self.composite("random_flip_left_right");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        built(self, "random_flip_left_right", random_flip(s, image, seed))
    }
}
