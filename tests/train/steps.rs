//! Training step by step against TensorFlow 2.19: the values of all variables (tests/data/train/steps.txt).

use std::collections::BTreeMap;
use tensorloom::train::{
    Adadelta, Adagrad, Adam, Decay, ExponentialMovingAverage, Ftrl, GradientDescent, Momentum,
    Optimizer, PolynomialDecay, ProximalAdagrad, ProximalGradientDescent, RmsProp,
};
use tensorloom::{DType, Graph, Session, Tensor, VariableOptions};

/// Title and variable, with the values after each step.
fn recorded() -> BTreeMap<(String, String), Vec<Vec<f32>>> {
    let mut all = BTreeMap::new();
    let mut title = String::new();
    for line in include_str!("../data/train/steps.txt").lines() {
        if let Some(t) = line.strip_prefix("## ") {
            title = t.to_string();
            continue;
        }
        let (name, values) = line.split_once(": ").unwrap();
        let steps = values.split(" / ").map(|step| {
            let numbers = step.split_whitespace();
            numbers.map(|v| v.parse().unwrap()).collect()
        });
        all.insert((title.clone(), name.to_string()), steps.collect());
    }
    all
}

fn close(title: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{title}");
    for (g, e) in got.iter().zip(expected) {
        let tolerance = 3e-6 * e.abs().max(0.1);
        assert!(
            (g - e).abs() <= tolerance,
            "{title}: {got:?} is not {expected:?}"
        );
    }
}

fn values(session: &Session, name: &str) -> Vec<f32> {
    let t = session.fetch(&format!("{name}:0")[..]).unwrap();
    match t.dtype() {
        DType::I64 => t.data::<i64>().unwrap().iter().map(|v| *v as f32).collect(),
        _ => t.data::<f32>().unwrap().to_vec(),
    }
}

fn optimizer<'g>(title: &str) -> Box<dyn Optimizer<'g> + 'g> {
    match title {
        "GradientDescent" => Box::new(GradientDescent::new(0.1)),
        "Momentum" => Box::new(Momentum::new(0.1, 0.9)),
        "Nesterov" => Box::new(Momentum {
            use_nesterov: true,
            ..Momentum::new(0.1, 0.9)
        }),
        "Adam" => Box::new(Adam::new(0.1)),
        "Adagrad" => Box::new(Adagrad::new(0.1)),
        "Adadelta" => Box::new(Adadelta::new(1.0)),
        "RMSProp" => Box::new(RmsProp {
            momentum: 0.5,
            ..RmsProp::new(0.01)
        }),
        "CenteredRMSProp" => Box::new(RmsProp {
            centered: true,
            epsilon: 1e-3,
            ..RmsProp::new(0.01)
        }),
        "Ftrl" => Box::new(Ftrl {
            l1_regularization_strength: 0.01,
            l2_regularization_strength: 0.02,
            beta: 0.1,
            ..Ftrl::new(0.1)
        }),
        "FtrlV2" => Box::new(Ftrl {
            l2_shrinkage_regularization_strength: 0.1,
            learning_rate_power: -0.6,
            ..Ftrl::new(0.1)
        }),
        "ProximalGradientDescent" => Box::new(ProximalGradientDescent {
            l1_regularization_strength: 0.1,
            l2_regularization_strength: 0.2,
            ..ProximalGradientDescent::new(0.1)
        }),
        "ProximalAdagrad" => Box::new(ProximalAdagrad {
            l1_regularization_strength: 0.1,
            l2_regularization_strength: 0.2,
            ..ProximalAdagrad::new(0.1)
        }),
        other => panic!("{other}"),
    }
}

#[test]
fn optimizers_follow_tensorflow() {
    let recorded = recorded();
    let titles: std::collections::BTreeSet<&String> = recorded.keys().map(|(t, _)| t).collect();
    let mut seen = 0;
    for title in titles {
        let mut words = title.split(' ');
        let name = words.next().unwrap();
        if name.chars().all(|c| c.is_lowercase() || c == '_') {
            continue; // The other tests.
        }
        seen += 1;
        let sparse = words.next() == Some("sparse");
        for resource in [false, true] {
            let g = Graph::new();
            let s = g.root();
            let options = VariableOptions {
                use_resource: resource,
                ..VariableOptions::default()
            };
            let start = Tensor::from_vec(&[3, 2], vec![0.5f32, -0.4, 0.3, 0.9, -1.0, 0.1]).unwrap();
            let w = s.named("w").variable(start, &options);
            let loss = if sparse {
                let rows = w.gather([2i32, 0, 2]);
                (rows * rows * 0.5 + rows).sum()
            } else {
                let target = s.constant([[1.0f32, 0.0], [0.0, 1.0], [0.5, 0.5]]);
                let off = w - target;
                (off * off).sum()
            };
            let step = g.get_or_create_global_step();
            let train = optimizer(name).minimize_step(loss, step);
            let init = g.init_op();
            let session = Session::new(&g).unwrap();
            session.run_target(init).unwrap();
            let variables = recorded.iter().filter(|((t, _), _)| t == title);
            let variables: Vec<_> = variables.map(|((_, n), v)| (n, v)).collect();
            for i in 0..5 {
                session.run_target(train).unwrap();
                for (name, steps) in &variables {
                    let read = match (resource, name.as_str()) {
                        (true, n) if n != "global_step" => format!("{n}/Read/ReadVariableOp"),
                        (_, n) => n.to_string(),
                    };
                    close(
                        &format!("{title}, {name}, step {i}"),
                        &values(&session, &read),
                        &steps[i],
                    );
                }
            }
        }
    }
    assert!(seen >= 20);
}

#[test]
fn averages_follow_tensorflow() {
    let recorded = recorded();
    for (title, resource, updates, zero_debias) in [
        ("average", false, false, false),
        ("average_updates", false, true, false),
        ("average_updates", true, true, false),
        ("average_debiased", false, false, true),
    ] {
        let g = Graph::new();
        let s = g.root();
        let options = VariableOptions {
            use_resource: resource,
            ..VariableOptions::default()
        };
        let w = s.named("w").variable([1.0f32, -2.0], &options);
        let step = g.get_or_create_global_step();
        let mut ema = ExponentialMovingAverage::new(0.9);
        ema.zero_debias = zero_debias;
        if updates {
            ema = ema.num_updates(step);
        }
        let changed = w.assign_add([0.5f32, 1.0]);
        let counted = step.assign_add(1i64);
        let (train, average) = if zero_debias {
            let x = s.named("read").identity(w);
            (ema.apply(s, [x]), ema.average(x))
        } else {
            (ema.apply(s, [w]), ema.average(w))
        };
        let average = average.unwrap().value().node().name();
        let init = g.init_op();
        let session = Session::new(&g).unwrap();
        session.run_target(init).unwrap();
        let steps = recorded.iter().find(|((t, _), _)| t == title).unwrap().1;
        for expected in steps {
            session.run_target(changed.node()).unwrap();
            session.run_target(counted.node()).unwrap();
            session.run_target(train).unwrap();
            close(title, &values(&session, &average), expected);
        }
    }
}

#[test]
fn restoring_averages_takes_their_names() {
    let g = Graph::new();
    let s = g.root();
    let w = s
        .named("w")
        .variable([1.0f32, -2.0], &VariableOptions::default());
    g.get_or_create_global_step();
    let ema = ExponentialMovingAverage::new(0.9);
    assert_eq!(ema.average_name(w), "w/ExponentialMovingAverage");
    ema.apply(s, [w]);
    let names: Vec<(String, String)> = ema
        .variables_to_restore(&g)
        .into_iter()
        .map(|(key, v)| (key, v.name))
        .collect();
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    assert_eq!(
        names,
        [
            pair("global_step", "global_step"),
            pair("w/ExponentialMovingAverage", "w"),
        ]
    );
    assert!(g.check().is_ok());
    ema.apply(s, [w]);
    let e = g.check().unwrap_err();
    assert_eq!(e.message(), "Moving average already computed for: w");
}

#[test]
fn schedules_follow_tensorflow() {
    let recorded = recorded();
    let decay = |staircase| Decay {
        steps: 10,
        rate: 0.5,
        staircase,
    };
    let polynomial = |cycle| PolynomialDecay {
        steps: 10,
        end: 0.01,
        power: 0.5,
        cycle,
    };
    for title in [
        "exponential_decay",
        "exponential_decay_stairs",
        "natural_exp_decay",
        "inverse_time_decay",
        "polynomial_decay",
        "polynomial_decay_cycle",
        "cosine_decay",
        "piecewise_constant",
    ] {
        let g = Graph::new();
        let s = g.root();
        let step = g.placeholder("step", DType::I64, tensorloom::PartialShape::scalar());
        let rate = match title {
            "exponential_decay" => s.exponential_decay(0.1, step, &decay(false)),
            "exponential_decay_stairs" => s.exponential_decay(0.1, step, &decay(true)),
            "natural_exp_decay" => s.natural_exp_decay(0.1, step, &decay(false)),
            "inverse_time_decay" => s.inverse_time_decay(0.1, step, &decay(true)),
            "polynomial_decay" => s.polynomial_decay(0.1, step, &polynomial(false)),
            "polynomial_decay_cycle" => s.polynomial_decay(0.1, step, &polynomial(true)),
            "cosine_decay" => s.cosine_decay(0.1, step, 10, 0.1),
            _ => s.piecewise_constant(step, &[5, 11], &[0.1, 0.01, 0.001]),
        };
        let session = Session::new(&g).unwrap();
        let callable = session.callable([step], [rate], ()).unwrap();
        let values = &recorded[&(title.to_string(), "rate".to_string())];
        for (step, expected) in [0i64, 5, 10, 11, 25].into_iter().zip(values) {
            let [got] = callable.call([step.into()]).unwrap();
            close(title, got.data::<f32>().unwrap(), expected);
        }
    }
}

#[test]
fn nothing_to_optimize_is_an_error() {
    let g = Graph::new();
    let loss = g.root().constant(1.0f32);
    GradientDescent::new(0.1).minimize(loss);
    assert_eq!(
        g.check().unwrap_err().message(),
        "No variables to optimize."
    );

    let g = Graph::new();
    g.root()
        .named("w")
        .variable(1.0f32, &VariableOptions::default());
    let loss = g.root().constant(1.0f32);
    GradientDescent::new(0.1).minimize(loss);
    let e = g.check().unwrap_err();
    assert!(
        e.message()
            .starts_with("No gradients provided for any variable"),
        "{e}"
    );

    let none: &[tensorloom::train::GradientAndVariable<'_>] = &[];
    let e = GradientDescent::new(0.1)
        .apply_gradients(none, None)
        .unwrap_err();
    assert_eq!(e.message(), "No variables provided.");
}
