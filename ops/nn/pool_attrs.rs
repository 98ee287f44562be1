//! The attributes and sizes that all pooling ops share.

use super::conv_attrs::explicit_pairs;
use super::window::{DataFormat, Padding, Slide};
use crate::error::{Error, Result};
use crate::graph::OpBuilder;
use crate::op::Attrs;
use crate::shape::{Dim, PartialShape, Shape};

/// The attributes of a pooling op. Sizes are in the order of `format`, as in the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolAttrs {
    /// The window: one size for each dimension.
    pub ksize: [i64; 4],
    /// The distance between windows, for each dimension.
    pub strides: [i64; 4],
    /// The kind of padding.
    pub padding: Padding,
    /// For explicit padding: before and after each dimension.
    pub explicit: Vec<i64>,
    /// The order of dimensions.
    pub format: DataFormat,
}

impl PoolAttrs {
    /// Spatial pooling of NHWC images with `SAME` padding, the same vertically and horizontally.
    pub fn same(window: i64, stride: i64) -> PoolAttrs {
        PoolAttrs {
            ksize: [1, window, window, 1],
            strides: [1, stride, stride, 1],
            padding: Padding::Same,
            explicit: Vec::new(),
            format: DataFormat::Nhwc,
        }
    }
    /// As [`PoolAttrs::same`] with `VALID` padding.
    pub fn valid(window: i64, stride: i64) -> PoolAttrs {
        PoolAttrs {
            padding: Padding::Valid,
            ..PoolAttrs::same(window, stride)
        }
    }
    /// Those of a node; ops without `data_format` work on NHWC, ops without `explicit_paddings` have none.
    ///
    /// # Errors
    /// `InvalidArgument` or `Unimplemented` for windows that cannot be.
    pub fn of(attrs: &Attrs) -> Result<PoolAttrs> {
        PoolAttrs::with_windows(attrs, attrs.int32s("ksize")?, attrs.int32s("strides")?)
    }
    /// Those of a node whose windows are given otherwise.
    ///
    /// # Errors
    /// As [`PoolAttrs::of`].
    pub fn with_windows(attrs: &Attrs, ksize: &[i64], strides: &[i64]) -> Result<PoolAttrs> {
        let format = match attrs.get("data_format") {
            Ok(_) => DataFormat::parse(attrs.str("data_format")?)?,
            Err(_) => DataFormat::Nhwc,
        };
        let padding = Padding::parse(attrs.str("padding")?)?;
        let explicit = match attrs.get("explicit_paddings") {
            Ok(_) => attrs.int32s("explicit_paddings")?.to_vec(),
            _ => Vec::new(),
        };
        let made = PoolAttrs {
            ksize: four_of(ksize, "ksize")?,
            strides: four_of(strides, "stride")?,
            padding,
            explicit,
            format,
        };
        made.check()?;
        Ok(made)
    }

    fn check(&self) -> Result<()> {
        if self.ksize.iter().any(|k| *k <= 0) {
            let [a, b, c, d] = self.ksize;
            return Err(Error::invalid_argument(format!(
                "Sliding window ksize must be positive. The specified or inferred ksize is: {a},{b},{c},{d}"
            )));
        }
        explicit_pairs(self.padding, &self.explicit, self.format)?;
        if self.ksize[0] != 1 || self.strides[0] != 1 {
            return Err(Error::unimplemented(
                "Pooling is not yet supported on the batch dimension.",
            ));
        }
        Ok(())
    }

    /// Sets the attributes of a node to be.
    pub fn set<'g>(&self, op: OpBuilder<'g>) -> OpBuilder<'g> {
        let op = op
            .attr("ksize", self.ksize)
            .attr("strides", self.strides)
            .attr("padding", self.padding.name())
            .attr("data_format", self.format.name());
        match self.padding {
            Padding::Explicit => op.attr("explicit_paddings", self.explicit.clone()),
            _ => op,
        }
    }

    /// Window and stride in the order batch, rows, columns, channels.
    fn nhwc(&self) -> ([i64; 4], [i64; 4]) {
        (
            self.format.to_nhwc(self.ksize),
            self.format.to_nhwc(self.strides),
        )
    }

    /// The sizes of pooling an input of that shape.
    ///
    /// # Errors
    /// `InvalidArgument` for another rank than 4 and windows that do not fit; `Unimplemented` for windows over
    /// both channels and space, and for windows over channels that do not divide them.
    pub fn geometry(&self, input: &Shape) -> Result<PoolGeometry> {
        let dims = <[usize; 4]>::try_from(input.dims()).map_err(|_| {
            Error::invalid_argument(format!(
                "tensor_in_shape must have 2 spatial dimensions. {} {}",
                input.rank(),
                self.format as u8
            ))
        })?;
        self.geometry_of(self.format.to_nhwc(dims))
    }

    /// As [`PoolAttrs::geometry`] for sizes in the order batch, rows, columns, channels.
    fn geometry_of(&self, [batch, rows, cols, depth]: [usize; 4]) -> Result<PoolGeometry> {
        let ([_, kh, kw, kd], [_, sh, sw, sd]) = self.nhwc();
        let pads = explicit_pairs(self.padding, &self.explicit, self.format)?;
        if kd > 1 {
            if kh != 1 || kw != 1 {
                return Err(Error::unimplemented(
                    "MaxPooling supports exactly one of pooling across depth or pooling across width/height.",
                ));
            }
            if !(depth as u64).is_multiple_of(kd as u64) {
                return Err(Error::unimplemented(
                    "Depthwise max pooling requires the depth window to evenly divide the input depth",
                ));
            }
            if kd != sd {
                return Err(Error::unimplemented(
                    "Depthwise max pooling requires the depth window to equal the depth stride",
                ));
            }
            let still = |input| Slide::new(input, 1, 1, 1, Padding::Valid, (0, 0));
            return Ok(PoolGeometry {
                batch,
                spatial: [still(rows)?, still(cols)?],
                depth,
                depth_window: kd as usize,
            });
        }
        for (i, (before, after)) in pads.iter().enumerate() {
            let window = [kh, kw][i];
            let sides = [["Top", "Bottom"], ["Left", "Right"]][i];
            for (side, pad) in sides.iter().zip([before, after]) {
                if *pad >= window {
                    return Err(Error::invalid_argument(format!(
                        "{side} padding {pad} needs to be smaller than the window size {window}"
                    )));
                }
            }
        }
        Ok(PoolGeometry {
            batch,
            spatial: [
                Slide::new(rows, kh, sh, 1, self.padding, pads[0])?,
                Slide::new(cols, kw, sw, 1, self.padding, pads[1])?,
            ],
            depth,
            depth_window: 1,
        })
    }

    /// The output's shape as far as known.
    ///
    /// # Errors
    /// As [`PoolAttrs::geometry`], as far as sizes are known.
    pub fn infer(&self, input: &PartialShape) -> Result<PartialShape> {
        let input = input.with_rank(4)?;
        let dim = |i| input.dim(i);
        let [batch, rows, cols, depth] = self.format.to_nhwc([dim(0), dim(1), dim(2), dim(3)]);
        // Unknown sizes stand in as the largest that need no overflow checks; they are not looked at.
        let known = |d: Dim| d.unwrap_or(1 << 31);
        let ([_, _, _, kd], _) = self.nhwc();
        let stand_in = [1, known(rows), known(cols), depth.unwrap_or(kd as usize)];
        let g = self.geometry_of(stand_in)?;
        let [_, out_rows, out_cols, out_depth] = g.output();
        let only_if = |d: Dim, out: usize| d.map(|_| out);
        Ok(PartialShape::of(self.format.from_nhwc([
            batch,
            only_if(rows, out_rows),
            only_if(cols, out_cols),
            only_if(depth, out_depth),
        ])))
    }
}

fn four_of(list: &[i64], what: &str) -> Result<[i64; 4]> {
    <[i64; 4]>::try_from(list).map_err(|_| {
        Error::invalid_argument(format!(
            "Sliding window {what} field must specify 4 dimensions"
        ))
    })
}

/// The sizes of a pooling.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolGeometry {
    /// Images.
    pub batch: usize,
    /// Rows and columns.
    pub spatial: [Slide; 2],
    /// Channels of the input.
    pub depth: usize,
    /// Channels pooled together; divides `depth`. Above 1, rows and columns stay as they are.
    pub depth_window: usize,
}

impl PoolGeometry {
    /// The input's sizes: batch, rows, columns, channels.
    pub fn input(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [self.batch, h.input, w.input, self.depth]
    }
    /// The output's sizes: batch, rows, columns, channels.
    pub fn output(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [
            self.batch,
            h.output,
            w.output,
            self.depth / self.depth_window,
        ]
    }
}

/// Checks that a tensor has the shape that it should have.
///
/// # Errors
/// `InvalidArgument` "Expected `what` shape to be …, but got …".
pub(crate) fn expect_shape(what: &str, want: &Shape, got: &Shape) -> Result<()> {
    if want == got {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "Expected {what} shape to be {want}, but got {got}"
    )))
}

/// Checks that a tensor has rank 4.
///
/// # Errors
/// `InvalidArgument` "`what` must be 4-dimensional".
pub(crate) fn expect_four(what: &str, shape: &Shape) -> Result<()> {
    if shape.rank() == 4 {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{what} must be 4-dimensional"
    )))
}

/// The windows that MaxPoolV2 and its gradients get as tensors.
///
/// # Errors
/// `InvalidArgument` when there are not four values each, or they cannot be.
pub(crate) fn windows_from(
    attrs: &Attrs,
    ksize: &crate::tensor::Tensor,
    strides: &crate::tensor::Tensor,
) -> Result<PoolAttrs> {
    PoolAttrs::with_windows(attrs, &ksize.to_i64s()?, &strides.to_i64s()?)
}
