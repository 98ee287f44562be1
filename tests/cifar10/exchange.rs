//! What `tests/interop/cifar10_check.py` compares with the real TensorFlow: the tensors of a checkpoint as we read them,
//! and the scores that our network gives for test images. Without the script the test makes small inputs of its own.

use super::graphs::{evaluation_graph, training_graph};
use super::input::InputOptions;
use super::model;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tensorloom::def::MetaGraphDef;
use tensorloom::io::{BundleReader, NpzOptions, latest_checkpoint, read_npz, write_npz};
use tensorloom::train::{
    Coordinator, ExponentialMovingAverage, Saver, SaverOptions, import_meta_graph,
    start_queue_runners, write_meta_graph,
};
use tensorloom::{Graph, Session, Tensor};

fn test_images(folder: &Path) -> PathBuf {
    folder.join("data/digits/cifar-10-batches-bin/test_batch.bin")
}

fn write(path: PathBuf, arrays: &[(impl AsRef<str>, &Tensor)]) {
    write_npz(path, arrays, NpzOptions::default()).unwrap();
}

/// Reads `train` (with a checkpoint) and the first test images; writes `values.npz` (all tensors of the checkpoint) and
/// `scores.npz` (`images`, `labels`, `logits` by the variables, `average_logits` by their averages).
fn describe(folder: &Path, batch_size: u32) {
    let prefix = latest_checkpoint(folder.join("train")).unwrap();
    let reader = BundleReader::open(&prefix).unwrap();
    let values: Vec<(String, Tensor)> = reader
        .keys()
        .map(|k| (k.to_string(), reader.read(k).unwrap()))
        .collect();
    let arrays: Vec<(&String, &Tensor)> = values.iter().map(|(k, t)| (k, t)).collect();
    write(folder.join("values.npz"), &arrays);

    let g = Graph::new();
    let input = InputOptions {
        files: vec![test_images(folder)],
        batch_size,
        threads: 1,
        min_queue: 16,
        batches_per_step: 1,
    };
    let (batch, logits) = evaluation_graph(&g, &input);
    let averages = ExponentialMovingAverage::new(model::MOVING_AVERAGE_DECAY);
    let shadows = averages.variables_to_restore(&g);
    let savers = [
        Saver::new(&g),
        Saver::with_names(&g, shadows, SaverOptions::default()),
    ];
    let session = Session::new(&g).unwrap();
    let coord = Coordinator::new();
    start_queue_runners(&session, &coord).unwrap();
    let read = session.run((), [batch.images, batch.labels], ()).unwrap();
    coord.request_stop(None);
    let scores = savers.map(|saver| {
        saver.restore(&session, &prefix).unwrap();
        let fed = [(batch.images, read[0].clone())];
        session.run(fed, [logits], ()).unwrap().swap_remove(0)
    });
    coord.join(Duration::from_secs(60)).unwrap();
    write(
        folder.join("scores.npz"),
        &[
            ("images", &read[0]),
            ("labels", &read[1]),
            ("logits", &scores[0]),
            ("average_logits", &scores[1]),
        ],
    );
}

/// A checkpoint of the initial values, and six noisy images.
fn make_inputs(folder: &Path) {
    let images = test_images(folder);
    std::fs::create_dir_all(images.parent().unwrap()).unwrap();
    let noise = |i: usize| (i.wrapping_mul(2654435761) >> 13) as u8;
    let records = (0..6).flat_map(|r| {
        let pixels = (0..3072).map(move |i| noise(r * 3072 + i));
        std::iter::once(r as u8).chain(pixels)
    });
    std::fs::write(images, records.collect::<Vec<u8>>()).unwrap();
    let g = Graph::new();
    g.set_seed(3);
    let input = InputOptions {
        files: vec!["unread".into()],
        batch_size: 4,
        threads: 1,
        min_queue: 16,
        batches_per_step: 1,
    };
    training_graph(&g, &input);
    let (saver, init) = (Saver::new(&g), g.init_op());
    let session = Session::new(&g).unwrap();
    session.run_target(init).unwrap();
    saver
        .save(&session, folder.join("train/model.ckpt"), Some(0))
        .unwrap();
}

#[test]
fn checkpoint() {
    if let Some(folder) = std::env::var_os("TENSORLOOM_CIFAR10") {
        return describe(Path::new(&folder), 128);
    }
    let folder = std::env::temp_dir().join(format!("tensorloom-cifar10-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    make_inputs(&folder);
    describe(&folder, 4);
    let values = read_npz(folder.join("values.npz")).unwrap();
    let averages = values.iter().filter(|(k, _)| k.ends_with("/avg"));
    assert_eq!((values.len(), averages.count()), (28, 7));
    let scores = read_npz(folder.join("scores.npz")).unwrap();
    let get = |name: &str| &scores.iter().find(|(k, _)| k == name).unwrap().1;
    assert_eq!(get("labels").data::<i32>().unwrap(), [0, 1, 2, 3]);
    let logits = get("logits").data::<f32>().unwrap();
    assert!(logits.len() == 40 && logits.iter().all(|v| v.is_finite()));
    // Averages start as the variables.
    assert_eq!(logits, get("average_logits").data::<f32>().unwrap());
    std::fs::remove_dir_all(folder).unwrap();
}

/// The training graph on images that come in the order of the files, by one thread, with fixed seeds: what it computes
/// depends on nothing else.
#[test]
fn training_in_order() {
    let folder = std::env::temp_dir().join(format!("tensorloom-in-order-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let g = Graph::new();
    g.set_seed(42);
    let batches = folder.join("cifar-10-batches-bin");
    let input = InputOptions {
        files: (1..=5)
            .map(|i| batches.join(format!("data_batch_{i}.bin")))
            .collect(),
        batch_size: 4,
        threads: 1,
        min_queue: 16,
        batches_per_step: 1,
    };
    let step = g.get_or_create_global_step();
    let batch = super::input::inputs(&g, &input);
    let root = g.root();
    let logits = model::inference(root, batch.images.in_scope(root));
    let labels = batch.labels.in_scope(root);
    let loss = model::loss(root, logits, labels, model::Labels::Sparse);
    model::train(&g, loss, step, input.batch_size).unwrap();
    g.merge_all_summaries();
    let saver = Saver::new(&g);
    g.init_op();
    let path = folder.join("ours.meta");
    write_meta_graph(&g, Some(&saver), &path).unwrap();
    // What was written trains when it is read: two images of each file, so that both passes see the same.
    std::fs::create_dir_all(&batches).unwrap();
    for (i, file) in input.files.iter().enumerate() {
        let pixels = (0..2 * 3073).map(|p| (p * 7 + i * 31) as u8 % 10);
        std::fs::write(file, pixels.collect::<Vec<u8>>()).unwrap();
    }
    let losses = [(), ()].map(|()| {
        let read = Graph::new();
        import_meta_graph(&read, &MetaGraphDef::read(&path).unwrap()).unwrap();
        let session = Session::new(&read).unwrap();
        session.run_target("init").unwrap();
        let coord = Coordinator::new();
        start_queue_runners(&session, &coord).unwrap();
        let losses = [(), ()].map(|()| {
            let out = session.run((), ["total_loss:0"], ["train"]).unwrap();
            out[0].to_scalar::<f32>().unwrap()
        });
        coord.request_stop(None);
        coord.join(Duration::from_secs(60)).unwrap();
        losses
    });
    assert_eq!(losses[0], losses[1]);
    assert!(losses[0][0].is_finite() && losses[0][0] != losses[0][1]);
    std::fs::remove_dir_all(folder).unwrap();
}
