//! Images of summaries: floats scaled to bytes as TensorFlow does, and PNG encoding.

use crate::error::{Error, Result};
use half::f16;

/// Below this no image is scaled up.
const ZERO_THRESHOLD: f32 = 1e-6;

/// An element of a float image; the affine map into bytes is computed in the type itself.
pub trait ImageElement: Copy {
    /// The value as a float.
    fn to_f32(self) -> f32;
    /// Whether it is neither an infinity nor NaN.
    fn is_finite(self) -> bool;
    /// `self * scale + offset`, cut off to a byte.
    fn scaled(self, scale: f32, offset: f32) -> u8;
}

impl ImageElement for f32 {
    fn to_f32(self) -> f32 {
        self
    }
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    fn scaled(self, scale: f32, offset: f32) -> u8 {
        (self * scale + offset) as u8
    }
}

impl ImageElement for f64 {
    fn to_f32(self) -> f32 {
        self as f32
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    fn scaled(self, scale: f32, offset: f32) -> u8 {
        (self * f64::from(scale) + f64::from(offset)) as u8
    }
}

impl ImageElement for f16 {
    fn to_f32(self) -> f32 {
        f16::to_f32(self)
    }
    fn is_finite(self) -> bool {
        f16::is_finite(self)
    }
    fn scaled(self, scale: f32, offset: f32) -> u8 {
        let v = (self * f16::from_f32(scale) + f16::from_f32(offset)).to_f32();
        // The scale of a very dark image overflows the type; such pixels are 0 in TensorFlow too.
        if v.is_finite() { v as u8 } else { 0 }
    }
}

/// One image of floats (pixels of `depth` channels) as bytes: values without negatives are scaled so that the greatest
/// is 255, others so that the greatest magnitude lies 127 from 128. Pixels that are not finite become `bad_color`.
///
/// # Errors
/// `InvalidArgument` when `bad_color` has too few channels or pixels are not whole.
pub fn normalize_image<T: ImageElement>(
    values: &[T],
    depth: usize,
    bad_color: &[u8],
) -> Result<Vec<u8>> {
    let bad_color = bad_color.get(..depth).ok_or_else(|| {
        Error::invalid_argument(format!(
            "expected depth <= bad_color.size, got depth = {depth}, bad_color.size = {}",
            bad_color.len()
        ))
    })?;
    if depth == 0 || !values.len().is_multiple_of(depth) {
        return Err(Error::invalid_argument(format!(
            "{} values are not whole pixels of {depth} channels",
            values.len()
        )));
    }
    let finite = |pixel: &[T]| pixel.iter().all(|v| v.is_finite());
    let mut min = f32::INFINITY;
    let mut max = f32::NEG_INFINITY;
    for pixel in values.chunks_exact(depth).filter(|p| finite(p)) {
        for v in pixel {
            min = min.min(v.to_f32());
            max = max.max(v.to_f32());
        }
    }
    let (span, range, offset) = match min < 0.0 {
        true => (127.0, min.abs().max(max.abs()), 128.0),
        false => (255.0, max, 0.0),
    };
    let scale = if range < ZERO_THRESHOLD {
        0.0
    } else {
        span / range
    };
    let mut out = Vec::with_capacity(values.len());
    for pixel in values.chunks_exact(depth) {
        match finite(pixel) {
            true => out.extend(pixel.iter().map(|v| v.scaled(scale, offset))),
            false => out.extend_from_slice(bad_color),
        }
    }
    Ok(out)
}

/// The size and form of an image to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PngShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    pub channels: usize,
    /// zlib's level from 0 to 9, or -1 for a default.
    pub compression: i64,
}

/// A PNG of 8-bit channels (rows, columns, channels).
///
/// # Errors
/// `InvalidArgument` for another number of channels, a size of zero or beyond 2^31, a level outside [-1, 9], or pixels
/// that do not fill it.
pub fn encode_png(pixels: &[u8], shape: PngShape) -> Result<Vec<u8>> {
    encode(pixels, shape, png::BitDepth::Eight)
}

/// A PNG of 16-bit channels.
///
/// # Errors
/// As [`encode_png`].
pub fn encode_png_u16(pixels: &[u16], shape: PngShape) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = pixels.iter().flat_map(|p| p.to_be_bytes()).collect();
    encode(&bytes, shape, png::BitDepth::Sixteen)
}

fn encode(bytes: &[u8], shape: PngShape, depth: png::BitDepth) -> Result<Vec<u8>> {
    let color = match shape.channels {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        4 => png::ColorType::Rgba,
        n => {
            return Err(Error::invalid_argument(format!(
                "image must have 1, 2, 3, or 4 channels, got {n}"
            )));
        }
    };
    let side = |n: usize| i32::try_from(n).ok().filter(|n| *n > 0).map(|n| n as u32);
    let (Some(height), Some(width)) = (side(shape.height), side(shape.width)) else {
        return Err(Error::invalid_argument(format!(
            "PNG encoding failed: no image of {} by {} pixels can be made",
            shape.height, shape.width
        )));
    };
    let sample = if depth == png::BitDepth::Sixteen {
        2
    } else {
        1
    };
    let wanted = (shape.height.checked_mul(shape.width))
        .and_then(|n| n.checked_mul(shape.channels * sample));
    if wanted != Some(bytes.len()) {
        return Err(Error::invalid_argument(format!(
            "{} bytes do not fill an image of {} by {} pixels of {} channels",
            bytes.len(),
            shape.height,
            shape.width,
            shape.channels
        )));
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    match shape.compression {
        -1 => {}
        0 => encoder.set_compression(png::Compression::NoCompression),
        1..=9 => {
            let level = shape.compression as u8;
            encoder.set_deflate_compression(png::DeflateCompression::Level(level));
        }
        n => {
            return Err(Error::invalid_argument(format!(
                "compression should be in [-1,9], got {n}"
            )));
        }
    }
    let failed = |e: png::EncodingError| Error::internal(format!("PNG encoding failed: {e}"));
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_scaled_as_tensorflow_does() {
        let bad = [255, 0, 0, 255];
        let scale = |v: &[f32]| normalize_image(v, 1, &bad).unwrap();
        assert_eq!(scale(&[0.0, 1.0, 2.0]), [0, 127, 255]);
        assert_eq!(scale(&[-1.0, 0.0, 0.5]), [1, 128, 191]);
        assert_eq!(scale(&[0.0, 1e-7]), [0, 0]);
        assert_eq!(scale(&[-1e-7, 1e-7]), [128, 128]);
        assert_eq!(scale(&[f32::NAN, 3.0]), [255, 255]);
        assert_eq!(scale(&[f32::INFINITY]), [255]);
        let rgb = normalize_image(&[1.0f32, 2.0, f32::NAN, 4.0, 8.0, 2.0], 3, &bad).unwrap();
        assert_eq!(rgb, [255, 0, 0, 127, 255, 63]);
        let h = [0.0, 0.3, 1.0].map(f16::from_f32);
        assert_eq!(normalize_image(&h, 1, &bad).unwrap(), [0, 76, 255]);
        assert_eq!(
            normalize_image(&[0.0f64, 1e300, 1.0], 1, &bad).unwrap(),
            [0, 0, 0]
        );
        let dark = [0.0, 3e-4].map(f16::from_f32);
        assert_eq!(normalize_image(&dark, 1, &bad).unwrap(), [0, 0]);
        assert!(normalize_image(&[0.0f32; 6], 3, &bad[..2]).is_err());
        assert!(normalize_image(&[0.0f32; 5], 3, &bad).is_err());
        assert!(normalize_image::<f32>(&[], 0, &bad).is_err());
    }

    #[test]
    fn encoded_images_come_back() {
        for channels in 1..=4 {
            for compression in [-1, 0, 1, 9] {
                let shape = PngShape {
                    height: 3,
                    width: 5,
                    channels,
                    compression,
                };
                let pixels: Vec<u8> = (0..15 * channels).map(|i| (i * 7) as u8).collect();
                let encoded = encode_png(&pixels, shape).unwrap();
                let mut reader = png::Decoder::new(std::io::Cursor::new(encoded))
                    .read_info()
                    .unwrap();
                let mut out = vec![0; reader.output_buffer_size().unwrap()];
                reader.next_frame(&mut out).unwrap();
                assert_eq!(out, pixels);
            }
        }
        let shape = PngShape {
            height: 1,
            width: 2,
            channels: 1,
            compression: -1,
        };
        let encoded = encode_png_u16(&[0x1234, 0xfffe], shape).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(encoded))
            .read_info()
            .unwrap();
        let mut out = vec![0; 4];
        reader.next_frame(&mut out).unwrap();
        assert_eq!(out, [0x12, 0x34, 0xff, 0xfe]);
    }

    #[test]
    fn images_that_cannot_be() {
        let sound = PngShape {
            height: 2,
            width: 2,
            channels: 1,
            compression: -1,
        };
        let refused = [
            PngShape { height: 0, ..sound },
            PngShape {
                width: usize::MAX,
                ..sound
            },
            PngShape {
                channels: 5,
                ..sound
            },
            PngShape {
                channels: 0,
                ..sound
            },
            PngShape {
                compression: 10,
                ..sound
            },
            PngShape { width: 3, ..sound },
        ];
        for shape in refused {
            assert!(encode_png(&[0; 4], shape).is_err(), "{shape:?}");
        }
    }
}
