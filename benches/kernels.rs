//! Times of the heavy CPU kernels on the flagship's shapes: wall time, CPU time, nominal GFLOP/s.

use std::time::Instant;
use tensorloom::ThreadPool;
use tensorloom::device::cpu::gemm::{Matrix, Sizes, Write, gemm};

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

fn main() {
    let threads = std::env::var("THREADS").ok().and_then(|v| v.parse().ok());
    let pool = ThreadPool::new(threads.unwrap_or(0));
    println!("{} threads", pool.threads());
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let groups: &[(&str, fn(&ThreadPool))] = &[("gemm", products)];
    for (name, group) in groups {
        if only.is_empty() || only.iter().any(|o| o == name) {
            group(&pool);
        }
    }
}
