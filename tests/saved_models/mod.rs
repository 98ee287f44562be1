//! SavedModels that TensorFlow and Keras wrote, run by signature and compared with what they answered there.

use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tensorloom::def::GraphDef;
use tensorloom::train::{SERVE, SavedModel};
use tensorloom::{Attrs, Code, DType, Result, SessionOptions, Tensor};

/// Where the packed models are: those of the project, or fresh ones that a script has just made.
fn folder() -> PathBuf {
    match std::env::var_os("TENSORLOOM_SAVED_MODELS") {
        Some(dir) => dir.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/saved_models"),
    }
}

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A model unpacked into a folder that lasts as long as the value.
fn unpack(name: &str) -> Folder {
    let file = std::fs::File::open(folder().join(format!("{name}.tar.gz"))).unwrap();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let unique = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let target =
        Folder(std::env::temp_dir().join(format!("tensorloom-model-{}-{}", unique.0, unique.1)));
    std::fs::create_dir_all(target.path()).unwrap();
    tar::Archive::new(GzDecoder::new(file))
        .unpack(target.path())
        .unwrap();
    target
}

type Named = BTreeMap<String, Tensor>;

/// The recorded calls: signature, inputs, outputs.
fn calls(folder: &Path) -> Vec<(String, Named, Named)> {
    let def = GraphDef::from_pb(&std::fs::read(folder.join("runs.pb")).unwrap()).unwrap();
    let mut runs: BTreeMap<usize, (String, Named, Named)> = BTreeMap::new();
    for n in def.node {
        let [run, signature, side, name] = n.name.split('/').collect::<Vec<_>>()[..] else {
            panic!("{}", n.name)
        };
        let run = runs
            .entry(run.strip_prefix("run").unwrap().parse().unwrap())
            .or_default();
        run.0 = signature.to_string();
        let value = Attrs(n.attr).tensor("value").unwrap().clone();
        let map = if side == "in" { &mut run.1 } else { &mut run.2 };
        map.insert(name.to_string(), value);
    }
    runs.into_values().collect()
}

fn compare(what: &str, got: &Tensor, want: &Tensor) {
    assert_eq!(
        (got.dtype(), got.shape()),
        (want.dtype(), want.shape()),
        "{what}"
    );
    match want.dtype() {
        DType::F32 => {
            for (g, w) in got
                .data::<f32>()
                .unwrap()
                .iter()
                .zip(want.data::<f32>().unwrap())
            {
                let close = (g - w).abs() <= 1e-5 * w.abs().max(1.0);
                assert!(close, "{what}: {got:?} instead of {want:?}");
            }
        }
        DType::String => assert_eq!(got.strings().unwrap(), want.strings().unwrap(), "{what}"),
        _ => assert_eq!(got.bytes().unwrap(), want.bytes().unwrap(), "{what}"),
    }
}

fn check(name: &str) {
    let dir = unpack(name);
    for optimize in [true, false] {
        let options = SessionOptions {
            optimize,
            ..SessionOptions::default()
        };
        let model = SavedModel::load_with(dir.path(), &[SERVE], &options).unwrap();
        let calls = calls(dir.path());
        assert!(!calls.is_empty());
        for (k, (signature, inputs, outputs)) in calls.into_iter().enumerate() {
            let got = model
                .run(&signature, inputs)
                .unwrap_or_else(|e| panic!("{name} {k} {signature}: {e}"));
            assert_eq!(
                got.keys().collect::<Vec<_>>(),
                outputs.keys().collect::<Vec<_>>()
            );
            for (output, want) in &outputs {
                compare(
                    &format!("{name} {k} {signature} {output}"),
                    &got[output],
                    want,
                );
            }
        }
    }
}

#[test]
fn a_convolutional_net() {
    check("conv_net");
}
#[test]
fn a_net_with_branches() {
    check("residual_net");
}
#[test]
fn an_lstm() {
    check("lstm");
}
#[test]
fn grus_in_both_directions() {
    check("gru");
}
#[test]
fn an_embedding_with_a_mask() {
    check("text");
}
#[test]
fn control_flow_in_functions() {
    check("control");
}
#[test]
fn a_model_of_tensorflow_1_with_an_asset() {
    check("simple_save");
}

#[test]
fn what_does_not_exist_is_answered_by_what_does() -> Result<()> {
    let dir = unpack("control");
    let Err(e) = SavedModel::load(dir.path(), &["train"]) else {
        panic!("no such tags")
    };
    assert_eq!(e.code(), Code::NotFound);
    assert!(
        e.message().contains("{ train }") && e.message().contains("{ serve }"),
        "{e}"
    );
    let model = SavedModel::load(dir.path(), &[SERVE])?;
    let e = model
        .run("lop", [("x", Tensor::from([1.0f32]))])
        .unwrap_err();
    assert_eq!(e.code(), Code::NotFound);
    assert!(e.message().contains("'branch', 'choose'"), "{e}");
    for (name, value, words) in [
        ("z", Tensor::from([1.0f32]), "no input 'z'; it has 'n', 'x'"),
        ("x", Tensor::from([1i32]), "has type float but int32"),
        (
            "x",
            Tensor::from(1.0f32),
            "has shape [?] but a tensor of shape []",
        ),
        ("x", Tensor::from([1.0f32]), "needs the inputs 'n'"),
    ] {
        let e = model.run("loop", [(name, value)]).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(e.message().contains(words), "{e}");
    }
    Ok(())
}
