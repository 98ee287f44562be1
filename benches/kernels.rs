//! Times of the heavy CPU kernels on the flagship's shapes: wall time, CPU time, nominal GFLOP/s.

use std::time::Instant;
use tensorloom::ThreadPool;
use tensorloom::device::cpu::gemm::{Matrix, Sizes, Write, gemm};
use tensorloom::ops::nn::conv_attrs::ConvAttrs;
use tensorloom::ops::nn::conv_geometry::ConvGeometry;
use tensorloom::ops::nn::conv2d::cpu::conv2d;
use tensorloom::ops::nn::conv2d_backprop_filter::cpu::conv2d_backprop_filter;
use tensorloom::ops::nn::conv2d_backprop_input::cpu::conv2d_backprop_input;
use tensorloom::ops::nn::direct_conv::Finish;
use tensorloom::ops::nn::window::DataFormat;

/// Runs `f` for a while and prints the best and the median time, and the CPU time of all threads (which other
/// programs on the machine disturb less).
fn measure(name: &str, flops: f64, mut f: impl FnMut()) {
    f();
    let mut times = Vec::new();
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    while times.len() < 5 || (begin.elapsed().as_secs_f64() < 0.5 && times.len() < 200) {
        let t = Instant::now();
        f();
        times.push(t.elapsed().as_secs_f64());
    }
    let cpu = (cpu_seconds() - cpu) / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let (best, median) = (times[0], times[times.len() / 2]);
    println!(
        "{name:<36} best {:8.3} ms  median {:8.3} ms  cpu {:8.3} ms  {:6.1} GFLOP/s, {:6.1} per cpu second",
        best * 1e3,
        median * 1e3,
        cpu * 1e3,
        flops / best / 1e9,
        flops / cpu / 1e9
    );
}

/// Time that all threads of this process have run (0 where the system does not tell).
fn cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    threads
        .filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("schedstat")).ok())
        .filter_map(|s| s.split_whitespace().next()?.parse::<f64>().ok())
        .sum::<f64>()
        * 1e-9
}

fn numbers(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn products(pool: &ThreadPool) {
    for (m, n, k, ta, tb) in [
        (2048, 2048, 2048, false, false),
        (128, 384, 2304, false, false),
        (128, 2304, 384, false, true),
        (2304, 384, 128, true, false),
        (128, 192, 384, false, false),
        (18432, 64, 1600, false, false),
        (1600, 64, 18432, true, false),
        (1000, 1000, 1000, false, true),
        (1000, 1000, 1000, true, false),
    ] {
        let (a, b) = (numbers(m * k), numbers(k * n));
        let mut c = vec![0.0f32; m * n];
        let a = Matrix::new(&a, if ta { m } else { k }, ta);
        let b = Matrix::new(&b, if tb { k } else { n }, tb);
        let name = format!(
            "gemm {m} x {n} x {k} {}{}",
            if ta { "T" } else { "N" },
            if tb { "T" } else { "N" }
        );
        measure(&name, 2.0 * (m * n * k) as f64, || {
            gemm(pool, Sizes { m, n, k }, a, b, &mut c, Write::Replace).unwrap()
        });
    }
}

fn convolutions(pool: &ThreadPool) {
    let same = |s: i64| ConvAttrs::new(&[1, s, s, 1], &[1; 4], "SAME", &[], "NHWC").unwrap();
    for (name, input, filter, stride) in [
        ("conv1", [128, 24, 24, 3], [5, 5, 3, 64], 1),
        ("conv2", [128, 12, 12, 64], [5, 5, 64, 64], 1),
        ("3x3x128->128 @28 b8", [8, 28, 28, 128], [3, 3, 128, 128], 1),
        ("3x3x64->128 @56 b8 /2", [8, 56, 56, 64], [3, 3, 64, 128], 2),
        ("1x1x256->64 @56 b4", [4, 56, 56, 256], [1, 1, 256, 64], 1),
        ("3x3x512->512 @7 b8", [8, 7, 7, 512], [3, 3, 512, 512], 1),
        ("7x7x3->64 @224 b2 /2", [2, 224, 224, 3], [7, 7, 3, 64], 2),
    ] {
        let g = ConvGeometry::new(&same(stride), input, filter).unwrap();
        let size = |v: [usize; 4]| v.iter().product::<usize>();
        let (x, f, d) = (
            numbers(size(g.input())),
            numbers(size(g.filter())),
            numbers(size(g.output())),
        );
        let flops = 2.0 * (size(g.output()) * filter[0] * filter[1] * filter[2]) as f64;
        let nhwc = DataFormat::Nhwc;
        let mut out = d.clone();
        measure(&format!("{name} forward"), flops, || {
            conv2d(pool, &g, nhwc, &x, &f, &mut out, Finish::NONE).unwrap()
        });
        let mut out = x.clone();
        measure(&format!("{name} backprop input"), flops, || {
            conv2d_backprop_input(pool, &g, nhwc, &f, &d, &mut out).unwrap()
        });
        let mut out = f.clone();
        measure(&format!("{name} backprop filter"), flops, || {
            conv2d_backprop_filter(pool, &g, nhwc, &x, &d, &mut out).unwrap()
        });
    }
}

fn main() {
    let threads = std::env::var("THREADS").ok().and_then(|v| v.parse().ok());
    let pool = ThreadPool::new(threads.unwrap_or(0));
    println!("{} threads", pool.threads());
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let groups: &[(&str, fn(&ThreadPool))] = &[("gemm", products), ("conv", convolutions)];
    for (name, group) in groups {
        if only.is_empty() || only.iter().any(|o| o == name) {
            group(&pool);
        }
    }
}
