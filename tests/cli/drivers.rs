//! CUDA driver libraries that are not what they seem: the command says why there is no GPU, and never panics.

use super::command;
use crate::io::TempDir;
use std::path::Path;
use std::process::Command;

/// The functions that the crate asks the library for.
fn functions() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/device/cuda/real/library.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.split("FUNCTIONS: &[&str] = &[").nth(1).unwrap();
    let names = table.split("];").next().unwrap().split('"').skip(1);
    let names: Vec<String> = names.step_by(2).map(String::from).collect();
    assert!(names.len() > 25 && names.iter().all(|n| n.starts_with("cu")));
    names
}

/// A library whose functions do nothing but give these codes.
fn stub(dir: &Path, functions: &[(&str, i32)]) {
    let code: String = functions
        .iter()
        .map(|(name, code)| format!("int {name}() {{ return {code}; }}\n"))
        .collect();
    std::fs::write(dir.join("stub.c"), code).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "libcuda.so", "stub.c"])
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(built.success());
}

/// Why there is no GPU with the library in that folder.
fn no_gpu(dir: &Path) -> String {
    let done = command(dir, &["devices", "--json"])
        .env("LD_LIBRARY_PATH", dir)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && err.is_empty(), "{err}");
    let fact: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(fact["devices"].as_array().unwrap().len(), 1);
    fact["no_gpu"].as_str().unwrap().to_string()
}

#[test]
fn stubs_of_the_driver_are_told_from_drivers() {
    let all = functions();
    let with = |init: i32, others: i32| -> Vec<(&str, i32)> {
        let code = |n: &str| if n == "cuInit" { init } else { others };
        all.iter().map(|n| (n.as_str(), code(n))).collect()
    };
    for (stubs, why) in [
        (with(999, 999), "CUDA_ERROR_UNKNOWN"),
        (with(34, 34), "CUDA_ERROR_STUB_LIBRARY"),
        (with(100, 100), "CUDA_ERROR_NO_DEVICE"),
        // A code that CUDA does not have.
        (with(123_456, 123_456), "cuInit failed with error 123456"),
        // It begins well.
        (
            with(0, 999),
            "cuDriverGetVersion failed: CUDA_ERROR_UNKNOWN",
        ),
        (vec![("cuInit", 0)], "lacks cuCtxSetCurrent"),
    ] {
        let dir = TempDir::new("stub-driver");
        stub(dir.path(), &stubs);
        let said = no_gpu(dir.path());
        assert!(said.contains(why), "{said}");
    }
    let dir = TempDir::new("broken-driver");
    std::fs::write(dir.path().join("libcuda.so.1"), "not a library").unwrap();
    assert!(!no_gpu(dir.path()).is_empty());
}
