//! The rendezvous of a step, and steps over two devices: who comes first, dead tensors, errors, cancelling.

use super::explore;
use shuttle::sync::mpsc;
use shuttle::thread;
use std::sync::Arc;
use tensorloom::kernel::{Cancellation, Channel, FrameIter, Rendezvous};
use tensorloom::{Code, Error, Graph, Result, Session, SessionOptions, Tensor, WhileOptions};

type Got = Result<Option<i32>>;

fn channel(name: &str) -> Channel {
    Channel::new("/device:CPU:0", 1, "/device:CPU:1", name).unwrap()
}

fn at(iteration: u64) -> FrameIter {
    FrameIter {
        frame: 1,
        iteration,
    }
}

/// Receives in a thread of its own; what came is told once for each call.
fn receive(r: &Arc<Rendezvous>, name: &'static str, iteration: u64) -> mpsc::Receiver<Got> {
    let (tx, rx) = mpsc::channel();
    let r = r.clone();
    thread::spawn(move || {
        let told = Box::new(move |got: Result<Option<Tensor>>| {
            let number = |t: Tensor| t.to_scalar::<i32>().unwrap();
            tx.send(got.map(|t| t.map(number))).unwrap();
        });
        r.receive(&channel(name), at(iteration), told);
    });
    rx
}

fn send(r: &Rendezvous, name: &str, iteration: u64, value: Option<i32>) -> Result<()> {
    r.send(&channel(name), at(iteration), value.map(Tensor::from))
}

/// Whoever comes first, each receiver gets what was sent for its name, its iteration and its step, dead or live, once; what
/// nobody receives ends with the step.
#[test]
fn tensors_meet_their_receivers() {
    explore("rendezvous, meetings", 20_000, || {
        let steps = [0, 1].map(|_| Arc::new(Rendezvous::default()));
        let senders: Vec<_> = [0, 1]
            .map(|step| {
                let r = steps[step].clone();
                thread::spawn(move || {
                    let base = 10 * step as i32;
                    send(&r, "x", 0, Some(base)).unwrap();
                    send(&r, "x", 1, None).unwrap();
                    send(&r, "y", 0, Some(base + 1)).unwrap();
                    send(&r, "nobody", 0, Some(base + 2)).unwrap();
                })
            })
            .into();
        let mut wanted = Vec::new();
        for (r, base) in steps.iter().zip([0, 10]) {
            wanted.push((receive(r, "x", 0), Some(base)));
            wanted.push((receive(r, "x", 1), None));
            wanted.push((receive(r, "y", 0), Some(base + 1)));
        }
        for (got, want) in wanted {
            assert_eq!(got.recv().expect("a tensor is lost").unwrap(), want);
            assert!(got.recv().is_err(), "a tensor came twice");
        }
        for s in senders {
            s.join().unwrap();
        }
        for r in steps {
            assert!(r.waited_for().is_empty());
        }
    });
}

/// Two tensors of one name for two receivers of it: each gets one, in some order.
#[test]
fn tensors_of_one_name_come_once() {
    explore("rendezvous, one name", 20_000, || {
        let r = Arc::new(Rendezvous::default());
        let two = [receive(&r, "x", 0), receive(&r, "x", 0)];
        send(&r, "x", 0, Some(1)).unwrap();
        send(&r, "x", 0, Some(2)).unwrap();
        let mut got = two.map(|g| g.recv().expect("a tensor is lost").unwrap());
        got.sort();
        assert_eq!(got, [Some(1), Some(2)]);
        assert!(r.waited_for().is_empty());
    });
}

/// An error in the midst: every receiver is told once, with its tensor or with the first error, and nobody waits any more.
#[test]
fn an_error_reaches_all() {
    explore("rendezvous, errors", 20_000, || {
        let r = Arc::new(Rendezvous::default());
        let waiting = [
            receive(&r, "x", 0),
            receive(&r, "y", 0),
            receive(&r, "never", 0),
        ];
        let sender = {
            let r = r.clone();
            thread::spawn(move || {
                for (name, value) in [("x", Some(1)), ("y", None)] {
                    if let Err(e) = send(&r, name, 0, value) {
                        assert_eq!(e.message(), "first");
                    }
                }
            })
        };
        r.abort(Error::internal("first"));
        r.abort(Error::internal("second"));
        for (got, sent) in waiting.into_iter().zip([Some(Some(1)), Some(None), None]) {
            match got.recv().expect("a receiver is forgotten") {
                Ok(value) => assert_eq!(Some(value), sent),
                Err(e) => assert_eq!(e.message(), "first"),
            }
            assert!(got.recv().is_err(), "a receiver is told twice");
        }
        sender.join().unwrap();
        assert!(r.waited_for().is_empty());
    });
}

/// A step that is cancelled just when a receiver comes: the receiver is told.
#[test]
fn cancelling_reaches_a_receiver() {
    explore("rendezvous, cancelling", 20_000, || {
        let (r, step) = (
            Arc::new(Rendezvous::default()),
            Arc::new(Cancellation::default()),
        );
        let canceller = {
            let step = step.clone();
            thread::spawn(move || step.cancel())
        };
        let got = receive(&r, "never", 0);
        let target = r.clone();
        let abort = move || target.abort(Error::cancelled("the step"));
        if step.register(Box::new(abort.clone())).is_none() {
            abort();
        }
        let told = got.recv().expect("a receiver is forgotten").unwrap_err();
        assert_eq!(told.code(), Code::Cancelled);
        canceller.join().unwrap();
        assert!(r.waited_for().is_empty());
    });
}

fn session(g: &Graph) -> Session {
    let options = SessionOptions {
        threads: 2,
        cpu_devices: 2,
        ..SessionOptions::default()
    };
    Session::with_options(g, &options).unwrap()
}

/// A step whose tensors go to the second device and back gives its value, or the error of the node there, while another
/// step of the same plan runs.
#[test]
fn steps_over_two_devices() {
    let g = Graph::new();
    let (near, far) = (g.root().device("/cpu:0"), g.root().device("/cpu:1"));
    let x = g.placeholder("x", tensorloom::DType::I32, ());
    let there = far.named("there").floor_div(far.constant(12i32), x);
    let y = near.add(near.mul(there, 2i32), near.add(x, 1i32)).name();
    explore("executor, two devices", 5_000, move || {
        let session = session(&g);
        let fails = {
            let (session, y) = (session.clone(), y.clone());
            thread::spawn(move || {
                let fed = [("x:0", Tensor::from(0i32))];
                let e = session.run(fed, [y.as_str()], ()).unwrap_err();
                assert_eq!(e.code(), Code::InvalidArgument);
                assert_eq!(e.node(), Some("there"));
            })
        };
        let fed = [("x:0", Tensor::from(3i32))];
        let out = session.run(fed, [y.as_str()], ()).unwrap();
        assert_eq!(out[0].to_scalar::<i32>().unwrap(), 12);
        fails.join().unwrap();
    });
}

/// A loop over two devices: each iteration's tensors meet, and its last, dead ones too.
#[test]
fn loops_over_two_devices_end() {
    let g = Graph::new();
    let s = g.root();
    let n = g.placeholder("n", tensorloom::DType::I32, ());
    let [_, y] = s.device("/cpu:0").while_loop(
        |s, [i, _]| s.less(i, n),
        |s, [i, y]| [i + 1i32, s.device("/cpu:1").add(y, i)],
        [s.constant(0i32), s.constant(0i32)],
        &WhileOptions::default(),
    );
    let y = y.name();
    explore("executor, a loop over two devices", 5_000, move || {
        let session = session(&g);
        let got = session.run([("n:0", Tensor::from(2i32))], [y.as_str()], ());
        assert_eq!(got.unwrap()[0].to_scalar::<i32>().unwrap(), 1);
    });
}

/// A step that waits for a tensor that nobody sends ends with the error of a node on the other device; another one, when
/// the session is closed.
#[test]
fn errors_and_closing_end_receivers() {
    let g = Graph::new();
    let s = g.root();
    let x = g.placeholder("x", tensorloom::DType::I32, ());
    let far = s.device("/cpu:1");
    let fails = far.named("fails").floor_div(far.constant(1i32), x);
    let device = |d: u32| format!("/job:localhost/replica:0/task:0/device:CPU:{d}");
    let lone = s.op("_Recv").name("lone");
    let lone = lone
        .attr("tensor_type", tensorloom::DType::I32)
        .attr("tensor_name", "nobody")
        .attr("send_device", device(1).as_str())
        .attr("send_device_incarnation", 1i64)
        .attr("recv_device", device(0).as_str())
        .out();
    let (fails, lone) = (fails.name(), lone.name());
    explore("executor, a lone receiver", 5_000, move || {
        let session = session(&g);
        let fetches = [lone.as_str(), fails.as_str()];
        let failed = session.run([("x:0", Tensor::from(0i32))], fetches, ());
        let failed = failed.unwrap_err();
        assert_eq!(failed.code(), Code::InvalidArgument);
        assert_eq!(failed.node(), Some("fails"));
        let closer = session.clone();
        let closer = thread::spawn(move || closer.close());
        let ended = session.run((), [lone.as_str()], ()).unwrap_err();
        assert_eq!(ended.code(), Code::Cancelled);
        closer.join().unwrap();
    });
}
