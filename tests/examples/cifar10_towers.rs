//! Training on several GPUs: what towers share, and what the step does with their gradients.

use super::cifar10_data::write_files;
use super::{TempDir, run, start_with};
use std::path::Path;
use tensorloom::def::GraphDef;
use tensorloom::io::{BundleReader, NpzOptions, event_files, read_events, write_npz};
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

/// Three towers, one step, with one more option: the checkpoint's data, and what was printed as errors.
fn trained(option: &str) -> (Vec<u8>, String) {
    let dir = TempDir::new(&format!("towers{option}"));
    write_files(dir.path(), 8);
    let options = [
        "--num-gpus=3",
        "--batch-size=1",
        "--min-queue=4",
        "--max-steps=1",
        "--deterministic",
        "--log-device-placement",
        option,
    ];
    let ended = run(dir.path(), "cifar10_multi_gpu_train", &options);
    ended.ok();
    let file = "cifar10_train/model.ckpt-1.data-00000-of-00001";
    (std::fs::read(dir.path().join(file)).unwrap(), ended.err)
}

#[test]
fn towers_get_the_same_batches_on_any_number_of_threads() {
    assert!(trained("--threads=1").0 == trained("--threads=2").0);
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

/// The tensors of a checkpoint whose names this keeps.
fn saved(dir: &Path, step: u32, keep: impl Fn(&str) -> bool) -> Vec<(String, Tensor)> {
    let prefix = dir.join(format!("cifar10_train/model.ckpt-{step}"));
    let reader = BundleReader::open(prefix).unwrap();
    let names = reader.keys().filter(|k| keep(k));
    names
        .map(|k| (k.to_string(), reader.read(k).unwrap()))
        .collect()
}

#[test]
fn both_programs_go_on_from_each_others_checkpoints() {
    let dir = TempDir::new("exchanged");
    write_files(dir.path(), 8);
    let train = |program: &str, own: &[&str], steps: &str| {
        let common = [
            "--batch-size=2",
            "--min-queue=4",
            "--deterministic",
            "--resume",
            "--log-frequency=1",
            steps,
        ];
        let ended = run(dir.path(), program, &[own, &common].concat());
        ended.ok().to_string()
    };
    let on_cpus = ["--num-gpus=2", "--device-type=cpu"];
    train("cifar10_train", &[], "--max-steps=1");
    let out = train("cifar10_multi_gpu_train", &on_cpus, "--max-steps=2");
    assert!(out.contains("Resuming from") && out.contains(": step 1, loss"));
    let out = train("cifar10_train", &[], "--max-steps=3");
    assert!(out.contains(": step 2, loss"), "{out}");
    assert!(
        out.contains("The averages of the losses begin anew"),
        "{out}"
    );
    // Everything else was restored: weights that began anew would lie 0.1 apart.
    let shadow = |k: &str| k == "local4/weights/ExponentialMovingAverage";
    let at = [1, 2, 3].map(|step| saved(dir.path(), step, shadow)[0].1.clone());
    let distance = |a: &Tensor, b: &Tensor| {
        let (a, b) = (a.data::<f32>().unwrap(), b.data::<f32>().unwrap());
        a.iter()
            .zip(b)
            .map(|(x, y)| (x - y).abs())
            .fold(0.0, f32::max)
    };
    for pair in at.windows(2) {
        let moved = distance(&pair[0], &pair[1]);
        assert!(moved > 0.0 && moved < 0.05, "{moved}");
    }
    let eval = ["--run-once", "--batch-size=2", "--num-examples=4"];
    for step in [2, 3] {
        let state = format!("model_checkpoint_path: \"model.ckpt-{step}\"\n");
        std::fs::write(dir.path().join("cifar10_train/checkpoint"), state).unwrap();
        let out = run(dir.path(), "cifar10_eval", &eval);
        assert!(out.ok().contains("precision @ 1 = "), "{out:?}");
    }
}

#[test]
fn towers_on_cpu_devices_train_as_towers_by_soft_placement() {
    let (on_cpus, placed) = trained("--device-type=cpu");
    for i in 0..3 {
        let at = format!("/job:localhost/replica:0/task:0/device:CPU:{i}\n");
        let line = format!("tower_{i}/conv2/Conv2D: (Conv2D): {at}");
        assert!(placed.contains(&line), "{placed}");
    }
    assert!(on_cpus == trained("--device-type=gpu").0);
}

#[test]
fn towers_learn_what_can_be_learnt_in_four_steps() {
    for kind in ["gpu", "cpu"] {
        let dir = TempDir::new(&format!("learn-{kind}"));
        // One image in each file, all of the same class.
        write_files(dir.path(), 1);
        let kind = format!("--device-type={kind}");
        let options = [
            "--num-gpus=2",
            "--batch-size=2",
            "--min-queue=4",
            "--max-steps=4",
            "--log-frequency=1",
            "--deterministic",
            &kind,
        ];
        let ended = run(dir.path(), "cifar10_multi_gpu_train", &options);
        let printed = |step: u32| -> f32 {
            let (_, rest) = ended
                .ok()
                .split_once(&format!("step {step}, loss = "))
                .unwrap();
            rest.split(' ').next().unwrap().parse().unwrap()
        };
        // Weight decay alone is 2.38.
        assert!(printed(0) > 4.5 && printed(3) < 2.5, "{ended:?}");
        let eval = ["--run-once", "--batch-size=1", "--num-examples=1"];
        let out = run(dir.path(), "cifar10_eval", &eval);
        assert!(out.ok().contains("precision @ 1 = 1.000"), "{out:?}");
    }
}

/// Two emulated GPUs.
const EMULATED: (&str, &str) = ("TENSORLOOM_EMULATE_GPUS", "2");

/// The losses of both towers at each of four steps on fixed images, as the command trains an exported graph.
fn losses_of_exported(dir: &Path, environment: &[(&str, &str)]) -> Vec<f64> {
    let names = [0, 1].map(|i| format!("tower_{i}/total_loss:0"));
    let args = [
        "run",
        "towers.meta",
        "--init",
        "init",
        "--target",
        "train",
        "--fetch",
        &names[0],
        "--fetch",
        &names[1],
        "--feeds",
        "batches.npz",
        "--steps",
        "4",
        "--soft-placement",
        "--json",
    ];
    let done = crate::cli::command(dir, &args)
        .envs(environment.iter().copied())
        .output();
    let done = done.unwrap();
    assert!(done.status.success(), "{done:?}");
    let lines = String::from_utf8(done.stdout).unwrap();
    let mut losses = Vec::new();
    for line in lines.lines() {
        let step: serde_json::Value = serde_json::from_str(line).unwrap();
        for name in &names {
            losses.push(step["fetches"][name]["values"][0].as_f64().unwrap());
        }
    }
    losses
}

#[test]
fn towers_on_emulated_gpus_train_as_on_cpus() {
    let dir = TempDir::new("emulated");
    write_files(dir.path(), 8);
    let common = [
        "--num-gpus=2",
        "--batch-size=2",
        "--min-queue=4",
        "--deterministic",
        "--seed=7",
    ];
    let program = "cifar10_multi_gpu_train";
    let export = [&common[..], &["--export-graph=towers.meta"]].concat();
    run(dir.path(), program, &export).ok();
    let labels = Tensor::from([3i32, 8]);
    let batches: Vec<(String, Tensor)> = (0..2)
        .flat_map(|i| {
            let part = |k: usize| format!("tower_{i}/fifo_queue_Dequeue:{k}");
            [(part(0), images(5 + 2 * i)), (part(1), labels.clone())]
        })
        .collect();
    let arrays: Vec<(&String, &Tensor)> = batches.iter().map(|(n, t)| (n, t)).collect();
    write_npz(
        dir.path().join("batches.npz"),
        &arrays,
        NpzOptions::default(),
    )
    .unwrap();
    let on_cpu = losses_of_exported(dir.path(), &[]);
    let on_gpus = losses_of_exported(dir.path(), &[EMULATED]);
    assert_eq!((on_cpu.len(), on_gpus.len()), (8, 8));
    assert!(
        on_cpu[0] != on_cpu[2] && on_cpu[0] != on_cpu[1],
        "{on_cpu:?}"
    );
    for (a, b) in on_gpus.iter().zip(&on_cpu) {
        assert!((a - b).abs() <= 1e-4 * b.abs(), "{on_gpus:?} {on_cpu:?}");
    }

    // The program, with its queues: the same weights after some steps.
    let train = |environment: &[(&str, &str)]| {
        let options = [&common[..], &["--max-steps=2", "--log-device-placement"]].concat();
        let ended = start_with(dir.path(), program, &options, environment).wait();
        ended.ok();
        (saved(dir.path(), 2, |_| true), ended.err)
    };
    let (on_cpu, _) = train(&[]);
    let (on_gpus, placed) = train(&[EMULATED]);
    for i in 0..2 {
        let line = format!(
            "tower_{i}/conv1/Conv2D: (Conv2D): /job:localhost/replica:0/task:0/device:GPU:{i}"
        );
        assert!(placed.contains(&line), "{placed}");
    }
    for ((name, a), (_, b)) in on_gpus.iter().zip(&on_cpu) {
        let (Ok(a), Ok(b)) = (a.data::<f32>(), b.data::<f32>()) else {
            continue;
        };
        let greatest = b.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let off = a
            .iter()
            .zip(b)
            .fold(0.0f32, |m, (x, y)| m.max((x - y).abs()));
        assert!(off <= 1e-4 * greatest, "{name}: {off} of {greatest}");
    }
}
