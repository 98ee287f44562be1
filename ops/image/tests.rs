//! Image ops against values and messages of TensorFlow.

use super::{BoundingBox, Overflow};
use crate::ops::testing::{eval, run};
use crate::{Code, DType, Error, Graph, Output, PartialShape, Scope, Session, Tensor};
use half::f16;

fn images<T: crate::dtype::Element>(f: impl Fn(u8) -> T, dims: &[usize]) -> Tensor {
    let n: usize = dims.iter().product();
    let values: Vec<T> = (0..n).map(|i| f(i as u8)).collect();
    Tensor::from_vec(dims, values).unwrap()
}

#[test]
fn contrast_moves_pixels_from_their_mean() {
    let x = images(f32::from, &[2, 2, 3]);
    for (factor, expected) in [
        (0.0f32, [4.5f32, 5.5, 6.5, 4.5, 5.5, 6.5]),
        (1.0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        (2.0, [-4.5, -3.5, -2.5, 1.5, 2.5, 3.5]),
        (-1.0, [9.0, 10.0, 11.0, 6.0, 7.0, 8.0]),
    ] {
        let y = run("AdjustContrastv2", &[x.clone(), factor.into()], &[]).unwrap();
        assert_eq!(y[0].data::<f32>().unwrap()[..6], expected);
    }
    let x = images(|i| f16::from_f32(i.into()), &[2, 2, 3]);
    let y = run("AdjustContrastv2", &[x, 2.0f32.into()], &[]).unwrap();
    assert_eq!(y[0].data::<f16>().unwrap()[0], f16::from_f32(-4.5));
}

#[test]
fn each_image_of_a_batch_has_its_own_means() {
    let batch = images(f32::from, &[3, 1, 2, 1]);
    let y = run("AdjustContrastv2", &[batch, 3.0f32.into()], &[]).unwrap();
    let y = y[0].data::<f32>().unwrap();
    assert_eq!(y, [-1.0, 2.0, 1.0, 4.0, 3.0, 6.0]);
    for dims in [&[2, 0, 3, 3][..], &[0, 2, 3], &[2, 2, 0]] {
        let y = run(
            "AdjustContrastv2",
            &[images(f32::from, dims), 3.0f32.into()],
            &[],
        );
        assert_eq!(y.unwrap()[0].shape().dims(), dims);
    }
}

#[test]
fn large_images_are_summed_without_loss() {
    let x = images(|i| f32::from(i % 7), &[300, 301, 2]);
    let y = run("AdjustContrastv2", &[x.clone(), 0.0f32.into()], &[]).unwrap();
    let x = x.data::<f32>().unwrap();
    for c in 0..2 {
        let sum: f64 = x.iter().skip(c).step_by(2).map(|v| f64::from(*v)).sum();
        // Whole numbers below 2^24; TensorFlow multiplies by the reciprocal of the number of pixels.
        let mean = sum as f32 * (1.0 / (300.0 * 301.0) as f32);
        let y = y[0].data::<f32>().unwrap();
        assert!(y.iter().skip(c).step_by(2).all(|v| *v == mean));
    }
}

#[test]
fn contrasts_have_the_bits_of_tensorflow() {
    for (dims, first, print) in [
        (
            &[24, 24, 3][..],
            [0x3ef08205u32, 0xbf1de79e, 0x3d46186b],
            0x1b36fc9bu32,
        ),
        (
            &[2, 5, 7, 3],
            [0x405f9bb4, 0xbff1e4d1, 0x3f76988b],
            0x56988e0f,
        ),
    ] {
        let count: i32 = dims.iter().map(|n| *n as i32).product();
        let values: Vec<f32> = (0..count)
            .map(|i| (i * 7919 % 1009 - 504) as f32 / 7.0)
            .collect();
        let x = Tensor::from_vec(dims, values).unwrap();
        let bits = |factor: f32| -> Vec<u32> {
            let y = run("AdjustContrastv2", &[x.clone(), factor.into()], &[]).unwrap();
            let y = y[0].data::<f32>().unwrap();
            y.iter().map(|v| v.to_bits()).collect()
        };
        assert_eq!(bits(0.0)[..3], first);
        let sum = bits(1.3)
            .into_iter()
            .zip((1u32..).step_by(2))
            .fold(0u32, |sum, (b, place)| {
                sum.wrapping_add(b.wrapping_mul(place))
            });
        assert_eq!(sum, print, "{dims:?}: {sum:#x}");
    }
}

#[test]
fn the_first_contrast_op_has_limits() {
    let cases: [(f32, f32, [f32; 12]); 4] = [
        (
            0.0,
            10.0,
            [
                0.0, 0.0, 0.0, 1.5, 2.5, 3.5, 7.5, 8.5, 9.5, 10.0, 10.0, 10.0,
            ],
        ),
        (5.0, 3.0, [5.0; 12]),
        (
            f32::NAN,
            10.0,
            [
                -4.5, -3.5, -2.5, 1.5, 2.5, 3.5, 7.5, 8.5, 9.5, 10.0, 10.0, 10.0,
            ],
        ),
        (
            0.0,
            f32::NAN,
            [
                0.0, 0.0, 0.0, 1.5, 2.5, 3.5, 7.5, 8.5, 9.5, 13.5, 14.5, 15.5,
            ],
        ),
    ];
    let dims = [2, 2, 3];
    for x in [
        images(|i| i, &dims),
        images(|i| i as i8, &dims),
        images(i16::from, &dims),
        images(i32::from, &dims),
        images(f32::from, &dims),
        images(f64::from, &dims),
    ] {
        for (min, max, expected) in &cases {
            let inputs = [x.clone(), 2.0f32.into(), (*min).into(), (*max).into()];
            let y = run("AdjustContrast", &inputs, &[]).unwrap();
            assert_eq!(y[0].data::<f32>().unwrap(), expected);
        }
    }
}

#[test]
fn bad_images_and_factors_are_refused() {
    let v1 = "AdjustContrast";
    let v2 = "AdjustContrastv2";
    let image = || images(f32::from, &[3, 3, 3]);
    let pair = || Tensor::from([1.0f32, 2.0]);
    let one = || Tensor::from(1.0f32);
    let table = [
        // Row 143.
        (
            v2,
            vec![images(f32::from, &[3, 3]), one()],
            "input must be at least 3-D, got shape[3,3]",
        ),
        (
            v2,
            vec![one(), one()],
            "input must be at least 3-D, got shape[]",
        ),
        (
            v2,
            vec![image(), pair()],
            "contrast_factor must be scalar: [2]",
        ),
        (
            v1,
            vec![images(f32::from, &[3, 3]), one(), one(), one()],
            "input must be at least 3-D, got shape[3,3]",
        ),
        (
            v1,
            vec![image(), pair(), one(), one()],
            "contrast_factor must be scalar: [2]",
        ),
        (
            v1,
            vec![image(), one(), pair(), one()],
            "min_value must be scalar: [2]",
        ),
        (
            v1,
            vec![image(), one(), one(), pair()],
            "max_value must be scalar: [2]",
        ),
    ];
    for (op, inputs, message) in table {
        let e = run(op, &inputs, &[]).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(e.message().contains(message), "{e}");
    }
}

fn placeholder<'g>(g: &'g Graph, shape: impl Into<PartialShape>) -> Output<'g> {
    g.placeholder("x", DType::F32, shape)
}

/// What is wrong with a graph, or with a step that is fed an image of these sizes.
fn failure(
    shape: impl Into<PartialShape>,
    fed: &[usize],
    build: impl for<'g> Fn(Scope<'g>, Output<'g>) -> Output<'g>,
) -> Error {
    let g = Graph::new();
    let x = placeholder(&g, shape);
    let y = build(g.root(), x);
    if let Err(e) = g.check() {
        assert!(!y.is_valid());
        return e;
    }
    let session = Session::new(&g).unwrap();
    let image = images(f32::from, fed);
    session.run([(x, image)], [y], ()).unwrap_err()
}

#[test]
fn crops_that_do_not_fit_are_refused() {
    let any = PartialShape::unknown();
    let known = |dims: &[usize]| PartialShape::from(dims);
    // Row 132: sizes that the value does not have, known and unknown; ranks that differ.
    let table: [(PartialShape, &[i32], &str); 5] = [
        (
            known(&[4, 5, 3]),
            &[5, 5, 3],
            "assertion failed: [Need value.shape >= size, got ] [4 5 3] [5 5 3]",
        ),
        (
            any.clone(),
            &[4, 6, 3],
            "assertion failed: [Need value.shape >= size, got ] [4 5 3] [4 6 3]",
        ),
        (
            any.clone(),
            &[4, 5, i32::MAX],
            "Need value.shape >= size, got ",
        ),
        (known(&[4, 5, 3]), &[4, 5], "3 and 2"),
        (any.clone(), &[4, 5], "Incompatible shapes: [3] vs. [2]"),
    ];
    for (shape, size, message) in table {
        let e = failure(shape, &[4, 5, 3], |s, x| s.random_crop(x, size, Some(1)));
        assert_eq!(e.code(), Code::InvalidArgument, "{size:?}");
        assert!(e.message().contains(message), "{size:?}: {e}");
    }
}

#[test]
fn boxes_and_images_that_do_not_fit_are_refused() {
    let known = || PartialShape::from(&[4, 5, 3][..]);
    let any = PartialShape::unknown;
    type Build = for<'g> fn(Scope<'g>, Output<'g>) -> Output<'g>;
    let crop_low: Build = |s, x| s.crop_to_bounding_box(x, &BoundingBox::new((-1, 0), (2, 2)));
    let crop_none: Build = |s, x| s.crop_to_bounding_box(x, &BoundingBox::new((0, 0), (2, 0)));
    let crop_far: Build = |s, x| s.crop_to_bounding_box(x, &BoundingBox::new((0, 3), (4, 3)));
    let crop_huge: Build =
        |s, x| s.crop_to_bounding_box(x, &BoundingBox::new((0, i64::MAX), (4, 3)));
    let pad_low: Build = |s, x| s.pad_to_bounding_box(x, &BoundingBox::new((0, -1), (9, 9)));
    let pad_small: Build = |s, x| s.pad_to_bounding_box(x, &BoundingBox::new((2, 0), (5, 9)));
    let resize_none: Build = |s, x| s.resize_image_with_crop_or_pad(x, 0, 4);
    let resize_huge: Build = |s, x| s.resize_image_with_crop_or_pad(x, 4, usize::MAX);
    let flip: Build = |s, x| s.flip_left_right(x);
    let random_flip: Build = |s, x| s.random_flip_left_right(x, None);
    let whiten: Build = |s, x| s.per_image_whitening(x);
    let brightness: Build = |s, x| s.random_brightness(x, -1.0, None);
    let contrast: Build = |s, x| s.random_contrast(x, 0.5, 0.5, None);
    let negative: Build = |s, x| s.random_contrast(x, -0.5, 0.5, None);
    let to_bool: Build = |s, x| s.convert_image_dtype(x, DType::Bool, Overflow::Wrap);
    let to_string: Build = |s, x| s.saturate_cast(x, DType::String);
    let image: &[usize] = &[4, 5, 3];
    let table: [(PartialShape, &[usize], Build, &str); 23] = [
        (known(), image, crop_low, "offset_height must be >= 0."),
        (any(), image, crop_low, "offset_height must be >= 0."),
        (known(), image, crop_none, "target_width must be > 0."),
        (
            known(),
            image,
            crop_far,
            "width must be >= target + offset.",
        ),
        (
            any(),
            image,
            crop_far,
            "assertion failed: [width must be >= target + offset.]",
        ),
        (any(), image, crop_huge, "does not fit in 32 bits"),
        (
            PartialShape::from(&[4, 5][..]),
            image,
            crop_far,
            "must have either 3 or 4 dimensions.",
        ),
        (known(), image, pad_low, "offset_width must be >= 0"),
        (
            known(),
            image,
            pad_small,
            "height must be <= target - offset",
        ),
        (
            any(),
            image,
            pad_small,
            "assertion failed: [height must be <= target - offset]",
        ),
        (known(), image, resize_none, "target_height must be > 0."),
        (any(), image, resize_huge, "does not fit in 32 bits"),
        (
            PartialShape::from(&[4, 0, 3][..]),
            image,
            resize_none,
            "inner 3 dims of 'image.shape' must be > 0: [1,4,0,3]",
        ),
        (
            PartialShape::from(&[4, 5][..]),
            image,
            flip,
            "must be at least three-dimensional.",
        ),
        (
            any(),
            &[0, 5, 3],
            flip,
            r"assertion failed: [inner 3 dims of \'image.shape\' must be > 0.]",
        ),
        (
            any(),
            &[4, 5],
            whiten,
            "must be at least three-dimensional.",
        ),
        (
            PartialShape::of_rank(5),
            image,
            random_flip,
            "must have either 3 or 4 dimensions.",
        ),
        (
            PartialShape::of_rank(2),
            image,
            whiten,
            "must be at least three-dimensional.",
        ),
        (
            known(),
            image,
            brightness,
            "max_delta must be non-negative.",
        ),
        (known(), image, contrast, "upper must be > lower."),
        (known(), image, negative, "lower must be non-negative."),
        (
            known(),
            image,
            to_bool,
            "dtype must be either floating point or integer",
        ),
        (
            known(),
            image,
            to_string,
            "Cannot find minimum value of string.",
        ),
    ];
    for (i, (shape, fed, build, message)) in table.into_iter().enumerate() {
        let e = failure(shape, fed, build);
        assert_eq!(e.code(), Code::InvalidArgument, "{i}: {e}");
        assert!(e.message().contains(message), "{i}: {e}");
    }
}

#[test]
fn casts_saturate_at_the_last_value_that_fits() {
    let g = Graph::new();
    let s = g.root();
    let wide = s.constant([1e30f64, -1e30, 2.5, -0.5]);
    let single = s.constant([1e30f32, -1e30, 300.5, -0.5]);
    let whole = s.constant([i64::MAX, i64::MIN, 70_000, -3]);
    let made = [
        s.saturate_cast(wide, DType::I64),
        s.saturate_cast(single, DType::I32),
        s.saturate_cast(single, DType::U8),
        s.saturate_cast(whole, DType::F32),
        s.saturate_cast(whole, DType::U16),
        s.saturate_cast(whole, DType::U64),
        s.saturate_cast(whole, DType::F16),
        s.saturate_cast(wide, DType::F32),
    ];
    let values = eval(&made, &[]).unwrap();
    // The greatest doubles and floats below 2⁶³ and 2³¹.
    let last = (1i64 << 63).wrapping_sub(1024);
    assert_eq!(values[0].data::<i64>().unwrap(), [last, i64::MIN, 2, 0]);
    let last = i32::MAX - 127;
    assert_eq!(values[1].data::<i32>().unwrap(), [last, i32::MIN, 300, 0]);
    assert_eq!(values[2].data::<u8>().unwrap(), [255, 0, 255, 0]);
    let two63 = 2f32.powi(63);
    let floats = values[3].data::<f32>().unwrap();
    assert_eq!(floats, [two63, -two63, 70_000.0, -3.0]);
    assert_eq!(values[4].data::<u16>().unwrap(), [65535, 0, 65535, 0]);
    let most = i64::MAX as u64;
    assert_eq!(values[5].data::<u64>().unwrap(), [most, 0, 70_000, 0]);
    let halves = values[6].data::<f16>().unwrap();
    assert_eq!(halves, [f16::MAX, f16::MIN, f16::MAX, f16::from_f32(-3.0)]);
    let floats = values[7].data::<f32>().unwrap();
    assert_eq!(floats, [1e30, -1e30, 2.5, -0.5]);
}
