//! The nodes of variables and training, name by name as TensorFlow 2.19 makes them (tests/data/train/graphs.txt).

use tensorloom::graph::{Item, Reuse};
use tensorloom::train::{
    Adadelta, Adagrad, Adam, Decay, ExponentialMovingAverage, Ftrl, GradientDescent, Momentum,
    Optimizer, PolynomialDecay, RmsProp,
};
use tensorloom::{
    AttrValue, DType, Graph, PartialShape, Tensor, Variable, VariableOptions, init,
    ops::state::{Fan, Spread, VarianceScaling},
};

/// The parts of the fixture by their titles.
fn expected(title: &str) -> Vec<String> {
    let text = include_str!("../data/train/graphs.txt");
    let mut lines = text.lines().skip_while(|l| *l != format!("## {title}"));
    assert!(lines.next().is_some(), "the fixture has no part '{title}'");
    lines
        .take_while(|l| !l.starts_with("## "))
        .map(str::to_string)
        .collect()
}

/// The graph in the words of the fixture.
fn listing(g: &Graph) -> Vec<String> {
    let def = g.export().unwrap();
    let mut out = Vec::new();
    for n in &def.node {
        if n.name.starts_with("gradients") {
            continue;
        }
        let mut line = format!("{} = {}({})", n.name, n.op, n.input.join(", "));
        if !n.device.is_empty() {
            line.push_str(&format!(" @{}", n.device));
        }
        if let Some(AttrValue::BytesList(class)) = n.attr.get("_class") {
            for c in class {
                line.push_str(&format!(" {}", String::from_utf8_lossy(c)));
            }
        }
        out.push(line);
    }
    for c in [
        "variables",
        "trainable_variables",
        "local_variables",
        "moving_average_variables",
        "global_step",
        "train_op",
    ] {
        let names: Vec<String> = g
            .collection(c)
            .into_iter()
            .map(|item| match item {
                Item::Variable(v) => v.name,
                Item::Node(n) => g.node_at(n).name(),
                other => panic!("{other:?} in {c}"),
            })
            .collect();
        if !names.is_empty() {
            out.push(format!("[{c}] {}", names.join(" ")));
        }
    }
    out
}

/// Compares a graph with a part of the fixture, whatever the order of the lines.
fn check(title: &str, g: &Graph) {
    check_without(title, g, &[]);
}

fn check_without(title: &str, g: &Graph, left_out: &[&str]) {
    let keep = |l: &String| !left_out.iter().any(|part| l.contains(part));
    let (mut ours, mut theirs) = (listing(g), expected(title));
    ours.retain(keep);
    theirs.retain(keep);
    let extra: Vec<&String> = ours.iter().filter(|l| !theirs.contains(l)).collect();
    let missing: Vec<&String> = theirs.iter().filter(|l| !ours.contains(l)).collect();
    assert!(
        extra.is_empty() && missing.is_empty(),
        "{title}\nonly here: {extra:#?}\nonly in TensorFlow: {missing:#?}"
    );
}

fn kinds() -> [(&'static str, VariableOptions); 2] {
    [
        ("", VariableOptions::default()),
        (" resource", VariableOptions::resource()),
    ]
}

#[test]
fn initializers() {
    for (kind, options) in kinds() {
        let g = Graph::new();
        let s = g.root();
        let scaled = VarianceScaling {
            scale: 2.0,
            fan: Fan::Average,
            spread: Spread::Normal,
        };
        for (name, init) in [
            ("zeros", init::zeros()),
            ("ones", init::ones()),
            ("constant", init::constant(0.1)),
            ("truncated", init::truncated_normal(0.1)),
            ("normal", init::random_normal(0.5)),
            ("uniform", init::random_uniform(-1.0, 1.0)),
            ("glorot", init::glorot_uniform()),
            ("he", init::he_normal()),
            ("scaled", init::variance_scaling(scaled)),
        ] {
            s.get_variable_with(name, [2, 3], init, &options);
        }
        s.get_variable_with("large", [64, 64], init::zeros(), &options);
        check(&format!("initializers{kind}"), &g);
    }
}

#[test]
fn scopes_and_initialization() {
    for (kind, options) in kinds() {
        let g = Graph::new();
        let s = g.root();
        let glorot = init::glorot_uniform;
        let make = |s: tensorloom::Scope<'_>, name: &str| {
            s.get_variable_with(name, [2], glorot(), &options);
        };
        make(s.variable_scope("a"), "w");
        let again = s.scope("t").variable_scope("a").reuse(Reuse::Always);
        let w = again.get_variable_with("w", [2], glorot(), &options);
        let w = w.in_scope(again);
        let y = w + 1.0f32;
        let t = s.scope("t");
        make(t.device("/cpu:0"), "b");
        t.named("c").variable(1.0f32, &options);
        let fixed = VariableOptions {
            trainable: false,
            ..options.clone()
        };
        t.variable(2.0f32, &fixed);
        let local = VariableOptions {
            collections: vec!["local_variables".into()],
            ..options.clone()
        };
        t.variable(y, &local);
        g.init_op();
        g.local_init_op();
        check(&format!("scopes{kind}"), &g);
    }
}

#[test]
fn changes() {
    let g = Graph::new();
    let w = g
        .root()
        .named("w")
        .variable([1.0f32, 2.0], &VariableOptions::default());
    let w = w.in_scope(g.root());
    w.assign([1.0f32, 2.0]);
    w.assign_add([1.0f32, 2.0]);
    w.assign_sub([1.0f32, 1.0]);
    w.read_value();
    w.is_initialized();
    check("changes", &g);
}

#[test]
fn global_step() {
    let g = Graph::new();
    g.get_or_create_global_step();
    assert_eq!(g.get_or_create_global_step().name(), "global_step");
    check("global step", &g);
}

/// The model of the fixture, and a step of an optimizer on it.
fn train<'g>(g: &'g Graph, optimizer: &dyn Optimizer<'g>, options: &VariableOptions, sparse: bool) {
    let s = g.root();
    let ones = Tensor::from_vec(&[3, 2], vec![1.0f32; 6]).unwrap();
    let w = s.named("w").variable(ones, options).in_scope(s);
    if sparse {
        let rows = g.placeholder("rows", DType::I32, [2]);
        let loss = w.gather(rows).sum();
        optimizer.minimize(loss);
    } else {
        let b = s
            .device("/cpu:0")
            .named("b")
            .variable([1.0f32, 2.0], options);
        let x = g.placeholder("x", DType::F32, [4, 3]);
        let loss = (x.matmul(w) + b).sum();
        optimizer.minimize_step(loss, g.get_or_create_global_step());
    }
}

fn optimizers<'g>() -> Vec<(&'static str, Box<dyn Optimizer<'g> + 'g>)> {
    let momentum = Momentum {
        use_nesterov: true,
        ..Momentum::new(0.1, 0.9)
    };
    let rms = RmsProp {
        momentum: 0.5,
        ..RmsProp::new(0.1)
    };
    let centered = RmsProp {
        centered: true,
        ..RmsProp::new(0.1)
    };
    let shrinking = Ftrl {
        l2_shrinkage_regularization_strength: 0.1,
        ..Ftrl::new(0.1)
    };
    vec![
        ("GradientDescent", Box::new(GradientDescent::new(0.1))),
        ("Momentum", Box::new(momentum)),
        ("Adam", Box::new(Adam::new(0.001))),
        ("Adagrad", Box::new(Adagrad::new(0.1))),
        ("RMSProp", Box::new(rms)),
        ("CenteredRMSProp", Box::new(centered)),
        ("Ftrl", Box::new(Ftrl::new(0.1))),
        ("FtrlV2", Box::new(shrinking)),
        ("Adadelta", Box::new(Adadelta::new(0.1))),
    ]
}

#[test]
fn optimizers_build_tensorflows_nodes() {
    for i in 0..optimizers().len() {
        for (kind, options) in kinds() {
            for sparse in [false, true] {
                let g = Graph::new();
                let (name, optimizer) = optimizers().swap_remove(i);
                train(&g, optimizer.as_ref(), &options, sparse);
                g.check().unwrap();
                let sparse = if sparse { " sparse" } else { "" };
                check(&format!("{name}{kind}{sparse}"), &g);
            }
        }
    }
}

fn averaged(g: &Graph, resource: bool) -> [Variable<'_>; 2] {
    let options = VariableOptions {
        use_resource: resource,
        ..VariableOptions::default()
    };
    let s = g.root();
    let ones = Tensor::from_vec(&[3, 2], vec![1.0f32; 6]).unwrap();
    let w = s.named("a/w").variable(ones, &options);
    let b = s
        .device("/cpu:0")
        .named("b")
        .variable([1.0f32, 2.0], &options);
    g.get_or_create_global_step();
    [w, b]
}

#[test]
fn averages() {
    for (title, resource, updates) in [
        ("average", false, false),
        ("average with updates", false, true),
        ("average resource", true, false),
    ] {
        let g = Graph::new();
        let variables = averaged(&g, resource);
        let mut ema = ExponentialMovingAverage::new(0.9);
        if updates {
            ema = ema.num_updates(g.get_or_create_global_step());
        }
        ema.apply(g.root(), variables);
        // TensorFlow reads a resource variable once more after the update, and for nothing.
        let unread: &[&str] = if resource {
            &["ReadVariableOp_1 =", "NoOp("]
        } else {
            &[]
        };
        check_without(title, &g, unread);
    }
    for (title, zero_debias) in [
        ("average of tensor", false),
        ("average of tensor debiased", true),
    ] {
        let g = Graph::new();
        averaged(&g, false);
        let loss = g.placeholder("loss", DType::F32, PartialShape::scalar());
        let mut ema = ExponentialMovingAverage::new(0.9);
        ema.zero_debias = zero_debias;
        ema.apply(g.root(), [loss]);
        check(title, &g);
    }
}

#[test]
fn schedules() {
    let decay = |staircase| Decay {
        steps: 1000,
        rate: 0.5,
        staircase,
    };
    let polynomial = |cycle| PolynomialDecay {
        steps: 1000,
        end: 0.01,
        power: 0.5,
        cycle,
    };
    for (title, kind) in [
        ("exponential_decay", 0),
        ("natural_exp_decay", 1),
        ("inverse_time_decay", 2),
        ("polynomial_decay", 3),
        ("polynomial_decay cycle", 4),
        ("cosine_decay", 5),
    ] {
        let g = Graph::new();
        let s = g.root();
        let step = g.get_or_create_global_step().value();
        match kind {
            0 => s.exponential_decay(0.1, step, &decay(true)),
            1 => s.natural_exp_decay(0.1, step, &decay(false)),
            2 => s.inverse_time_decay(0.1, step, &decay(true)),
            3 => s.polynomial_decay(0.1, step, &polynomial(false)),
            4 => s.polynomial_decay(0.1, step, &polynomial(true)),
            _ => s.cosine_decay(0.1, step, 1000, 0.1),
        };
        check(title, &g);
    }
}
