//! Every kernel source of the crate compiles for the GPUs of several generations. It needs NVRTC but no GPU:
//! `TENSORLOOM_NVRTC=$(tests/cuda/setup.sh) cargo test nvrtc`.

use super::nvrtc::Nvrtc;
use crate::DType;
use crate::device::cuda::{PRELUDE, Source, SourceFile};
use crate::ops::{array, math, nn, state};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

/// All sources of the crate, and one for the prelude by itself.
fn all_sources() -> Vec<&'static Source> {
    vec![
        &PRELUDE_ALONE,
        &array::cuda::MOVEMENT,
        &math::cuda::BROADCAST,
        &math::cuda::CAST,
        &math::cuda::ELEMENTWISE,
        &math::cuda::SELECT,
        &math::cuda::reduction::REDUCTION,
        &math::cuda::scan::SCAN,
        &nn::cuda::SLICES,
        &nn::cuda::bias::SOURCE,
        &nn::cuda::conv2d::SOURCE,
        &nn::cuda::lrn::SOURCE,
        &nn::cuda::mat_mul::SOURCE,
        &nn::cuda::pool::SOURCE,
        &nn::cuda::softmax::SOURCE,
        &state::apply::gradient_descent::SOURCE,
    ]
}

static PRELUDE_ALONE: Source = Source {
    name: "prelude",
    files: &[SourceFile {
        path: "all_of_it.cu",
        text: ALL_OF_IT,
    }],
    types: &[DType::F32],
};

/// The compiler; nothing when there is none and nobody said that there is one.
fn compiler() -> Option<Nvrtc> {
    let promised = ["TENSORLOOM_NVRTC", "CI"].map(|v| std::env::var_os(v).is_some());
    match Nvrtc::open(99, &[]) {
        Ok(found) => Some(found),
        Err(why) if promised.contains(&true) => panic!("{why}"),
        Err(why) => {
            eprintln!("SKIPPED, nothing was compiled: {why}");
            None
        }
    }
}

/// An entry point that uses all of the prelude.
const ALL_OF_IT: &str = r#"
extern "C" __global__ void all_of_it(f16* h, bf16* b, f32* f, index_t n) {
    GRID_STRIDE(i, n) {
        h[i] = f16(f[i] + (f32)h[i]);
        b[i] = bf16(f[i] * (Wide<bf16>::type)b[i]);
    }
}
"#;

/// The `.cu` and `.cuh` files below a folder, as paths within the crate.
fn files_below(dir: &str, out: &mut BTreeSet<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(root.join(dir)).unwrap().flatten() {
        let path = format!("{dir}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            files_below(&path, out);
        } else if path.ends_with(".cu") || path.ends_with(".cuh") {
            out.insert(path);
        }
    }
}

#[test]
fn every_file_of_kernels_belongs_to_a_source() {
    let mut on_disk = BTreeSet::new();
    files_below("src", &mut on_disk);
    files_below("ops", &mut on_disk);
    let mut used = BTreeSet::from(["src/device/cuda/prelude.cuh".to_string()]);
    let files = all_sources().into_iter().flat_map(|s| s.files);
    used.extend(
        files
            .map(|f| f.path.to_string())
            .filter(|p| p.contains('/')),
    );
    assert_eq!(on_disk, used);
}

/// For `compute_70` NVRTC gives the PTX that runs from capability 7.0 on; for `sm_70` it would give machine code.
#[test]
fn nvrtc_compiles_every_source_to_ptx_for_several_generations() {
    let Some(nvrtc) = compiler() else { return };
    let targets = [
        ("compute_70", "sm_70"),
        ("compute_80", "sm_80"),
        ("compute_90", "sm_90"),
    ];
    let mut jobs = Vec::new();
    for source in all_sources() {
        for dtype in source.types {
            jobs.extend(targets.map(|(target, sm)| (source, *dtype, target, sm)));
        }
    }
    let (count, jobs, wrong) = (jobs.len(), Mutex::new(jobs), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((source, dtype, target, sm)) = jobs.lock().unwrap().pop() else {
                return;
            };
            match nvrtc.compile(&source.text(dtype).unwrap(), source.name, target) {
                Ok(ptx) => {
                    let ptx = String::from_utf8_lossy(&ptx);
                    let right = ptx.contains(&format!(".target {sm}")) && ptx.contains(".entry");
                    assert!(right, "{} for {target}: {ptx}", source.name);
                }
                Err(e) => wrong.lock().unwrap().push(e.message().to_string()),
            }
        }
    };
    std::thread::scope(|s| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            s.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("NVRTC {}: {count} compilations", nvrtc.version());
}

#[test]
fn nvrtc_names_the_line_of_a_mistake_and_takes_the_nearest_target() {
    let Some(nvrtc) = compiler() else { return };
    let text = format!("{PRELUDE}\n#line 1 \"bad.cu\"\n\nint f() {{ return nonsense; }}");
    let e = nvrtc.compile(&text, "bad.cu", "sm_80").unwrap_err();
    let m = e.message();
    assert!(m.contains("bad.cu(2)") && m.contains("nonsense"), "{m}");
    assert_eq!(nvrtc.target((8, 0)), "sm_80");
    assert!(nvrtc.target((99, 0)).starts_with("compute_"));
    // Machine code, not text.
    let cubin = nvrtc
        .compile(&format!("{PRELUDE}{ALL_OF_IT}"), "all.cu", "sm_80")
        .unwrap();
    assert!(cubin.starts_with(b"\x7fELF"));
}
