//! Loops and branches built from their primitive ops.

use super::{Session, SessionOptions};
use crate::graph::{Graph, Output, Scope};
use crate::tensor::Tensor;

/// A session that neither folds nor merges, and one that does.
fn sessions(g: &Graph) -> Vec<Session> {
    [(1, false), (3, true)]
        .map(|(threads, optimize)| {
            Session::with_options(
                g,
                &SessionOptions {
                    threads,
                    optimize,
                    ..Default::default()
                },
            )
            .unwrap()
        })
        .into()
}

fn enter<'g>(s: Scope<'g>, x: Output<'g>, frame: &str, constant: bool) -> Output<'g> {
    s.op("Enter")
        .input(x)
        .attr("frame_name", frame)
        .attr("is_constant", constant)
        .attr("parallel_iterations", 3i64)
        .out()
}

/// A boolean's negation, by a Switch and a Merge: there is no need for arithmetic ops here.
fn branch<'g>(s: Scope<'g>, p: Output<'g>, yes: Output<'g>, no: Output<'g>) -> Output<'g> {
    let on_yes = s.op("Switch").input(yes).input(p).finish().output(1);
    let on_no = s.op("Switch").input(no).input(p).finish().output(0);
    s.op("Merge").list([on_no, on_yes]).out()
}

#[test]
fn a_switch_takes_one_branch_and_kills_the_other() {
    let g = Graph::new();
    let s = g.root();
    let p = g.placeholder("p", crate::DType::Bool, ());
    let out = branch(s, p, s.constant(1i32), s.constant(2i32));
    let dead = s
        .op("Switch")
        .input(s.constant(1i32))
        .input(p)
        .finish()
        .output(0);
    for session in sessions(&g) {
        for (value, expected) in [(true, 1), (false, 2)] {
            let y = session.run([(p, Tensor::from(value))], [out], ()).unwrap();
            assert_eq!(y[0].to_scalar::<i32>().unwrap(), expected);
        }
        let e = session
            .run([(p, Tensor::from(true))], [dead], ())
            .unwrap_err();
        assert!(e.message().contains("was not valid"), "{e}");
        let e = session
            .run([(p, Tensor::from([true]))], [out], ())
            .unwrap_err();
        assert!(
            e.message().starts_with("The second input must be a scalar"),
            "{e}"
        );
    }
}

/// A loop over the rows of a vector of flags: goes on while the flag of the iteration is true. The state is the
/// list of flags not yet seen, held as nested booleans: here simply three iterations through three variables.
#[test]
fn a_loop_runs_until_its_condition_is_false() {
    let g = Graph::new();
    let s = g.root();
    // The variables (a, b, c) shift each time: (true, true, false) runs the body twice.
    let start = [true, true, false].map(|v| s.constant(v));
    let x = enter(s, s.constant(7i32), "f", true);
    let entered = start.map(|v| enter(s, v, "f", false));
    let merges = entered.map(|e| s.op("Merge").list([e, e]).out());
    let cond = s.op("LoopCond").input(merges[0]).out();
    let switches = merges.map(|m| s.op("Switch").input(m).input(cond).finish());
    let body = switches.map(|w| s.identity(w.output(1)));
    // The constant is used in the body, so that it must reach every iteration.
    let gate = s.after([x]).op("Identity").input(body[2]).out();
    let next = [body[1], gate, gate].map(|b| s.op("NextIteration").input(b).out());
    for (m, n) in merges.iter().zip(next) {
        g.set_input(m.node().id(), 1, n).unwrap();
    }
    let exits = switches.map(|w| s.op("Exit").input(w.output(0)).out());
    g.check().unwrap();
    for session in sessions(&g) {
        for _ in 0..20 {
            let out = session.run((), exits, ()).unwrap();
            let values: Vec<bool> = out.iter().map(|t| t.to_scalar().unwrap()).collect();
            assert_eq!(values, [false, false, false]);
        }
    }
}

#[test]
fn a_loop_on_a_dead_branch_ends_dead() {
    let g = Graph::new();
    let s = g.root();
    let p = g.placeholder("p", crate::DType::Bool, ());
    let taken = s
        .op("Switch")
        .input(s.constant(false))
        .input(p)
        .finish()
        .output(1);
    let e = enter(s, taken, "f", false);
    let m = s.op("Merge").list([e, e]).out();
    let w = s
        .op("Switch")
        .input(m)
        .input(s.op("LoopCond").input(m).out())
        .finish();
    let next = s.op("NextIteration").input(w.output(1)).out();
    g.set_input(m.node().id(), 1, next).unwrap();
    let exit = s.op("Exit").input(w.output(0)).out();
    let other = s
        .op("Switch")
        .input(s.constant(true))
        .input(p)
        .finish()
        .output(0);
    let out = s.op("Merge").list([exit, other]).out();
    for session in sessions(&g) {
        for value in [true, false] {
            let y = session.run([(p, Tensor::from(value))], [out], ()).unwrap();
            assert_eq!(y[0].to_scalar::<bool>().unwrap(), !value);
        }
    }
}

#[test]
fn malformed_loops_are_reported() {
    let g = Graph::new();
    let s = g.root();
    let c = s.constant(1i32);
    let exit = s.op("Exit").input(c).out();
    let inside = enter(s, c, "f", false);
    let mixed = s.op("Merge").list([inside, c]).out();
    let session = Session::new(&g).unwrap();
    for (fetch, words) in [
        (exit, "Invalid Exit op"),
        (mixed, "has inputs from different frames"),
    ] {
        let e = session.run((), [fetch], ()).unwrap_err();
        assert_eq!(e.code(), crate::Code::InvalidArgument);
        assert!(e.message().contains(words), "{e}");
    }
}
