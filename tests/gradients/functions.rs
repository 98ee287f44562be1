//! Gradients through calls, branches and loops of functions: those that TensorFlow computes for the same graphs.

use crate::oracle::compare::{difference, magnitude};
use crate::oracle::replays::unpack;
use crate::oracle::tolerance::of_gradients;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tensorloom::def::GraphDef;
use tensorloom::{
    AttrValue, Attrs, Code, DType, Graph, ImportOptions, Output, Scope, Session, Tensor,
    WhileOptions,
};

/// Where the recorded graphs are: those of the project, or fresh ones that a script has just made.
fn folder() -> (PathBuf, bool) {
    match std::env::var_os("TENSORLOOM_FUNCTION_GRADIENTS") {
        Some(dir) => (dir.into(), true),
        None => (crate::oracle::data("function_gradients"), false),
    }
}

/// The values of each run by what they are and of which tensor: `("grad", "x0:0")`.
fn runs(name: &str) -> Vec<BTreeMap<(String, String), Tensor>> {
    let def = unpack(&folder().0.join(format!("{name}.runs.pb.gz")));
    let mut runs: BTreeMap<usize, BTreeMap<_, _>> = BTreeMap::new();
    for n in def.node {
        let (run, path) = n.name.split_once('/').unwrap();
        let (what, tensor) = path.split_once('/').unwrap();
        let value = Attrs(n.attr).tensor("value").unwrap().clone();
        let run = run.strip_prefix("run").unwrap().parse().unwrap();
        let key = (what.to_string(), tensor.to_string());
        runs.entry(run).or_default().insert(key, value);
    }
    runs.into_values().collect()
}

/// Imports a graph, differentiates it here, and compares all that was recorded; the graph written and read again must give
/// the same bits.
fn check(name: &str) -> Result<(), String> {
    let def = unpack(&folder().0.join(format!("{name}.pb.gz")));
    let runs = runs(name);
    let told = |e: tensorloom::Error| format!("{name}: {e}");
    let g = Graph::new();
    g.import(&def, &ImportOptions::default()).map_err(told)?;
    let of = |what: &str| -> Vec<String> {
        let keys = runs[0].keys().filter(|(w, _)| w == what);
        keys.map(|(_, tensor)| tensor.clone()).collect()
    };
    let differentiate = |y: Output<'_>, xs: &[String]| -> Result<Vec<String>, String> {
        let xs: Vec<Output<'_>> = xs.iter().map(|x| g.output(x).unwrap()).collect();
        let found = g.gradients(&[y.in_scope(g.root())], &xs).map_err(told)?;
        let dense = found.into_iter().map(|d| d.unwrap().dense(g.root()).name());
        Ok(dense.collect())
    };
    let (firsts, seconds) = (of("grad"), of("second"));
    let grads = differentiate(g.output("y:0").unwrap(), &firsts)?;
    for (i, d) in grads.iter().enumerate() {
        let name = format!("gradient_{i}");
        g.root().named(&name).identity(g.output(d).unwrap());
    }
    let mut wanted: Vec<(String, String, String)> =
        vec![("fetch".into(), "y:0".into(), "y:0".into())];
    let row = |what: &str, (tensor, ours): (&String, String)| (what.into(), tensor.clone(), ours);
    wanted.extend(firsts.iter().zip(grads.clone()).map(|p| row("grad", p)));
    if !seconds.is_empty() {
        let sums = grads.iter().map(|d| g.output(d).unwrap().sum());
        let total = g.root().add_n(sums);
        let second = differentiate(total, &seconds)?;
        wanted.extend(seconds.iter().zip(second).map(|p| row("second", p)));
    }
    let names: Vec<&str> = wanted.iter().map(|(_, _, n)| n.as_str()).collect();
    let written = g.export().map_err(told)?;
    if folder().1 {
        written
            .write(folder().0.join(format!("{name}.out.pb")))
            .map_err(told)?;
    }
    let again = Graph::new();
    again
        .import(&written, &ImportOptions::default())
        .map_err(told)?;
    let sessions = [&g, &again].map(|g| Session::new(g).unwrap());
    for s in &sessions {
        if g.find("init").is_some() {
            s.run_target("init").map_err(told)?;
        }
    }
    let allowed = of_gradients("Sum", DType::F32);
    for (k, run) in runs.iter().enumerate() {
        let fed = run.iter().filter(|((w, _), _)| w == "feed");
        let feeds: Vec<(&str, Tensor)> = fed.map(|((_, t), v)| (t.as_str(), v.clone())).collect();
        let [ours, reread] = [0, 1].map(|i| sessions[i].run(feeds.clone(), &names[..], ()));
        let (ours, reread) = (ours.map_err(told)?, reread.map_err(told)?);
        for (((what, tensor, _), value), other) in wanted.iter().zip(&ours).zip(&reread) {
            let want = &run[&(what.clone(), tensor.clone())];
            let scale = magnitude(want, run.values());
            if let Some(e) = difference(want, value, allowed, scale) {
                return Err(format!("{name}: run {k}: {what} of {tensor}: {e}"));
            }
            if value.bytes().unwrap() != other.bytes().unwrap() {
                return Err(format!(
                    "{name}: run {k}: {what} of {tensor} differs when read again"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_through_functions_are_tensorflows() {
    let mut names: Vec<String> = std::fs::read_dir(folder().0)
        .unwrap()
        .filter_map(|f| {
            let file = f.unwrap().file_name().into_string().unwrap();
            let name = file.strip_suffix(".pb.gz")?;
            (!name.ends_with(".runs")).then(|| name.to_string())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let wrong: Vec<String> = names.iter().filter_map(|n| check(n).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `x³`, by a function whose nodes stand in the wrong order.
const CUBE: &str = r#"function {
  signature { name: "Cube" input_arg { name: "x" type: DT_FLOAT } output_arg { name: "y" type: DT_FLOAT } }
  node_def { name: "c" op: "Mul" input: "s:z:0" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
  node_def { name: "s" op: "Mul" input: "x" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
  ret { key: "y" value: "c:z:0" } }"#;

fn with_library(functions: &str) -> Graph {
    let g = Graph::new();
    let def = GraphDef::from_pbtxt(&format!("library {{ {functions} }}")).unwrap();
    g.import(&def, &ImportOptions::default()).unwrap();
    g
}

fn call<'g>(s: Scope<'g>, function: &str, x: Output<'g>) -> Output<'g> {
    let f = AttrValue::Func(function.into(), Default::default());
    let call = s.op("PartitionedCall").list([x]).attr("f", f);
    call.attr("Tout", vec![DType::F32]).out()
}

/// In a loop and in a branch that the builder made, with what surrounds the call there.
#[test]
fn calls_within_loops_and_branches_are_differentiated_there() {
    let g = with_library(CUBE);
    let s = g.root();
    let x = g.placeholder("x", DType::F32, [Some(2)]);
    let build = |cube: &dyn Fn(Scope<'_>, Output<'_>) -> String| {
        let cubed = |s: Scope<'_>, v: Output<'_>| {
            let name = cube(s, v);
            // Nothing is known of a call's shape.
            let cubed = g.output(&name).unwrap();
            g.set_shape(cubed, [2]);
            cubed
        };
        let [_, y] = s.while_loop(
            |s, [i, _]| s.less(i, 3i32),
            |s, [i, v]| [i + 1i32, cubed(s, v).in_scope(s) * 0.5f32 + x.in_scope(s)],
            [s.constant(0i32), s.identity(x)],
            &WhileOptions::default(),
        );
        let z = s.cond(s.greater(y.sum(), 0.0f32), |s| cubed(s, y), |s| s.square(y));
        let gradient = g.gradients(&[z.in_scope(s)], &[x]).unwrap()[0];
        gradient.unwrap().dense(s).name()
    };
    let by_call = build(&|s, v| call(s, "Cube", v).name());
    let by_hand = build(&|s, v| (v.in_scope(s) * v * v).name());
    let session = Session::new(&g).unwrap();
    for values in [[0.3f32, 0.9], [-0.5, 0.1]] {
        let feeds = [(x, Tensor::from(values))];
        let got = session
            .run(feeds, [by_call.as_str(), by_hand.as_str()], ())
            .unwrap();
        assert_eq!(got[0].data::<f32>().unwrap(), got[1].data::<f32>().unwrap());
        assert!(got[0].data::<f32>().unwrap().iter().all(|d| *d != 0.0));
    }
}

#[test]
fn the_call_stays_and_passes_on_what_its_nodes_give() {
    let g = with_library(CUBE);
    let x = g.placeholder("x", DType::F32, [Some(2)]);
    let y = call(g.root().named("call"), "Cube", x);
    let user = g.root().named("user").identity(y);
    let before = g.gradients(&[user], &[x]).unwrap()[0]
        .unwrap()
        .dense(g.root());
    assert_eq!(g.find("call").unwrap().op(), "Identity");
    assert_eq!(y.shape().to_string(), "[2]");
    let nodes = g.export().unwrap().node.len();
    // It is no call any more.
    g.gradients(&[y], &[x]).unwrap();
    let names: Vec<String> = g.export().unwrap().node[..nodes]
        .iter()
        .map(|n| n.name.clone())
        .collect();
    assert_eq!(
        names.iter().filter(|n| n.starts_with("call/")).count(),
        2,
        "{names:?}"
    );
    let out = Session::new(&g)
        .unwrap()
        .run([(x, Tensor::from([1.0f32, 2.0]))], [user, before], ());
    let out = out.unwrap();
    assert_eq!(out[0].data::<f32>().unwrap(), &[1.0, 8.0]);
    assert_eq!(out[1].data::<f32>().unwrap(), &[3.0, 12.0]);
}

#[test]
fn what_cannot_be_inlined_is_said_with_its_call() {
    const LOOP: &str = r#"function {
      signature { name: "Loop" input_arg { name: "x" type: DT_FLOAT } output_arg { name: "y" type: DT_FLOAT } }
      node_def { name: "a" op: "Add" input: "x" input: "b:z:0" attr { key: "T" value { type: DT_FLOAT } } }
      node_def { name: "b" op: "Add" input: "x" input: "a:z:0" attr { key: "T" value { type: DT_FLOAT } } }
      ret { key: "y" value: "a:z:0" } }"#;
    for (functions, name, code, words) in [
        (
            CUBE,
            "Square",
            Code::NotFound,
            "Function Square is not defined.",
        ),
        (
            LOOP,
            "Loop",
            Code::Unimplemented,
            "a loop of Enter and Exit",
        ),
    ] {
        let g = with_library(functions);
        let x = g.placeholder("x", DType::F32, [Some(2)]);
        let y = call(g.root().named("call"), name, x);
        let e = g.gradients(&[y], &[x]).unwrap_err();
        assert_eq!((e.code(), e.node()), (code, Some("call")), "{e}");
        assert!(e.message().contains(words) && e.location().is_some(), "{e}");
    }
}
