//! Loops and branches built from their primitive ops.

use super::{Session, SessionOptions};
use crate::def::GraphDef;
use crate::error::Code;
use crate::graph::{Graph, ImportOptions, Output, Scope};
use crate::ops::control::WhileOptions;
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

/// A graph read from its definition does not know any more what may not be fed.
#[test]
fn what_is_fed_does_not_lead_into_a_loop() {
    let built = Graph::new();
    let s = built.root();
    let x = built.placeholder("x", crate::DType::F32, [2]);
    s.while_loop(
        |s, [i, _]| s.less(i, 3i32),
        |_, [i, v]| [i + 1i32, v + v],
        [s.constant(0i32), x],
        &WhileOptions::default(),
    );
    let g = Graph::new();
    g.import(&built.export().unwrap(), &ImportOptions::default())
        .unwrap();
    for cpu_devices in [1, 2] {
        let options = SessionOptions {
            cpu_devices,
            ..SessionOptions::default()
        };
        let session = Session::with_options(&g, &options).unwrap();
        for fed in ["while/Merge_1:0", "while/Identity_1:0", "while/Enter_1:0"] {
            let feeds = [(fed, Tensor::from([1.0f32, 2.0]))];
            let e = session.run(feeds, ["while/Exit_1:0"], ()).unwrap_err();
            assert_eq!(e.code(), Code::InvalidArgument, "{fed}: {e}");
            assert!(e.message().contains("inputs from different frames"), "{e}");
        }
    }
}

/// One NextIteration leads to Merges on two devices.
#[test]
fn a_value_enters_the_next_iteration_on_two_devices() {
    let text = |devices: [&str; 2]| {
        let merge = |name: &str, device: &str| {
            format!(
                "node {{ name: '{name}' op: 'Merge' input: 'enter' input: 'next' device: '{device}' {T} attr {{ key: 'N' value {{ i: 2 }} }} }}"
            )
        };
        let constant = |name: &str, v: i32, control: &str| {
            format!(
                "node {{ name: '{name}' op: 'Const' {control} attr {{ key: 'dtype' value {{ type: DT_INT32 }} }}
                 attr {{ key: 'value' value {{ tensor {{ dtype: DT_INT32 tensor_shape {{ }} int_val: {v} }} }} }} }}"
            )
        };
        let node = |name: &str, op: &str, inputs: &str, more: &str| {
            let inputs: String = inputs
                .split(' ')
                .map(|i| format!("input: '{i}' "))
                .collect();
            format!("node {{ name: '{name}' op: '{op}' {inputs} {more} }}")
        };
        let frame = format!("{T} attr {{ key: 'frame_name' value {{ s: 'f' }} }}");
        [
            constant("zero", 0, ""),
            node("enter", "Enter", "zero", &frame),
            merge("ma", devices[0]),
            merge("mb", devices[1]),
            constant("five", 5, "input: '^ma'"),
            node("less", "Less", "ma five", T),
            node("on", "LoopCond", "less", ""),
            node("sa", "Switch", "ma on", T),
            node("sb", "Switch", "mb on", T),
            node("one", "Identity", "sb:1", T),
            node("step", "Add", "sa:1 inc", T),
            constant("inc", 1, "input: '^one'"),
            node("next", "NextIteration", "step", T),
            node("xa", "Exit", "sa", T),
            node("xb", "Exit", "sb", T),
        ]
        .concat()
    };
    for devices in [["", ""], ["/cpu:0", "/cpu:1"], ["/cpu:1", "/cpu:0"]] {
        let def = GraphDef::from_pbtxt(&text(devices)).unwrap();
        let g = Graph::new();
        g.import(&def, &ImportOptions::default()).unwrap();
        let options = SessionOptions {
            cpu_devices: 2,
            ..SessionOptions::default()
        };
        let session = Session::with_options(&g, &options).unwrap();
        let out = session.run((), ["xa:0", "xb:0"], ()).unwrap();
        let values = [0, 1].map(|i| out[i].to_scalar::<i32>().unwrap());
        assert_eq!(values, [5, 5], "{devices:?}");
    }
}

const T: &str = "attr { key: 'T' value { type: DT_INT32 } }";

/// An Exit that does not hang on the loop's condition is live in each iteration: an error, not a panic.
#[test]
fn what_leaves_a_loop_twice_is_reported() {
    let g = Graph::new();
    let s = g.root();
    let entered = [true, true, false].map(|v| enter(s, s.constant(v), "f", false));
    let merges = entered.map(|e| s.op("Merge").list([e, e]).out());
    let cond = s.op("LoopCond").input(merges[0]).out();
    let switches = merges.map(|m| s.op("Switch").input(m).input(cond).finish());
    let body = switches.map(|w| s.identity(w.output(1)));
    let next = [body[1], body[2], body[2]].map(|b| s.op("NextIteration").input(b).out());
    for (m, n) in merges.iter().zip(next) {
        g.set_input(m.node().id(), 1, n).unwrap();
    }
    let early = s.op("Exit").input(merges[1]).out();
    let used = s.identity(s.op("LogicalNot").input(early).out());
    let after = s
        .after([early])
        .op("LogicalNot")
        .input(s.constant(true))
        .out();
    g.check().unwrap();
    for session in sessions(&g) {
        for fetch in [used, after] {
            let e = session.run((), [fetch], ()).unwrap_err();
            assert_eq!(e.code(), crate::Code::InvalidArgument);
            assert!(e.message().contains("came twice"), "{e}");
        }
    }
}
