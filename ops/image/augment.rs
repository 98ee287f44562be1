//! Random changes of images for training, and whitening: composed as TensorFlow composes them, node for node.

use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};
use crate::ops::control::AssertData;
use crate::ops::random::UniformOptions;
use crate::tensor::Tensor;

impl<'g> Scope<'g> {
    /// A part of that size, at a random place (TensorFlow's `random_crop`).
    ///
    /// In a run it fails with `InvalidArgument` where the value is smaller than the part.
    #[track_caller]
    pub fn random_crop(
        self,
        value: Output<'g>,
        size: impl Operand<'g>,
        seed: Option<i64>,
    ) -> Output<'g> {
        let s = self.composite("random_crop");
        let size = size.operand(s.named("size"), Some(DType::I32));
        let shape = s.shape(value);
        let large_enough = s.op("GreaterEqual").input(shape).input(size).out();
        let axes = s.named("Const").constant([0i32]);
        let all = s.op("All").input(large_enough).input(axes).out();
        let words = Tensor::string("Need value.shape >= size, got ");
        let check = s.assert_true(
            all,
            &[AssertData::from(words), shape.into(), size.into()],
            1000,
        );
        let shape = s.with_dependencies([check], shape);
        let room = s
            .op("Sub")
            .default_name("sub")
            .input(shape)
            .input(size)
            .out();
        let one = s.named("add/y").constant(1i32);
        let limit = s
            .op("AddV2")
            .default_name("add")
            .input(room)
            .input(one)
            .out();
        let count = s.shape(limit);
        let inner = s.scope("random_uniform");
        let (min, max) = (
            inner.named("min").constant(0i32),
            inner.named("max").constant(i32::MAX),
        );
        let (seed, seed2) = s.graph().seeds(seed);
        let draw = s
            .op("RandomUniformInt")
            .input(count)
            .input(min)
            .input(max)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .name(format!("{}/", inner.name()))
            .out();
        let offset = s
            .op("FloorMod")
            .default_name("mod")
            .input(draw)
            .input(limit)
            .out();
        let part = s
            .op("Slice")
            .input(value)
            .input(offset)
            .input(size)
            .name(format!("{}/", s.name()));
        part.out().in_scope(self.unnamed())
    }

    /// The image, or its mirror image, with equal chance (TensorFlow's `random_flip_left_right`); `[h, w, c]`.
    #[track_caller]
    pub fn random_flip_left_right(self, image: Output<'g>, seed: Option<i64>) -> Output<'g> {
        let s = self.composite("random_flip_left_right");
        let image = s
            .op("Identity")
            .default_name("control_dependency")
            .input(image)
            .out();
        let draw = s.random_uniform(
            (),
            UniformOptions {
                seed,
                ..UniformOptions::default()
            },
        );
        let half = s.named("Less/y").constant(0.5f32);
        let flip = s.op("Less").input(draw).input(half).out();
        let flipped = s.named(&format!("{}/", s.name())).cond(
            flip,
            |s| s.reverse(image.in_scope(s), [1i32]),
            |_| image,
        );
        flipped.in_scope(self.unnamed())
    }

    /// The image made brighter or darker by a number from ±`max_delta` (TensorFlow's `random_brightness`); float.
    #[track_caller]
    pub fn random_brightness(
        self,
        image: Output<'g>,
        max_delta: f64,
        seed: Option<i64>,
    ) -> Output<'g> {
        if max_delta < 0.0 {
            let e = crate::Error::invalid_argument("max_delta must be non-negative.");
            self.graph().fail(e.at_line(std::panic::Location::caller()));
        }
        let options = UniformOptions {
            min: -max_delta,
            max: max_delta,
            seed,
            ..UniformOptions::default()
        };
        let delta = self.random_uniform((), options);
        self.adjust_brightness(image, delta)
    }

    /// The image plus a number (TensorFlow's `adjust_brightness`); float.
    #[track_caller]
    pub fn adjust_brightness(self, image: Output<'g>, delta: impl Operand<'g>) -> Output<'g> {
        let s = self.composite("adjust_brightness");
        let delta = delta.operand(s, Some(image.dtype()));
        let sum = s
            .op("AddV2")
            .input(image)
            .input(delta)
            .name(format!("{}/", s.name()))
            .out();
        s.op("Identity").input(sum).out().in_scope(self.unnamed())
    }

    /// The image with its contrast multiplied by a number from `[lower, upper)` (TensorFlow's `random_contrast`).
    #[track_caller]
    pub fn random_contrast(
        self,
        image: Output<'g>,
        lower: f64,
        upper: f64,
        seed: Option<i64>,
    ) -> Output<'g> {
        if !(lower >= 0.0 && upper > lower) {
            let e = crate::Error::invalid_argument(
                "upper must be > lower, and lower must be non-negative.",
            );
            self.graph().fail(e.at_line(std::panic::Location::caller()));
        }
        let options = UniformOptions {
            min: lower,
            max: upper,
            seed,
            ..UniformOptions::default()
        };
        let factor = self.random_uniform((), options);
        let s = self.composite("adjust_contrast");
        let op = s
            .op("AdjustContrastv2")
            .input(image)
            .input(factor)
            .name(format!("{}/", s.name()));
        s.op("Identity")
            .input(op.out())
            .out()
            .in_scope(self.unnamed())
    }

    /// The image with mean 0 and deviation 1: `(x − mean) / max(stddev, 1/√n)` (TensorFlow's
    /// `per_image_standardization`, once `per_image_whitening`); float `[h, w, c]`.
    #[track_caller]
    pub fn per_image_standardization(self, image: Output<'g>) -> Output<'g> {
        let s = self.composite("per_image_standardization");
        let image = s
            .op("Identity")
            .default_name("control_dependency")
            .input(image)
            .out();
        let axes = |s: Scope<'g>, name: &str| s.named(name).constant([-1i32, -2, -3]);
        let keep = |s: Scope<'g>, x: Output<'g>, a: Output<'g>| {
            s.op("Mean").input(x).input(a).attr("keep_dims", true).out()
        };
        let shape = s.shape(image);
        let count = s
            .op("Prod")
            .input(shape)
            .input(s.named("Const").constant([0i32]))
            .out();
        let mean = keep(s, image, axes(s, "Mean/reduction_indices"));
        let std = s.scope("reduce_std");
        let var = std.scope("reduce_variance");
        let center = keep(var, image, axes(var, "Mean/reduction_indices"));
        let difference = var
            .op("Sub")
            .default_name("sub")
            .input(image)
            .input(center)
            .out();
        let squares = var.op("Square").input(difference).out();
        let variance = keep(var, squares, axes(var, "Mean_1/reduction_indices"));
        let stddev = std.op("Sqrt").input(variance).out();
        let count = s.cast(count, DType::F32);
        let least = s.op("Rsqrt").input(count).out();
        let scale = s.op("Maximum").input(stddev).input(least).out();
        let centered = s
            .op("Sub")
            .default_name("sub")
            .input(image)
            .input(mean)
            .out();
        let out = s
            .op("RealDiv")
            .input(centered)
            .input(scale)
            .name(format!("{}/", s.name()))
            .out();
        out.in_scope(self.unnamed())
    }

    /// As [`Scope::per_image_standardization`], by its old name.
    #[track_caller]
    pub fn per_image_whitening(self, image: Output<'g>) -> Output<'g> {
        self.per_image_standardization(image)
    }

    /// The middle of a larger image, a smaller one in the middle of zeros (TensorFlow's
    /// `resize_image_with_crop_or_pad`); `[h, w, c]` of known shape.
    #[track_caller]
    pub fn resize_image_with_crop_or_pad(
        self,
        image: Output<'g>,
        height: usize,
        width: usize,
    ) -> Output<'g> {
        let s = self.composite("resize_image_with_crop_or_pad");
        let shape = image.shape().to_shape();
        let Some([h, w, c]) = shape
            .as_ref()
            .and_then(|s| <[usize; 3]>::try_from(s.dims()).ok())
        else {
            if image.is_valid() {
                let e = crate::Error::invalid_argument(format!(
                    "'image' must be [height, width, channels] of known sizes, got {}",
                    image.shape()
                ));
                self.graph().fail(e.at_line(std::panic::Location::caller()));
            }
            return Output::broken(self);
        };
        // An odd row or column is cut off, or padded, at the bottom or right.
        let side = |have: usize, want: usize| {
            (
                have.saturating_sub(want) / 2,
                have.min(want),
                want.saturating_sub(have) / 2,
            )
        };
        let ((top, rows, above), (left, columns, before)) = (side(h, height), side(w, width));
        let int = |v: usize| i32::try_from(v).unwrap_or(i32::MAX);
        let cut = s.scope("crop_to_bounding_box");
        let begin = cut.named("stack").constant([int(top), int(left), 0]);
        let size = cut
            .named("stack_1")
            .constant([int(rows), int(columns), int(c)]);
        let part = cut.op("Slice").input(image).input(begin).input(size).out();
        let fill = s.scope("pad_to_bounding_box");
        let paddings = [
            [int(above), int(height - rows - above)],
            [int(before), int(width - columns - before)],
            [0, 0],
        ];
        let paddings = fill.named("stack").constant(Tensor::from(paddings));
        fill.op("Pad")
            .input(part)
            .input(paddings)
            .out()
            .in_scope(self.unnamed())
    }
}
