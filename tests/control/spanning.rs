//! Graphs over four devices against TensorFlow's answers (tests/interop/sessions/spanning.py), also in the partitions that it
//! made of them; errors, kernels that panic, and receivers whose partner is missing.

use super::soak::graph::{DEVICES, build};
use crate::oracle::replays::{replay_in, unpack};
use crate::oracle::tolerance::of_gradients;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tensorloom::grad::Grad;
use tensorloom::kernel::{AnyKernel, AsyncCall, AsyncKernel, KernelDef, OpContext};
use tensorloom::op::{Flags, OpDef, infer};
use tensorloom::{
    Code, DType, Graph, ImportOptions, OpEntry, Registry, RunOptions, Session, SessionOptions,
    Tensor,
};

fn session(g: &Graph, threads: usize) -> Session {
    let options = SessionOptions {
        threads,
        cpu_devices: DEVICES,
        ..SessionOptions::default()
    };
    Session::with_options(g, &options).unwrap()
}

/// All recorded sessions whose names begin so, on any number of threads, a few times each.
fn recorded(prefix: &str) {
    let folder = crate::oracle::data("replays");
    let names = std::fs::read_dir(&folder).unwrap().filter_map(|f| {
        let name = f.ok()?.file_name().into_string().ok()?;
        Some(name.strip_suffix(".runs.pb.gz")?.to_string())
    });
    let names: Vec<String> = names.filter(|n| n.starts_with(prefix)).collect();
    assert!(names.len() >= 8, "{names:?}");
    let mut problems = Vec::new();
    'names: for name in names {
        let def = unpack(&folder.join(format!("{name}.pb.gz")));
        for threads in [1, 2, 4] {
            let g = Graph::new();
            g.import(&def, &ImportOptions::default()).unwrap();
            let s = session(&g, threads);
            for _ in 0..5 {
                let allowed = of_gradients("Sum", DType::F32);
                let found = match replay_in((&g, &s), &folder, &name, allowed, "") {
                    Ok(found) => found,
                    Err(e) => vec![format!("{e:?}")],
                };
                if !found.is_empty() {
                    problems.push(format!("{name}, {threads} threads: {}", found.join("\n")));
                    continue 'names;
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Dead values and controls that cross devices, loops in loops, side by side and in branches, with their gradients.
#[test]
fn graphs_over_devices_give_what_tensorflow_gives() {
    recorded("spanning_");
}

/// The partitions of such graphs, with TensorFlow's own `_Send`, `_Recv` and control loops, in one graph.
#[test]
fn partitions_of_tensorflow_run_in_one_graph() {
    recorded("parts_");
}

/// A receiver whose partner is missing waits until the step's time is over, or its session is closed, and is told of.
#[test]
fn a_lone_receiver_is_told_of() {
    for op in ["_Recv", "_HostRecv"] {
        let g = Graph::new();
        let at = |d: u32| format!("/job:localhost/replica:0/task:0/device:CPU:{d}");
        let lone = g.root().op(op).name("lone").attr("tensor_type", DType::F32);
        let lone = lone
            .attr("tensor_name", "nobody")
            .attr("send_device", at(1).as_str())
            .attr("send_device_incarnation", 1i64)
            .attr("recv_device", at(0).as_str())
            .out();
        let s = session(&g, 2);
        let options = RunOptions {
            timeout: Some(Duration::from_millis(50)),
            ..RunOptions::default()
        };
        let e = s.run_with((), [lone], (), &options).unwrap_err();
        assert_eq!(e.code(), Code::DeadlineExceeded);
        let key = format!("{};0000000000000001;{};nobody;0:0", at(1), at(0));
        assert!(e.message().contains(&key), "{e}");
        let closer = s.clone();
        let closer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            closer.close();
        });
        let e = s.run((), [lone], ()).unwrap_err();
        assert_eq!(e.code(), Code::Cancelled);
        closer.join().unwrap();
    }
}

/// An error on any device ends the step while queues are waited for, loops go on for ever and receivers wait on the others.
#[test]
fn an_error_on_any_device_ends_the_step() {
    let g = Graph::new();
    build(&g);
    for threads in [1, 2, 4] {
        let s = session(&g, threads);
        for d in 0..DEVICES {
            let fetch = format!("fail_{d}:0");
            let took = (0..3).map(|n| {
                let feeds = [
                    ("x:0", Tensor::from([f32::NAN])),
                    ("n:0", Tensor::from(10 * n)),
                ];
                let start = Instant::now();
                let e = s.run(feeds, [fetch.as_str()], ()).unwrap_err();
                assert_eq!(e.node(), Some(format!("bad_{d}").as_str()), "{e}");
                assert!(e.to_string().contains(&format!("CPU:{d}")), "{e}");
                start.elapsed()
            });
            let best = took.min().unwrap();
            assert!(best < Duration::from_secs(1), "{d}: {best:?}");
        }
        let feeds = [("x:0", Tensor::from([1.0f32]))];
        let out = s.run(feeds, ["chain:0"], ()).unwrap();
        assert_eq!(out[0].elements(), 1);
    }
}

const fn panicking(signature: &'static str, kernels: &'static [KernelDef]) -> OpEntry {
    OpEntry {
        def: OpDef {
            signature,
            attrs: "",
            flags: Flags::STATEFUL,
            infer: infer::unknown,
        },
        grad: Grad::NotDifferentiable,
        kernels,
    }
}

static PANICS: OpEntry = panicking(
    "Panics(x:float) -> (y:float)",
    &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|_: &mut OpContext<'_>| panic!("by itself")))
    })],
);
static PANICS_LATER: OpEntry = panicking(
    "PanicsLater(x:float) -> (y:float)",
    &[KernelDef::cpu(&[], |_| Ok(AnyKernel::later(Later)))],
);

struct Later;

impl AsyncKernel for Later {
    fn start(&self, call: AsyncCall) {
        assert!(call.inputs.is_empty(), "by itself");
    }
}

/// A kernel that panics fails its step, on whatever thread it runs; the session goes on.
#[test]
fn a_kernel_that_panics_fails_its_step() {
    let registry = (*Registry::builtin()).clone().with(&PANICS).unwrap();
    let registry = registry.with(&PANICS_LATER).unwrap();
    for op in ["Panics", "PanicsLater"] {
        let g = Graph::with_ops(Arc::new(registry.clone()));
        let x = g.placeholder("x", DType::F32, ());
        let far = g.root().device("/cpu:1");
        let y = far.op(op).name("bad").input(far.neg(x)).out();
        let z = g.root().device("/cpu:2").add(y, x);
        for threads in [1, 3] {
            let s = session(&g, threads);
            for timeout in [None, Some(Duration::from_secs(20))] {
                let options = RunOptions {
                    timeout,
                    ..RunOptions::default()
                };
                let feeds = [(x, Tensor::from(1.0f32))];
                let e = s.run_with(feeds, [z], (), &options).unwrap_err();
                assert_eq!((e.code(), e.node()), (Code::Internal, Some("bad")), "{e}");
                assert!(e.message().contains("panicked: by itself"), "{e}");
            }
            let feeds = [(x, Tensor::from(1.0f32))];
            let out = s.run(feeds, [far.neg(x)], ());
            assert_eq!(out.unwrap()[0].to_scalar::<f32>().unwrap(), -1.0);
        }
    }
}
