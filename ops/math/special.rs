//! Special functions in double precision: the gamma function's relatives.

/// ln |Γ(x)|.
pub(crate) fn lgamma(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return f64::INFINITY;
    }
    libm::lgamma(x)
}

/// B₂ₖ / (2k), the coefficients of the asymptotic series of ψ.
const PSI_SERIES: [f64; 7] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32760.0,
    1.0 / 12.0,
];

/// ψ(x), the derivative of ln Γ(x); NaN at the poles 0, −1, −2 …
pub(crate) fn digamma(x: f64) -> f64 {
    if x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        // ψ(1 − x) − ψ(x) = π cot πx, with the argument of the tangent brought near zero.
        let fraction = x - x.round();
        return digamma(1.0 - x) - std::f64::consts::PI / (std::f64::consts::PI * fraction).tan();
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let series = PSI_SERIES.iter().rev().fold(0.0, |sum, c| (sum + c) * z);
    x.ln() - 0.5 / x - series - shift
}

/// (2k)! / B₂ₖ, the denominators of the Euler–Maclaurin series of ζ.
const ZETA_SERIES: [f64; 12] = [
    12.0,
    -720.0,
    30240.0,
    -1209600.0,
    47900160.0,
    -1.892_437_580_318_379_2e9,
    7.47242496e10,
    -2.950_130_727_918_164e12,
    1.1646782814350067e14,
    -4.5979787224074726e15,
    1.8152105401943546e17,
    -7.166_165_256_175_667e18,
];

/// ζ(x, q) = Σ (k + q)⁻ˣ over k ≥ 0; NaN for x < 1 and where the sum does not exist.
pub(crate) fn zeta(x: f64, q: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    if x < 1.0 || x.is_nan() || q.is_nan() {
        return f64::NAN;
    }
    if q == f64::INFINITY {
        return 0.0;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return if x == x.floor() && (x % 2.0 == 0.0 || x.is_infinite()) {
                f64::INFINITY
            } else {
                f64::NAN
            };
        }
        if x != x.floor() {
            return f64::NAN;
        }
    }
    let (mut a, mut sum, mut term) = (q, q.powf(-x), 0.0);
    let mut i = 0;
    while i < 9 || a <= 9.0 {
        i += 1;
        a += 1.0;
        term = a.powf(-x);
        sum += term;
        if (term / sum).abs() < f64::EPSILON / 2.0 {
            return sum;
        }
    }
    sum += term * a / (x - 1.0) - 0.5 * term;
    let (mut factor, mut k) = (1.0, 0.0);
    for c in ZETA_SERIES {
        factor *= x + k;
        term /= a;
        let step = factor * term / c;
        sum += step;
        if (step / sum).abs() < f64::EPSILON / 2.0 {
            return sum;
        }
        k += 1.0;
        factor *= x + k;
        term /= a;
        k += 1.0;
    }
    sum
}

/// ψ⁽ⁿ⁾(x), the n-th derivative of ψ; NaN where n is not a whole number ≥ 0.
pub(crate) fn polygamma(n: f64, x: f64) -> f64 {
    if n < 0.0 || n != n.floor() {
        return f64::NAN;
    }
    if n == 0.0 {
        return digamma(x);
    }
    let next = n + 1.0;
    let sign = if n % 2.0 == 0.0 { -1.0 } else { 1.0 };
    sign * lgamma(next).exp() * zeta(next, x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-13 * want.abs(), "{got} {want}");
    }

    #[test]
    fn known_values() {
        let euler = 0.577_215_664_901_532_9;
        close(digamma(1.0), -euler);
        close(digamma(0.5), -euler - 2.0 * std::f64::consts::LN_2);
        close(digamma(-0.5), digamma(0.5) + 2.0);
        close(digamma(1e6), 1e6f64.ln() - 0.5e-6 - 1e-12 / 12.0);
        assert!(digamma(0.0).is_nan() && digamma(-3.0).is_nan());
        let pi = std::f64::consts::PI;
        close(zeta(2.0, 1.0), pi * pi / 6.0);
        close(zeta(4.0, 1.0), pi.powi(4) / 90.0);
        close(zeta(3.0, 2.5), zeta(3.0, 0.5) - 8.0 - 1.5f64.powi(-3));
        assert!(zeta(1.0, 2.0).is_infinite() && zeta(0.5, 2.0).is_nan());
        close(polygamma(1.0, 1.0), pi * pi / 6.0);
        close(polygamma(2.0, 1.0), -2.0 * 1.202_056_903_159_594_2);
        assert!(polygamma(0.5, 1.0).is_nan());
    }
}
