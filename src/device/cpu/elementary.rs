//! Elementary functions of f32 without branches or calls, so that loops over them become vector code.
//!
//! Errors are at most 2 units in the last place. The results are the same at every vector width.

/// 1.5 · 2^23: added and taken away again it rounds a small number to a whole one.
const ROUNDER: f32 = 12_582_912.0;

/// 2^n for -126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = 0.0;
    for c in coefficients {
        sum = sum * x + c;
    }
    sum
}

/// eˣ; subnormal results are kept.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let whole = shifted - ROUNDER;
    // ln 2 in two parts; the product with the first is exact.
    let r = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let p = polynomial(
        r,
        [
            1.987_569_1e-4,
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5.000_000_1e-1,
        ],
    );
    let y = p * (r * r) + r + 1.0;
    // Two steps, since 2^n alone may be out of range.
    let half = n >> 1;
    y * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// The natural logarithm: -∞ at 0, NaN below.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits() as i32;
    let exponent = (bits >> 23) - if subnormal { 126 + 23 } else { 126 };
    let mantissa = f32::from_bits((bits as u32 & 0x007f_ffff) | 0x3f00_0000);
    let low = mantissa < std::f32::consts::FRAC_1_SQRT_2;
    let e = exponent as f32 - if low { 1.0 } else { 0.0 };
    let m = mantissa - 1.0 + if low { mantissa } else { 0.0 };
    let z = m * m;
    let p = polynomial(
        m,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333_1e-1,
        ],
    );
    let y = p * m * z - e * 2.121_944_4e-4 - 0.5 * z;
    let result = m + y + e * 0.693_359_4;
    let result = if x == f32::INFINITY || x.is_nan() {
        x
    } else {
        result
    };
    let result = if x < 0.0 { f32::NAN } else { result };
    if x == 0.0 { f32::NEG_INFINITY } else { result }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let z = x * x;
    let near = polynomial(
        z,
        [
            -5.704_988_7e-3,
            2.063_908_9e-2,
            -5.373_971_6e-2,
            1.333_144_2e-1,
            -3.333_328e-1,
        ],
    ) * z
        * x
        + x;
    let far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    // The sign of zero is kept too.
    let result = if size < 0.625 { near } else { far };
    result.copysign(x)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance of two numbers in units in the last place.
    fn ulps(a: f32, b: f32) -> i64 {
        if a == b || (a.is_nan() && b.is_nan()) {
            return 0;
        }
        let order = |v: f32| {
            let bits = i64::from(v.to_bits() as i32);
            if bits < 0 {
                i64::from(i32::MIN) - bits
            } else {
                bits
            }
        };
        (order(a) - order(b)).abs()
    }

    fn check(name: &str, f: fn(f32) -> f32, exact: fn(f64) -> f64, from: f32, to: f32, most: i64) {
        let n = 100_000;
        for i in 0..=n {
            let x = from + (to - from) * i as f32 / n as f32;
            let (got, want) = (f(x), exact(f64::from(x)) as f32);
            assert!(ulps(got, want) <= most, "{name}({x}) = {got}, not {want}");
        }
        for x in [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let (got, want) = (f(x), exact(f64::from(x)) as f32);
            assert!(ulps(got, want) == 0, "{name}({x}) = {got}, not {want}");
        }
    }

    #[test]
    fn close_to_the_exact_values() {
        check("exp", exp, f64::exp, -104.0, 89.0, 2);
        check("exp", exp, f64::exp, -1.0, 1.0, 2);
        check("ln", ln, f64::ln, 0.0, 4.0, 2);
        check("ln", ln, f64::ln, 1e-40, 1e-37, 2);
        check("ln", ln, f64::ln, 1.0, 1e38, 2);
        check("ln", ln, f64::ln, -5.0, -1.0, 2);
        check("tanh", tanh, f64::tanh, -10.0, 10.0, 2);
        check("tanh", tanh, f64::tanh, -1e-3, 1e-3, 2);
        check(
            "sigmoid",
            sigmoid,
            |x| 1.0 / (1.0 + (-x).exp()),
            -80.0,
            20.0,
            3,
        );
        assert!(tanh(-0.0).is_sign_negative());
    }
}
