//! Image ops against values and messages of TensorFlow.

use crate::Code;
use crate::ops::testing::run;
use crate::tensor::Tensor;
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
fn large_images_are_summed_block_by_block() {
    let x = images(|i| f32::from(i % 7), &[300, 301, 2]);
    let y = run("AdjustContrastv2", &[x.clone(), 0.0f32.into()], &[]).unwrap();
    let x = x.data::<f32>().unwrap();
    for c in 0..2 {
        let sum: f64 = x.iter().skip(c).step_by(2).map(|v| f64::from(*v)).sum();
        let mean = (sum / (300.0 * 301.0)) as f32;
        let y = y[0].data::<f32>().unwrap();
        assert!(y.iter().skip(c).step_by(2).all(|v| *v == mean));
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
