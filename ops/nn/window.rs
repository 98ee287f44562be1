//! Windows that slide over images: data formats, paddings, and the size of what comes out.

use crate::error::{Error, Result};
use crate::shape::Shape;

/// The order of an image batch's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// batch, height, width, channels
    Nhwc,
    /// batch, channels, height, width
    Nchw,
}

impl DataFormat {
    /// The format of an attribute's value.
    ///
    /// # Errors
    /// `InvalidArgument` "Invalid data format".
    pub fn parse(name: &str) -> Result<DataFormat> {
        match name {
            "NHWC" => Ok(DataFormat::Nhwc),
            "NCHW" => Ok(DataFormat::Nchw),
            _ => Err(Error::invalid_argument("Invalid data format")),
        }
    }
    /// TensorFlow's name.
    pub fn name(self) -> &'static str {
        match self {
            DataFormat::Nhwc => "NHWC",
            DataFormat::Nchw => "NCHW",
        }
    }
    /// The index of the channels in a shape of rank 4.
    pub fn channels(self) -> usize {
        match self {
            DataFormat::Nhwc => 3,
            DataFormat::Nchw => 1,
        }
    }
    /// The index of the rows (0) or columns (1) in a shape of rank 4.
    pub fn spatial(self, i: usize) -> usize {
        match self {
            DataFormat::Nhwc => 1 + i,
            DataFormat::Nchw => 2 + i,
        }
    }
    /// The four values of a list in the order batch, rows, columns, channels.
    pub fn to_nhwc<T: Copy>(self, v: [T; 4]) -> [T; 4] {
        match self {
            DataFormat::Nhwc => v,
            DataFormat::Nchw => [v[0], v[2], v[3], v[1]],
        }
    }
    /// Four values given as batch, rows, columns, channels in this format's order.
    pub fn from_nhwc<T: Copy>(self, v: [T; 4]) -> [T; 4] {
        match self {
            DataFormat::Nhwc => v,
            DataFormat::Nchw => [v[0], v[3], v[1], v[2]],
        }
    }
}

/// How windows may reach over an image's border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As many windows as strides fit into the input; zeros around it.
    Same,
    /// Only windows that lie inside.
    Valid,
    /// Given numbers of zeros.
    Explicit,
}

impl Padding {
    /// The padding of an attribute's value.
    ///
    /// # Errors
    /// `InvalidArgument` for another name.
    pub fn parse(name: &str) -> Result<Padding> {
        match name {
            "SAME" => Ok(Padding::Same),
            "VALID" => Ok(Padding::Valid),
            "EXPLICIT" => Ok(Padding::Explicit),
            _ => Err(Error::invalid_argument(format!(
                "Unknown padding type: {name}"
            ))),
        }
    }
    /// TensorFlow's name.
    pub fn name(self) -> &'static str {
        match self {
            Padding::Same => "SAME",
            Padding::Valid => "VALID",
            Padding::Explicit => "EXPLICIT",
        }
    }
}

/// One spatial dimension of a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    /// Cells of the input.
    pub input: usize,
    /// Cells of the window.
    pub window: usize,
    /// Input cells from one window to the next; at least 1.
    pub stride: usize,
    /// Input cells from one window cell to the next; at least 1.
    pub dilation: usize,
    /// Number of windows.
    pub output: usize,
    /// Zeros before the input.
    pub before: usize,
}

impl Slide {
    /// Works out the number of windows and the padding.
    ///
    /// `explicit` gives the zeros before and after the input for [`Padding::Explicit`].
    ///
    /// # Errors
    /// `InvalidArgument` for a stride or dilation below 1, or a window larger than the padded input.
    pub fn new(
        input: usize,
        window: i64,
        stride: i64,
        dilation: i64,
        padding: Padding,
        explicit: (i64, i64),
    ) -> Result<Slide> {
        if stride <= 0 {
            return Err(Error::invalid_argument(format!(
                "Stride must be > 0, but got {stride}"
            )));
        }
        if dilation < 1 {
            return Err(Error::invalid_argument(format!(
                "Dilation rate must be >= 1, but got {dilation}"
            )));
        }
        let overflow = || Error::invalid_argument("the size of a sliding window overflows");
        if window < 0 {
            return Err(overflow());
        }
        let size = i64::try_from(input).map_err(|_| overflow())?;
        let effective = match window {
            0 => Some(0),
            w => (w - 1).checked_mul(dilation).and_then(|v| v.checked_add(1)),
        }
        .ok_or_else(overflow)?;
        let (output, before) = match padding {
            Padding::Same => {
                let output = size / stride + i64::from(size % stride != 0);
                let covered = (output - 1)
                    .checked_mul(stride)
                    .and_then(|v| v.checked_add(effective))
                    .ok_or_else(overflow)?;
                (output, (covered - size).max(0) / 2)
            }
            Padding::Valid | Padding::Explicit => {
                let (before, after) = match padding {
                    Padding::Explicit => explicit,
                    _ => (0, 0),
                };
                if before < 0 || after < 0 {
                    return Err(Error::invalid_argument(
                        "All elements of explicit_paddings must be nonnegative",
                    ));
                }
                let padded = size
                    .checked_add(before)
                    .and_then(|v| v.checked_add(after))
                    .and_then(|v| v.checked_add(stride))
                    .ok_or_else(overflow)?;
                // Rounded toward zero, as TensorFlow's division: a window that is too large by less than a
                // stride gives no output but no error.
                ((padded - effective) / stride, before)
            }
        };
        if output < 0 {
            return Err(Error::invalid_argument(format!(
                "Computed output size would be negative: {output} [input_size: {input}, effective_filter_size: {effective}, stride: {stride}]"
            )));
        }
        // All of these were checked to be at least zero.
        Ok(Slide {
            input,
            window: window as usize,
            stride: stride as usize,
            dilation: dilation as usize,
            output: output as usize,
            before: before as usize,
        })
    }

    /// The input cells of window `i` in an undilated slide: from and to (exclusive), clipped to the input.
    pub fn cells(&self, i: usize) -> (usize, usize) {
        let start = i * self.stride;
        let end = (start + self.window).saturating_sub(self.before);
        let end = end.min(self.input);
        (start.saturating_sub(self.before).min(end), end)
    }
}

/// A shape of four dimensions.
///
/// # Errors
/// `InvalidArgument` with the given words before the shape.
pub fn four(shape: &Shape, words: &str) -> Result<[usize; 4]> {
    <[usize; 4]>::try_from(shape.dims())
        .map_err(|_| Error::invalid_argument(format!("{words}{shape}")))
}
