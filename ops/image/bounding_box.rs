//! Parts of images and images with a border: `crop_to_bounding_box`, `pad_to_bounding_box`, and
//! `resize_image_with_crop_or_pad`.

use super::check::{built, image_checks};
use super::size::{Condition, Size, stack};
use crate::error::{Error, Result};
use crate::graph::{NodeRef, Operand, Output, Scope};
use crate::shape::PartialShape;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox<'g> {
    /// The row in which it begins.
    pub offset_height: Size<'g>,
    /// The column in which it begins.
    pub offset_width: Size<'g>,
    /// Its rows, or those of a padded image.
    pub target_height: Size<'g>,
    /// Its columns, or those of a padded image.
    pub target_width: Size<'g>,
}

impl<'g> BoundingBox<'g> {
    /// From offsets and sizes, each a number or an int32 scalar of the graph; rows come before columns.
    pub fn new(
        offset: (impl Into<Size<'g>>, impl Into<Size<'g>>),
        target: (impl Into<Size<'g>>, impl Into<Size<'g>>),
    ) -> BoundingBox<'g> {
        BoundingBox {
            offset_height: offset.0.into(),
            offset_width: offset.1.into(),
            target_height: target.0.into(),
            target_width: target.1.into(),
        }
    }
    fn in_range(self) -> Result<BoundingBox<'g>> {
        Ok(BoundingBox {
            offset_height: self.offset_height.in_range()?,
            offset_width: self.offset_width.in_range()?,
            target_height: self.target_height.in_range()?,
            target_width: self.target_width.in_range()?,
        })
    }
}

/// Images as a batch, and whether they were one.
struct Batch<'g> {
    images: Output<'g>,
    is_single: bool,
}

impl<'g> Batch<'g> {
    /// # Errors
    /// `InvalidArgument` for a rank that is neither 3 nor 4; an unknown one is taken for 3.
    #[track_caller]
    fn of(s: Scope<'g>, image: Output<'g>) -> Result<Batch<'g>> {
        let shape = image.shape();
        let (images, is_single) = match shape.rank() {
            Some(4) => (image, false),
            Some(3) => (s.expand_dims(image, 0i32), true),
            None => {
                let images = s.expand_dims(image, 0i32);
                (images.with_shape(PartialShape::of_rank(4)), true)
            }
            Some(_) => {
                return Err(Error::invalid_argument(format!(
                    "'image' (shape {shape}) must have either 3 or 4 dimensions."
                )));
            }
        };
        Ok(Batch { images, is_single })
    }
    /// The result for what was given: without the dimension that was added.
    #[track_caller]
    fn result(&self, s: Scope<'g>, images: Output<'g>) -> Output<'g> {
        if self.is_single {
            s.squeeze(images, &[0])
        } else {
            images
        }
    }
}

/// The sizes of a batch of images.
#[track_caller]
fn dimensions<'g>(s: Scope<'g>, images: Output<'g>) -> Result<[Size<'g>; 4]> {
    let shape = images.shape().with_rank(4)?;
    let number = |d: usize| Size::from(d).in_range();
    if let Some(known) = shape.to_shape() {
        let mut sizes = [Size::Known(0); 4];
        for (size, d) in sizes.iter_mut().zip(known.dims()) {
            *size = number(*d)?;
        }
        return Ok(sizes);
    }
    let computed = s.unstack(s.shape(images), 4, 0);
    let mut sizes = [Size::Computed(Output::broken(s)); 4];
    for (i, size) in sizes.iter_mut().enumerate() {
        *size = match (shape.dim(i), computed.get(i)) {
            (Some(d), _) => number(d)?,
            (None, Some(o)) => Size::Computed(*o),
            (None, None) => *size,
        };
    }
    Ok(sizes)
}

/// What is known of the shape of a result.
fn result_shape(sizes: [Size<'_>; 4]) -> PartialShape {
    PartialShape::of(sizes.map(Size::dim))
}

#[track_caller]
fn crop<'g>(s: Scope<'g>, image: Output<'g>, part: &BoundingBox<'g>) -> Result<Output<'g>> {
    let part = part.in_range()?;
    let batch = Batch::of(s, image)?;
    let mut checks = image_checks(s, batch.images)?;
    let [count, height, width, depth] = dimensions(s, batch.images)?;
    let zero = Size::Known(0);
    let mut require = |c: Condition<'g>, message| c.require(s, message, &mut checks);
    require(
        part.offset_width.at_least(s, zero),
        "offset_width must be >= 0.",
    )?;
    require(
        part.offset_height.at_least(s, zero),
        "offset_height must be >= 0.",
    )?;
    require(
        part.target_width.is_positive(s),
        "target_width must be > 0.",
    )?;
    require(
        part.target_height.is_positive(s),
        "target_height must be > 0.",
    )?;
    let end = part.target_width.plus(s, part.offset_width);
    require(width.at_least(s, end), "width must be >= target + offset.")?;
    let end = part.target_height.plus(s, part.offset_height);
    require(
        height.at_least(s, end),
        "height must be >= target + offset.",
    )?;
    let images = s.with_dependencies(checks, batch.images);
    let begin = stack(s, &[zero, part.offset_height, part.offset_width, zero]);
    let outer = [0, 3].map(|i| Size::Computed(s.index(s.shape(images), i)));
    let size = [outer[0], part.target_height, part.target_width, outer[1]];
    let size = stack(s, &size);
    let shape = result_shape([count, part.target_height, part.target_width, depth]);
    let cropped = s.slice(images, begin, size).with_shape(shape);
    Ok(batch.result(s, cropped))
}

#[track_caller]
fn pad<'g>(s: Scope<'g>, image: Output<'g>, place: &BoundingBox<'g>) -> Result<Output<'g>> {
    let place = place.in_range()?;
    let batch = Batch::of(s, image)?;
    let [count, height, width, depth] = dimensions(s, batch.images)?;
    let (left, top) = (place.offset_width, place.offset_height);
    let right = place.target_width.minus(s, left).minus(s, width);
    let bottom = place.target_height.minus(s, top).minus(s, height);
    let mut checks = image_checks(s, batch.images)?;
    let zero = Size::Known(0);
    for (size, message) in [
        (top, "offset_height must be >= 0"),
        (left, "offset_width must be >= 0"),
        (right, "width must be <= target - offset"),
        (bottom, "height must be <= target - offset"),
    ] {
        size.at_least(s, zero).require(s, message, &mut checks)?;
    }
    let images = s.with_dependencies(checks, batch.images);
    let paddings = stack(s, &[zero, zero, top, bottom, left, right, zero, zero]);
    let paddings = s.reshape(paddings, [4i32, 2]);
    let shape = result_shape([count, place.target_height, place.target_width, depth]);
    let padded = s.pad(images, paddings).with_shape(shape);
    Ok(batch.result(s, padded))
}

#[track_caller]
fn resize<'g>(s: Scope<'g>, image: Output<'g>, target: [Size<'g>; 2]) -> Result<Output<'g>> {
    let [mut rows, mut columns] = [target[0].in_range()?, target[1].in_range()?];
    let batch = Batch::of(s, image)?;
    let mut checks = image_checks(s, batch.images)?;
    columns
        .is_positive(s)
        .require(s, "target_width must be > 0.", &mut checks)?;
    rows.is_positive(s)
        .require(s, "target_height must be > 0.", &mut checks)?;
    let after =
        |o: Output<'g>, checks: &[NodeRef<'g>]| s.with_dependencies(checks.iter().copied(), o);
    let images = after(batch.images, &checks);
    for size in [&mut rows, &mut columns] {
        if let Size::Computed(o) = *size {
            *size = Size::Computed(after(o, &checks));
        }
    }
    let [_, height, width, _] = dimensions(s, images)?;
    let offsets = |target: Size<'g>, size: Size<'g>| {
        let missing = target.minus(s, size);
        let crop = missing.negated(s).positive_half(s);
        (crop, missing.positive_half(s))
    };
    let (crop_left, pad_left) = offsets(columns, width);
    let (crop_top, pad_top) = offsets(rows, height);
    let kept = (rows.least(s, height), columns.least(s, width));
    let part = BoundingBox::new((crop_top, crop_left), kept);
    let cropped = crop(s.scope("crop_to_bounding_box"), images, &part)?;
    let place = BoundingBox::new((pad_top, pad_left), (rows, columns));
    let resized = pad(s.scope("pad_to_bounding_box"), cropped, &place)?;
    let [_, height, width, _] = dimensions(s, resized)?;
    let mut checks = Vec::new();
    height
        .equals(s, rows)
        .require(s, "resized height is not correct.", &mut checks)?;
    width
        .equals(s, columns)
        .require(s, "resized width is not correct.", &mut checks)?;
    let resized = s.with_dependencies(checks, resized);
    Ok(batch.result(s, resized))
}

impl<'g> Scope<'g> {
    /// The part of `image` (`[height, width, channels]`, or a batch of such) that lies in the box. A box that
    /// does not fit is an error, of the graph where sizes are known, else of the step.
    #[track_caller]
    pub fn crop_to_bounding_box(
        self,
        image: impl Operand<'g>,
        part: &BoundingBox<'g>,
    ) -> Output<'g> {
        let s = self.composite("crop_to_bounding_box");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        built(self, "crop_to_bounding_box", crop(s, image, part))
    }

    /// `image` (`[height, width, channels]`, or a batch of such) at the offsets of the box in an image of the
    /// target size that is 0 elsewhere. An image that does not fit is an error, of the graph where sizes are
    /// known, else of the step.
    #[track_caller]
    pub fn pad_to_bounding_box(
        self,
        image: impl Operand<'g>,
        place: &BoundingBox<'g>,
    ) -> Output<'g> {
        let s = self.composite("pad_to_bounding_box");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        built(self, "pad_to_bounding_box", pad(s, image, place))
    }

    /// The central part of `image` (`[height, width, channels]`, or a batch of such) along dimensions that are
    /// larger than wanted, and zeros on both sides along those that are smaller.
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let image = tensorloom::Tensor::zeros(tensorloom::DType::F32, tensorloom::Shape::of(&[32, 32, 3])?)?;
    /// let y = g.root().resize_image_with_crop_or_pad(image, 24, 40);
    /// assert_eq!(y.shape().to_string(), "[24,40,3]");
    /// # Ok::<(), tensorloom::Error>(())
    /// ```
    #[track_caller]
    pub fn resize_image_with_crop_or_pad(
        self,
        image: impl Operand<'g>,
        target_height: impl Into<Size<'g>>,
        target_width: impl Into<Size<'g>>,
    ) -> Output<'g> {
        let s = self.composite("resize_image_with_crop_or_pad");
        let image = image.operand(s.named("image"), None);
        if !image.is_valid() {
            return Output::broken(self.unnamed());
        }
        let target = [target_height.into(), target_width.into()];
        let resized = resize(s, image, target);
        built(self, "resize_image_with_crop_or_pad", resized)
    }
}
