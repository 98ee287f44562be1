//! Training on several GPUs: what towers share, and what the step does with their gradients.

use super::cifar10_data::write_files;
use super::{TempDir, run};
use std::path::Path;
use tensorloom::def::GraphDef;
use tensorloom::io::{BundleReader, event_files, read_events};
use tensorloom::prelude::*;
use tensorloom::proto::event::What;

/// The graph in the program's event file.
fn graph_of(dir: &Path) -> GraphDef {
    let files = event_files(dir.join("cifar10_train")).unwrap();
    let graph = read_events(&files[0])
        .unwrap()
        .find_map(|e| match e.unwrap().what {
            Some(What::GraphDef(bytes)) => Some(bytes),
            _ => None,
        });
    GraphDef::from_pb(&graph.unwrap()).unwrap()
}

fn images(seed: i32) -> Tensor {
    let n = 2 * 24 * 24 * 3;
    let values: Vec<f32> = (0..n)
        .map(|i| ((i * seed) % 17) as f32 / 8.0 - 1.0)
        .collect();
    Tensor::from_vec(&[2, 24, 24, 3], values).unwrap()
}

/// Three towers, one step: the checkpoint's data.
fn trained(threads: &str) -> Vec<u8> {
    let dir = TempDir::new(&format!("towers{threads}"));
    write_files(dir.path(), 8);
    let options = [
        "--num-gpus=3",
        "--batch-size=1",
        "--min-queue=4",
        "--max-steps=1",
        "--deterministic",
        threads,
    ];
    run(dir.path(), "cifar10_multi_gpu_train", &options).ok();
    std::fs::read(
        dir.path()
            .join("cifar10_train/model.ckpt-1.data-00000-of-00001"),
    )
    .unwrap()
}

#[test]
fn towers_get_the_same_batches_on_any_number_of_threads() {
    assert!(trained("--threads=1") == trained("--threads=2"));
}

#[test]
fn towers_share_variables_and_average_their_gradients() {
    let dir = TempDir::new("towers");
    write_files(dir.path(), 8);
    let options = [
        "--num-gpus=2",
        "--batch-size=2",
        "--min-queue=4",
        "--max-steps=1",
        "--deterministic",
        "--log-device-placement",
    ];
    let ended = run(dir.path(), "cifar10_multi_gpu_train", &options);
    let out = ended.ok();
    assert!(
        out.contains("1,068,298 learnable parameters, 18.47M multiply-adds"),
        "{out}"
    );
    assert!(out.contains(": step 0, loss = 4."), "{out}");
    // Without GPUs the towers run on the CPU.
    assert!(
        ended
            .err
            .contains("tower_1/conv1/Conv2D: (Conv2D): /job:localhost"),
        "{ended:?}"
    );
    let prefix = dir.path().join("cifar10_train/model.ckpt-1");
    let saved = BundleReader::open(&prefix).unwrap();
    assert!(saved.keys().all(|k| !k.contains("tower")));

    let def = graph_of(dir.path());
    let device = |name: &str| {
        let node = def.node.iter().find(|n| n.name == name);
        node.unwrap_or_else(|| panic!("there is no {name}"))
            .device
            .clone()
    };
    assert_eq!(device("tower_0/conv1/Conv2D"), "/device:GPU:0");
    assert_eq!(device("tower_1/conv1/Conv2D"), "/device:GPU:1");
    assert_eq!(
        device("tower_1/gradients/tower_1/conv2/Conv2D_grad/Conv2DBackpropFilter"),
        "/device:GPU:1"
    );
    assert_eq!(device("conv1/weights"), "/device:CPU:0");

    // The same graph, each tower fed with images of its own: the variable moves by the mean of the two gradients.
    let g = Graph::new();
    g.import(&def, &ImportOptions::default()).unwrap();
    let session = Session::with_options(
        &g,
        &SessionOptions {
            allow_soft_placement: true,
            ..SessionOptions::default()
        },
    )
    .unwrap();
    session.run_target("init").unwrap();
    let labels = Tensor::from([3i32, 8]);
    let dequeued = |tower: usize, part: usize| format!("tower_{tower}/fifo_queue_Dequeue:{part}");
    let feeds = vec![
        (dequeued(0, 0), images(5)),
        (dequeued(0, 1), labels.clone()),
        (dequeued(1, 0), images(7)),
        (dequeued(1, 1), labels),
    ];
    let update = def
        .node
        .iter()
        .find(|n| n.op == "ApplyGradientDescent" && n.input[0] == "softmax_linear/biases");
    let averaged = format!("{}:0", update.unwrap().input[2]);
    let gradient = |tower: usize| {
        format!(
            "tower_{tower}/gradients/tower_{tower}/softmax_linear/softmax_linear_grad/tuple/control_dependency_1:0"
        )
    };
    let before = session.fetch("softmax_linear/biases:0").unwrap();
    let fetches = [gradient(0), gradient(1), averaged];
    let values = session.run(feeds, fetches, ["train"]).unwrap();
    let after = session.fetch("softmax_linear/biases:0").unwrap();
    let [one, two, mean] = [&values[0], &values[1], &values[2]].map(|t| t.data::<f32>().unwrap());
    assert!(one != two && one.iter().any(|x| *x != 0.0));
    for i in 0..10 {
        assert!((mean[i] - (one[i] + two[i]) / 2.0).abs() < 1e-7);
        let moved = after.data::<f32>().unwrap()[i] - before.data::<f32>().unwrap()[i];
        assert!((moved + 0.1 * mean[i]).abs() < 1e-7, "{moved} {}", mean[i]);
    }
}
