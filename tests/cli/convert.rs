//! `tensorloom convert`: every form of every message to every other one and back, with nothing lost.

use super::{data, tensorloom};
use crate::io::TempDir;
use flate2::read::GzDecoder;
use std::fs;
use std::path::Path;
use tensorloom::def::{Definition, GraphDef};
use tensorloom::proto::{canonical, schema};
use tensorloom::train::{SERVE, SavedModel};

const FORMS: [&str; 3] = ["pb", "pbtxt", "json"];

fn convert(dir: &Path, from: &str, to: &str, more: &[&str]) {
    let out = tensorloom(dir, &[&["convert", from, to], more].concat()).ok();
    assert_eq!(out, "");
}

/// The forms of one file: from each to each other and back to bytes, all are the same.
fn all_pairs(dir: &Path, file: &str) {
    // Bytes in canonical order; what the file spells in its own way stays, so that this is done once for all.
    for form in FORMS {
        convert(dir, file, &format!("first.{form}"), &[]);
    }
    let (kind, _) = Definition::read(file).unwrap();
    let first = |form: &str| fs::read(dir.join(format!("first.{form}"))).unwrap();
    for from in FORMS {
        for to in FORMS {
            convert(dir, &format!("first.{from}"), &format!("second.{to}"), &[]);
            let second = fs::read(dir.join(format!("second.{to}"))).unwrap();
            assert!(second == first(to), "{file}: {from} to {to}");
            let (again, _) = Definition::read(dir.join(format!("second.{to}"))).unwrap();
            assert!(again == kind, "{file}: {from} to {to}");
        }
    }
}

#[test]
fn every_form_becomes_every_other() {
    let dir = TempDir::new("cli-convert");
    let dir = dir.path();
    let graphs = concat!(env!("CARGO_MANIFEST_DIR"), "/graph_defs");
    for file in [
        data("defs/training.pb"),
        data("defs/training.pbtxt"),
        data("defs/functions.pb"),
        data("defs/functions.json"),
        data("defs/m.ckpt-2.meta"),
        data("defs/saved_model.pb"),
        data("defs/saved_model.pbtxt"),
        data("attrs.json"),
        data("attrs.pbtxt"),
        format!("{graphs}/line.pbtxt"),
        format!("{graphs}/product.pbtxt"),
        format!("{graphs}/cifar10_eval.pbtxt"),
    ] {
        all_pairs(dir, &file);
    }
    // What TensorFlow wrote is all there, whatever way it went: the bytes differ in the order of maps only.
    for (name, message) in [
        ("training.pb", &schema::GRAPH_DEF),
        ("functions.pb", &schema::GRAPH_DEF),
        ("m.ckpt-2.meta", &schema::META_GRAPH_DEF),
        ("saved_model.pb", &schema::SAVED_MODEL),
    ] {
        let file = data(&format!("defs/{name}"));
        let bytes = fs::read(&file).unwrap();
        for form in FORMS {
            convert(dir, &file, &format!("x.{form}"), &[]);
            convert(dir, &format!("x.{form}"), "y.pb", &[]);
            let again = fs::read(dir.join("y.pb")).unwrap();
            let sorted = |b: &[u8]| canonical(message, b).unwrap();
            assert!(sorted(&again) == sorted(&bytes), "{name}: {form}");
        }
    }
}

#[test]
fn the_content_tells_what_a_file_is_and_options_what_it_becomes() {
    let dir = TempDir::new("cli-convert-forms");
    let dir = dir.path();
    let meta = data("defs/m.ckpt-2.meta");
    convert(dir, &meta, "a.txt", &["--form", "text"]);
    convert(dir, "a.txt", "b.bin", &["--form", "binary"]);
    convert(dir, "b.bin", "c.meta", &[]);
    assert_eq!(
        fs::read(dir.join("c.meta")).unwrap(),
        fs::read(dir.join("b.bin")).unwrap()
    );
    convert(dir, &meta, "g.pb", &["--as", "graph"]);
    let Definition::Meta(m) = Definition::read(&meta).unwrap().0 else {
        panic!("no meta graph")
    };
    assert_eq!(GraphDef::read(dir.join("g.pb")).unwrap(), m.graph);
    convert(dir, "g.pb", "again.meta", &[]);
    assert_eq!(
        Definition::read(dir.join("again.meta")).unwrap().0.name(),
        "MetaGraphDef"
    );
    let done = tensorloom(dir, &["convert", &meta, "x.foo"]);
    assert!(done.error(2).contains("tells no form") && !dir.join("x.foo").exists());
}

#[test]
fn fields_of_newer_versions_stay_in_bytes_and_are_not_lost_silently() {
    let dir = TempDir::new("cli-convert-unknown");
    let dir = dir.path();
    // A node with field 77, and field 99 of the graph.
    let node = [&b"\x0a\x01x\x12\x04NoOp"[..], &[0xea, 0x04, 2, b'h', b'i']].concat();
    let mut bytes = vec![0x0a, node.len() as u8];
    bytes.extend(&node);
    bytes.extend([0x98, 0x06, 7]);
    fs::write(dir.join("new.pb"), &bytes).unwrap();
    convert(dir, "new.pb", "same.pb", &[]);
    assert_eq!(fs::read(dir.join("same.pb")).unwrap(), bytes);
    convert(dir, "new.pb", "wrapped.meta", &[]);
    convert(dir, "wrapped.meta", "back.pb", &["--as", "graph"]);
    assert_eq!(fs::read(dir.join("back.pb")).unwrap(), bytes);
    for form in ["pbtxt", "json"] {
        let file = format!("new.{form}");
        let e = tensorloom(dir, &["convert", "new.pb", &file]).error(1);
        assert!(
            e.starts_with("error: FailedPrecondition: 2 fields") && e.contains("node[0].#77"),
            "{e}"
        );
        assert!(!dir.join(&file).exists());
        convert(dir, "new.pb", &file, &["--drop-unknown"]);
        assert_eq!(GraphDef::read(dir.join(&file)).unwrap().node[0].name, "x");
    }
}

#[test]
fn checkpoints_and_assets_come_along() {
    let dir = TempDir::new("cli-convert-model");
    let dir = dir.path();
    let packed = fs::File::open(data("saved_models/simple_save.tar.gz")).unwrap();
    tar::Archive::new(GzDecoder::new(packed))
        .unpack(dir.join("model"))
        .unwrap();
    fs::create_dir(dir.join("m")).unwrap();
    let done = tensorloom(dir, &["convert", "model", "m/ckpt.meta"]);
    let warned = "warning: the assets stay behind: only a folder has place for them\n";
    assert_eq!((done.code, &done.err[..]), (Some(0), warned));
    let diff = ["checkpoint", "diff", "model/variables/variables", "m/ckpt"];
    assert_eq!(tensorloom(dir, &diff).ok(), "");
    convert(dir, "m/ckpt.meta", "back/", &["--form", "text"]);
    assert!(dir.join("back/saved_model.pbtxt").exists());
    assert_eq!(tensorloom(dir, &["diff", "model", "back"]).ok(), "");
    convert(dir, "model", "copy/", &[]);
    let assets = |folder: &str| {
        let files = fs::read_dir(dir.join(folder).join("assets")).unwrap();
        files.map(|f| f.unwrap().file_name()).collect::<Vec<_>>()
    };
    assert_eq!(assets("copy"), assets("model"));
    let sorted = |folder: &str| {
        let bytes = fs::read(dir.join(folder).join("saved_model.pb")).unwrap();
        canonical(&schema::SAVED_MODEL, &bytes).unwrap()
    };
    assert!(sorted("copy") == sorted("model"));

    // Its initializer finds the asset again.
    let (a, b) = (
        SavedModel::load(dir.join("model"), &[SERVE]).unwrap(),
        SavedModel::load(dir.join("copy"), &[SERVE]).unwrap(),
    );
    assert!(a.signatures().keys().eq(b.signatures().keys()));

    // A folder that holds something is not touched; what fails leaves nothing.
    let e = tensorloom(dir, &["convert", "model", "copy/"]).error(1);
    assert!(e.starts_with("error: AlreadyExists: "), "{e}");
    let e = tensorloom(dir, &["convert", "gone.pb", "x.pb"]).error(1);
    assert!(
        e.starts_with("error: NotFound: ") && e.contains("gone.pb"),
        "{e}"
    );
    assert!(!dir.join("x.pb").exists());
    fs::write(dir.join("bad.pb"), b"\x0a\x05ab").unwrap();
    assert!(
        tensorloom(dir, &["convert", "bad.pb", "x.json"])
            .error(1)
            .contains("bad.pb: ")
    );
}
