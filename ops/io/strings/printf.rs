//! Numbers as C's printf writes them: flags, width, precision.

/// The form of a floating-point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `%f`.
    Fixed,
    /// `%e`.
    Scientific,
    /// `%g`.
    Shortest,
}

/// A conversion specification.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    /// One of ` `, `+`, `-`, `0`, `#`.
    pub(super) flag: Option<char>,
    /// The least number of characters.
    pub(super) width: usize,
    /// The digits after the point (`%g`: in all).
    pub(super) precision: usize,
    /// The form.
    pub(super) form: Form,
}

impl Spec {
    /// A floating-point number.
    pub(super) fn float(&self, v: f64) -> String {
        let sign = self.sign(v.is_sign_negative());
        if !v.is_finite() {
            let text = if v.is_nan() { "nan" } else { "inf" };
            // Zeros are no filling for what is no number.
            let spaces = Spec {
                flag: self.flag.filter(|f| *f != '0'),
                ..*self
            };
            return spaces.pad(sign, text);
        }
        let v = v.abs();
        let body = match self.form {
            Form::Fixed => self.pointed(format!("{v:.*}", self.precision)),
            Form::Scientific => self.scientific(v, self.precision),
            Form::Shortest => self.shortest(v),
        };
        self.pad(sign, &body)
    }
    /// A signed integer.
    pub(super) fn signed(&self, v: i64) -> String {
        self.pad(self.sign(v < 0), &v.unsigned_abs().to_string())
    }
    /// An unsigned integer, which has no sign to show.
    pub(super) fn unsigned(&self, v: u64) -> String {
        self.pad("", &v.to_string())
    }
    /// Bytes as they are.
    pub(super) fn text(&self, bytes: &[u8]) -> Vec<u8> {
        let missing = self.width.saturating_sub(bytes.len());
        let spaces = vec![b' '; missing];
        match self.flag {
            Some('-') => [bytes, &spaces].concat(),
            _ => [&spaces, bytes].concat(),
        }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.flag) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        }
    }
    fn pad(&self, sign: &str, body: &str) -> String {
        let missing = self.width.saturating_sub(sign.len() + body.len());
        match self.flag {
            Some('-') => format!("{sign}{body}{}", " ".repeat(missing)),
            Some('0') => format!("{sign}{}{body}", "0".repeat(missing)),
            _ => format!("{}{sign}{body}", " ".repeat(missing)),
        }
    }
    /// With the flag `#` there is always a point.
    fn pointed(&self, digits: String) -> String {
        match self.flag {
            Some('#') if !digits.contains('.') => format!("{digits}."),
            _ => digits,
        }
    }
    fn scientific(&self, v: f64, precision: usize) -> String {
        let text = format!("{v:.precision$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        let mantissa = self.pointed(mantissa.to_string());
        format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    }
    fn shortest(&self, v: f64) -> String {
        let digits = self.precision.max(1);
        let text = format!("{v:.*e}", digits - 1);
        let exponent: i64 = text
            .split_once('e')
            .and_then(|(_, e)| e.parse().ok())
            .unwrap_or(0);
        let trim = |text: &str| match self.flag {
            Some('#') => self.pointed(text.to_string()),
            _ if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_string(),
            _ => text.to_string(),
        };
        if exponent < -4 || exponent >= digits as i64 {
            let text = self.scientific(v, digits - 1);
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
            return format!("{}e{exponent}", trim(mantissa));
        }
        let decimals = (digits as i64 - 1 - exponent).max(0) as usize;
        trim(&format!("{v:.decimals$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_printf_does() {
        for (flag, width, precision, form, v, text) in [
            (
                None,
                0,
                6,
                Form::Fixed,
                1e20f64,
                "100000000000000000000.000000",
            ),
            (None, 0, 0, Form::Fixed, 2.5, "2"),
            (Some('#'), 0, 0, Form::Fixed, 2.5, "2."),
            (Some('+'), 0, 2, Form::Fixed, 0.126, "+0.13"),
            (Some(' '), 12, 3, Form::Scientific, 1.5, "   1.500e+00"),
            (Some('0'), 9, 2, Form::Fixed, -1.5, "-00001.50"),
            (Some('0'), 8, 2, Form::Fixed, f64::NEG_INFINITY, "    -inf"),
            (Some('-'), 8, 1, Form::Fixed, -1.5, "-1.5    "),
            (None, 0, 6, Form::Shortest, 1e-7, "1e-07"),
            (None, 0, 6, Form::Shortest, 123_456_789.0, "1.23457e+08"),
            (None, 0, 6, Form::Shortest, 0.0, "0"),
            (Some('#'), 0, 6, Form::Shortest, 1.5, "1.50000"),
            (None, 0, 0, Form::Shortest, 0.00012, "0.0001"),
            (None, 0, 3, Form::Scientific, 1e-300, "1.000e-300"),
        ] {
            let spec = Spec {
                flag,
                width,
                precision,
                form,
            };
            assert_eq!(spec.float(v), text);
        }
    }
}
