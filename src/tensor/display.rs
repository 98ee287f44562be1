//! How tensors print: in messages abridged as TensorFlow does, in full detail for people.

use super::Tensor;
use crate::dtype::{DType, Element};
use std::fmt::{self, Write};

impl Tensor {
    /// One element as text, as TensorFlow's messages print it (floats with the fewest digits of %g that
    /// read back, bools as 0 and 1, strings escaped).
    pub fn element_text(&self, i: usize) -> String {
        fn at<T: Element>(t: &Tensor, i: usize, f: impl Fn(T) -> String) -> String {
            t.data::<T>()
                .ok()
                .and_then(|d| d.get(i).copied())
                .map(f)
                .unwrap_or_default()
        }
        match self.dtype() {
            DType::F32 => at::<f32>(self, i, |v| float_text(v.into(), true)),
            DType::F64 => at::<f64>(self, i, |v| float_text(v, false)),
            DType::F16 => at::<half::f16>(self, i, |v| float_text(v.to_f32().into(), true)),
            DType::BF16 => at::<half::bf16>(self, i, |v| float_text(v.to_f32().into(), true)),
            DType::I8 => at::<i8>(self, i, |v| v.to_string()),
            DType::I16 => at::<i16>(self, i, |v| v.to_string()),
            DType::I32 => at::<i32>(self, i, |v| v.to_string()),
            DType::I64 => at::<i64>(self, i, |v| v.to_string()),
            DType::U8 => at::<u8>(self, i, |v| v.to_string()),
            DType::U16 => at::<u16>(self, i, |v| v.to_string()),
            DType::U32 => at::<u32>(self, i, |v| v.to_string()),
            DType::U64 => at::<u64>(self, i, |v| v.to_string()),
            DType::Bool => at::<bool>(self, i, |v| u8::from(v).to_string()),
            DType::C64 => at::<num_complex::Complex<f32>>(self, i, |v| {
                format!(
                    "({},{})",
                    float_text(v.re.into(), true),
                    float_text(v.im.into(), true)
                )
            }),
            DType::C128 => at::<num_complex::Complex<f64>>(self, i, |v| {
                format!("({},{})", float_text(v.re, false), float_text(v.im, false))
            }),
            DType::String => self
                .strings()
                .ok()
                .and_then(|s| s.get(i))
                .map(|s| escape(s))
                .unwrap_or_default(),
            _ => self
                .handles()
                .ok()
                .and_then(|h| h.get(i))
                .map(|h| format!("{}/{}", h.container, h.name))
                .unwrap_or_else(|| "?".into()),
        }
    }

    /// The first `max` elements, as TensorFlow's `SummarizeValue`: `v1 v2 v3...`, inner dimensions in
    /// brackets (`[1 2][3...]...`); all of them when `max < 0`.
    pub fn summarize(&self, max: i64) -> String {
        if self.is_on_gpu() {
            return "<in GPU memory>".into();
        }
        let n = self.elements();
        let limit = usize::try_from(max).unwrap_or(n).min(n);
        if limit == 0 && self.dtype() == DType::Bool {
            return String::new();
        }
        let mut out = String::new();
        let mut next = 0;
        self.summarize_dim(0, limit, &mut next, &mut out);
        if limit < n {
            out.push_str("...");
        }
        out
    }

    /// Dimension `dim` and those inside of it, from element `next` on.
    fn summarize_dim(&self, dim: usize, limit: usize, next: &mut usize, out: &mut String) {
        let dims = self.shape().dims();
        let innermost = dim + 1 >= dims.len();
        for i in 0..dims.get(dim).copied().unwrap_or(1) {
            if *next >= limit {
                if innermost && dim > 0 && i > 0 {
                    out.push_str("...");
                }
                return;
            }
            if innermost {
                if i > 0 {
                    out.push(' ');
                }
                out.push_str(&self.element_text(*next));
                *next += 1;
            } else {
                out.push('[');
                self.summarize_dim(dim + 1, limit, next, out);
                out.push(']');
            }
        }
    }
}

/// A float as `%g` prints it: with six digits (f32) or fifteen (f64) when they read back equal, else nine or seventeen.
pub(crate) fn float_text(v: f64, single: bool) -> String {
    if v.is_nan() {
        return "nan".into();
    }
    if v.is_infinite() {
        return if v > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let short = percent_g(v, if single { 6 } else { 15 });
    let same = |s: &str| {
        if single {
            s.parse::<f32>().is_ok_and(|x| x == v as f32)
        } else {
            s.parse::<f64>().is_ok_and(|x| x == v)
        }
    };
    if same(&short) {
        return short;
    }
    percent_g(v, if single { 9 } else { 17 })
}

/// C's `%.{digits}g`.
pub(crate) fn percent_g(v: f64, digits: usize) -> String {
    if v == 0.0 {
        return if v.is_sign_negative() {
            "-0".into()
        } else {
            "0".into()
        };
    }
    let e = format!("{:.*e}", digits.saturating_sub(1), v);
    let (mantissa, exponent) = e.split_once('e').unwrap_or((&e, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |s: &str| {
        if s.contains('.') {
            s.trim_end_matches('0').trim_end_matches('.').to_string()
        } else {
            s.to_string()
        }
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
    } else {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        trim(&format!("{v:.decimals$}"))
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    for b in bytes {
        match b {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(*b as char),
            b => {
                let _ = write!(out, "\\{b:03o}");
            }
        }
    }
    out
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} [{}]",
            self.dtype(),
            self.shape(),
            self.summarize(10)
        )
    }
}
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_show_inner_dimensions_in_brackets() {
        let t = Tensor::from_vec(&[2, 3, 4], (0..24).collect::<Vec<i32>>()).unwrap();
        for (max, text) in [
            (0, "..."),
            (3, "[[0 1 2...]]..."),
            (4, "[[0 1 2 3]]..."),
            (5, "[[0 1 2 3][4...]]..."),
            (13, "[[0 1 2 3][4 5 6 7][8 9 10 11]][[12...]]..."),
        ] {
            assert_eq!(t.summarize(max), text);
        }
        assert_eq!(Tensor::from([1i32, 2, 3, 4]).summarize(3), "1 2 3...");
        assert_eq!(
            Tensor::from([[true, false], [true, true]]).summarize(3),
            "[1 0][1...]..."
        );
        assert_eq!(
            Tensor::from([[true, false], [true, true]]).summarize(-1),
            "[1 0][1 1]"
        );
        assert_eq!(Tensor::from([true]).summarize(0), "");
        assert_eq!(
            Tensor::zeros(DType::F32, crate::Shape::of(&[2, 0]).unwrap())
                .unwrap()
                .summarize(3),
            ""
        );
        assert_eq!(Tensor::from(3.5f64).summarize(3), "3.5");
    }

    #[test]
    fn floats_print_as_c_does() {
        for (v, text) in [
            (0.1, "0.1"),
            (1e10, "1e+10"),
            (123456789.0, "123456792"),
            (1.0 / 3.0, "0.333333343"),
            (1.0, "1"),
            (1e-5, "1e-05"),
            (-2.5, "-2.5"),
            (100000.0, "100000"),
            (1234567.0, "1234567"),
        ] {
            assert_eq!(float_text(f64::from(v as f32), true), text);
        }
        for (v, text) in [
            (1e6, "1000000"),
            (1e15, "1e+15"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.33333333333333331"),
        ] {
            assert_eq!(float_text(v, false), text);
        }
    }
}
