//! `tensorloom checkpoint`: both formats, slices, damage, and the way to other files and back.

use super::{data, tensorloom};
use crate::io::TempDir;
use std::fs;
use std::path::Path;
use tensorloom::Tensor;
use tensorloom::io::BundleWriter;

/// A checkpoint without strings.
fn write(dir: &Path, name: &str, w: &Tensor) {
    let mut writer = BundleWriter::new(dir.join(name)).unwrap();
    writer.add("w", w).unwrap();
    writer.add("step", &Tensor::from(7i64)).unwrap();
    writer.finish().unwrap();
}

#[test]
fn keys_and_slices_are_listed() {
    let dir = TempDir::new("cli-ckpt-list");
    let ckpt = data("ckpt/m.ckpt-2");
    let list = tensorloom(dir.path(), &["checkpoint", "list", &ckpt, "--json"]).json();
    assert_eq!(list["format"], "V2");
    let tensors = list["tensors"].as_array().unwrap();
    let v = tensors.iter().find(|t| t["key"] == "v").unwrap();
    assert_eq!((&v["dtype"], &v["bytes"]), (&"float32".into(), &80.into()));
    assert_eq!(v["slices"], serde_json::json!(["0,2:0,5", "2,2:0,5"]));
    let text = tensorloom(dir.path(), &["checkpoint", "list", &ckpt]).ok();
    assert!(
        text.contains("\n  slice 0,2:0,5\n") && text.contains("format V2"),
        "{text}"
    );
    let v1 = tensorloom(
        dir.path(),
        &["checkpoint", "list", &data("ckpt_v1/all"), "--json"],
    )
    .json();
    assert_eq!(v1["format"], "V1");

    let part = [
        "checkpoint",
        "show",
        &ckpt,
        "v",
        "--slice",
        "1,2:0,1",
        "--json",
    ];
    let part = tensorloom(dir.path(), &part).json();
    assert_eq!(
        part,
        serde_json::json!({"dtype": "float32", "shape": [2, 1], "values": [5.0, 10.0]})
    );
    for (args, want) in [
        (
            &["show", &ckpt, "nope"][..],
            "NotFound: Key nope not found in checkpoint",
        ),
        (
            &["show", &ckpt, "v", "--slice", "9,9:-"],
            "InvalidArgument: ",
        ),
        (
            &["show", &ckpt, "v", "--slice", "x"],
            "InvalidArgument: Expected a pair",
        ),
        (&["list", "nowhere"], "NotFound: "),
    ] {
        let e = tensorloom(dir.path(), &[&["checkpoint"], args].concat()).error(1);
        assert!(e.contains(want), "{args:?}: {e}");
    }
}

#[test]
fn damage_is_found_and_placed() {
    let dir = TempDir::new("cli-ckpt-verify");
    let dir = dir.path();
    for ckpt in ["ckpt/m.ckpt-2", "ckpt_v1/all"] {
        let out = tensorloom(dir, &["checkpoint", "verify", &data(ckpt)]).ok();
        assert!(out.ends_with("sound\n"), "{out}");
    }
    write(dir, "m", &Tensor::from([1.0f32, 2.0]));
    let file = dir.join("m.data-00000-of-00001");
    let mut bytes = fs::read(&file).unwrap();
    bytes[1] ^= 4;
    fs::write(&file, &bytes).unwrap();
    let done = tensorloom(dir, &["checkpoint", "verify", "m"]);
    assert!(
        done.out.contains("(data file 0, bytes 0 to 8): DataLoss: ")
            && done.out.contains("Checksum"),
        "{done:?}"
    );
    assert!(
        done.error(1)
            .contains("DataLoss: 1 of 2 tensors cannot be read: w")
    );
    let done = tensorloom(dir, &["checkpoint", "verify", "m", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (&report["sound"], &report["faults"][0]["key"]),
        (&false.into(), &"w".into())
    );
    fs::remove_file(&file).unwrap();
    assert!(
        tensorloom(dir, &["checkpoint", "verify", "m"])
            .error(1)
            .contains("2 of 2")
    );
    let index = fs::read(dir.join("m.index")).unwrap();
    fs::write(dir.join("m.index"), &index[..index.len() - 9]).unwrap();
    assert!(
        tensorloom(dir, &["checkpoint", "verify", "m"])
            .error(1)
            .contains("DataLoss")
    );
}

#[test]
fn differences_are_named() {
    let dir = TempDir::new("cli-ckpt-diff");
    let dir = dir.path();
    write(dir, "a", &Tensor::from([1.0f32, 2.0, f32::NAN]));
    write(dir, "b", &Tensor::from([1.0f32, 2.5, f32::NAN]));
    write(dir, "c", &Tensor::from([1.0f32]));
    let diff = |args: &[&str]| tensorloom(dir, &[&["checkpoint", "diff"], args].concat());
    assert_eq!(diff(&["a", "a"]).ok(), "");
    assert_eq!(diff(&["a", "b", "--tolerance", "0.5"]).ok(), "");
    let done = diff(&["a", "b"]);
    assert_eq!(
        (done.code, &done.out[..]),
        (Some(1), "~ w  1 of 3 elements differ, by at most 5e-1\n")
    );
    assert_eq!(diff(&["a", "c"]).out, "! w  float32 [3] | float32 [1]\n");
    let ckpt = data("ckpt/z");
    assert_eq!(diff(&["a", &ckpt]).out, "+ q\n- step\n- w\n");
}

#[test]
fn files_of_other_programs_come_and_go() {
    let dir = TempDir::new("cli-ckpt-files");
    let dir = dir.path();
    write(
        dir,
        "m",
        &Tensor::from([[1.0f32, -0.0], [f32::INFINITY, 2.0]]),
    );
    let run = |args: &[&str]| tensorloom(dir, &[&["checkpoint"], args].concat());
    for file in ["t.npz", "t.safetensors"] {
        run(&["export", "m", file]).ok();
        run(&["import", file, "back/m"]).ok();
        assert_eq!(run(&["diff", "m", "back/m"]).ok(), "", "{file}");
        // The content tells what a file is.
        fs::rename(dir.join(file), dir.join("renamed")).unwrap();
        run(&["import", "renamed", "again/m"]).ok();
        assert_eq!(run(&["diff", "m", "again/m"]).ok(), "", "{file}");
    }
    let v1 = data("ckpt_v1/all");
    run(&["convert", &v1, "new/m"]).ok();
    assert_eq!(run(&["diff", &v1, "new/m"]).ok(), "");
    run(&["convert", "m", "old", "--format", "v1"]).ok();
    assert_eq!(run(&["diff", "m", "old"]).ok(), "");

    let text = data("ckpt/m.ckpt-2");
    let e = run(&["export", &text, "s.safetensors"]).error(1);
    assert!(
        e.contains("safetensors has no type for str (string)"),
        "{e}"
    );
    run(&[
        "export",
        &text,
        "s.safetensors",
        "--key",
        "v",
        "--key",
        "scope/*",
    ])
    .ok();
    run(&["import", "s.safetensors", "some/m"]).ok();
    let list = run(&["list", "some/m", "--json"]).json();
    assert_eq!(list["tensors"].as_array().unwrap().len(), 2);
    let e = run(&["export", &text, "n.npz", "--key", "q*"]).error(1);
    assert!(e.contains("no key of the checkpoint matches q*"), "{e}");
    assert_eq!(run(&["export", "m", "t.txt"]).code, Some(2));

    let whole = fs::read(dir.join("s.safetensors")).unwrap();
    for (bytes, want) in [
        (&whole[..whole.len() - 1], "DataLoss"),
        (&whole[..20], "DataLoss"),
        (b"PK\x03\x04", "not a zip archive"),
        (b"hello", "neither a NumPy archive"),
        (b"", "neither a NumPy archive"),
    ] {
        fs::write(dir.join("bad"), bytes).unwrap();
        let e = run(&["import", "bad", "bad/m"]).error(1);
        assert!(e.contains(want), "{e}");
        assert!(!dir.join("bad/m.index").exists());
    }
}
