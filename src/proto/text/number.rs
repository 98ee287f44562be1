//! Numbers in text: printed as Python does, read as protobuf's parsers do.

/// A `float` field: the fewest digits, but at least six, that read back as the same value.
pub(super) fn print_f32(v: f32) -> String {
    if !v.is_finite() {
        return print_f64(v.into());
    }
    let wide = f64::from(v);
    let rounded = (6..=9)
        .filter_map(|digits| format!("{wide:.*e}", digits - 1).parse::<f64>().ok())
        .find(|r| *r as f32 == v);
    print_f64(rounded.unwrap_or(wide))
}

/// A `double` field: the fewest digits that read back as the same value.
pub(super) fn print_f64(v: f64) -> String {
    if v.is_nan() {
        return "nan".into();
    }
    if v.is_infinite() {
        return if v > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{v:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        // `{:?}` would switch to exponents by its own rule; `{}` never does.
        let plain = format!("{v}");
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// A decimal, octal (`017`) or hexadecimal (`0x1f`) number without a sign.
pub(super) fn read_integer(text: &str) -> Option<u64> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(hex) = hex {
        return plain(hex, 16);
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => plain(octal, 8),
        _ => plain(text, 10),
    }
}

fn plain(digits: &str, radix: u32) -> Option<u64> {
    // `from_str_radix` would accept a sign.
    let all = digits.chars().all(|c| c.is_digit(radix));
    (all && !digits.is_empty()).then(|| u64::from_str_radix(digits, radix).ok())?
}

/// A number without a sign: `1`, `.5`, `1e-3`, `1.5f`, `inf`, `infinity`, `nan`.
pub(super) fn read_float(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let first = lower.bytes().next()?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    if lower.starts_with("0x") {
        return read_integer(&lower).map(|v| v as f64);
    }
    let lower = lower.strip_suffix('f').unwrap_or(&lower);
    lower.parse().ok()
}

/// As protobuf does: what is too large becomes infinite.
pub(super) fn narrow(v: f64) -> f32 {
    v as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_python_prints_them() {
        let cases: &[(f32, &str)] = &[
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e10, "10000000000.0"),
            (1e16, "1e+16"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (16777216.0, "16777216.0"),
            (f32::MAX, "3.4028235e+38"),
            (-0.0, "-0.0"),
            (f32::INFINITY, "inf"),
            (f32::NEG_INFINITY, "-inf"),
            (f32::NAN, "nan"),
            (123456.7, "123456.7"),
            (1.0 / 3.0, "0.33333334"),
            (9.99999e15, "9999990000000000.0"),
            (f32::MIN_POSITIVE, "1.1754944e-38"),
            // Below the normal numbers six digits are more than needed, and printed all the same.
            (f32::from_bits(1), "1.4013e-45"),
            (5.877e-39, "5.877e-39"),
        ];
        for (v, text) in cases {
            assert_eq!(print_f32(*v), *text);
        }
        for (v, text) in [
            (3.0, "3.0"),
            (1e22, "1e+22"),
            (f64::MIN, "-1.7976931348623157e+308"),
            (1e-12, "1e-12"),
        ] {
            assert_eq!(print_f64(v), text);
        }
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!(read_integer("0x1F"), Some(31));
        assert_eq!(read_integer("017"), Some(15));
        assert_eq!(read_integer("0"), Some(0));
        assert_eq!(read_integer("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "18446744073709551616", "08", "0x", "1.0", "1f", "+1"] {
            assert_eq!(read_integer(bad), None, "{bad}");
        }
        assert_eq!(read_float("1.5f"), Some(1.5));
        assert_eq!(read_float(".5"), Some(0.5));
        assert_eq!(read_float("1."), Some(1.0));
        assert_eq!(read_float("2e3"), Some(2000.0));
        assert_eq!(read_float("INFINITY"), Some(f64::INFINITY));
        for bad in ["e5", "1e", "1.5.2", "x", "infi", "--1"] {
            assert_eq!(read_float(bad), None, "{bad}");
        }
    }
}
