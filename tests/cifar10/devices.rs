//! Two towers on two devices, as TensorFlow wrote and trained them (tests/data/towers, written by tests/interop/towers.py).

use flate2::read::GzDecoder;
use std::io::Read;
use std::path::PathBuf;
use tensorloom::def::MetaGraphDef;
use tensorloom::io::read_npz;
use tensorloom::prelude::*;
use tensorloom::train::import_meta_graph;

/// The most that a loss may differ, relatively.
const BOUND: f32 = 1e-4;

/// A file of the fixture, or of fresh ones.
fn file(name: &str) -> PathBuf {
    let kept = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/towers"));
    let folder = std::env::var_os("TENSORLOOM_TOWERS").map_or_else(kept, PathBuf::from);
    folder.join(name)
}

fn trains_with_the_losses_of_tensorflow(kind: &str) {
    let all = read_npz(file("losses.npz")).unwrap();
    let theirs = &all.iter().find(|(name, _)| name == kind).unwrap().1;
    let mut bytes = Vec::new();
    let packed = std::fs::File::open(file(&format!("{kind}.meta.gz"))).unwrap();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let g = Graph::new();
    import_meta_graph(&g, &MetaGraphDef::from_pb(&bytes).unwrap()).unwrap();
    let device = format!("/device:{}:1", kind.to_uppercase());
    let second = g.find("tower_1/conv1/Conv2D").unwrap().node().unwrap();
    assert_eq!(second.device, device);

    let options = SessionOptions {
        cpu_devices: 2,
        allow_soft_placement: kind == "gpu",
        ..SessionOptions::default()
    };
    let session = Session::with_options(&g, &options).unwrap();
    session.run_target("init").unwrap();
    let losses = [0, 1].map(|i| format!("tower_{i}/own_loss:0"));
    let theirs = theirs.data::<f32>().unwrap();
    assert_eq!(theirs.len(), 2 * 50);
    let mut worst = 0.0f32;
    for (k, wanted) in theirs.chunks(2).enumerate() {
        let ours = session.run((), losses.clone(), ["train"]).unwrap();
        for (tower, (loss, wanted)) in ours.iter().zip(wanted).enumerate() {
            let loss = loss.to_scalar::<f32>().unwrap();
            let off = (loss - wanted).abs() / wanted.abs();
            assert!(
                off <= BOUND,
                "{kind}, step {k}, tower {tower}: {loss}, TensorFlow's {wanted}"
            );
            worst = worst.max(off);
        }
    }
    println!("{kind}: losses differ by at most {worst:e}");
}

#[test]
fn towers_on_two_cpus() {
    trains_with_the_losses_of_tensorflow("cpu");
}

#[test]
fn towers_on_gpus_or_in_their_place() {
    trains_with_the_losses_of_tensorflow("gpu");
}
