//! Stacks in sessions: order, steps apart from each other, mistakes.

use crate::graph::{NodeRef, Output};
use crate::{DType, Graph, Session};

fn pushed<'g>(g: &'g Graph, limit: i32) -> (Output<'g>, NodeRef<'g>) {
    let s = g.root();
    let stack = s.stack_v2(limit, DType::F32);
    let mut last = s.stack_push_v2(stack, 1.0f32).node();
    for x in [2.0f32, 3.0] {
        last = s.after([last]).stack_push_v2(stack, x).node();
    }
    (stack, last)
}

#[test]
fn a_step_pops_what_it_pushed_and_nothing_else() {
    let g = Graph::new();
    let (stack, last) = pushed(&g, -1);
    let first = g.root().after([last]).stack_pop_v2(stack, DType::F32);
    let second = g
        .root()
        .after([first.node()])
        .stack_pop_v2(stack, DType::F32);
    let session = Session::new(&g).unwrap();
    for _ in 0..3 {
        let out = session.run((), [first, second], ()).unwrap();
        let values: Vec<f32> = out.iter().map(|t| t.to_scalar().unwrap()).collect();
        assert_eq!(values, [3.0, 2.0]);
    }
}

#[test]
fn mistakes() {
    let g = Graph::new();
    let (stack, last) = pushed(&g, 2);
    let s = g.root();
    let close = s.stack_close_v2(stack);
    let after_close = s.after([close]).stack_pop_v2(stack, DType::F32);
    let wrong = s.named("wrong").stack_push_v2(stack, 1i32);
    let empty = s.named("empty").stack_pop_v2(stack, DType::F32);
    let session = Session::new(&g).unwrap();
    let message = |n: NodeRef<'_>| session.run_target(n).unwrap_err().message().to_string();
    assert_eq!(message(last), "Stack[StackV2] overflowed its max_size (2)");
    assert_eq!(
        message(after_close.node()),
        "Stack[StackV2] has already been closed."
    );
    assert_eq!(message(wrong.node()), "Must have type float but got int32");
    assert_eq!(
        message(empty.node()),
        "Stack[StackV2] is empty when calling Pop()."
    );
}
