//! The graphs of tests/interop/sessions/control_flow.py, by our builder.

use tensorloom::ops::control::{Iterations, LoopVars, WhileOptions};
use tensorloom::ops::tensor_array::{TensorArray, TensorArrayOptions};
use tensorloom::{DType, Graph, Output, PartialShape, Scope};

/// Makes a graph; gives what is differentiated by what.
pub type Make = for<'g> fn(&'g Graph) -> (Output<'g>, Vec<Output<'g>>);

/// Each case by its name.
pub const GRAPHS: &[(&str, Make)] = &[
    ("power", power),
    ("invariant", invariant),
    ("unknown_shapes", unknown_shapes),
    ("fed_count", fed_count),
    ("two_loops", two_loops),
    ("nested", nested),
    ("nested_unknown", nested_unknown),
    ("cond_alone", cond_alone),
    ("cond_nested", cond_nested),
    ("cond_in_loop", cond_in_loop),
    ("cond_in_loop_unknown", cond_in_loop_unknown),
    ("loop_in_cond", loop_in_cond),
    ("loop_in_cond_in_loop", loop_in_cond_in_loop),
    ("cond_in_nested", cond_in_nested),
    ("unused_variable", unused_variable),
    ("independent_variable", independent_variable),
    ("independent_unknown", independent_unknown),
    ("most", most),
    ("growing", growing),
    ("waiting", waiting),
    ("gathered", gathered),
    ("no_gradient", no_gradient),
    ("swapped", swapped),
    ("recurrent", recurrent),
    ("array_concat", array_concat),
    ("array_gather", array_gather),
    ("array_growing", array_growing),
];

fn x<'g>(g: &'g Graph, name: &str) -> Output<'g> {
    g.placeholder(name, DType::F32, [2])
}
fn any<'g>(g: &'g Graph, name: &str) -> Output<'g> {
    g.placeholder(name, DType::F32, PartialShape::unknown())
}
fn p<'g>(g: &'g Graph, name: &str) -> Output<'g> {
    g.placeholder(name, DType::Bool, ())
}
fn zero(g: &Graph) -> Output<'_> {
    g.root().constant(0i32)
}
fn options<'g>() -> WhileOptions<'g> {
    WhileOptions::default()
}
/// A counter, and others of any shape.
fn free<'g>(others: usize) -> WhileOptions<'g> {
    let mut shape_invariants = vec![PartialShape::scalar()];
    shape_invariants.resize(others + 1, PartialShape::unknown());
    WhileOptions {
        shape_invariants,
        ..options()
    }
}

/// Counts to `n` while a variable changes.
fn repeat<'g>(
    s: Scope<'g>,
    n: i32,
    start: [Output<'g>; 2],
    options: &WhileOptions<'g>,
    change: impl FnOnce(Scope<'g>, Output<'g>, Output<'g>) -> Output<'g>,
) -> Output<'g> {
    let body = |s: Scope<'g>, [i, y]: [Output<'g>; 2]| [i + 1i32, change(s, i, y)];
    let [_, y] = s.while_loop(|s, [i, _]| s.less(i, n), body, start, options);
    y
}

fn power(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let y = repeat(g.root(), 3, [zero(g), x], &options(), |_, _, y| y * y);
    (y, vec![x])
}

fn invariant(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (x(g, "x"), x(g, "w"));
    let y = repeat(g.root(), 3, [zero(g), x], &options(), |_, _, y| y * w);
    (y, vec![x, w])
}

fn unknown_shapes(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (any(g, "x"), any(g, "w"));
    let y = repeat(g.root(), 3, [zero(g), x], &free(1), |s, _, y| s.sin(y) * w);
    (y, vec![x, w])
}

fn fed_count(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [None, Some(2)]);
    let n = g.placeholder("n", DType::I32, ());
    let options = WhileOptions {
        parallel_iterations: 1,
        ..options()
    };
    let [_, y] = g.root().named("loop").while_loop(
        |s, [i, _]| s.less(i, n),
        |s, [i, y]| [i + 1i32, s.tanh(y)],
        [zero(g), x],
        &options,
    );
    (y, vec![x])
}

fn two_loops(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let y = repeat(g.root(), 2, [zero(g), x], &options(), |s, _, y| s.exp(-y));
    let z = repeat(g.root(), 3, [zero(g), y], &options(), |s, _, y| s.exp(-y));
    (z, vec![x])
}

fn nested(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (x(g, "x"), x(g, "w"));
    let y = g.root().while_loop(
        |s, [i, _]| s.less(i, 3i32),
        |s, [i, y]| {
            let [_, z] = s.while_loop(
                |s, [j, _]| s.less(j, i.in_scope(s) + 1i32),
                |_, [j, z]| [j + 1i32, z * w],
                [s.constant(0i32), y],
                &options(),
            );
            [i + 1i32, z + y]
        },
        [zero(g), x],
        &options(),
    );
    (y[1], vec![x, w])
}

fn nested_unknown(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (any(g, "x"), any(g, "w"));
    let y = g.root().while_loop(
        |s, [i, _]| s.less(i, 2i32),
        |s, [i, y]| {
            let z = repeat(s, 2, [s.constant(0i32), y], &free(1), |s, _, z| {
                s.sin(z) * w * y
            });
            [i + 1i32, z]
        },
        [zero(g), x],
        &free(1),
    );
    (y[1], vec![x, w])
}

fn cond_alone(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, p, w) = (x(g, "x"), p(g, "p"), x(g, "w"));
    let y = g.root().cond(p, |s| x.in_scope(s) * w, |s| s.square(x));
    (y, vec![x, w])
}

fn cond_nested(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, p, q) = (x(g, "x"), p(g, "p"), p(g, "q"));
    let y = g.root().cond(
        p,
        |s| s.cond(q, |s| s.sin(x), |s| x.in_scope(s) * 3.0f32) + x,
        |_| x,
    );
    (y, vec![x])
}

fn cond_in_loop(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (x(g, "x"), x(g, "w"));
    let [_, y] = g.root().while_loop(
        |s, [i, _]| s.less(i, 4i32),
        |s, [i, y]| {
            let next = i + 1i32;
            let below = s.less(i, 2i32);
            [next, s.cond(below, |s| y.in_scope(s) * w, |s| s.sin(y))]
        },
        [zero(g), x],
        &options(),
    );
    (y, vec![x, w])
}

fn cond_in_loop_unknown(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (any(g, "x"), any(g, "w"));
    let [_, y] = g.root().while_loop(
        |s, [i, _]| s.less(i, 4i32),
        |s, [i, y]| {
            let next = i + 1i32;
            let even = s.equal(i % 2i32, 0i32);
            [next, s.cond(even, |s| y.in_scope(s) * w, |s| s.sin(y))]
        },
        [zero(g), x],
        &free(1),
    );
    (y, vec![x, w])
}

fn loop_in_cond(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w, p) = (x(g, "x"), x(g, "w"), p(g, "p"));
    let y = g.root().cond(
        p,
        |s| repeat(s, 3, [s.constant(0i32), x], &options(), |_, _, y| y * w),
        |_| x,
    );
    (y, vec![x, w])
}

fn loop_in_cond_in_loop(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (x(g, "x"), x(g, "w"));
    let [_, y] = g.root().while_loop(
        |s, [i, _]| s.less(i, 3i32),
        |s, [i, y]| {
            let next = i + 1i32;
            let second = s.equal(i, 1i32);
            let z = s.cond(
                second,
                |s| repeat(s, 2, [s.constant(0i32), y], &options(), |_, _, z| z * w),
                |s| y.in_scope(s) + w,
            );
            [next, z]
        },
        [zero(g), x],
        &options(),
    );
    (y, vec![x, w])
}

fn cond_in_nested(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let y = repeat(g.root(), 3, [zero(g), x], &options(), |s, i, y| {
        repeat(s, 3, [s.constant(0i32), y], &options(), |s, j, z| {
            let below = s.less(j, i);
            s.cond(below, |s| s.sin(z) * y, |s| z.in_scope(s) + y)
        })
    });
    (y, vec![x])
}

fn unused_variable(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (x(g, "x"), x(g, "w"));
    let [_, y, _] = g.root().while_loop(
        |s, [i, _, _]| s.less(i, 3i32),
        |_, [i, y, v]| [i + 1i32, y * v, v + y],
        [zero(g), x, w],
        &options(),
    );
    (y, vec![x, w])
}

fn independent_variable(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (x(g, "x"), x(g, "w"));
    let [_, y, z] = g.root().while_loop(
        |s, [i, _, _]| s.less(i, 3i32),
        |s, [i, y, _]| [i + 1i32, y * y, w.in_scope(s) * 2.0f32],
        [zero(g), x, w],
        &options(),
    );
    (y + z, vec![x, w])
}

fn independent_unknown(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let (x, w) = (any(g, "x"), any(g, "w"));
    let [_, y, z] = g.root().while_loop(
        |s, [i, _, _]| s.less(i, 3i32),
        |s, [i, y, _]| [i + 1i32, s.sin(y), s.exp(w)],
        [zero(g), x, w],
        &free(2),
    );
    (y + z, vec![x, w])
}

fn most(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let options = WhileOptions {
        maximum_iterations: Some(Iterations::Count(2)),
        ..options()
    };
    let y = g.root().while_loop(
        |s, y: Output<'_>| s.less(y.sum(), 100.0f32),
        |_, y| y * 3.0f32,
        x,
        &options,
    );
    (y, vec![x])
}

fn growing(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [1, 2]);
    let options = WhileOptions {
        shape_invariants: vec![PartialShape::scalar(), PartialShape::of([None, Some(2)])],
        ..options()
    };
    let y = repeat(g.root(), 3, [zero(g), x], &options, |s, _, y| {
        s.concat(&[y, y * 2.0f32], 0)
    });
    (y, vec![x])
}

fn waiting(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let c = g.root().named("c").constant(1.0f32);
    let s = g.root().after([c]);
    let y = repeat(s, 3, [s.constant(0i32), x], &options(), |_, _, y| {
        y * x + 1.0f32
    });
    let positive = s.greater(x.in_scope(s).sum(), 0.0f32);
    let z = s.cond(positive, |s| y.in_scope(s) + 1.0f32, |_| y);
    (z.in_scope(g.root()), vec![x])
}

fn gathered(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [4, 2]);
    let ones = g.root().ones([2, 2], DType::F32);
    let y = repeat(g.root(), 3, [zero(g), ones], &options(), |s, i, y| {
        let rows = s.stack(&[i, i + 1i32], 0);
        y * s.gather(x, rows)
    });
    (y, vec![x])
}

fn no_gradient(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let options = WhileOptions {
        back_prop: false,
        ..options()
    };
    let y = repeat(g.root(), 3, [zero(g), x], &options, |_, _, y| y * 2.0f32);
    (y + x, vec![x])
}

fn swapped(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [3, 3]);
    let options = WhileOptions {
        swap_memory: true,
        ..options()
    };
    let y = repeat(g.root(), 3, [zero(g), x], &options, |s, _, y| {
        s.matmul(y, x)
    });
    (y.sum(), vec![x])
}

fn array<'g>(
    g: &'g Graph,
    size: i32,
    change: impl FnOnce(&mut TensorArrayOptions),
) -> TensorArray<'g> {
    let mut options = TensorArrayOptions::default();
    change(&mut options);
    g.root().tensor_array(DType::F32, size, &options)
}

fn recurrent(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [Some(4), None, Some(2)]);
    let h = g.placeholder("h", DType::F32, [None, Some(3)]);
    let w = g.placeholder("w", DType::F32, [5, 3]);
    let b = g.placeholder("b", DType::F32, [3]);
    let inputs = array(g, 4, |_| ()).unstack(x);
    let outputs = array(g, 4, |_| ());
    let (_, last, out) = g.root().while_loop(
        |s, (i, _, _): (Output<'_>, Output<'_>, TensorArray<'_>)| s.less(i, 4i32),
        |s, (i, h, out)| {
            let input = inputs.with_tensors(&[inputs.flow().in_scope(s)]).read(i);
            let now = s.tanh(s.concat(&[input, h], 1).matmul(w) + b);
            (i + 1i32, now, out.write(i, now))
        },
        (zero(g), h, outputs),
        &options(),
    );
    let y = (out.stack() * 2.0f32).sum() + last.sum();
    (y, vec![x, h, w, b])
}

fn array_concat(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [6, 2]);
    let a = array(g, 3, |o| {
        (o.infer_shape, o.clear_after_read) = (false, false)
    });
    let a = a.split(x, g.root().constant([1i64, 3, 2]));
    let y = a.concat().square();
    (y, vec![x])
}

fn array_gather(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = g.placeholder("x", DType::F32, [3, 2]);
    let a = array(g, 4, |o| o.clear_after_read = false).scatter([2i32, 0, 3], x);
    let y = a.gather([3i32, 0]).square() + a.read(2i32);
    (y, vec![x])
}

fn array_growing(g: &Graph) -> (Output<'_>, Vec<Output<'_>>) {
    let x = x(g, "x");
    let (_, _, a) = g.root().while_loop(
        |s, (i, _, _): (Output<'_>, Output<'_>, TensorArray<'_>)| s.less(i, 4i32),
        |_, (i, y, a)| (i + 1i32, y * x, a.write(i, y)),
        (zero(g), x, array(g, 0, |o| o.dynamic_size = true)),
        &options(),
    );
    let y = a.stack().sum() + a.size().cast(DType::F32);
    (y, vec![x])
}
