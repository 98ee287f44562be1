//! Boxes within tensors, and how what two of them share is copied from one to the other.

use smallvec::SmallVec;

/// `length` elements of a dimension from `start` on, within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) length: usize,
}

/// A box within a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region(pub(super) SmallVec<[Span; 4]>);

impl Region {
    /// What two regions of one tensor share.
    pub(super) fn intersect(&self, other: &Region) -> Option<Region> {
        let mut spans = SmallVec::new();
        for (a, b) in self.0.iter().zip(&other.0) {
            let start = a.start.max(b.start);
            let end = (a.start + a.length).min(b.start + b.length);
            if end <= start {
                return None;
            }
            spans.push(Span {
                start,
                length: end - start,
            });
        }
        Some(Region(spans))
    }

    /// The runs of adjacent elements in which this region of a tensor lies both in part `from` and in part `to`
    /// (regions of the same tensor, stored row-major, that hold it), by ascending place.
    pub(super) fn runs(&self, from: &Region, to: &Region) -> Runs {
        // Products of sizes are only known to fit where no size is zero.
        let empty = self.0.iter().any(|s| s.length == 0);
        let rank = if empty { 0 } else { self.0.len() };
        // Dimensions after `split` are whole in both parts, so a run goes through them and along `split`.
        let mut split = rank;
        let mut run = 1;
        while split > 0 {
            let d = split - 1;
            run *= self.0[d].length;
            split = d;
            if self.0[d].length != from.0[d].length || self.0[d].length != to.0[d].length {
                break;
            }
        }
        let place = |part: &Region| {
            let mut stride = 1;
            let mut start = 0;
            let mut strides: SmallVec<[usize; 4]> = SmallVec::from_elem(0, split);
            for d in (0..rank).rev() {
                start += (self.0[d].start - part.0[d].start) * stride;
                if d < split {
                    strides[d] = stride;
                }
                stride *= part.0[d].length;
            }
            (start, strides)
        };
        let (from_start, from_strides) = place(from);
        let (to_start, to_strides) = place(to);
        let lengths: SmallVec<[usize; 4]> = self.0[..split].iter().map(|s| s.length).collect();
        Runs {
            left: if empty { 0 } else { lengths.iter().product() },
            run,
            from: from_start,
            to: to_start,
            index: SmallVec::from_elem(0, split),
            lengths,
            from_strides,
            to_strides,
        }
    }
}

/// One run of [`Region::runs`], in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) length: usize,
}

/// The iterator of [`Region::runs`].
pub(super) struct Runs {
    left: usize,
    run: usize,
    from: usize,
    to: usize,
    index: SmallVec<[usize; 4]>,
    lengths: SmallVec<[usize; 4]>,
    from_strides: SmallVec<[usize; 4]>,
    to_strides: SmallVec<[usize; 4]>,
}

impl Iterator for Runs {
    type Item = Run;
    fn next(&mut self) -> Option<Run> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let out = Run {
            from: self.from,
            to: self.to,
            length: self.run,
        };
        for d in (0..self.index.len()).rev() {
            self.index[d] += 1;
            if self.index[d] < self.lengths[d] {
                self.from += self.from_strides[d];
                self.to += self.to_strides[d];
                break;
            }
            self.from -= (self.lengths[d] - 1) * self.from_strides[d];
            self.to -= (self.lengths[d] - 1) * self.to_strides[d];
            self.index[d] = 0;
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All elements of a region by the definition, for comparison.
    fn elements(region: &Region, part: &Region) -> Vec<usize> {
        let mut out = vec![0];
        for (r, p) in region.0.iter().zip(&part.0) {
            let inside = r.start - p.start;
            out = out
                .iter()
                .flat_map(|o| (0..r.length).map(move |i| o * p.length + inside + i))
                .collect();
        }
        out
    }

    #[test]
    fn runs_cover_regions_of_every_kind() {
        let region = |spans: &[(usize, usize)]| {
            Region(
                spans
                    .iter()
                    .map(|(start, length)| Span {
                        start: *start,
                        length: *length,
                    })
                    .collect(),
            )
        };
        let whole = region(&[(0, 3), (0, 4), (0, 5)]);
        let parts = [
            whole.clone(),
            region(&[(1, 2), (0, 4), (0, 5)]),
            region(&[(0, 3), (1, 2), (0, 5)]),
            region(&[(0, 3), (0, 4), (2, 3)]),
            region(&[(2, 1), (3, 1), (4, 1)]),
            region(&[(0, 3), (1, 3), (1, 4)]),
        ];
        for a in &parts {
            for b in &parts {
                let Some(shared) = a.intersect(b) else {
                    continue;
                };
                let (mut from, mut to) = (Vec::new(), Vec::new());
                for run in shared.runs(a, b) {
                    from.extend(run.from..run.from + run.length);
                    to.extend(run.to..run.to + run.length);
                }
                assert_eq!(from, elements(&shared, a));
                assert_eq!(to, elements(&shared, b));
            }
        }
        assert_eq!(whole.runs(&whole, &whole).count(), 1);
        let scalar = region(&[]);
        let runs: Vec<Run> = scalar.runs(&scalar, &scalar).collect();
        assert_eq!(
            runs,
            [Run {
                from: 0,
                to: 0,
                length: 1
            }]
        );
        let empty = region(&[(0, 2), (0, 0)]);
        assert_eq!(empty.runs(&empty, &empty).count(), 0);
    }
}
