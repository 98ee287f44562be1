//! Histograms of summaries: TensorFlow's buckets, each a tenth wider than the one before.

use crate::error::{Error, Result};
use crate::proto::HistogramProto;
use std::sync::LazyLock;

/// The upper limits of all buckets, ascending: -MAX, … -1e-12, 0, 1e-12, … MAX.
static LIMITS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let mut positive = Vec::new();
    let mut limit = 1e-12;
    while limit < 1e20 {
        positive.push(limit);
        limit *= 1.1;
    }
    positive.push(f64::MAX);
    let negative = positive.iter().rev().map(|l| -l);
    negative
        .chain([0.0])
        .chain(positive.iter().copied())
        .collect()
});

/// Counts of values by bucket, and their least, greatest, sum and sum of squares.
///
/// ```
/// use tensorloom::io::Histogram;
/// let h = Histogram::of([1.0, 2.0, 2.5]).unwrap().to_proto();
/// assert_eq!((h.min, h.max, h.num, h.sum), (1.0, 2.5, 3.0, 5.5));
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<f64>,
    min: f64,
    max: f64,
    num: f64,
    sum: f64,
    sum_squares: f64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    /// A histogram of nothing.
    pub fn new() -> Histogram {
        Histogram {
            counts: vec![0.0; LIMITS.len()],
            min: f64::MAX,
            max: -f64::MAX,
            num: 0.0,
            sum: 0.0,
            sum_squares: 0.0,
        }
    }

    /// The histogram of some values, added in their order.
    ///
    /// # Errors
    /// `InvalidArgument` for a NaN or an infinity, in HistogramSummary's words without the node's name.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Result<Histogram> {
        let mut h = Histogram::new();
        for v in values {
            if v.is_nan() {
                return Err(Error::invalid_argument("Nan in summary histogram"));
            }
            if v.is_infinite() {
                return Err(Error::invalid_argument("Infinity in Histogram"));
            }
            h.add(v);
        }
        Ok(h)
    }

    /// Counts one finite value.
    pub fn add(&mut self, value: f64) {
        let bucket = LIMITS.partition_point(|l| *l <= value);
        // The greatest number of all is no less than the last limit, yet belongs to the last bucket.
        let bucket = bucket.min(self.counts.len() - 1);
        self.counts[bucket] += 1.0;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.num += 1.0;
        self.sum += value;
        self.sum_squares += value * value;
    }

    /// The message: every run of empty buckets is one pair with the run's last limit.
    pub fn to_proto(&self) -> HistogramProto {
        let mut bucket_limit = Vec::new();
        let mut bucket = Vec::new();
        for (i, (limit, count)) in LIMITS.iter().zip(&self.counts).enumerate() {
            let run_goes_on = *count == 0.0 && self.counts.get(i + 1) == Some(&0.0);
            if !run_goes_on {
                bucket_limit.push(*limit);
                bucket.push(*count);
            }
        }
        HistogramProto {
            min: self.min,
            max: self.max,
            num: self.num,
            sum: self.sum,
            sum_squares: self.sum_squares,
            bucket_limit,
            bucket,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_tensorflows() {
        assert_eq!(LIMITS.len(), 1551);
        assert!(LIMITS.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(LIMITS[775], 0.0);
    }

    #[test]
    fn buckets_are_tensorflows() {
        let values = [1.0f32, -1.0, 0.0, 1e-12, 1.1e-12, 3.5, 1e30, -2e20];
        let h = Histogram::of(values.map(f64::from)).unwrap().to_proto();
        let want = [
            (-f64::MAX, 0.0),
            (-9.920775621859783e19, 1.0),
            (-1.0089710279437536, 0.0),
            (-0.917246389039776, 1.0),
            (0.0, 0.0),
            (1e-12, 2.0),
            (1.1000000000000002e-12, 1.0),
            (0.917246389039776, 0.0),
            (1.0089710279437536, 1.0),
            (3.48324163592684, 0.0),
            (3.8315657995195243, 1.0),
            (9.920775621859783e19, 0.0),
            (f64::MAX, 1.0),
        ];
        let got: Vec<(f64, f64)> = h.bucket_limit.iter().copied().zip(h.bucket).collect();
        assert_eq!(got, want);
        assert_eq!((h.num, h.min), (8.0, f64::from(-2e20f32)));
    }

    #[test]
    fn nothing_is_one_empty_bucket() {
        let h = Histogram::new().to_proto();
        assert_eq!((h.min, h.max, h.num), (f64::MAX, -f64::MAX, 0.0));
        assert_eq!((h.bucket_limit, h.bucket), (vec![f64::MAX], vec![0.0]));
    }

    #[test]
    fn extremes_have_a_bucket_and_others_are_refused() {
        let h = Histogram::of([f64::MAX, -f64::MAX, f64::MIN_POSITIVE])
            .unwrap()
            .to_proto();
        assert_eq!(h.bucket.iter().sum::<f64>(), 3.0);
        let message = |v| Histogram::of([v]).unwrap_err().message().to_string();
        assert_eq!(message(f64::NAN), "Nan in summary histogram");
        assert_eq!(message(f64::NEG_INFINITY), "Infinity in Histogram");
    }
}
