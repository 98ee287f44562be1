//! Copies of operand blocks in the order in which microkernels read them.

use super::tile::GemmScalar;
use crate::device::cpu::{Loop, vectorized};

/// Where an operand's element (k, j) lies: at `base + k * step + j * col` of `data`.
#[derive(Clone, Copy)]
pub struct Source<'a, T> {
    /// All elements.
    pub data: &'a [T],
    /// The first element of the block.
    pub base: usize,
    /// Elements from one summand to the next.
    pub step: usize,
    /// Elements from one column (of a right operand; row of a left one) to the next.
    pub col: usize,
}

/// Packs `len` summands of `n` columns into `out` as rows of `width` elements; columns beyond `n` become zero.
///
/// # Panics
/// When the block is not inside the source or does not fit `out`.
pub fn pack_panel<T: GemmScalar>(s: Source<T>, len: usize, n: usize, width: usize, out: &mut [T]) {
    let out = &mut out[..len * width];
    if s.col == 1 {
        if n == width && width.is_multiple_of(8) {
            vectorized(CopyRows { s, width, out });
            return;
        }
        for (k, row) in out.chunks_exact_mut(width).enumerate() {
            let from = s.base + k * s.step;
            row[..n].copy_from_slice(&s.data[from..from + n]);
            row[n..].fill(T::default());
        }
        return;
    }
    if n < width {
        out.fill(T::default());
    }
    // Blocks of 8 x 8 keep both sides in cache lines that are used up while they are at hand.
    for k0 in (0..len).step_by(8) {
        let k1 = (k0 + 8).min(len);
        for j0 in (0..n).step_by(8) {
            let j1 = (j0 + 8).min(n);
            if s.step == 1 && k1 - k0 == 8 && j1 - j0 == 8 {
                transpose8(s, k0, j0, width, out);
                continue;
            }
            for j in j0..j1 {
                let from = s.base + j * s.col;
                for k in k0..k1 {
                    out[k * width + j] = s.data[from + k * s.step];
                }
            }
        }
    }
}

/// Full rows, copied in pieces of a known length: calls to copy a few bytes would cost more than the bytes.
struct CopyRows<'a, 'b, T> {
    s: Source<'a, T>,
    width: usize,
    out: &'b mut [T],
}

impl<T: GemmScalar> Loop for CopyRows<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (k, row) in self.out.chunks_exact_mut(self.width).enumerate() {
            let from = self.s.base + k * self.s.step;
            let from = &self.s.data[from..from + self.width];
            for (to, from) in row
                .as_chunks_mut::<8>()
                .0
                .iter_mut()
                .zip(from.as_chunks::<8>().0)
            {
                *to = *from;
            }
        }
    }
}

/// One full 8 x 8 block of a source whose summands are contiguous.
#[inline(always)]
fn transpose8<T: GemmScalar>(s: Source<T>, k0: usize, j0: usize, width: usize, out: &mut [T]) {
    let mut block = [[T::default(); 8]; 8];
    for (j, row) in block.iter_mut().enumerate() {
        let from = s.base + (j0 + j) * s.col + k0;
        row.copy_from_slice(&s.data[from..from + 8]);
    }
    for k in 0..8 {
        let to = (k0 + k) * width + j0;
        let mut line = [T::default(); 8];
        for (v, row) in line.iter_mut().zip(&block) {
            *v = row[k];
        }
        out[to..to + 8].copy_from_slice(&line);
    }
}

/// Copies a left operand's block of `m` rows and `len` summands, keeping its order but with a pitch that is
/// kind to the cache; gives the new distances (row, summand).
///
/// # Panics
/// When the block is not inside the source or does not fit `out` (see [`left_size`]).
pub fn pack_left<T: GemmScalar>(
    s: Source<T>,
    m: usize,
    len: usize,
    out: &mut [T],
) -> (usize, usize) {
    if s.step == 1 {
        let pitch = pitch_of(len);
        for i in 0..m {
            let from = s.base + i * s.col;
            out[i * pitch..i * pitch + len].copy_from_slice(&s.data[from..from + len]);
        }
        return (pitch, 1);
    }
    let pitch = pitch_of(m);
    for k in 0..len {
        let from = s.base + k * s.step;
        let row = &mut out[k * pitch..k * pitch + m];
        if s.col == 1 {
            row.copy_from_slice(&s.data[from..from + m]);
        } else {
            for (i, v) in row.iter_mut().enumerate() {
                *v = s.data[from + i * s.col];
            }
        }
    }
    (1, pitch)
}

/// The elements that [`pack_left`] needs for a block of at most `m` rows and `len` summands.
pub fn left_size(m: usize, len: usize) -> usize {
    (pitch_of(m) * len).max(pitch_of(len) * m)
}

/// A row length of whole cache lines that is an odd number of them.
fn pitch_of(n: usize) -> usize {
    (n.div_ceil(16) | 1) * 16
}
