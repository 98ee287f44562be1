//! Graphs whose nodes lie on several devices: the values are those of one device, bit by bit.

use super::graphs::GRAPHS;
use super::with_gradients;
use crate::oracle::replays::replay_in;
use crate::oracle::tolerance::of_gradients;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tensorloom::ops::queue::QueueOptions;
use tensorloom::{
    AttrValue, DType, Graph, ImportOptions, PartialShape, RunOptions, Session, SessionOptions,
    Tensor, WhileOptions,
};

fn session(g: &Graph, cpu_devices: usize) -> Session {
    let options = SessionOptions {
        threads: 2,
        cpu_devices,
        // What passes between CPUs is counted; a GPU would have more to pass.
        gpu_devices: 0,
        ..SessionOptions::default()
    };
    Session::with_options(g, &options).unwrap()
}

/// The recorded loops and conditionals with their gradients, each node on one of four devices; what shares a resource
/// (stacks, arrays) stays together.
#[test]
fn nodes_on_any_device_give_what_tensorflow_gives() {
    let mut seed = 12345u64;
    let mut draw = move || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        seed >> 33
    };
    let folder = crate::oracle::data("replays");
    let mut problems = Vec::new();
    for (name, make) in GRAPHS {
        let mut def = with_gradients(*make).unwrap().export().unwrap();
        let near = |op: &str| op.contains("Stack") || op.contains("TensorArray");
        for n in &mut def.node {
            n.attr.remove("_class");
            n.device = match near(&n.op) {
                true => String::new(),
                false => format!("/cpu:{}", draw() % 4),
            };
        }
        // A handle that passes a Switch or an Enter stays with it.
        let ops: HashMap<String, bool> = def
            .node
            .iter()
            .map(|n| {
                let handle = n
                    .attr
                    .values()
                    .any(|v| matches!(v, AttrValue::Type(d) if *d == DType::Resource));
                (n.name.clone(), handle)
            })
            .collect();
        for n in def.node.iter_mut().filter(|n| ops[&n.name]) {
            n.device = String::new();
        }
        let g = Graph::new();
        g.import(&def, &ImportOptions::default()).unwrap();
        let s = session(&g, 4);
        let file = format!("control_{name}");
        match replay_in(
            (&g, &s),
            &folder,
            &file,
            of_gradients("Sum", DType::F32),
            "",
        ) {
            Ok(found) => problems.extend(found.into_iter().map(|p| format!("{name}: {p}"))),
            Err(e) => problems.push(format!("{name}: {e:?}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A loop whose body and condition are on different devices gives the same bits as on one.
#[test]
fn a_loop_spans_devices() {
    let run = |devices: usize| {
        let g = Graph::new();
        let s = g.root();
        let x = g.placeholder("x", DType::F32, [3]);
        let far = format!("/cpu:{}", devices - 1);
        let [_, y] = s.while_loop(
            |s, [i, _]| s.device("/cpu:0").less(i, 20i32),
            |s, [i, y]| {
                let b = s.device(&far);
                [b.add(i, 1i32), b.tanh(b.add(y, x))]
            },
            [s.constant(0i32), x],
            &WhileOptions::default(),
        );
        let s = session(&g, devices);
        let (out, meta) = s
            .run_with(
                [(x, Tensor::from([0.1f32, -0.7, 3.0]))],
                [y],
                (),
                &RunOptions {
                    trace: true,
                    ..RunOptions::default()
                },
            )
            .unwrap();
        let sent = meta.nodes.iter().filter(|n| n.op == "_Send").count();
        (out[0].data::<f32>().unwrap().to_vec(), sent)
    };
    let (one, none) = run(1);
    let (two, sent) = run(2);
    assert_eq!(none, 0);
    assert!(sent > 20, "{sent}");
    assert_eq!(one, two);
}

/// An error on one device ends the step although another waits for its queue; the session goes on.
#[test]
fn an_error_on_one_device_ends_the_step() {
    let g = Graph::new();
    let s = g.root();
    let q = s.device("/cpu:0").fifo_queue(&QueueOptions {
        dtypes: vec![DType::F32],
        shapes: vec![PartialShape::scalar()],
        ..QueueOptions::default()
    });
    let waits = q.dequeue()[0];
    let x = g.placeholder("x", DType::F32, [1]);
    let other = s.device("/cpu:1");
    let bad = other.named("bad").check_numerics(x, "broken");
    let sum = s.device("/cpu:2").add(bad, waits);
    let s = session(&g, 3);
    let start = Instant::now();
    let e = s
        .run([(x, Tensor::from([f32::NAN]))], [sum], ())
        .unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(1), "{e}");
    assert_eq!(e.node(), Some("bad"));
    assert!(e.to_string().contains("CPU:1"), "{e}");
    let out = s.run([(x, Tensor::from([2.0f32]))], [bad], ()).unwrap();
    assert_eq!(out[0].data::<f32>().unwrap(), [2.0]);
}
