//! Every kernel source of the crate compiles for the GPUs of several generations. It needs NVRTC but no GPU:
//! `TENSORLOOM_NVRTC=$(tests/cuda/setup.sh) cargo test nvrtc`.

use super::nvrtc::Nvrtc;
use crate::device::cuda::PRELUDE;
use std::path::{Path, PathBuf};

/// The compiler; nothing when there is none and nobody said that there is one.
fn compiler() -> Option<Nvrtc> {
    let promised = ["TENSORLOOM_NVRTC", "CI"].map(|v| std::env::var_os(v).is_some());
    match Nvrtc::open(99) {
        Ok(found) => Some(found),
        Err(why) if promised.contains(&true) => panic!("{why}"),
        Err(why) => {
            eprintln!("SKIPPED, nothing was compiled: {why}");
            None
        }
    }
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "cu") {
            out.push(path);
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

#[test]
fn nvrtc_compiles_every_source_for_several_generations() {
    let Some(nvrtc) = compiler() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("ops"), &mut files);
    let mut texts = vec![("prelude".to_string(), ALL_OF_IT.to_string())];
    for file in files {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        // What the sources of arithmetic share is put before them.
        let shared = std::fs::read_to_string(file.with_file_name("scalar.cuh"));
        let text = std::fs::read_to_string(&file).unwrap();
        texts.push((name, shared.unwrap_or_default() + &text));
    }
    let mut wrong = Vec::new();
    for (name, text) in &texts {
        let text = format!("{PRELUDE}\n#line 1 \"{name}\"\n{text}");
        for target in ["compute_70", "compute_80", "compute_90"] {
            match nvrtc.compile(&text, name, target) {
                Ok(ptx) => assert!(String::from_utf8_lossy(&ptx).contains(".entry"), "{name}"),
                Err(e) => wrong.push(e.message().to_string()),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("NVRTC {}: {} sources", nvrtc.version(), texts.len());
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
