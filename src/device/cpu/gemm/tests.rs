//! Products against the definition, on every instruction set that the machine has.

use super::*;
use num_complex::Complex;

struct Draw(u64);
impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    fn float(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 31) as f64 * 2.0 - 1.0
    }
}

/// c by the definition, in f64.
fn naive(s: Sizes, a: Matrix<f64>, b: Matrix<f64>, c: &mut [f64], write: Write) {
    for i in 0..s.m {
        for j in 0..s.n {
            let sum: f64 = (0..s.k)
                .map(|k| a.data[i * a.row + k * a.col] * b.data[k * b.row + j * b.col])
                .sum();
            let old = if write == Write::Add {
                c[i * s.n + j]
            } else {
                0.0
            };
            c[i * s.n + j] = old + sum;
        }
    }
}

fn shapes(d: &mut Draw) -> Vec<Sizes> {
    let mut all = vec![
        Sizes { m: 1, n: 1, k: 1 },
        Sizes { m: 0, n: 3, k: 2 },
        Sizes { m: 3, n: 0, k: 2 },
        Sizes {
            m: 14,
            n: 32,
            k: 200,
        },
        Sizes {
            m: 15,
            n: 33,
            k: 400,
        },
        Sizes {
            m: 129,
            n: 65,
            k: 17,
        },
        Sizes {
            m: 1,
            n: 300,
            k: 50,
        },
        Sizes {
            m: 300,
            n: 1,
            k: 50,
        },
    ];
    for _ in 0..25 {
        all.push(Sizes {
            m: 1 + d.below(60),
            n: 1 + d.below(90),
            k: d.below(250),
        });
    }
    all
}

#[test]
fn products_follow_the_definition() {
    let pool = ThreadPool::new(2);
    let mut d = Draw(1);
    for s in shapes(&mut d) {
        let a: Vec<f64> = (0..s.m * s.k).map(|_| d.float()).collect();
        let b: Vec<f64> = (0..s.k * s.n).map(|_| d.float()).collect();
        let start: Vec<f64> = (0..s.m * s.n).map(|_| d.float()).collect();
        let (a32, b32): (Vec<f32>, Vec<f32>) = (
            a.iter().map(|v| *v as f32).collect(),
            b.iter().map(|v| *v as f32).collect(),
        );
        for form in 0..8 {
            let (ta, tb) = (form & 1 == 1, form & 2 == 2);
            let write = if form & 4 == 4 {
                Write::Add
            } else {
                Write::Replace
            };
            let (a_cols, b_cols) = (if ta { s.m } else { s.k }, if tb { s.k } else { s.n });
            let mut want = start.clone();
            naive(
                s,
                Matrix::new(&a, a_cols, ta),
                Matrix::new(&b, b_cols, tb),
                &mut want,
                write,
            );
            let mut fused: Option<Vec<f32>> = None;
            for level in SimdLevel::available() {
                let mut c = start.clone();
                let kernel = f64::microkernel(level);
                let (ma, mb) = (Matrix::new(&a, a_cols, ta), Matrix::new(&b, b_cols, tb));
                gemm_with(&pool, &kernel, s, ma, mb, &[(0, 0)], &mut c, write).unwrap();
                for (x, y) in c.iter().zip(&want) {
                    assert!((x - y).abs() < 1e-11, "{s:?} {form} {level:?}: {x} {y}");
                }
                let mut c: Vec<f32> = start.iter().map(|v| *v as f32).collect();
                let kernel = f32::microkernel(level);
                let (ma, mb) = (Matrix::new(&a32, a_cols, ta), Matrix::new(&b32, b_cols, tb));
                gemm_with(&pool, &kernel, s, ma, mb, &[(0, 0)], &mut c, write).unwrap();
                for (x, y) in c.iter().zip(&want) {
                    assert!(
                        (f64::from(*x) - y).abs() < 2e-5,
                        "{s:?} {form} {level:?}: {x} {y}"
                    );
                }
                if level > SimdLevel::Portable {
                    assert!(
                        fused.as_ref().is_none_or(|f| *f == c),
                        "{s:?} {form}: AVX2 and AVX-512 differ"
                    );
                    fused = Some(c);
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let mut d = Draw(2);
    let s = Sizes {
        m: 233,
        n: 190,
        k: 700,
    };
    let a: Vec<f32> = (0..s.m * s.k).map(|_| d.float() as f32).collect();
    let b: Vec<f32> = (0..s.k * s.n).map(|_| d.float() as f32).collect();
    let results: Vec<Vec<f32>> = [1, 2, 3]
        .iter()
        .map(|threads| {
            let mut c = vec![0.0f32; s.m * s.n];
            let (a, b) = (Matrix::new(&a, s.k, false), Matrix::new(&b, s.n, false));
            gemm(&ThreadPool::new(*threads), s, a, b, &mut c, Write::Replace).unwrap();
            c
        })
        .collect();
    assert!(results.iter().all(|c| *c == results[0]));
}

#[test]
fn integers_wrap_and_complex_numbers_multiply() {
    let pool = ThreadPool::new(1);
    let s = Sizes { m: 1, n: 1, k: 2 };
    let mut c = [0i32];
    let a = [i32::MAX, 3];
    let b = [2, 5];
    gemm(
        &pool,
        s,
        Matrix::new(&a, 2, false),
        Matrix::new(&b, 1, false),
        &mut c,
        Write::Replace,
    )
    .unwrap();
    assert_eq!(c, [13]);
    let mut c = [Complex::new(0.0f32, 0.0)];
    let a = [Complex::new(1.0, 2.0), Complex::new(0.0, 1.0)];
    let b = [Complex::new(3.0, -1.0), Complex::new(0.0, 1.0)];
    gemm(
        &pool,
        s,
        Matrix::new(&a, 2, false),
        Matrix::new(&b, 1, false),
        &mut c,
        Write::Replace,
    )
    .unwrap();
    assert_eq!(c, [Complex::new(4.0, 5.0)]);
}

#[test]
fn batches_and_short_operands() {
    let pool = ThreadPool::new(2);
    let s = Sizes { m: 2, n: 2, k: 2 };
    let a: Vec<f32> = (0..8).map(|v| v as f32).collect();
    let b = [1.0f32, 0.0, 0.0, 1.0];
    let mut c = [0.0f32; 8];
    let (ma, mb) = (Matrix::new(&a, 2, false), Matrix::new(&b, 2, false));
    gemm_batch(&pool, s, ma, mb, &[(4, 0), (0, 0)], &mut c, Write::Replace).unwrap();
    assert_eq!(c, [4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0]);
    assert!(gemm_batch(&pool, s, ma, mb, &[(5, 0), (0, 0)], &mut c, Write::Replace).is_err());
    gemm_batch(&pool, s, ma, mb, &[], &mut [], Write::Replace).unwrap();
    assert!(gemm(&pool, s, ma, mb, &mut c, Write::Replace).is_err());
}
