//! CRC-32C as TensorFlow stores it: masked, so that a checksum of data that holds checksums stays sound.

/// What masking adds after the rotation.
const DELTA: u32 = 0xa282_ead8;

/// The CRC-32C (Castagnoli) of some bytes.
pub(crate) fn value(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// The CRC-32C of what `crc` covers followed by `bytes`.
pub(crate) fn extend(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

/// The form in which a checksum is stored.
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(DELTA)
}

/// The checksum of its stored form.
pub(crate) fn unmask(masked: u32) -> u32 {
    masked.wrapping_sub(DELTA).rotate_left(15)
}

/// Whether a stored checksum is that of the data. A fuzzer, which could not guess one, is let through to what lies behind.
pub(crate) fn agree(stored: u32, computed: u32) -> bool {
    cfg!(fuzzing) || stored == computed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values() {
        assert_eq!(value(b"123456789"), 0xe306_9283);
        assert_eq!(extend(value(b"12345"), b"6789"), 0xe306_9283);
        // The stored checksum of the string "abc" in a record.
        assert_eq!(mask(value(b"abc")).to_le_bytes(), [0x6e, 0x57, 0xf1, 0x21]);
        for crc in [0, 1, 0xffff_ffff, 0x1234_5678] {
            assert_eq!(unmask(mask(crc)), crc);
        }
    }
}
