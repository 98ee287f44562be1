//! Kernels in CUDA C++ as they are kept in the crate: files, and the element types that they are compiled for.

use crate::dtype::DType;
use crate::error::{Error, Result};

/// What every source begins with: types, conversions of half and bfloat16, loops over a grid.
pub const PRELUDE: &str = include_str!("prelude.cuh");

/// A part of a [`Source`].
#[derive(Clone, Copy, Debug)]
pub struct SourceFile {
    /// Where it stands in the crate, for messages.
    pub path: &'static str,
    /// CUDA C++.
    pub text: &'static str,
}

/// The file of that path within the crate.
macro_rules! source_file {
    ($path:literal) => {
        $crate::device::cuda::SourceFile {
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)),
        }
    };
}
pub(crate) use source_file;

/// Kernels in CUDA C++. For each element type they are compiled by themselves, when a device first needs them.
#[derive(Debug)]
pub struct Source {
    /// What it is called in messages.
    pub name: &'static str,
    /// What it is made of, one behind the other, without the [`PRELUDE`].
    pub files: &'static [SourceFile],
    /// The element types that it can be compiled for.
    pub types: &'static [DType],
}

/// An element type in CUDA C++.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    /// The type's name there, with which names of entry points end.
    pub(crate) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
    Complex,
}

impl Element {
    /// `None` for a type that is not plain data.
    pub(crate) fn of(dtype: DType) -> Option<Element> {
        use Kind::{Bool, Complex, Float, Signed, Unsigned};
        let (name, kind) = match dtype {
            DType::F16 => ("f16", Float),
            DType::BF16 => ("bf16", Float),
            DType::F32 => ("f32", Float),
            DType::F64 => ("f64", Float),
            DType::I8 => ("i8", Signed),
            DType::I16 => ("i16", Signed),
            DType::I32 => ("i32", Signed),
            DType::I64 => ("i64", Signed),
            DType::U8 => ("u8", Unsigned),
            DType::U16 => ("u16", Unsigned),
            DType::U32 => ("u32", Unsigned),
            DType::U64 => ("u64", Unsigned),
            DType::Bool => ("bool", Bool),
            DType::C64 => ("c64", Complex),
            DType::C128 => ("c128", Complex),
            _ => return None,
        };
        Some(Element { name, kind })
    }
    /// What the prelude promises of the text behind it.
    fn definitions(self) -> String {
        let Element { name, kind } = self;
        let integer = matches!(kind, Kind::Signed | Kind::Unsigned);
        let kinds = [
            ("FLOAT", kind == Kind::Float),
            ("INTEGER", integer),
            ("SIGNED", kind == Kind::Signed),
            ("BOOL", kind == Kind::Bool),
            ("COMPLEX", kind == Kind::Complex),
        ];
        let mut text =
            format!("typedef {name} E;\ntypedef Wide<E>::type W;\n#define ELEMENT {name}\n");
        for (kind, is) in kinds {
            text.push_str(&format!("#define IS_{kind} {}\n", u8::from(is)));
        }
        text
    }
}

impl Source {
    /// The element type, if the source is compiled for it.
    ///
    /// # Errors
    /// `Internal` for others.
    pub(crate) fn element(&self, dtype: DType) -> Result<Element> {
        let known = Element::of(dtype).filter(|_| self.types.contains(&dtype));
        known
            .ok_or_else(|| Error::internal(format!("{} has no GPU kernels for {dtype}", self.name)))
    }
    /// The whole text for an element type, as a compiler gets it.
    ///
    /// # Errors
    /// `Internal` for a type that the source is not compiled for.
    pub fn text(&self, dtype: DType) -> Result<String> {
        let element = self.element(dtype)?.definitions();
        let mut text = format!("#line 1 \"prelude.cuh\"\n{PRELUDE}{element}");
        for file in self.files {
            text.push_str(&format!("\n#line 1 \"{}\"\n{}", file.path, file.text));
        }
        Ok(text)
    }
}
