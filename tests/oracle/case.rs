//! One recorded call of an op (see tests/interop/op_cases.py), and running it both ways.

use super::compare::{difference, magnitude};
use super::tolerance::{may_not_refuse, of_gradients, of_results};
use super::value;
use std::collections::BTreeMap;
use std::time::Duration;
use tensorloom::def::{AttrValue, GraphDef, NodeDef, VersionDef};
use tensorloom::{
    Code, DType, Error, GradientOptions, Graph, ImportOptions, RunOptions, Session, SessionOptions,
    Shape, Tensor,
};

/// How the inputs reach the op.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// They are constants of the graph: shapes and values are known when the op is added.
    Constant,
    /// They are fed through placeholders of unknown shape.
    Fed,
}

/// A call and what TensorFlow answered.
#[derive(Default)]
pub struct Case {
    pub name: String,
    pub op: NodeDef,
    versions: VersionDef,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    /// Code and message.
    error: Option<(String, String)>,
    incoming: BTreeMap<usize, Tensor>,
    gradients: BTreeMap<usize, Tensor>,
    no_gradient: Vec<usize>,
    /// TensorFlow refuses the node when the inputs are constants.
    refused: bool,
}

/// All cases of a file.
pub fn cases(graph: &GraphDef) -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &graph.node {
        let Some((name, part)) = node.name.split_once('/') else {
            assert_eq!(node.name, "nograd");
            continue;
        };
        let at = *place.entry(name).or_insert_with(|| {
            all.push(Case {
                name: name.into(),
                versions: graph.versions.clone(),
                ..Case::default()
            });
            all.len() - 1
        });
        let case = &mut all[at];
        let digits = part
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(part.len());
        let number = part[digits..].parse().unwrap_or(0);
        match &part[..digits] {
            "in" => {
                assert_eq!(number, case.inputs.len());
                case.inputs.push(value(node));
            }
            "op" => case.op = node.clone(),
            "out" => {
                assert_eq!(number, case.outputs.len());
                case.outputs.push(value(node));
            }
            "error" => {
                let text = value(node).to_bytes().unwrap().to_vec();
                let text = String::from_utf8_lossy(&text).into_owned();
                let (code, message) = text.split_once(": ").unwrap();
                case.error = Some((code.into(), message.into()));
            }
            "dy" => drop(case.incoming.insert(number, value(node))),
            "dx" => drop(case.gradients.insert(number, value(node))),
            "dxnone" => {
                case.no_gradient = value(node)
                    .to_i64s()
                    .unwrap()
                    .iter()
                    .map(|i| *i as usize)
                    .collect();
            }
            "static" => case.refused = true,
            "row" => {}
            _ => panic!("{} is not known", node.name),
        }
    }
    all
}

impl Case {
    /// The type of the first input, for reports.
    pub fn dtype(&self) -> String {
        match self.inputs.first().or(self.outputs.first()) {
            Some(t) => t.dtype().to_string(),
            None => "none".into(),
        }
    }

    /// The op with its inputs (and incoming gradients), and what is to be fed.
    fn graph(&self, way: Way, with_gradients: bool) -> (GraphDef, Vec<(String, Tensor)>) {
        let mut nodes = vec![self.op.clone()];
        let mut feeds = Vec::new();
        let inputs = self.inputs.iter().enumerate().map(|(i, t)| ("in", i, t));
        let incoming = self.incoming.iter().map(|(i, t)| ("dy", *i, t));
        for (kind, i, t) in inputs.chain(incoming.filter(|_| with_gradients)) {
            let name = format!("{}/{kind}{i}", self.name);
            let mut node = NodeDef {
                name: name.clone(),
                op: "Placeholder".into(),
                ..NodeDef::default()
            };
            node.attr.insert("dtype".into(), AttrValue::Type(t.dtype()));
            if way == Way::Constant {
                node.op = "Const".into();
                node.attr
                    .insert("value".into(), AttrValue::Tensor(t.clone()));
            } else {
                feeds.push((format!("{name}:0"), t.clone()));
            }
            nodes.push(node);
        }
        let def = GraphDef {
            node: nodes,
            versions: self.versions.clone(),
            ..GraphDef::default()
        };
        (def, feeds)
    }

    fn call(&self, way: Way) -> Result<Vec<Tensor>, Error> {
        let (def, feeds) = self.graph(way, false);
        let g = Graph::new();
        g.import(&def, &ImportOptions::default())?;
        let node = g.find(&self.op.name).unwrap();
        let outputs = node.outputs();
        if outputs.is_empty() {
            run(&g, feeds, &[], Some(&self.op.name))
        } else {
            let names: Vec<String> = outputs.iter().map(|o| o.name()).collect();
            run(&g, feeds, &names, None)
        }
    }

    /// What is wrong with the op's answer, if anything.
    pub fn check(&self, way: Way) -> Vec<String> {
        let answer = self.call(way);
        let mut problems = Vec::new();
        match (&self.error, answer) {
            (None, Ok(outputs)) => {
                if outputs.len() != self.outputs.len() {
                    return vec![format!(
                        "{} outputs, not {}",
                        outputs.len(),
                        self.outputs.len()
                    )];
                }
                for (i, (want, got)) in self.outputs.iter().zip(&outputs).enumerate() {
                    let allowed = of_results(&self.op.op, want.dtype());
                    let largest = magnitude(want, self.inputs.iter().chain(&self.outputs));
                    problems.extend(
                        difference(want, got, allowed, largest).map(|d| format!("out{i}: {d}")),
                    );
                }
                if !(self.gradients.is_empty() && self.no_gradient.is_empty()) {
                    problems.extend(self.check_gradients(way));
                }
            }
            (None, Err(e)) if self.refused && way == Way::Constant => {
                if e.code() != Code::InvalidArgument {
                    problems.push(format!("want InvalidArgument or a result, got {e:?}"));
                }
            }
            (None, Err(e)) => problems.push(format!(
                "want a result, got {:?}: {}",
                e.code(),
                e.message()
            )),
            (Some((code, _)), _) if code == "Any" || code == "Unimplemented" => {}
            (Some(_), Err(e))
                if self.refused && way == Way::Constant && e.code() == Code::InvalidArgument => {}
            (Some((code, _)), Ok(_))
                if code == "InvalidArgument" && may_not_refuse(&self.op.op) => {}
            (Some((code, message)), Ok(_)) => {
                problems.push(format!("want {code} ({message}), got a result"));
            }
            (Some((code, message)), Err(e)) => {
                if format!("{:?}", e.code()) != *code {
                    problems.push(format!(
                        "want {code} ({message}), got {:?} ({})",
                        e.code(),
                        e.message()
                    ));
                } else if way == Way::Fed && comparable(message) && !says(e.message(), message) {
                    problems.push(format!(
                        "message: want \"{message}\", got \"{}\"",
                        e.message()
                    ));
                }
            }
        }
        problems
    }

    fn check_gradients(&self, way: Way) -> Vec<String> {
        let (def, feeds) = self.graph(way, true);
        let g = Graph::new();
        let mut problems = Vec::new();
        let body = || -> Result<(), Error> {
            g.import(&def, &ImportOptions::default())?;
            let node = g.find(&self.op.name).unwrap();
            let differentiable = |d: DType| d.is_floating() || d.is_complex();
            let ys: Vec<_> = node
                .outputs()
                .into_iter()
                .filter(|o| differentiable(o.dtype()))
                .collect();
            let numbers: Vec<usize> = (0..self.inputs.len())
                .filter(|&i| differentiable(self.inputs[i].dtype()))
                .collect();
            let named = |kind: &str, i: usize| g.output(&format!("{}/{kind}{i}:0", self.name));
            let xs = numbers
                .iter()
                .map(|&i| named("in", i))
                .collect::<Result<Vec<_>, _>>()?;
            let grad_ys = ys
                .iter()
                .map(|y| match self.incoming.contains_key(&y.port()) {
                    true => named("dy", y.port()).map(Some),
                    // Nothing flows, whatever comes in.
                    false => Ok(Some(*y)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let options = GradientOptions {
                grad_ys,
                ..GradientOptions::default()
            };
            let grads = g.root().gradients(&ys, &xs, &options)?;
            let mut wanted = Vec::new();
            let mut names = Vec::new();
            for (&i, grad) in numbers.iter().zip(grads) {
                match (grad, self.gradients.get(&i)) {
                    (Some(grad), Some(want)) => {
                        wanted.push((i, want));
                        names.push(grad.dense(g.root()).name());
                    }
                    (None, Some(_)) => problems.push(format!("dx{i}: want a gradient, got none")),
                    (Some(_), None) => problems.push(format!("dx{i}: want none, got a gradient")),
                    (None, None) => {}
                }
            }
            if names.is_empty() {
                return Ok(());
            }
            let got = run(&g, feeds, &names, None)?;
            for ((i, want), got) in wanted.iter().zip(&got) {
                let input = &self.inputs[*i];
                let summed = (got.shape() == input.shape() && want.shape() != input.shape())
                    .then(|| sum_to(want, input.shape()));
                let want = summed.as_ref().unwrap_or(want);
                let allowed = of_gradients(&self.op.op, want.dtype());
                let around = self.inputs.iter().chain(&self.outputs);
                let around = around
                    .chain(self.incoming.values())
                    .chain(self.gradients.values());
                let largest = magnitude(want, around);
                problems
                    .extend(difference(want, got, allowed, largest).map(|d| format!("dx{i}: {d}")));
            }
            Ok(())
        };
        if let Err(e) = body() {
            problems.push(format!("gradient: {e:?}"));
        }
        problems
    }
}

/// A gradient that TensorFlow leaves in the shape of the result, summed over the axes along which its input was repeated.
fn sum_to(gradient: &Tensor, input: &Shape) -> Tensor {
    let (from, to) = (gradient.shape().dims(), input.dims());
    let missing = from.len() - to.len();
    let repeated = |i: &usize| *i < missing || to[i - missing] != from[*i];
    let axes: Vec<i32> = (0..from.len()).filter(repeated).map(|i| i as i32).collect();
    let g = Graph::new();
    let sum = g.root().op("Sum").input(gradient.clone()).input(axes).out();
    let shape: Vec<i32> = to.iter().map(|d| *d as i32).collect();
    let name = sum.reshape(shape).name();
    run(&g, Vec::new(), &[name], None).unwrap().remove(0)
}

/// Whether a message is the kernel's own words, without names of devices or of TensorFlow's internals.
fn comparable(message: &str) -> bool {
    !message.is_empty() && !message.starts_with("(import)") && !message.contains("/job:")
}

/// Whether a message says at least what TensorFlow's says. Signs, spaces and capitals do not matter, nor does the
/// node's name where TensorFlow's kernel adds it.
fn says(ours: &str, theirs: &str) -> bool {
    let words = |m: &str| -> String {
        let kept = m
            .chars()
            .filter(|c| c.is_alphanumeric() || "-<>=".contains(*c));
        kept.collect::<String>().to_lowercase()
    };
    let theirs = theirs.split(", node name:").next().unwrap_or(theirs);
    words(ours).starts_with(&words(theirs))
}

/// Runs a graph once, for its tensors or for a node's effect.
pub fn run(
    graph: &Graph,
    feeds: Vec<(String, Tensor)>,
    fetches: &[String],
    target: Option<&str>,
) -> Result<Vec<Tensor>, Error> {
    let options = SessionOptions {
        threads: 2,
        ..SessionOptions::default()
    };
    let session = Session::with_options(graph, &options)?;
    let limit = RunOptions {
        timeout: Some(Duration::from_secs(30)),
        ..RunOptions::default()
    };
    let targets: Vec<&str> = target.into_iter().collect();
    session
        .run_with(feeds, fetches.to_vec(), targets, &limit)
        .map(|r| r.0)
}
