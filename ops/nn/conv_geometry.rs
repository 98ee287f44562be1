//! The sizes of a two-dimensional convolution, all checked, and how its three passes unfold images.

use super::conv_attrs::ConvAttrs;
use super::unfold::{Axis, Tap, Unfold};
use super::window::Slide;
use crate::error::{Error, Result};

/// The sizes of a convolution `[batch, height, width, in_depth] * [rows, cols, filter_depth, out_depth]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvGeometry {
    /// Images.
    pub batch: usize,
    /// Rows and columns: input, filter, stride, dilation, output, padding.
    pub spatial: [Slide; 2],
    /// Channels of the input.
    pub in_depth: usize,
    /// Channels of the input that one filter sees; divides `in_depth`.
    pub filter_depth: usize,
    /// Channels of the output; a multiple of the number of groups.
    pub out_depth: usize,
}

impl ConvGeometry {
    /// From the sizes of input (batch, height, width, channels) and filter (rows, columns, channels, filters).
    ///
    /// `words` stands before messages about depths.
    ///
    /// # Errors
    /// `InvalidArgument` when the depths do not fit or the output would have a negative size.
    pub fn new(attrs: &ConvAttrs, input: [usize; 4], filter: [usize; 4]) -> Result<ConvGeometry> {
        let [batch, height, width, in_depth] = input;
        let [rows, cols, filter_depth, out_depth] = filter;
        if filter_depth == 0 {
            return Err(Error::invalid_argument(
                "filter depth must be stricly positive, got 0",
            ));
        }
        if !in_depth.is_multiple_of(filter_depth) {
            return Err(Error::invalid_argument(format!(
                "input depth must be evenly divisible by filter depth: {in_depth} vs {filter_depth}"
            )));
        }
        let groups = in_depth / filter_depth;
        if groups > 0 && !out_depth.is_multiple_of(groups) {
            return Err(Error::invalid_argument(format!(
                "output depth must be evenly divisible by number of groups: {out_depth} vs {groups}"
            )));
        }
        let slide = |i: usize, input: usize, window: usize| {
            Slide::new(
                input,
                i64::try_from(window).map_err(|_| Error::invalid_argument("filter too large"))?,
                attrs.strides[i],
                attrs.dilations[i],
                attrs.padding,
                attrs.explicit[i],
            )
        };
        Ok(ConvGeometry {
            batch,
            spatial: [slide(0, height, rows)?, slide(1, width, cols)?],
            in_depth,
            filter_depth,
            out_depth,
        })
    }

    /// The number of groups: each sees `filter_depth` input channels and makes `out_depth / groups` outputs.
    pub fn groups(&self) -> usize {
        self.in_depth / self.filter_depth
    }
    /// Channels of the output that one group makes.
    pub fn group_depth(&self) -> usize {
        self.out_depth / self.groups().max(1)
    }
    /// The output's sizes: batch, height, width, channels.
    pub fn output(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [self.batch, h.output, w.output, self.out_depth]
    }
    /// The input's sizes: batch, height, width, channels.
    pub fn input(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [self.batch, h.input, w.input, self.in_depth]
    }
    /// The filter's sizes: rows, columns, channels, filters.
    pub fn filter(&self) -> [usize; 4] {
        let [h, w] = &self.spatial;
        [h.window, w.window, self.filter_depth, self.out_depth]
    }

    /// How one group reads the input, for the output and for the filter gradient.
    pub fn unfold_input(&self, group: usize) -> Unfold {
        let axis = |s: &Slide| Axis {
            size: s.input,
            grid: s.output,
            step: s.stride,
            taps: (0..s.window)
                .map(|k| Tap {
                    index: k,
                    offset: (k * s.dilation) as isize - s.before as isize,
                })
                .collect(),
        };
        Unfold {
            batch: self.batch,
            rows: axis(&self.spatial[0]),
            cols: axis(&self.spatial[1]),
            channels: self.in_depth,
            first: group * self.filter_depth,
            depth: self.filter_depth,
        }
    }

    /// How one group reads the output gradient, for the input positions of one phase of the strides: the positions
    /// `phase, phase + stride, …` of rows and columns.
    pub fn unfold_output(&self, group: usize, phase: [usize; 2]) -> Unfold {
        let axis = |s: &Slide, phase: usize| {
            // Position p = phase + i * stride is read by filter cell k at output (p + before - k * dilation) /
            // stride, where that is whole; more steps of k come first, so that offsets ascend.
            let taps = (0..s.window)
                .rev()
                .filter_map(|k| {
                    let at = (phase + s.before) as isize - (k * s.dilation) as isize;
                    let stride = s.stride as isize;
                    (at.rem_euclid(stride) == 0).then(|| Tap {
                        index: k,
                        offset: at.div_euclid(stride),
                    })
                })
                .collect();
            Axis {
                size: s.output,
                grid: s.input.saturating_sub(phase).div_ceil(s.stride),
                step: 1,
                taps,
            }
        };
        let depth = self.group_depth();
        Unfold {
            batch: self.batch,
            rows: axis(&self.spatial[0], phase[0]),
            cols: axis(&self.spatial[1], phase[1]),
            channels: self.out_depth,
            first: group * depth,
            depth,
        }
    }
}
