//! The graph of the soak: chains, loops, branches, variables and queues, each over several devices, and what fails.

use tensorloom::ops::queue::{QueueHandle, QueueOptions};
use tensorloom::{DType, Graph, Output, PartialShape, Scope, VariableOptions, WhileOptions, init};

/// The devices.
pub const DEVICES: usize = 4;
/// How many iterations of the loops may run at once: `loop_N` is one of them.
pub const PARALLEL: [i64; 3] = [1, 2, 10];

/// A scope on the device of that number, modulo their count.
pub fn on(s: Scope<'_>, device: usize) -> Scope<'_> {
    s.device(&format!("/cpu:{}", device % DEVICES))
}

fn queue<'g>(s: Scope<'g>, name: String, capacity: i64) -> QueueHandle<'g> {
    s.named(&name).fifo_queue(&QueueOptions {
        dtypes: vec![DType::F32],
        shapes: vec![PartialShape::scalar()],
        capacity,
        ..QueueOptions::default()
    })
}

/// A loop in a loop: conditions, bodies and what they use from outside on different devices.
fn nested<'g>(s: Scope<'g>, n: Output<'g>, x: Output<'g>, parallel: i64) -> Output<'g> {
    let options = WhileOptions {
        parallel_iterations: parallel,
        ..WhileOptions::default()
    };
    let outside = on(s, 3).tanh(x);
    let body = |s: Scope<'g>, [i, y]: [Output<'g>; 2]| {
        let inner = on(s, 2).while_loop(
            |s, [j, _]| s.less(j, 3i32),
            |s, [j, z]| {
                let far = on(s, 1);
                [j + 1i32, far.add(far.mul(z, 0.5f32), outside)]
            },
            [s.constant(0i32), y],
            &options,
        );
        [i + 1i32, on(s, 1).add(y, inner[1])]
    };
    let start = [on(s, 0).constant(0i32), x];
    let [_, y] = on(s, 0).while_loop(|s, [i, _]| s.less(i, n), body, start, &options);
    on(s, 2).add(y, 0.25f32)
}

/// Names by what a step fetches or runs: `chain`, `loop_N`, `grad`, `branch`, `count_C`, `put_D`, `take_D`, `size_D`, `close_D`,
/// `fail_D` (whose node `bad_D` fails when `x` is not finite), `hang_D`.
pub fn build(g: &Graph) {
    let s = g.root();
    let x = g.placeholder("x", DType::F32, [None]);
    let n = g.placeholder("n", DType::I32, ());
    let p = g.placeholder("p", DType::Bool, ());
    let id = g.placeholder("id", DType::F32, ());

    let mut y = x;
    for d in [1, 2, 3, 0, 2, 1] {
        y = on(s, d).neg(on(s, d).add(y, d as f32));
    }
    on(s, 3).named("chain").identity(y);

    for parallel in PARALLEL {
        let y = nested(s, n, x, parallel);
        on(s, 0).named(&format!("loop_{parallel}")).identity(y);
    }
    let by_x = g.gradients(&[nested(s, n, x, 10)], &[x]);
    let by_x = by_x.unwrap()[0].expect("it depends on x").dense(s);
    on(s, 1).named("grad").identity(by_x);

    let far = on(s, 1).mul(x, 2.0f32);
    let chosen = on(s, 0).cond(
        p,
        |s| on(s, 2).add(on(s, 3).neg(far), x),
        |s| {
            let near = on(s, 1).sub(x, 1.0f32);
            on(s, 3).cond(on(s, 0).less(n, 3i32), |s| s.neg(near), |s| s.square(far))
        },
    );
    on(s, 3).named("branch").identity(chosen);

    for d in 0..DEVICES {
        let options = VariableOptions {
            use_resource: d % 2 == 0,
            ..VariableOptions::default()
        };
        let count = on(s, d).get_variable_with(&format!("v_{d}"), (), init::zeros(), &options);
        let next = count.assign_add(on(s, d + 1).constant(1.0f32));
        on(s, d + 2).named(&format!("count_{d}")).neg(next);

        let q = queue(on(s, d), format!("q_{d}"), 3);
        q.in_scope(on(s, d).named(&format!("put_{d}")))
            .enqueue(&[on(s, d + 1).neg(id)]);
        let taken = q.dequeue()[0];
        on(s, d + 3).named(&format!("take_{d}")).neg(taken);
        q.in_scope(s.named(&format!("close_{d}"))).close(true);
        q.in_scope(s.named(&format!("size_{d}"))).size();
    }
    fails(g, x, n);
}

/// On each device a node that fails after some iterations of a loop, while on the others loops go on for ever and
/// queues are waited for that nobody serves.
fn fails<'g>(g: &'g Graph, x: Output<'g>, n: Output<'g>) {
    let s = g.root();
    let hang: Vec<Output<'_>> = (0..DEVICES)
        .map(|d| {
            let waits = queue(on(s, d), format!("never_{d}"), 1).dequeue()[0];
            let [_, ever] = on(s, d).while_loop(
                |s, [i, _]| s.greater_equal(i, 0i32),
                |s, [i, y]| [on(s, d + 1).mul(i, 1i32), on(s, d + 2).neg(y)],
                [s.constant(0i32), s.constant(1.0f32)],
                &WhileOptions::default(),
            );
            let both = on(s, d + 1).add(waits, ever);
            on(s, d + 3).named(&format!("hang_{d}")).identity(both)
        })
        .collect();
    for d in 0..DEVICES {
        let [_, late] = on(s, d + 1).while_loop(
            |s, [i, _]| s.less(i, n),
            |s, [i, y]| [i + 1i32, on(s, d).mul(y, 1.0f32)],
            [s.constant(0i32), s.constant(0.0f32)],
            &WhileOptions::default(),
        );
        let sum = on(s, d).add(x, late);
        let bad = on(s, d)
            .named(&format!("bad_{d}"))
            .check_numerics(sum, "broken");
        let others = (1..DEVICES).fold(bad, |y, e| on(s, d).add(y, hang[(d + e) % DEVICES]));
        on(s, d + 1).named(&format!("fail_{d}")).identity(others);
    }
}
