//! The conversions of half and bfloat16 that kernels use, against those of the host, bit by bit.

use super::PRELUDE;
use std::process::{Command, Stdio};

const MAIN: &str = r#"
#include <cstdio>
#define __device__
#define __forceinline__ inline
#include "prelude.cuh"
int main() {
    u32 b;
    while (std::fread(&b, 4, 1, stdin) == 1) {
        f16 h(float_of(b));
        bf16 w(float_of(b));
        u32 back[2] = {bits_of((f32)h), bits_of((f32)w)};
        std::fwrite(&h.bits, 2, 1, stdout);
        std::fwrite(&w.bits, 2, 1, stdout);
        std::fwrite(back, 4, 2, stdout);
    }
}
"#;

#[test]
fn conversions_of_kernels_round_as_the_host_does() {
    let dir = std::env::temp_dir().join(format!("tensorloom-prelude-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("prelude.cuh"), PRELUDE).unwrap();
    std::fs::write(dir.join("main.cpp"), MAIN).unwrap();
    let built = Command::new("c++")
        .args(["-std=c++17", "-O1", "-o", "main", "main.cpp"])
        .current_dir(&dir)
        .status()
        .unwrap();
    assert!(built.success());
    // Every sign, exponent and leading bits, with what decides the rounding below them.
    let low = [
        0u32, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x7fff, 0x8000, 0x8001, 0xffff,
    ];
    let floats: Vec<u32> = (0..1u32 << 16)
        .flat_map(|high| low.map(|l| high << 16 | l))
        .collect();
    let input = dir.join("in");
    std::fs::write(&input, bytemuck::cast_slice::<u32, u8>(&floats)).unwrap();
    let done = Command::new(dir.join("main"))
        .stdin(Stdio::from(std::fs::File::open(&input).unwrap()))
        .output()
        .unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(done.stdout.len(), 12 * floats.len());
    for (bits, got) in floats.iter().zip(done.stdout.chunks_exact(12)) {
        let v = f32::from_bits(*bits);
        let short = |at: usize| u16::from_ne_bytes([got[at], got[at + 1]]);
        let back = |at: usize| f32::from_ne_bytes(got[at..at + 4].try_into().unwrap());
        let (h, w) = (
            half::f16::from_bits(short(0)),
            half::bf16::from_bits(short(2)),
        );
        if v.is_nan() {
            assert!(h.is_nan() && w.is_nan() && back(4).is_nan() && back(8).is_nan());
            continue;
        }
        assert_eq!(h.to_bits(), half::f16::from_f32(v).to_bits(), "{v:e}");
        assert_eq!(w.to_bits(), half::bf16::from_f32(v).to_bits(), "{v:e}");
        assert_eq!(back(4).to_bits(), h.to_f32().to_bits(), "{v:e}");
        assert_eq!(back(8).to_bits(), w.to_f32().to_bits(), "{v:e}");
    }
}
