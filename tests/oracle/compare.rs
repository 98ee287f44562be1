//! Compares tensors with recorded ones.

use super::tolerance::{Tolerance, epsilon, smallest};
use half::{bf16, f16};
use num_complex::Complex;
use tensorloom::proto::{Summary, decode, summary::value::Value as Kind};
use tensorloom::{DType, Tensor};

/// All numbers of a floating-point or complex tensor, real and imaginary parts in turn; `None` for other types.
pub fn numbers(t: &Tensor) -> Option<Vec<f64>> {
    fn parts<T: Copy + Into<f64>>(xs: &[Complex<T>]) -> Vec<f64> {
        xs.iter().flat_map(|x| [x.re.into(), x.im.into()]).collect()
    }
    Some(match t.dtype() {
        DType::F32 => t
            .data::<f32>()
            .ok()?
            .iter()
            .map(|x| f64::from(*x))
            .collect(),
        DType::F64 => t.data::<f64>().ok()?.to_vec(),
        DType::F16 => t.data::<f16>().ok()?.iter().map(|x| x.to_f64()).collect(),
        DType::BF16 => t.data::<bf16>().ok()?.iter().map(|x| x.to_f64()).collect(),
        DType::C64 => parts(t.data::<Complex<f32>>().ok()?),
        DType::C128 => parts(t.data::<Complex<f64>>().ok()?),
        _ => return None,
    })
}

/// How large the numbers are that a result may have been summed from: the largest finite one of some tensors, times
/// the root of how many of them go into one element.
pub fn magnitude<'t>(result: &Tensor, around: impl IntoIterator<Item = &'t Tensor>) -> f64 {
    let (mut largest, mut elements) = (0.0f64, 1);
    for t in around {
        let Some(all) = numbers(t) else { continue };
        elements = elements.max(t.elements());
        let finite = all.iter().filter(|x| x.is_finite());
        largest = finite.fold(largest, |m, x| m.max(x.abs()));
    }
    largest
        * (elements as f64 / result.elements().max(1) as f64)
            .sqrt()
            .max(1.0)
}

fn same(want: f64, got: f64, dtype: DType, allowed: Tolerance, magnitude: f64) -> bool {
    if want.is_nan() || got.is_nan() {
        return want.is_nan() && got.is_nan();
    }
    if want == got {
        let signs_count = allowed.is_exact() && want == 0.0;
        return !signs_count || want.is_sign_negative() == got.is_sign_negative();
    }
    if want.is_infinite() || got.is_infinite() {
        // Where one rounds to infinity the other may stop just short of it.
        let finite = if want.is_infinite() { got } else { want };
        return !allowed.is_exact() && (want > 0.0) == (got > 0.0) && near_overflow(dtype, finite);
    }
    (want - got).abs() <= slack(want.abs(), dtype, allowed, magnitude)
}

/// As [`same`], of complex numbers: the error is measured against the modulus, and all that is not finite is one.
fn same_complex(
    want: &[f64],
    got: &[f64],
    dtype: DType,
    allowed: Tolerance,
    magnitude: f64,
) -> bool {
    let finite = |z: &[f64]| z.iter().all(|x| x.is_finite());
    if !finite(want) || !finite(got) {
        return finite(want) == finite(got);
    }
    let off = (want[0] - got[0]).hypot(want[1] - got[1]);
    off <= slack(want[0].hypot(want[1]), dtype, allowed, magnitude)
}

fn slack(want: f64, dtype: DType, allowed: Tolerance, magnitude: f64) -> f64 {
    let allowed = epsilon(dtype) * (allowed.ulps * want + allowed.scale * magnitude);
    allowed.max(smallest(dtype))
}

fn near_overflow(dtype: DType, x: f64) -> bool {
    let largest: f64 = match dtype {
        DType::F32 | DType::C64 => f32::MAX.into(),
        DType::F16 => 65504.0,
        DType::BF16 => bf16::MAX.to_f64(),
        _ => f64::MAX,
    };
    x.is_finite() && x.abs() >= largest * (1.0 - 8.0 * epsilon(dtype))
}

/// Whether both are summaries that differ in nothing but how their pictures are compressed.
fn same_images(want: &[u8], got: &[u8]) -> bool {
    let unpacked = |bytes: &[u8]| -> Option<Summary> {
        let mut summary: Summary = decode("Summary", bytes).ok()?;
        for v in &mut summary.value {
            if let Some(Kind::Image(image)) = &mut v.value {
                image.encoded_image_string = pixels(&image.encoded_image_string)?;
            }
        }
        Some(summary)
    };
    matches!((unpacked(want), unpacked(got)), (Some(w), Some(g)) if w == g)
}

fn pixels(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(encoded))
        .read_info()
        .ok()?;
    let mut out = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut out).ok()?;
    out.truncate(info.buffer_size());
    out.push(info.color_type as u8);
    Some(out)
}

/// The first difference, in words.
pub fn difference(
    want: &Tensor,
    got: &Tensor,
    allowed: Tolerance,
    magnitude: f64,
) -> Option<String> {
    if want.dtype() != got.dtype() || want.shape() != got.shape() {
        return Some(format!(
            "want {} {}, got {} {}",
            want.dtype(),
            want.shape(),
            got.dtype(),
            got.shape()
        ));
    }
    if let (Some(w), Some(g)) = (numbers(want), numbers(got)) {
        let per = if want.dtype().is_complex() { 2 } else { 1 };
        let (dtype, slack) = (want.dtype(), (allowed, magnitude));
        let wrong = |i: &usize| match per {
            1 => !same(w[*i], g[*i], dtype, slack.0, slack.1),
            _ => !same_complex(&w[*i..*i + 2], &g[*i..*i + 2], dtype, slack.0, slack.1),
        };
        let all: Vec<usize> = (0..w.len()).step_by(per).filter(wrong).collect();
        let &first = all.first()?;
        let off = (w[first] - g[first]).abs() / (epsilon(want.dtype()) * w[first].abs());
        return Some(format!(
            "element {} of {}: want {:?}, got {:?} ({off:.1} ulps; {} differ)",
            first / per,
            want.elements(),
            &w[first..first + per],
            &g[first..first + per],
            all.len(),
        ));
    }
    if let (Ok(w), Ok(g)) = (want.strings(), got.strings()) {
        let i = (0..w.len()).find(|&i| w[i] != g[i] && !same_images(&w[i], &g[i]))?;
        return Some(format!(
            "element {i}: want \"{}\", got \"{}\"",
            w[i].escape_ascii(),
            g[i].escape_ascii()
        ));
    }
    match (want.bytes(), got.bytes()) {
        (Ok(w), Ok(g)) if w == g => None,
        (Ok(_), Ok(_)) => {
            let i = (0..want.elements()).find(|&i| want.element_text(i) != got.element_text(i));
            let i = i.unwrap_or(0);
            Some(format!(
                "element {i} of {}: want {}, got {}",
                want.elements(),
                want.element_text(i),
                got.element_text(i)
            ))
        }
        _ => Some("cannot be compared".into()),
    }
}
