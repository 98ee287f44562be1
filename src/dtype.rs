//! Element types: TensorFlow's `DataType`, the Rust types behind it, and the type sets of op signatures.

use crate::error::{Error, Result};
use half::{bf16, f16};
use num_complex::Complex;
use std::fmt;

/// An element type; the numbers are those of the wire format (`DT_FLOAT` = 1 and so on).
///
/// Quantized types exist so that signatures and files can name them; no kernel computes on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum DType {
    F32 = 1,
    F64 = 2,
    I32 = 3,
    U8 = 4,
    I16 = 5,
    I8 = 6,
    String = 7,
    C64 = 8,
    I64 = 9,
    Bool = 10,
    QI8 = 11,
    QU8 = 12,
    QI32 = 13,
    BF16 = 14,
    QI16 = 15,
    QU16 = 16,
    U16 = 17,
    C128 = 18,
    F16 = 19,
    Resource = 20,
    Variant = 21,
    U32 = 22,
    U64 = 23,
}

/// The number by which a reference type differs from its base type on the wire.
pub const REF_OFFSET: i32 = 100;

/// name as in op signatures and messages, enum name on the wire, size in bytes (0: not plain data).
const TABLE: &[(DType, &str, &str, usize)] = &[
    (DType::F32, "float", "DT_FLOAT", 4),
    (DType::F64, "double", "DT_DOUBLE", 8),
    (DType::I32, "int32", "DT_INT32", 4),
    (DType::U8, "uint8", "DT_UINT8", 1),
    (DType::I16, "int16", "DT_INT16", 2),
    (DType::I8, "int8", "DT_INT8", 1),
    (DType::String, "string", "DT_STRING", 0),
    (DType::C64, "complex64", "DT_COMPLEX64", 8),
    (DType::I64, "int64", "DT_INT64", 8),
    (DType::Bool, "bool", "DT_BOOL", 1),
    (DType::QI8, "qint8", "DT_QINT8", 1),
    (DType::QU8, "quint8", "DT_QUINT8", 1),
    (DType::QI32, "qint32", "DT_QINT32", 4),
    (DType::BF16, "bfloat16", "DT_BFLOAT16", 2),
    (DType::QI16, "qint16", "DT_QINT16", 2),
    (DType::QU16, "quint16", "DT_QUINT16", 2),
    (DType::U16, "uint16", "DT_UINT16", 2),
    (DType::C128, "complex128", "DT_COMPLEX128", 16),
    (DType::F16, "half", "DT_HALF", 2),
    (DType::Resource, "resource", "DT_RESOURCE", 0),
    (DType::Variant, "variant", "DT_VARIANT", 0),
    (DType::U32, "uint32", "DT_UINT32", 4),
    (DType::U64, "uint64", "DT_UINT64", 8),
];

impl DType {
    fn row(self) -> &'static (DType, &'static str, &'static str, usize) {
        // Every variant has a row (the test below walks the wire numbers); the first is only for the type checker.
        TABLE.iter().find(|r| r.0 == self).unwrap_or(&TABLE[0])
    }

    /// All types.
    pub fn all() -> impl Iterator<Item = DType> {
        TABLE.iter().map(|r| r.0)
    }
    /// TensorFlow's name in messages and op signatures: `float`, `int32`, `half` …
    pub fn name(self) -> &'static str {
        self.row().1
    }
    /// The enum name of the text format: `DT_FLOAT` …
    pub fn wire_name(self) -> &'static str {
        self.row().2
    }
    /// The type of that name (`float`, also `float32`, `float64`, `float16` as Python writes them).
    pub fn from_name(name: &str) -> Option<DType> {
        let name = match name {
            "float32" => "float",
            "float64" => "double",
            "float16" => "half",
            n => n,
        };
        TABLE.iter().find(|r| r.1 == name).map(|r| r.0)
    }
    /// The type of that enum name (`DT_FLOAT`).
    pub fn from_wire_name(name: &str) -> Option<DType> {
        TABLE.iter().find(|r| r.2 == name).map(|r| r.0)
    }
    /// The base type of that wire number.
    pub fn from_number(number: i32) -> Option<DType> {
        TABLE.iter().find(|r| r.0 as i32 == number).map(|r| r.0)
    }
    /// Bytes of one element; 0 where elements are not plain data (string, resource, variant).
    pub fn size(self) -> usize {
        self.row().3
    }
    /// Whether elements are plain bytes.
    pub fn is_pod(self) -> bool {
        self.size() > 0
    }
    /// half, bfloat16, float, double.
    pub fn is_floating(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }
    /// complex64, complex128.
    pub fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }
    /// Signed and unsigned integers, not bool.
    pub fn is_integer(self) -> bool {
        use DType::*;
        matches!(self, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
    }
    /// Types through which gradients flow: floating, complex, resource, variant.
    pub fn is_trainable(self) -> bool {
        self.is_floating() || self.is_complex() || matches!(self, DType::Resource | DType::Variant)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Type sets as op signatures use them.
pub mod sets {
    use super::DType::{self, *};
    /// half, bfloat16, float, double
    pub const FLOATS: &[DType] = &[F16, BF16, F32, F64];
    /// Signed and unsigned integers.
    pub const INTS: &[DType] = &[I8, I16, I32, I64, U8, U16, U32, U64];
    /// int32, int64
    pub const INDEX: &[DType] = &[I32, I64];
    /// Floats and integers (`{realnumber}`).
    pub const REALS: &[DType] = &[F32, F64, I32, U8, I16, I8, I64, BF16, U16, F16, U32, U64];
    /// Floats, integers and complex numbers (`{number}` without the quantized types).
    pub const NUMBERS: &[DType] = &[
        F32, F64, I32, U8, I16, I8, C64, I64, BF16, U16, C128, F16, U32, U64,
    ];
    /// All plain-data types that kernels compute on.
    pub const PODS: &[DType] = &[
        F32, F64, I32, U8, I16, I8, C64, I64, Bool, BF16, U16, C128, F16, U32, U64,
    ];
    /// Plain data and strings.
    pub const PODS_AND_STRING: &[DType] = &[
        F32, F64, I32, U8, I16, I8, String, C64, I64, Bool, BF16, U16, C128, F16, U32, U64,
    ];
}

/// A Rust type that is the element of a plain-data tensor.
///
/// # Safety
/// `DTYPE.size()` must equal `size_of::<Self>()`, all-zero bytes must be a valid value, and the type must
/// have no padding and an alignment of at most 64.
pub unsafe trait Element:
    Copy + Default + PartialEq + fmt::Debug + Send + Sync + 'static
{
    /// The element type on the wire.
    const DTYPE: DType;
}

macro_rules! element {
    ($($t:ty => $d:ident),* $(,)?) => { $(
        // SAFETY: plain numbers (and bool, whose zero is false) of the size that the table above gives.
        unsafe impl Element for $t { const DTYPE: DType = DType::$d; }
    )* };
}
element! {
    f32 => F32, f64 => F64, i32 => I32, u8 => U8, i16 => I16, i8 => I8, i64 => I64, bool => Bool,
    u16 => U16, u32 => U32, u64 => U64, f16 => F16, bf16 => BF16,
}

/// A Rust type of which complex elements are made.
pub trait ComplexPart: Element {
    /// The element type of the complex numbers on the wire.
    const COMPLEX: DType;
}
impl ComplexPart for f32 {
    const COMPLEX: DType = DType::C64;
}
impl ComplexPart for f64 {
    const COMPLEX: DType = DType::C128;
}

// SAFETY: two plain numbers one after the other, of the sizes that the table above gives.
unsafe impl<P: ComplexPart> Element for Complex<P> {
    const DTYPE: DType = P::COMPLEX;
}

/// The error of a typed access with the wrong type.
pub(crate) fn type_mismatch(expected: DType, got: DType) -> Error {
    Error::invalid_argument(format!(
        "expected a tensor of type {expected} but got {got}"
    ))
}

/// Checks an element type.
pub fn expect_dtype(expected: DType, got: DType) -> Result<()> {
    if expected == got {
        Ok(())
    } else {
        Err(type_mismatch(expected, got))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_number_has_a_row_and_sizes_agree() {
        for number in 1..=23 {
            let d = DType::from_number(number).unwrap();
            assert_eq!(d as i32, number);
            assert_eq!(DType::from_name(d.name()), Some(d));
            assert_eq!(DType::from_wire_name(d.wire_name()), Some(d));
        }
        assert_eq!(<f32 as Element>::DTYPE.size(), 4);
        assert_eq!(<Complex<f64> as Element>::DTYPE.size(), 16);
        assert_eq!(<f16 as Element>::DTYPE.size(), 2);
    }
}
