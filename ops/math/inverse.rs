//! Inverse trigonometric and hyperbolic functions: of real numbers near the limits, and of complex numbers.

use num_complex::Complex;
use num_traits::{Float, NumCast};
use std::f64::consts::{FRAC_PI_2, LN_2};

/// From here on 1 is lost beside the square.
const LARGE: f64 = 1e9;

/// The inverse hyperbolic sine.
pub(crate) fn asinh(x: f64) -> f64 {
    if x.abs() > LARGE {
        return (x.abs().ln() + LN_2).copysign(x);
    }
    x.asinh()
}

/// The inverse hyperbolic cosine; NaN below 1.
pub(crate) fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        return f64::NAN;
    }
    if x > LARGE {
        return x.ln() + LN_2;
    }
    let above = x - 1.0;
    (above + (above * (x + 1.0)).sqrt()).ln_1p()
}

/// Applies a function in double precision.
fn widely<P: Float>(z: Complex<P>, f: fn(f64, f64) -> (f64, f64)) -> Complex<P> {
    let wide = |x: P| x.to_f64().unwrap_or(f64::NAN);
    let narrow = |x: f64| <P as NumCast>::from(x).unwrap_or_else(P::nan);
    let (re, im) = f(wide(z.re), wide(z.im));
    Complex::new(narrow(re), narrow(im))
}

/// The complex inverse sine.
pub(crate) fn complex_asin<P: Float>(z: Complex<P>) -> Complex<P> {
    widely(z, |x, y| {
        let (im, re) = sine(y, x);
        (re, im)
    })
}

/// The complex inverse hyperbolic sine.
pub(crate) fn complex_asinh<P: Float>(z: Complex<P>) -> Complex<P> {
    widely(z, sine)
}

/// The complex inverse cosine.
pub(crate) fn complex_acos<P: Float>(z: Complex<P>) -> Complex<P> {
    widely(z, cosine)
}

/// The complex inverse hyperbolic cosine.
pub(crate) fn complex_acosh<P: Float>(z: Complex<P>) -> Complex<P> {
    widely(z, |x, y| {
        let (re, im) = cosine(x, y);
        (im.abs(), re.copysign(y))
    })
}

/// The complex inverse tangent.
pub(crate) fn complex_atan<P: Float>(z: Complex<P>) -> Complex<P> {
    widely(z, |x, y| {
        let (im, re) = tangent(y, x);
        (re, im)
    })
}

/// The complex inverse hyperbolic tangent.
pub(crate) fn complex_atanh<P: Float>(z: Complex<P>) -> Complex<P> {
    widely(z, tangent)
}

/// What the inverse sine and cosine of a number in the first quadrant are made of: with `A` the half sum of the distances
/// from ±i, the real part `acosh(A)`, and a numerator and denominator such that `atan2` of them is `asin(y / A)`.
fn parts(x: f64, y: f64) -> (f64, f64, f64) {
    let tiny = f64::EPSILON;
    let (far, near) = (x.hypot(y + 1.0), x.hypot(y - 1.0));
    let a = ((far + near) / 2.0).max(1.0);
    // Half of hypot(x, b) - b, without cancellation.
    let half = |b: f64, h: f64| {
        if b < 0.0 {
            (h - b) / 2.0
        } else if b == 0.0 {
            x / 2.0
        } else {
            x * x / (h + b) / 2.0
        }
    };
    let close = x < tiny * (y - 1.0).abs();
    let real = if y == 1.0 && x < tiny * tiny / 128.0 {
        x.sqrt()
    } else if !close {
        let above = half(1.0 + y, far) + half(1.0 - y, near);
        (above + (above * (a + 1.0)).sqrt()).ln_1p()
    } else if y < 1.0 {
        x / ((1.0 - y) * (1.0 + y)).sqrt()
    } else {
        (y - 1.0 + ((y - 1.0) * (y + 1.0)).sqrt()).ln_1p()
    };
    // The root of A² - y².
    if y == 1.0 && x < tiny / 128.0 {
        (real, y, x.sqrt() * ((a + y) / 2.0).sqrt())
    } else if !close {
        let less = half(y + 1.0, far) + half(y - 1.0, near);
        (real, y, (less * (a + y)).sqrt())
    } else if y > 1.0 {
        let large = 4.0 / tiny / tiny;
        let root = ((y + 1.0) * (y - 1.0)).sqrt();
        (real, y * large, x * large * y / root)
    } else {
        (real, y, ((1.0 - y) * (1.0 + y)).sqrt())
    }
}

/// The logarithm of twice the modulus, for large numbers.
fn log_double(x: f64, y: f64) -> f64 {
    (x / 2.0).hypot(y / 2.0).ln() + 2.0 * LN_2
}

/// The inverse hyperbolic sine of x + iy.
fn sine(x: f64, y: f64) -> (f64, f64) {
    let (ax, ay) = (x.abs(), y.abs());
    let (re, im) = if ax.max(ay) > LARGE {
        (log_double(ax, ay), ay.atan2(ax))
    } else {
        let (re, numerator, denominator) = parts(ax, ay);
        (re, numerator.atan2(denominator))
    };
    (re.copysign(x), im.copysign(y))
}

/// The inverse cosine of x + iy.
fn cosine(x: f64, y: f64) -> (f64, f64) {
    let (ax, ay) = (x.abs(), y.abs());
    let (re, im) = if ax.max(ay) > LARGE {
        (ay.atan2(x), log_double(ax, ay))
    } else {
        let (im, numerator, denominator) = parts(ay, ax);
        (denominator.atan2(numerator.copysign(x)), im)
    };
    (re, -im.copysign(y))
}

/// The inverse hyperbolic tangent of x + iy.
fn tangent(x: f64, y: f64) -> (f64, f64) {
    let (ax, ay) = (x.abs(), y.abs());
    if ax.max(ay) > LARGE {
        // x / (x² + y²), where the squares may overflow.
        let re = match (ax.is_infinite() || ay.is_infinite(), ax > ay) {
            (true, _) => 0.0,
            (_, true) => 1.0 / (ax + ay / ax * ay),
            (_, false) => ax / ay / (ay + ax / ay * ax),
        };
        return (re.copysign(x), FRAC_PI_2.copysign(y));
    }
    let re = if ax == 1.0 && ay < f64::EPSILON {
        (LN_2 - ay.ln()) / 2.0
    } else {
        (4.0 * ax / ((ax - 1.0) * (ax - 1.0) + ay * ay)).ln_1p() / 4.0
    };
    let im = if ax == 1.0 {
        2.0f64.atan2(-ay) / 2.0
    } else {
        (2.0 * ay).atan2((1.0 - ax) * (1.0 + ax) - ay * ay) / 2.0
    };
    (re.copysign(x), im.copysign(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    fn near(a: Complex<f64>, re: f64, im: f64) {
        assert!((a.re - re).abs() <= 4e-16 * re.abs().max(1e-300), "{a}");
        assert!((a.im - im).abs() <= 4e-16 * im.abs().max(1e-300), "{a}");
    }

    #[test]
    fn small_near_and_large_numbers_keep_their_digits() {
        let z = |re, im| Complex::new(re, im);
        let tiny = complex_asinh(z(-1e-3, -1e-3));
        near(tiny, -0.001000000333333033, -0.000999999666666367);
        let close = complex_acosh(z(1.0, 1e-3));
        near(close, 0.0316254112399638, 0.031620140777549786);
        near(complex_acos(z(3.0, 0.0)), 0.0, -1.762747174039086);
        near(complex_acos(z(3.0, -0.0)), 0.0, 1.762747174039086);
        near(complex_atanh(z(3.0, 0.0)), 0.34657359027997264, FRAC_PI_2);
        let far = complex_asin(z(1e300, -1e300));
        assert!((far.im + 691.815_248_4).abs() < 1e-3 && (far.re - PI / 4.0).abs() < 1e-15);
        assert!((asinh(f64::MAX) - 710.4758600739439).abs() < 1e-12);
        assert!((acosh(1.0 + 1e-12) - 1.414_276_423_180_5e-6).abs() < 1e-15);
        assert!(acosh(0.5).is_nan());
    }

    #[test]
    fn functions_undo_each_other() {
        for re in [-2.5, -1.0, -0.3, 0.7, 1.0, 4.0] {
            for im in [-3.0, -1.0, -1e-9, 0.2, 1.0, 2.0] {
                let z = Complex::new(re, im);
                for back in [
                    complex_asin(z).sin(),
                    complex_acos(z).cos(),
                    complex_atan(z).tan(),
                    complex_asinh(z).sinh(),
                    complex_acosh(z).cosh(),
                    complex_atanh(z).tanh(),
                ] {
                    assert!((back - z).norm() < 1e-8, "{z}: {back}");
                }
            }
        }
    }
}
