//! Tensors as NumPy prints them: aligned columns, brackets, large ones abridged.

use crate::dtype::{DType, Element};
use crate::tensor::Tensor;
use half::{bf16, f16};
use num_complex::Complex;

/// More elements than this are abridged to the ends of each axis.
const THRESHOLD: usize = 1000;
/// How many elements stand at each end then.
const EDGE: usize = 3;
/// The longest line.
const WIDTH: usize = 75;
/// The most digits of a fraction.
const PRECISION: usize = 8;

/// A tensor as `print` in Python shows the array that a session returns.
pub(super) fn tensor_text(t: &Tensor) -> String {
    if t.elements() == 0 {
        return "[]".into();
    }
    let dims = t.shape().dims();
    let layout = Layout {
        dims,
        abridged: t.elements() > THRESHOLD,
    };
    let mut shown = Vec::new();
    layout.offsets(0, 0, &mut shown);
    let words = words(t, &shown);
    if dims.is_empty() {
        return words.into_iter().next().unwrap_or_default();
    }
    layout.text(0, &mut words.iter().map(String::as_str), " ", WIDTH)
}

/// Which elements are shown, and how they are laid out.
struct Layout<'a> {
    dims: &'a [usize],
    abridged: bool,
}

impl Layout<'_> {
    /// The number of elements at the front, whether some are left out, and at the back.
    fn ends(&self, axis: usize) -> (usize, bool, usize) {
        match self.dims[axis] {
            n if self.abridged && n > 2 * EDGE => (EDGE, true, EDGE),
            n => (0, false, n),
        }
    }

    /// The elements shown, in the order in which they are.
    fn offsets(&self, axis: usize, at: usize, out: &mut Vec<usize>) {
        if axis == self.dims.len() {
            return out.push(at);
        }
        let n = self.dims[axis];
        let (front, _, back) = self.ends(axis);
        for i in (0..front).chain(n - back..n) {
            self.offsets(axis + 1, at * n + i, out);
        }
    }

    /// One axis with those inside of it; takes the next words.
    fn text(
        &self,
        axis: usize,
        words: &mut dyn Iterator<Item = &str>,
        indent: &str,
        width: usize,
    ) -> String {
        let (front, gap, back) = self.ends(axis);
        let inner = self.dims.len() - axis - 1;
        let mut text = String::new();
        if inner == 0 {
            let mut line = indent.to_string();
            let mut put = |word: &str, last: bool, text: &mut String| {
                let long = line.chars().count() + word.chars().count() > width - 1;
                if long && line.len() > indent.len() {
                    text.push_str(line.trim_end());
                    text.push('\n');
                    line = indent.to_string();
                }
                line.push_str(word);
                if last {
                    text.push_str(&line);
                } else {
                    line.push(' ');
                }
            };
            for _ in 0..front {
                put(words.next().unwrap_or_default(), false, &mut text);
            }
            if gap {
                put("...", false, &mut text);
            }
            for i in 0..back {
                put(words.next().unwrap_or_default(), i + 1 == back, &mut text);
            }
        } else {
            let deeper = format!("{indent} ");
            let lines = "\n".repeat(inner);
            for i in 0..front + back {
                if i > 0 {
                    text.push_str(&lines);
                }
                if gap && i == front {
                    text.push_str(indent);
                    text.push_str("...");
                    text.push_str(&lines);
                }
                text.push_str(indent);
                text.push_str(&self.text(axis + 1, words, &deeper, width.saturating_sub(1).max(2)));
            }
        }
        format!("[{}]", &text[indent.len()..])
    }
}

/// The elements at these offsets as text, all equally wide.
fn words(t: &Tensor, shown: &[usize]) -> Vec<String> {
    fn pick<T: Element>(t: &Tensor, shown: &[usize]) -> Vec<T> {
        let data = t.data::<T>().unwrap_or_default();
        shown.iter().filter_map(|i| data.get(*i).copied()).collect()
    }
    let scalar = t.shape().is_scalar();
    let narrow: fn(f64) -> f64 = match t.dtype() {
        DType::F16 => |v| f16::from_f64(v).to_f64(),
        DType::BF16 => |v| bf16::from_f64(v).to_f64(),
        DType::F32 | DType::C64 => |v| f64::from(v as f32),
        _ => |v| v,
    };
    let floats = |numbers: Vec<Number>| match scalar {
        true => numbers.iter().map(|n| n.alone()).collect(),
        false => columns(&numbers, false, narrow),
    };
    let complex = |re: Vec<Number>, im: Vec<Number>| -> Vec<String> {
        if scalar {
            let pairs = re.iter().zip(&im);
            return pairs
                .map(|(r, i)| {
                    let plain = |s: String| s.strip_suffix(".0").map(str::to_string).unwrap_or(s);
                    let sign = if i.value.is_sign_negative() { "" } else { "+" };
                    match r.value == 0.0 && !r.value.is_sign_negative() {
                        true => format!("{}j", plain(i.alone())),
                        false => format!("({}{sign}{}j)", plain(r.alone()), plain(i.alone())),
                    }
                })
                .collect();
        }
        let pairs = columns(&re, false, narrow)
            .into_iter()
            .zip(columns(&im, true, narrow));
        pairs
            .map(|(r, i)| {
                let end = i.trim_end().len();
                format!("{r}{}j{}", &i[..end], &i[end..])
            })
            .collect()
    };
    let ints = |texts: Vec<String>| right(texts);
    match t.dtype() {
        DType::F32 => floats(pick(t, shown).into_iter().map(Number::single).collect()),
        DType::F64 => floats(pick(t, shown).into_iter().map(Number::double).collect()),
        DType::F16 => floats(pick(t, shown).into_iter().map(Number::half).collect()),
        DType::BF16 => floats(pick(t, shown).into_iter().map(Number::brain).collect()),
        DType::C64 => {
            let all = pick::<Complex<f32>>(t, shown);
            complex(
                all.iter().map(|c| Number::single(c.re)).collect(),
                all.iter().map(|c| Number::single(c.im)).collect(),
            )
        }
        DType::C128 => {
            let all = pick::<Complex<f64>>(t, shown);
            complex(
                all.iter().map(|c| Number::double(c.re)).collect(),
                all.iter().map(|c| Number::double(c.im)).collect(),
            )
        }
        DType::Bool => pick::<bool>(t, shown)
            .into_iter()
            .map(|b| match (b, scalar) {
                (true, true) => "True".into(),
                (true, false) => " True".into(),
                (false, _) => "False".into(),
            })
            .collect(),
        DType::String => {
            let all = t.strings().unwrap_or_default();
            shown
                .iter()
                .filter_map(|i| all.get(*i))
                .map(|s| bytes_text(s))
                .collect()
        }
        _ => ints(shown.iter().map(|i| t.element_text(*i)).collect()),
    }
}

fn right(texts: Vec<String>) -> Vec<String> {
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    texts.iter().map(|s| format!("{s:>width$}")).collect()
}

/// Bytes as Python writes them.
pub(super) fn bytes_text(bytes: &[u8]) -> String {
    let quote = match bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        true => '"',
        false => '\'',
    };
    let mut out = format!("b{quote}");
    for &b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b if char::from(b) == quote => out.extend(['\\', quote]),
            0x20..=0x7e => out.push(char::from(b)),
            b => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push(quote);
    out
}

/// A float with the fewest digits that read back as it: `0.ddd` times ten to the `exponent + 1`.
struct Number {
    value: f64,
    digits: String,
    exponent: i32,
}

impl Number {
    fn of(value: f64, shortest: &str) -> Number {
        let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
        Number {
            value,
            digits: mantissa.chars().filter(char::is_ascii_digit).collect(),
            exponent: exponent.parse().unwrap_or(0),
        }
    }
    fn double(v: f64) -> Number {
        Number::of(v, &format!("{v:e}"))
    }
    fn single(v: f32) -> Number {
        Number::of(v.into(), &format!("{v:e}"))
    }
    fn half(v: f16) -> Number {
        Number::search(v.to_f64(), |x| f16::from_f64(x).to_bits() == v.to_bits())
    }
    fn brain(v: bf16) -> Number {
        Number::search(v.to_f64(), |x| bf16::from_f64(x).to_bits() == v.to_bits())
    }
    fn search(v: f64, same: impl Fn(f64) -> bool) -> Number {
        let found = (0..8)
            .map(|p| format!("{v:.p$e}"))
            .find(|s| s.parse().is_ok_and(&same));
        Number::of(v, &found.unwrap_or_else(|| format!("{v:e}")))
    }

    fn sign(&self, always: bool) -> &'static str {
        match (self.value.is_sign_negative(), always) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        }
    }

    /// What is not finite.
    fn special(&self, always: bool) -> Option<String> {
        match self.value {
            v if v.is_nan() => Some(if always { "+nan" } else { "nan" }.into()),
            v if v.is_infinite() => Some(format!("{}inf", self.sign(always))),
            _ => None,
        }
    }

    /// Sign and whole part, and the fraction without zeros at its end.
    fn positional(&self, always: bool) -> (String, String) {
        let count = self.digits.len() as i32;
        let rounded;
        let text = if count - 1 - self.exponent > PRECISION as i32 {
            rounded = format!("{:.PRECISION$}", self.value.abs());
            rounded
        } else if self.exponent < 0 {
            format!(
                "0.{}{}",
                "0".repeat((-self.exponent - 1) as usize),
                self.digits
            )
        } else if count <= self.exponent + 1 {
            format!(
                "{}{}.",
                self.digits,
                "0".repeat((self.exponent + 1 - count) as usize)
            )
        } else {
            let (whole, fraction) = self.digits.split_at(self.exponent as usize + 1);
            format!("{whole}.{fraction}")
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        (
            format!("{}{whole}", self.sign(always)),
            fraction.trim_end_matches('0').to_string(),
        )
    }

    /// The count of digits of the fraction when it is written with an exponent.
    fn fraction_digits(&self) -> usize {
        let rounded;
        let digits = match self.digits.len() > PRECISION + 1 {
            true => {
                rounded = Number::of(self.value, &format!("{:.PRECISION$e}", self.value)).digits;
                &rounded
            }
            false => &self.digits,
        };
        digits.trim_end_matches('0').len().saturating_sub(1)
    }

    /// Sign and first digit, that many digits of the fraction, and the exponent.
    fn scientific(&self, always: bool, fraction: usize) -> (String, String, i32) {
        let n = Number::of(self.value, &format!("{:.fraction$e}", self.value));
        let (first, rest) = n.digits.split_at(1.min(n.digits.len()));
        (
            format!("{}{first}", self.sign(always)),
            rest.to_string(),
            n.exponent,
        )
    }

    /// The number by itself.
    fn alone(&self) -> String {
        if let Some(s) = self.special(false) {
            return s;
        }
        let v = self.value.abs();
        if v == 0.0 || (1e-4..1e16).contains(&v) {
            let full = match self.exponent {
                e if e < 0 => format!("0.{}{}", "0".repeat((-e - 1) as usize), self.digits),
                e if self.digits.len() as i32 <= e + 1 => {
                    let zeros = (e + 1) as usize - self.digits.len();
                    format!("{}{}.0", self.digits, "0".repeat(zeros))
                }
                e => {
                    let (whole, fraction) = self.digits.split_at(e as usize + 1);
                    format!("{whole}.{fraction}")
                }
            };
            return format!("{}{full}", self.sign(false));
        }
        let (first, rest) = self.digits.split_at(1.min(self.digits.len()));
        let point = if rest.is_empty() { "" } else { "." };
        format!(
            "{}{first}{point}{rest}e{}",
            self.sign(false),
            exponent(self.exponent, 2)
        )
    }
}

fn exponent(e: i32, digits: usize) -> String {
    let sign = if e < 0 { '-' } else { '+' };
    format!("{sign}{:0digits$}", e.unsigned_abs())
}

/// Floats of an array, aligned at the point.
///
/// `narrow` rounds to their type, in which NumPy compares them.
fn columns(numbers: &[Number], plus: bool, narrow: fn(f64) -> f64) -> Vec<String> {
    let finite: Vec<&Number> = numbers.iter().filter(|n| n.value.is_finite()).collect();
    let sizes = finite.iter().map(|n| n.value.abs()).filter(|v| *v != 0.0);
    let (least, most) = sizes.fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(v), b.max(v)));
    let exponential =
        most > 0.0 && (most >= 1e8 || least < narrow(1e-4) || narrow(most / least) > 1000.0);
    let mut left = 0;
    let mut after = 0;
    let mut texts: Vec<Option<(String, String)>> = Vec::new();
    if exponential {
        let fraction = finite
            .iter()
            .map(|n| n.fraction_digits())
            .max()
            .unwrap_or(0);
        let parts: Vec<_> = finite
            .iter()
            .map(|n| n.scientific(plus, fraction))
            .collect();
        let size = parts
            .iter()
            .map(|p| exponent(p.2, 2).len() - 1)
            .max()
            .unwrap_or(2);
        let mut parts = parts.into_iter();
        for n in numbers {
            let part = if n.value.is_finite() {
                parts.next()
            } else {
                None
            };
            texts.push(part.map(|(whole, f, e)| (whole, format!("{f}e{}", exponent(e, size)))));
        }
        after = fraction + 2 + size;
        left = texts
            .iter()
            .flatten()
            .map(|p| p.0.len())
            .max()
            .unwrap_or(left);
    } else {
        for n in numbers {
            texts.push(n.value.is_finite().then(|| n.positional(plus)));
        }
        left = texts
            .iter()
            .flatten()
            .map(|p| p.0.len())
            .max()
            .unwrap_or(left);
        after = texts
            .iter()
            .flatten()
            .map(|p| p.1.len())
            .max()
            .unwrap_or(after);
    }
    if finite.len() < numbers.len() {
        let signed = plus || numbers.iter().any(|n| n.value == f64::NEG_INFINITY);
        let longest = 3 + usize::from(signed);
        left = left.max(longest.saturating_sub(after + 1));
    }
    let each = numbers.iter().zip(texts);
    each.map(|(n, text)| match text {
        Some((whole, fraction)) => format!("{whole:>left$}.{fraction:<after$}"),
        None => {
            let width = left + after + 1;
            format!("{:>width$}", n.special(plus).unwrap_or_default())
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(dims: &[usize], v: &[f32]) -> String {
        tensor_text(&Tensor::from_vec(dims, v.to_vec()).unwrap())
    }

    #[test]
    fn floats_stand_in_columns() {
        assert_eq!(single(&[3], &[1.0, 2.5, -10.25]), "[  1.     2.5  -10.25]");
        assert_eq!(
            single(&[2, 2], &[0.1, 1e5, 0.0, -3.0]),
            "[[ 1.e-01  1.e+05]\n [ 0.e+00 -3.e+00]]"
        );
        assert_eq!(
            single(&[4], &[f32::NAN, 1.0, f32::INFINITY, f32::NEG_INFINITY]),
            "[ nan   1.  inf -inf]"
        );
        assert_eq!(single(&[1], &[1.0 / 3.0]), "[0.33333334]");
        assert_eq!(single(&[], &[4.68]), "4.68");
        assert_eq!(single(&[], &[1e-5]), "1e-05");
        assert_eq!(single(&[], &[3.0]), "3.0");
        assert_eq!(single(&[0, 3], &[]), "[]");
        let h = [f16::from_f32(0.1), f16::from_f32(65504.0)];
        assert_eq!(
            tensor_text(&Tensor::from_vec(&[2], h.to_vec()).unwrap()),
            "[1.00e-01 6.55e+04]"
        );
    }

    #[test]
    fn arrays_print_as_numpy_prints_them() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli");
        let text = std::fs::read_to_string(folder.join("arrays.json")).unwrap();
        let texts: std::collections::BTreeMap<String, String> =
            serde_json::from_str(&text).unwrap();
        let arrays = crate::io::read_npz(folder.join("arrays.npz")).unwrap();
        assert_eq!(arrays.len(), texts.len());
        let mut wrong = Vec::new();
        for (name, array) in &arrays {
            let got = tensor_text(array);
            if got != texts[name] {
                wrong.push(format!(
                    "{name} {:?}:\n{got}\nbut\n{}",
                    array.dtype(),
                    texts[name]
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} wrong\n{}",
            wrong.len(),
            wrong[..wrong.len().min(10)].join("\n")
        );
    }

    #[test]
    fn large_ones_are_abridged() {
        let t = Tensor::from_vec(&[40, 50], (0..2000).collect::<Vec<i32>>()).unwrap();
        assert_eq!(
            tensor_text(&t),
            "[[   0    1    2 ...   47   48   49]\n [  50   51   52 ...   97   98   99]\n [ 100  101  102 ...  147  148  149]\n ...\n [1850 1851 1852 ... 1897 1898 1899]\n [1900 1901 1902 ... 1947 1948 1949]\n [1950 1951 1952 ... 1997 1998 1999]]"
        );
        let t = Tensor::from_vec(&[30], (0..30).collect::<Vec<i64>>()).unwrap();
        assert_eq!(
            tensor_text(&t),
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]"
        );
    }

    #[test]
    fn other_types_print_as_python_does() {
        assert_eq!(tensor_text(&Tensor::from([true, false])), "[ True False]");
        assert_eq!(tensor_text(&Tensor::from(true)), "True");
        assert_eq!(
            tensor_text(&Tensor::string(b"it's\n\xff")),
            "b\"it's\\n\\xff\""
        );
        let c = [Complex::new(1.0f32, -2.5), Complex::new(0.0, 3.0)];
        assert_eq!(
            tensor_text(&Tensor::from_vec(&[2], c.to_vec()).unwrap()),
            "[1.-2.5j 0.+3.j ]"
        );
        assert_eq!(
            tensor_text(&Tensor::scalar(Complex::new(1.0f64, 0.5)).unwrap()),
            "(1+0.5j)"
        );
    }
}
