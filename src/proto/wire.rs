//! The wire format: reading fields one by one, and writing them.

use super::MAX_DEPTH;
use crate::error::{Error, Result};

/// The undecoded value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire types 3 and 4: an obsolete group, which no message of the schema has.
    Group,
    /// Wire type 5.
    Fixed32(u32),
}

/// A field as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub struct RawField<'a> {
    /// The field's number.
    pub number: u32,
    /// The value.
    pub value: Raw<'a>,
    /// All bytes of the field, tag included.
    pub whole: &'a [u8],
}

/// Reads the fields of one message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of a message.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next field, or `None` at the end.
    ///
    /// # Errors
    /// `InvalidArgument` for a truncated or overlong value, a bad tag, or an unfinished group.
    pub fn next_field(&mut self) -> Result<Option<RawField<'a>>> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Raw::Bytes(self.delimited()?),
            3 => {
                self.skip_group(number)?;
                Raw::Group
            }
            5 => Raw::Fixed32(u32::from_le_bytes(self.array()?)),
            4 => return Err(self.bad("the end of a group that did not start")),
            _ => return Err(self.bad("an unknown wire type")),
        };
        Ok(Some(RawField {
            number,
            value,
            whole: &self.bytes[start..self.at],
        }))
    }

    /// One varint of at most 10 bytes.
    ///
    /// # Errors
    /// `InvalidArgument` when it is cut off or too long.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for i in 0..10 {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.cut())?;
            self.at += 1;
            if i == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.bad("a varint of more than 64 bits"))
    }

    /// A length and that many bytes.
    ///
    /// # Errors
    /// `InvalidArgument` when they are not all there.
    pub fn delimited(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        let rest = &self.bytes[self.at..];
        let len = usize::try_from(len)
            .ok()
            .filter(|n| *n <= rest.len())
            .ok_or_else(|| self.cut())?;
        self.at += len;
        Ok(&rest[..len])
    }

    fn tag(&mut self) -> Result<(u32, u8)> {
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number >= 1 << 29 {
            return Err(self.bad(&format!("field number {number}")));
        }
        Ok((number as u32, (tag & 7) as u8))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let found = self.bytes[self.at..].first_chunk::<N>().copied();
        self.at = (self.at + N).min(self.bytes.len());
        found.ok_or_else(|| self.cut())
    }

    fn skip_group(&mut self, number: u32) -> Result<()> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                0 => {
                    self.varint()?;
                }
                1 => {
                    self.array::<8>()?;
                }
                2 => {
                    self.delimited()?;
                }
                3 if open.len() < MAX_DEPTH => open.push(number),
                3 => return Err(self.bad("groups nested too deeply")),
                4 if number == innermost => {
                    open.pop();
                }
                4 => return Err(self.bad("the end of a group that did not start")),
                5 => {
                    self.array::<4>()?;
                }
                _ => return Err(self.bad("an unknown wire type")),
            }
        }
        Ok(())
    }

    fn bad(&self, what: &str) -> Error {
        Error::invalid_argument(format!("{what} before byte {}", self.at))
    }
    fn cut(&self) -> Error {
        Error::invalid_argument(format!("truncated at byte {}", self.bytes.len()))
    }
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag; wire types: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes.
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type));
}

/// Appends a length-delimited field.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a string field, unless it is empty.
pub fn put_string(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        put_bytes(out, number, text.as_bytes());
    }
}

/// Appends a length-delimited field whose content `write` appends; the length is put in front afterwards.
///
/// # Errors
/// Those of `write`.
pub fn put_message<E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    put_tag(out, number, 2);
    let at = out.len();
    out.push(0);
    write(out)?;
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(5);
        put_varint(&mut prefix, len as u64);
        out.splice(at..=at, prefix);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Result<Vec<(u32, String)>> {
        let mut r = Reader::new(bytes);
        let mut out = Vec::new();
        while let Some(f) = r.next_field()? {
            out.push((f.number, format!("{:?}", f.value)));
        }
        Ok(out)
    }

    #[test]
    fn what_is_written_is_read() {
        let mut b = Vec::new();
        put_tag(&mut b, 1, 0);
        put_varint(&mut b, u64::MAX);
        put_bytes(&mut b, 2, b"xy");
        put_message(&mut b, 300, |b| {
            b.extend([7; 200]);
            Ok::<(), Error>(())
        })
        .unwrap();
        let fields = read_all(&b).unwrap();
        assert_eq!(fields[0], (1, format!("Varint({})", u64::MAX)));
        assert_eq!(fields[1], (2, "Bytes([120, 121])".to_string()));
        assert_eq!(fields[2].0, 300);
        assert_eq!(b.len(), 11 + 4 + 2 + 2 + 200);
    }

    /// Row 222 of the list of bad inputs.
    #[test]
    fn row_222_broken_wire_data_is_an_error() {
        let cases: &[(&str, &[u8])] = &[
            ("length past the end", &[0x0a, 5, 1]),
            (
                "huge length",
                &[
                    0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
                ],
            ),
            (
                "eleven bytes of varint",
                &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            ),
            (
                "varint beyond 64 bits",
                &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            ),
            ("cut varint", &[0x08, 0x80]),
            ("tag 0", &[0, 0]),
            ("field number 0", &[2, 0]),
            ("huge field number", &[0x80, 0x80, 0x80, 0x80, 0x10, 0]),
            ("unfinished group", &[0x0b, 0x08, 1]),
            ("group ended by another", &[0x0b, 0x14]),
            ("end of no group", &[0x0c]),
            ("wire type 6", &[0x0e]),
            ("wire type 7", &[0x0f]),
            ("cut fixed32", &[0x0d, 1, 2, 3]),
            ("cut fixed64", &[0x09, 1, 2, 3, 4, 5, 6, 7]),
            ("deep groups", &[0x0b; 500]),
        ];
        for (what, bytes) in cases {
            assert!(read_all(bytes).is_err(), "{what}");
        }
        assert_eq!(
            read_all(&[0x0b, 0x13, 0x08, 1, 0x14, 0x0c]).unwrap().len(),
            1
        );
    }
}
