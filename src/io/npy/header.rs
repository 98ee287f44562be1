//! The header of a `.npy` file: a Python dict that tells element type, element order and shape.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy leaves room for this many digits, so that an array can grow in place.
const GROWTH_DIGITS: usize = 21;

/// What the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number(DType),
    /// Strings of bytes, padded with NUL.
    Bytes,
    /// Strings of four-byte characters, padded with NUL.
    Text,
}

/// A header that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of one element.
    pub(super) item_size: usize,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Shape,
}

impl Header {
    /// The header and what follows it.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Header, &[u8])> {
        let bad = |what: &str| Error::invalid_argument(format!("not a NumPy array: {what}"));
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("no magic"))?;
        let short = || bad("the header is cut off");
        let ([major, _minor], rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (len, rest) = match major {
            1 => {
                let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
                (usize::from(u16::from_le_bytes(*len)), rest)
            }
            2 | 3 => {
                let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
                (u32::from_le_bytes(*len) as usize, rest)
            }
            n => return Err(bad(&format!("version {n} is not known"))),
        };
        let (text, data) = rest.split_at_checked(len).ok_or_else(short)?;
        let text = std::str::from_utf8(text).map_err(|_| bad("the header is not text"))?;
        let dict =
            Dict::parse(text).ok_or_else(|| bad("the header is not the dict that it should be"))?;
        let (kind, item_size, big_endian) = element(&dict.descr)?;
        let header = Header {
            kind,
            item_size,
            big_endian,
            fortran_order: dict.fortran_order,
            shape: Shape::new(&dict.shape)?,
        };
        Ok((header, data))
    }
}

/// Kind, size and byte order of elements.
fn element(descr: &str) -> Result<(Kind, usize, bool)> {
    let refuse = || {
        Error::invalid_argument(format!(
            "arrays of NumPy type '{descr}' are not read (objects and records never are)"
        ))
    };
    let mut chars = descr.chars();
    let (order, kind) = match chars.next() {
        Some(c @ ('<' | '>' | '|' | '=')) => (c, chars.next()),
        c => ('=', c),
    };
    let size = chars.as_str();
    let big_endian = match order {
        '>' => true,
        '=' => cfg!(target_endian = "big"),
        _ => false,
    };
    let dtype = match (kind, size) {
        (Some('b'), "1") => DType::Bool,
        (Some('i'), "1") => DType::I8,
        (Some('i'), "2") => DType::I16,
        (Some('i'), "4") => DType::I32,
        (Some('i'), "8") => DType::I64,
        (Some('u'), "1") => DType::U8,
        (Some('u'), "2") => DType::U16,
        (Some('u'), "4") => DType::U32,
        (Some('u'), "8") => DType::U64,
        (Some('f'), "2") => DType::F16,
        (Some('f'), "4") => DType::F32,
        (Some('f'), "8") => DType::F64,
        (Some('c'), "8") => DType::C64,
        (Some('c'), "16") => DType::C128,
        (Some('S' | 'a'), n) => {
            let n = n.parse().map_err(|_| refuse())?;
            return Ok((Kind::Bytes, n, false));
        }
        (Some('U'), n) => {
            let n = n.parse().ok().and_then(|n: usize| n.checked_mul(4));
            return Ok((Kind::Text, n.ok_or_else(refuse)?, big_endian));
        }
        _ => return Err(refuse()),
    };
    Ok((Kind::Number(dtype), dtype.size(), big_endian))
}

/// NumPy's name of a type that is written as it is (bfloat16: that of float32).
pub(super) fn descr(dtype: DType) -> Option<&'static str> {
    use DType::*;
    Some(match dtype {
        Bool => "|b1",
        I8 | QI8 => "|i1",
        I16 | QI16 => "<i2",
        I32 | QI32 => "<i4",
        I64 => "<i8",
        U8 | QU8 => "|u1",
        U16 | QU16 => "<u2",
        U32 => "<u4",
        U64 => "<u8",
        F16 => "<f2",
        F32 | BF16 => "<f4",
        F64 => "<f8",
        C64 => "<c8",
        C128 => "<c16",
        String | Resource | Variant => return None,
    })
}

/// The header of an array in row-major order, as NumPy writes it.
pub(super) fn encode(descr: &str, shape: &Shape) -> Vec<u8> {
    let dims: Vec<String> = shape.dims().iter().map(|d| d.to_string()).collect();
    let tuple = match &dims[..] {
        [one] => format!("({one},)"),
        dims => format!("({})", dims.join(", ")),
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple}, }}");
    if let Some(first) = dims.first() {
        text.push_str(&" ".repeat(GROWTH_DIGITS.saturating_sub(first.len())));
    }
    // Magic, version, length and text together fill multiples of 64 bytes; 254 dimensions stay far below 64 KiB.
    let unpadded = MAGIC.len() + 4 + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

/// The header's dict.
struct Dict {
    descr: String,
    fortran_order: bool,
    shape: Vec<i64>,
}

impl Dict {
    /// Reads exactly the three keys, in any order.
    fn parse(text: &str) -> Option<Dict> {
        let mut p = Literal(text.trim_matches([' ', '\n', '\t', '\r', '\0']));
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        p.eat("{")?;
        while p.eat("}").is_none() {
            let key = p.string()?;
            p.eat(":")?;
            let fresh = match key {
                "descr" => descr.replace(p.string()?).is_none(),
                "fortran_order" => fortran_order.replace(p.boolean()?).is_none(),
                "shape" => shape.replace(p.tuple()?).is_none(),
                _ => false,
            };
            let ends = p.eat(",").is_none() && !p.0.trim_start().starts_with('}');
            if !fresh || ends {
                return None;
            }
        }
        p.0.trim().is_empty().then_some(())?;
        Some(Dict {
            descr: descr?.to_string(),
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn eat(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (string, rest) = text.get(1..)?.split_once(quote)?;
        self.0 = rest;
        (!string.contains('\\')).then_some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.eat("True") {
            Some(()) => Some(true),
            None => self.eat("False").map(|()| false),
        }
    }

    fn tuple(&mut self) -> Option<Vec<i64>> {
        let mut items = Vec::new();
        self.eat("(")?;
        loop {
            if self.eat(")").is_some() {
                return Some(items);
            }
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit())?;
            items.push(text.get(..end)?.parse().ok()?);
            self.0 = text.get(end..)?;
            // Python 2 wrote long numbers so.
            let _ = self.eat("L");
            if self.eat(",").is_none() {
                // A number in parentheses is no tuple.
                self.eat(")")?;
                return (items.len() > 1).then_some(items);
            }
        }
    }
}
