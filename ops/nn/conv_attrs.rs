//! The attributes that the two-dimensional convolutions share.

use super::window::{DataFormat, Padding, Slide};
use crate::error::{Error, Result};
use crate::graph::OpBuilder;
use crate::op::Attrs;
use crate::shape::{Dim, PartialShape, Shape};

/// The attributes of a two-dimensional convolution, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvAttrs {
    /// Vertical and horizontal stride, at least 1.
    pub strides: [i64; 2],
    /// Vertical and horizontal dilation, at least 1.
    pub dilations: [i64; 2],
    /// The kind of padding.
    pub padding: Padding,
    /// For explicit padding: zeros above and below, left and right.
    pub explicit: [(i64, i64); 2],
    /// The order of dimensions.
    pub format: DataFormat,
}

impl Default for ConvAttrs {
    /// Stride 1, `SAME`, NHWC.
    fn default() -> ConvAttrs {
        ConvAttrs {
            strides: [1, 1],
            dilations: [1, 1],
            padding: Padding::Same,
            explicit: [(0, 0); 2],
            format: DataFormat::Nhwc,
        }
    }
}

impl ConvAttrs {
    /// `SAME` padding, NHWC, with that vertical and horizontal stride.
    pub fn same(stride: i64) -> ConvAttrs {
        ConvAttrs {
            strides: [stride, stride],
            ..ConvAttrs::default()
        }
    }
    /// `VALID` padding, NHWC, with that vertical and horizontal stride.
    pub fn valid(stride: i64) -> ConvAttrs {
        ConvAttrs {
            padding: Padding::Valid,
            ..ConvAttrs::same(stride)
        }
    }
    /// Those of a node.
    ///
    /// # Errors
    /// As [`ConvAttrs::new`]; `InvalidArgument` when one is missing.
    pub fn of(attrs: &Attrs) -> Result<ConvAttrs> {
        ConvAttrs::new(
            attrs.int32s("strides")?,
            attrs.int32s("dilations")?,
            attrs.str("padding")?,
            attrs.int32s("explicit_paddings")?,
            attrs.str("data_format")?,
        )
    }
    /// Sets the attributes of a node to be.
    pub fn set<'g>(&self, op: OpBuilder<'g>) -> OpBuilder<'g> {
        let list = |[a, b]: [i64; 2]| self.format.from_nhwc([1, a, b, 1]).to_vec();
        let mut op = op
            .attr("strides", list(self.strides))
            .attr("dilations", list(self.dilations))
            .attr("padding", self.padding.name())
            .attr("data_format", self.format.name());
        if self.padding == Padding::Explicit {
            let [rows, cols] = self.explicit;
            let pairs = self.format.from_nhwc([(0, 0), rows, cols, (0, 0)]);
            let all: Vec<i64> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
            op = op.attr("explicit_paddings", all);
        }
        op
    }
    /// The output size of one dimension as far as known.
    ///
    /// # Errors
    /// As [`Slide::new`].
    pub fn output_dim(&self, i: usize, input: Dim, window: Dim) -> Result<Dim> {
        let window = match (window, self.padding) {
            (Some(w), _) => w,
            // The window does not matter.
            (None, Padding::Same) => 1,
            (None, _) => return Ok(None),
        };
        let Some(input) = input else { return Ok(None) };
        let window =
            i64::try_from(window).map_err(|_| Error::invalid_argument("filter too large"))?;
        let slide = Slide::new(
            input,
            window,
            self.strides[i],
            self.dilations[i],
            self.padding,
            self.explicit[i],
        )?;
        Ok(Some(slide.output))
    }
    /// The four dimensions of a partial shape of rank 4 in the order batch, height, width, channels.
    pub fn dims(&self, shape: &PartialShape) -> [Dim; 4] {
        self.format
            .to_nhwc([shape.dim(0), shape.dim(1), shape.dim(2), shape.dim(3)])
    }
    /// The shape of sizes given as batch, height, width, channels.
    ///
    /// # Errors
    /// `InvalidArgument` when it has too many elements.
    pub fn shape(&self, sizes: [usize; 4]) -> Result<Shape> {
        Shape::of(&self.format.from_nhwc(sizes))
    }

    /// From the values of the attributes of those names.
    ///
    /// # Errors
    /// `InvalidArgument` or `Unimplemented` for lists of another length than 4 (8), strides or dilations below 1
    /// or over batch and channels, and paddings that do not fit the kind of padding.
    pub fn new(
        strides: &[i64],
        dilations: &[i64],
        padding: &str,
        explicit_paddings: &[i64],
        data_format: &str,
    ) -> Result<ConvAttrs> {
        let format = DataFormat::parse(data_format)?;
        let dilations = four_of(dilations, "dilations")?;
        let strides = four_of(strides, "strides")?;
        let [sn, sh, sw, sc] = format.to_nhwc(strides);
        if sn != 1 || sc != 1 {
            return Err(Error::unimplemented(
                "Current implementation does not yet support strides in the batch and depth dimensions.",
            ));
        }
        if sh <= 0 || sw <= 0 {
            return Err(Error::invalid_argument(
                "Row and column strides should be larger than 0.",
            ));
        }
        let [dn, dh, dw, dc] = format.to_nhwc(dilations);
        if dn != 1 || dc != 1 {
            return Err(Error::unimplemented(
                "Current implementation does not yet support dilations in the batch and depth dimensions.",
            ));
        }
        if dh <= 0 || dw <= 0 {
            return Err(Error::invalid_argument(
                "Dilated rates should be larger than 0.",
            ));
        }
        let padding = Padding::parse(padding)?;
        let explicit = explicit_pairs(padding, explicit_paddings, format)?;
        Ok(ConvAttrs {
            strides: [sh, sw],
            dilations: [dh, dw],
            padding,
            explicit,
            format,
        })
    }
}

fn four_of(list: &[i64], what: &str) -> Result<[i64; 4]> {
    <[i64; 4]>::try_from(list).map_err(|_| {
        Error::invalid_argument(format!(
            "Sliding window {what} field must specify 4 dimensions"
        ))
    })
}

/// The vertical and horizontal pairs of `explicit_paddings`.
///
/// # Errors
/// `InvalidArgument` when there are not 8 values at least 0, those of batch and channels 0, or when there are
/// any although the padding is not explicit.
pub fn explicit_pairs(
    padding: Padding,
    list: &[i64],
    format: DataFormat,
) -> Result<[(i64, i64); 2]> {
    if padding != Padding::Explicit {
        if !list.is_empty() {
            return Err(Error::invalid_argument(
                "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT",
            ));
        }
        return Ok([(0, 0); 2]);
    }
    let [a, b, c, d, e, f, g, h] = <[i64; 8]>::try_from(list).map_err(|_| {
        Error::invalid_argument(format!(
            "explicit_paddings attribute must contain 8 values, but got: {}",
            list.len()
        ))
    })?;
    if list.iter().any(|p| *p < 0) {
        return Err(Error::invalid_argument(
            "All elements of explicit_paddings must be nonnegative",
        ));
    }
    let [batch, rows, cols, channels] = format.to_nhwc([(a, b), (c, d), (e, f), (g, h)]);
    if batch != (0, 0) || channels != (0, 0) {
        return Err(Error::invalid_argument(
            "Nonzero explicit padding in the batch or depth dimensions is not supported",
        ));
    }
    Ok([rows, cols])
}
