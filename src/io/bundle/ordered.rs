//! Ordered code: byte strings that sort as the names and numbers they stand for (keys of stored slices).

/// Appends a string: 0x00 and 0xff are escaped, and a mark ends it.
pub(super) fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            0x00 => out.extend_from_slice(&[0x00, 0xff]),
            0xff => out.extend_from_slice(&[0xff, 0x00]),
            b => out.push(*b),
        }
    }
    out.extend_from_slice(&[0x00, 0x01]);
}

/// Appends an unsigned number: its length in bytes, then the bytes, high ones first.
pub(super) fn put_unsigned(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_be_bytes();
    let skip = value.leading_zeros() as usize / 8;
    out.push((bytes.len() - skip) as u8);
    out.extend_from_slice(&bytes[skip..]);
}

/// Appends a signed number: 7 bits a byte; as many leading ones as there are bytes, all bits complemented for negative
/// numbers.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    // The magnitude decides the length; for a negative number -1 - value has the same bits complemented.
    let magnitude = if value < 0 { !value } else { value } as u64;
    let bits = 64 - magnitude.leading_zeros();
    // One of the seven bits of each byte, all together, is the sign: n bytes hold 7n - 1 bits.
    let length = (bits / 7 + 1) as usize;
    let mut bytes = [0u8; 10];
    bytes[2..].copy_from_slice(&magnitude.to_be_bytes());
    let start = bytes.len() - length;
    for bit in 0..length {
        bytes[start + bit / 8] |= 0x80 >> (bit % 8);
    }
    let encoded = &mut bytes[start..];
    if value < 0 {
        encoded.iter_mut().for_each(|b| *b = !*b);
    }
    out.extend_from_slice(encoded);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::hex;

    fn signed(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        put_signed(&mut out, value);
        out
    }

    #[test]
    fn signed_numbers_are_tensorflows() {
        let cases = [
            (0, "80"),
            (63, "bf"),
            (64, "c040"),
            (-1, "7f"),
            (-64, "40"),
            (-65, "3fbf"),
            (-0x800, "3800"),
            (0x424242, "f0424242"),
            (i64::MAX, "ffc07fffffffffffffff"),
            (i64::MIN, "003f8000000000000000"),
        ];
        for (value, want) in cases {
            assert_eq!(signed(value), hex(want), "{value:#x}");
        }
    }

    #[test]
    fn signed_numbers_sort_as_numbers() {
        let mut values: Vec<i64> = (0..63)
            .flat_map(|s| [1i64 << s, (1 << s) - 1, -(1 << s)])
            .collect();
        values.extend([i64::MIN, i64::MAX]);
        values.sort();
        values.dedup();
        assert!(values.windows(2).all(|w| signed(w[0]) < signed(w[1])));
    }

    #[test]
    fn unsigned_numbers_and_strings() {
        for (value, want) in [(0, "00"), (2, "0102"), (254, "01fe"), (256, "020100")] {
            let mut out = Vec::new();
            put_unsigned(&mut out, value);
            assert_eq!(out, hex(want));
        }
        let mut out = Vec::new();
        put_string(&mut out, b"a\x00\xffb");
        assert_eq!(out, hex("61 00ff ff00 62 0001"));
    }
}
