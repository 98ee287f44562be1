//! The microkernel for every number type and machine, in plain Rust.

use super::tile::{GemmScalar, Microkernel, Tile};

const ROWS: usize = 4;
const COLS: usize = 8;

/// The portable microkernel.
pub fn microkernel<T: GemmScalar>() -> Microkernel<T> {
    Microkernel {
        rows: ROWS,
        cols: COLS,
        run: tile::<T>,
    }
}

/// # Safety
/// See [`Microkernel::run`].
unsafe fn tile<T: GemmScalar>(t: &Tile<T>) {
    let mut acc = [[T::default(); COLS]; ROWS];
    let (m, n) = (t.m.min(ROWS), t.n.min(COLS));
    for r in t.runs {
        for k in 0..r.len as isize {
            // SAFETY: a summand of this run, which the caller vouches for.
            let (a, b) = unsafe {
                (
                    t.a.offset(r.a + k * t.a_step),
                    t.b.offset(r.b + k * t.b_step),
                )
            };
            if m == ROWS && n == COLS {
                // SAFETY: a row of the right operand has n = COLS elements.
                let b = unsafe { *(b as *const [T; COLS]) };
                for (i, row) in acc.iter_mut().enumerate() {
                    // SAFETY: row i < m of the left operand.
                    let x = unsafe { *a.offset(i as isize * t.a_row) };
                    for (v, y) in row.iter_mut().zip(b) {
                        *v = T::mul_add(x, y, *v);
                    }
                }
            } else {
                for (i, row) in acc.iter_mut().enumerate().take(m) {
                    // SAFETY: row i < m of the left operand.
                    let x = unsafe { *a.offset(i as isize * t.a_row) };
                    for (j, v) in row.iter_mut().enumerate().take(n) {
                        // SAFETY: column j < n of the right operand.
                        *v = T::mul_add(x, unsafe { *b.add(j) }, *v);
                    }
                }
            }
        }
    }
    for (i, row) in acc.iter().enumerate().take(m) {
        for (j, v) in row.iter().enumerate().take(n) {
            // SAFETY: rows and columns of the result, which the caller vouches for.
            let c = unsafe { &mut *t.c.offset(i as isize * t.c_row + j as isize) };
            *c = if t.accumulate { T::plus(*c, *v) } else { *v };
        }
    }
}
