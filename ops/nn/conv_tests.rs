//! The three passes of the convolution against the definition, on random sizes and attributes.

use super::conv_attrs::ConvAttrs;
use super::conv_geometry::ConvGeometry;
use super::conv2d::cpu::conv2d;
use super::conv2d_backprop_filter::cpu::conv2d_backprop_filter;
use super::conv2d_backprop_input::cpu::conv2d_backprop_input;
use super::direct_conv::{FilterLayout, Finish, Target, convolve_with};
use super::direct_conv_grad::{ResultGradient, filter_gradient_with};
use super::window::DataFormat;
use crate::ThreadPool;
use crate::device::cpu::SimdLevel;
use crate::device::cpu::gemm::GemmScalar;
use half::bf16;

pub struct Draw(pub u64);
impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub fn floats(&mut self, n: usize) -> Vec<f64> {
        (0..n)
            .map(|_| f64::from((self.next() as f64 / (1u64 << 30) as f64 - 1.0) as f32))
            .collect()
    }
}

/// Calls `f(input index, filter index, output index)` for each product of the definition.
pub fn products(g: &ConvGeometry, mut f: impl FnMut(usize, usize, usize)) {
    let [n, oh, ow, oc] = g.output();
    let [_, h, w, c] = g.input();
    let [kh, kw, fc, _] = g.filter();
    let [y, x] = &g.spatial;
    for b in 0..n {
        for i in 0..oh {
            for j in 0..ow {
                for o in 0..oc {
                    let group = o / g.group_depth();
                    for a in 0..kh {
                        for d in 0..kw {
                            let p = (i * y.stride + a * y.dilation) as isize - y.before as isize;
                            let q = (j * x.stride + d * x.dilation) as isize - x.before as isize;
                            if p < 0 || q < 0 || p >= h as isize || q >= w as isize {
                                continue;
                            }
                            for k in 0..fc {
                                let at = ((b * h + p as usize) * w + q as usize) * c;
                                f(
                                    at + group * fc + k,
                                    ((a * kw + d) * fc + k) * oc + o,
                                    ((b * oh + i) * ow + j) * oc + o,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

struct Case {
    g: ConvGeometry,
    input: Vec<f64>,
    filter: Vec<f64>,
    grad: Vec<f64>,
    out: Vec<f64>,
    d_input: Vec<f64>,
    d_filter: Vec<f64>,
}

fn size(v: [usize; 4]) -> usize {
    v.iter().product()
}

impl Case {
    fn new(d: &mut Draw, g: ConvGeometry) -> Case {
        let input = d.floats(size(g.input()));
        let filter = d.floats(size(g.filter()));
        let grad = d.floats(size(g.output()));
        let mut out = vec![0.0; grad.len()];
        let mut d_input = vec![0.0; input.len()];
        let mut d_filter = vec![0.0; filter.len()];
        products(&g, |i, f, o| {
            out[o] += input[i] * filter[f];
            d_input[i] += grad[o] * filter[f];
            d_filter[f] += grad[o] * input[i];
        });
        Case {
            g,
            input,
            filter,
            grad,
            out,
            d_input,
            d_filter,
        }
    }
}

fn random(d: &mut Draw) -> ConvGeometry {
    loop {
        let groups = [1, 1, 1, 2, 3][d.below(5)];
        let fc = [1, 2, 3, 5, 16, 33][d.below(6)];
        let oc = groups * [1, 2, 7, 20, 33][d.below(5)];
        let padding = ["SAME", "VALID", "EXPLICIT"][d.below(3)];
        let mut pick = |n: usize| 1 + d.below(n) as i64;
        let explicit = [
            0,
            0,
            pick(4) - 1,
            pick(4) - 1,
            pick(4) - 1,
            pick(4) - 1,
            0,
            0,
        ];
        let (sh, sw, dh, dw) = (pick(3), pick(3), pick(2), pick(3));
        let attrs = ConvAttrs::new(
            &[1, sh, sw, 1],
            &[1, dh, dw, 1],
            padding,
            if padding == "EXPLICIT" {
                &explicit
            } else {
                &[]
            },
            "NHWC",
        )
        .unwrap();
        let input = [
            1 + d.below(4),
            1 + d.below(12),
            1 + d.below(20),
            groups * fc,
        ];
        let filter = [1 + d.below(5), 1 + d.below(5), fc, oc];
        if let Ok(g) = ConvGeometry::new(&attrs, input, filter) {
            return g;
        }
    }
}

fn cases() -> Vec<Case> {
    let mut d = Draw(7);
    let mut all: Vec<Case> = (0..60)
        .map(|_| {
            let g = random(&mut d);
            Case::new(&mut d, g)
        })
        .collect();
    // Small images in a large batch (tiles along images), pixels that need a copy, many input channels.
    for (input, filter, stride) in [
        ([40, 3, 3, 8], [3, 3, 8, 20], 1),
        ([37, 1, 1, 64], [1, 1, 64, 33], 1),
        ([2, 5, 6, 512], [3, 3, 512, 3], 1),
        ([17, 4, 4, 32], [2, 2, 32, 5], 2),
        ([1, 30, 40, 3], [5, 5, 3, 34], 1),
        ([1, 9, 9, 400], [1, 1, 400, 40], 3),
    ] {
        let s = [1, stride, stride, 1];
        let attrs = ConvAttrs::new(&s, &[1, 1, 1, 1], "SAME", &[], "NHWC").unwrap();
        let g = ConvGeometry::new(&attrs, input, filter).unwrap();
        all.push(Case::new(&mut d, g));
    }
    all
}

fn close(got: &[f64], want: &[f64], tolerance: f64, what: &dyn std::fmt::Debug) {
    assert_eq!(got.len(), want.len());
    let scale = want.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (x, y)) in got.iter().zip(want).enumerate() {
        assert!(
            (x - y).abs() <= tolerance * scale,
            "{what:?}: element {i}: {x} instead of {y}"
        );
    }
}

fn to32(v: &[f64]) -> Vec<f32> {
    v.iter().map(|x| *x as f32).collect()
}
fn to64(v: &[f32]) -> Vec<f64> {
    v.iter().map(|x| f64::from(*x)).collect()
}

#[test]
fn floats_follow_the_definition_for_any_number_of_threads() {
    let pools = [1, 2, 3].map(ThreadPool::new);
    for c in cases() {
        let (x, f, g) = (to32(&c.input), to32(&c.filter), to32(&c.grad));
        let all = pools.each_ref().map(|pool| {
            let mut out = vec![f32::NAN; g.len()];
            conv2d(pool, &c.g, DataFormat::Nhwc, &x, &f, &mut out, Finish::NONE).unwrap();
            let mut dx = vec![f32::NAN; x.len()];
            conv2d_backprop_input(pool, &c.g, DataFormat::Nhwc, &f, &g, &mut dx).unwrap();
            let mut df = vec![f32::NAN; f.len()];
            conv2d_backprop_filter(pool, &c.g, DataFormat::Nhwc, &x, &g, &mut df).unwrap();
            (out, dx, df)
        });
        close(&to64(&all[0].0), &c.out, 1e-5, &c.g);
        close(&to64(&all[0].1), &c.d_input, 1e-5, &c.g);
        close(&to64(&all[0].2), &c.d_filter, 1e-5, &c.g);
        assert!(all[0] == all[1] && all[0] == all[2], "{:?}", c.g);
    }
}

#[test]
fn doubles_follow_the_definition_in_nchw_too() {
    let pool = ThreadPool::new(2);
    for c in cases() {
        let turn = |v: &[f64], [n, h, w, ch]: [usize; 4]| {
            let mut out = vec![0.0; v.len()];
            for (i, x) in v.iter().enumerate() {
                let (k, p, b) = (i % ch, i / ch % (h * w), i / (ch * h * w));
                out[(b * ch + k) * h * w + p] = *x;
                assert!(b < n);
            }
            out
        };
        let (x, g) = (turn(&c.input, c.g.input()), turn(&c.grad, c.g.output()));
        let format = DataFormat::Nchw;
        let mut out = vec![f64::NAN; g.len()];
        conv2d(&pool, &c.g, format, &x, &c.filter, &mut out, Finish::NONE).unwrap();
        close(&out, &turn(&c.out, c.g.output()), 1e-13, &c.g);
        let mut dx = vec![f64::NAN; x.len()];
        conv2d_backprop_input(&pool, &c.g, format, &c.filter, &g, &mut dx).unwrap();
        close(&dx, &turn(&c.d_input, c.g.input()), 1e-13, &c.g);
        let mut df = vec![f64::NAN; c.filter.len()];
        conv2d_backprop_filter(&pool, &c.g, format, &x, &g, &mut df).unwrap();
        close(&df, &c.d_filter, 1e-13, &c.g);
    }
}

#[test]
fn all_instruction_sets_agree() {
    let pool = ThreadPool::new(1);
    for c in cases().iter().filter(|c| c.g.groups() == 1) {
        let (x, f, g) = (to32(&c.input), to32(&c.filter), to32(&c.grad));
        let unfold = c.g.unfold_input(0);
        let [_, kw, fc, oc] = c.g.filter();
        let base = |row, col| (row * kw + col) * fc * oc;
        let layout = FilterLayout {
            data: &f,
            base: &base,
            step: oc,
            col: 1,
        };
        let target = Target {
            rows: c.g.spatial[0].output,
            cols: c.g.spatial[1].output,
            channels: oc,
            origin: (0, 0),
            step: (1, 1),
            first: 0,
            depth: oc,
        };
        let grad = ResultGradient {
            data: &g,
            channels: oc,
            first: 0,
            depth: oc,
        };
        let mut fused: Option<(Vec<f32>, Vec<f32>)> = None;
        for level in SimdLevel::available() {
            let kernel = f32::microkernel(level);
            let mut out = vec![0.0; g.len()];
            convolve_with(
                &pool,
                &kernel,
                &unfold,
                &x,
                &layout,
                &target,
                &mut out,
                Finish::NONE,
            )
            .unwrap();
            close(&to64(&out), &c.out, 1e-5, &c.g);
            let mut df = vec![0.0; f.len()];
            filter_gradient_with(&pool, &kernel, &unfold, &x, grad, kw, &mut df).unwrap();
            close(&to64(&df), &c.d_filter, 1e-5, &c.g);
            if level > SimdLevel::Portable {
                let now = (out, df);
                assert!(fused.as_ref().is_none_or(|f| *f == now), "{:?}", c.g);
                fused = Some(now);
            }
        }
    }
}

#[test]
fn bfloat16_rounds_once_and_int32_wraps() {
    let pool = ThreadPool::new(2);
    for c in cases().iter().take(20) {
        let round = |v: &[f64]| -> Vec<bf16> { v.iter().map(|x| bf16::from_f64(*x)).collect() };
        let (x, f) = (round(&c.input), round(&c.filter));
        let mut want = vec![0.0f64; c.out.len()];
        products(&c.g, |i, k, o| want[o] += x[i].to_f64() * f[k].to_f64());
        let mut out = vec![bf16::ZERO; want.len()];
        conv2d(
            &pool,
            &c.g,
            DataFormat::Nhwc,
            &x,
            &f,
            &mut out,
            Finish::NONE,
        )
        .unwrap();
        for (o, w) in out.iter().zip(&want) {
            assert!((o.to_f64() - w).abs() <= w.abs() / 250.0 + 1e-4, "{o} {w}");
        }
        let (x, f): (Vec<i32>, Vec<i32>) = (
            c.input.iter().map(|v| (v * 1e9) as i32).collect(),
            c.filter.iter().map(|v| (v * 1e9) as i32).collect(),
        );
        let mut want = vec![0i32; c.out.len()];
        products(&c.g, |i, k, o| {
            want[o] = want[o].wrapping_add(x[i].wrapping_mul(f[k]))
        });
        let mut out = vec![1i32; want.len()];
        conv2d(
            &pool,
            &c.g,
            DataFormat::Nhwc,
            &x,
            &f,
            &mut out,
            Finish::NONE,
        )
        .unwrap();
        assert_eq!(out, want);
    }
}

#[test]
fn bias_and_relu_are_part_of_the_pass() {
    let pool = ThreadPool::new(2);
    for c in cases().iter().take(20) {
        let bias = to32(&Draw(3).floats(c.g.out_depth));
        let finish = Finish {
            bias: Some(&bias),
            relu: true,
        };
        let mut out = vec![0.0f32; c.out.len()];
        let (x, f) = (to32(&c.input), to32(&c.filter));
        conv2d(&pool, &c.g, DataFormat::Nhwc, &x, &f, &mut out, finish).unwrap();
        let want: Vec<f64> = c
            .out
            .iter()
            .enumerate()
            .map(|(i, v)| (v + f64::from(bias[i % c.g.out_depth])).max(0.0))
            .collect();
        close(&to64(&out), &want, 1e-5, &c.g);
    }
}
