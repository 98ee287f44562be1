//! Towers: the means that each reduction gives, where things stand, and what is refused.

use super::towers::{Reduction, TowerOptions, Towers, VariablePlacement};
use super::{GradientDescent, Optimizer};
use crate::grad::Gradient;
use crate::prelude::*;

const REDUCTIONS: [Reduction; 3] = [Reduction::Stack, Reduction::Ring, Reduction::Tree];

fn cpus(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("/cpu:{i}")).collect()
}

fn session(g: &Graph, cpus: usize) -> Session {
    let options = SessionOptions {
        cpu_devices: cpus,
        ..SessionOptions::default()
    };
    let session = Session::with_options(g, &options).unwrap();
    session.run_target(g.init_op()).unwrap();
    session
}

fn reducing(reduction: Reduction) -> TowerOptions {
    TowerOptions {
        reduction,
        ..TowerOptions::default()
    }
}

fn device_of(g: &Graph, name: &str) -> String {
    g.find(name).unwrap().node().unwrap().device.clone()
}

#[test]
fn every_reduction_gives_the_mean() {
    for reduction in REDUCTIONS {
        for n in [1, 2, 3, 5, 8] {
            let g = Graph::new();
            let towers = Towers::new(g.root(), cpus(n)).with_options(reducing(reduction));
            let gradients = towers.replicate(|tower| {
                let s = tower.scope;
                let shapes: [&[usize]; 3] = [&[], &[3], &[2, 7]];
                let vars = [0, 1, 2].map(|i| {
                    let shape = Shape::of(shapes[i]).unwrap();
                    let options = match i {
                        2 => VariableOptions::resource(),
                        _ => VariableOptions::default(),
                    };
                    s.get_variable_with(&format!("v{i}"), shape, init::ones(), &options)
                });
                // The gradient of element k in tower t is (t + 1)² + k.
                let terms = vars.map(|v| {
                    let shape = v.value().shape().to_shape().unwrap();
                    let t = (tower.index + 1).pow(2);
                    let factors: Vec<f32> = (0..shape.elements()).map(|k| (t + k) as f32).collect();
                    (v.value().in_scope(s) * Tensor::from_vec(shape.dims(), factors).unwrap()).sum()
                });
                s.add_n(terms)
            });
            let averaged = gradients.unwrap().average_gradients().unwrap();
            assert_eq!(averaged.len(), 3);
            let session = session(&g, n);
            let mean = (1..=n).map(|t| t * t).sum::<usize>() as f32 / n as f32;
            for (gradient, v) in averaged {
                let value = session.fetch(gradient.unwrap().dense(g.root())).unwrap();
                let shape = v.value().shape().to_shape().unwrap();
                assert_eq!(value.shape(), &shape, "{reduction:?} {n}");
                for (k, got) in value.data::<f32>().unwrap().iter().enumerate() {
                    let wanted = mean + k as f32;
                    let off = (got - wanted).abs();
                    assert!(
                        off <= 1e-6 * wanted,
                        "{reduction:?} {n} {k}: {got} {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn gradients_of_rows_stay_sparse() {
    for reduction in REDUCTIONS {
        let g = Graph::new();
        let table: Vec<f32> = (0..8).map(|i| i as f32).collect();
        let table = Tensor::from_vec(&[4, 2], table).unwrap();
        let towers = Towers::new(g.root(), cpus(2)).with_options(reducing(reduction));
        let rows = [[1i32, 3, 1], [3, 0, 3]];
        let built = towers.replicate(|t| {
            let v = t
                .scope
                .get_variable("table", [4, 2], init::value(table.clone()));
            t.scope.gather(v.value(), rows[t.index]).sum()
        });
        let gradients = built.unwrap().average_gradients().unwrap();
        assert!(matches!(gradients[0].0, Some(Gradient::Slices(_))));
        let optimizer = GradientDescent::new(1.0);
        let train = optimizer.apply_gradients(&gradients, None).unwrap();
        let session = session(&g, 2);
        session.run_target(train).unwrap();
        let after = session.fetch("table:0").unwrap();
        // Rows 0, 1 and 3 were taken once, twice and three times by two towers.
        let wanted = [-0.5, 0.5, 1.0, 2.0, 4.0, 5.0, 4.5, 5.5];
        assert_eq!(after.data::<f32>().unwrap(), wanted, "{reduction:?}");
    }
}

#[test]
fn rows_and_whole_gradients_mix() {
    for reduction in REDUCTIONS {
        let g = Graph::new();
        let towers = Towers::new(g.root(), cpus(2)).with_options(reducing(reduction));
        let built = towers.replicate(|t| {
            let v = t.scope.get_variable("v", [3], init::ones());
            match t.index {
                0 => t.scope.gather(v.value(), [2i32, 2]).sum(),
                _ => v.value().in_scope(t.scope).sum(),
            }
        });
        let gradients = built.unwrap().average_gradients().unwrap();
        let Some(Gradient::Dense(mean)) = gradients[0].0 else {
            panic!("{:?}", gradients[0].0);
        };
        let value = session(&g, 2).fetch(mean).unwrap();
        assert_eq!(
            value.data::<f32>().unwrap(),
            [0.5, 0.5, 1.5],
            "{reduction:?}"
        );
    }
}

/// The devices of three variables of 40, 8 and 4 bytes.
fn variables_stand(placement: VariablePlacement) -> [String; 3] {
    let g = Graph::new();
    let options = TowerOptions {
        variables: placement,
        ..TowerOptions::default()
    };
    let towers = Towers::new(g.root(), cpus(2)).with_options(options);
    let built = towers.replicate(|t| {
        let of = |name: &str, n: usize| {
            t.scope
                .get_variable(name, [n], init::ones())
                .value()
                .in_scope(t.scope)
                .sum()
        };
        of("a", 10) + of("b", 2) + of("c", 1)
    });
    let gradients = built.unwrap().average_gradients().unwrap();
    let optimizer = super::Momentum::new(0.5, 0.5);
    let train = optimizer.apply_gradients(&gradients, None).unwrap();
    let session = session(&g, 2);
    session.run_target(train).unwrap();
    assert_eq!(session.fetch("c:0").unwrap().data::<f32>().unwrap(), [0.5]);
    ["a", "b", "c"].map(|name| {
        let device = device_of(&g, name);
        assert_eq!(device_of(&g, &format!("{name}/Momentum")), device);
        for (gradient, v) in &gradients {
            if v.name() == name {
                let mean = gradient.unwrap().dense(g.root()).node();
                assert_eq!(mean.node().unwrap().device, device);
            }
        }
        device
    })
}

#[test]
fn variables_stand_where_they_are_asked_to() {
    let [cpu0, cpu1] = ["/device:CPU:0", "/device:CPU:1"];
    let on = |device: &str| VariablePlacement::Device(device.into());
    assert_eq!(variables_stand(on("/cpu:1")), [cpu1, cpu1, cpu1]);
    assert_eq!(variables_stand(VariablePlacement::FirstTower), [cpu0; 3]);
    assert_eq!(
        variables_stand(VariablePlacement::Balanced),
        [cpu0, cpu1, cpu1]
    );
    // The network's own device goes first.
    let g = Graph::new();
    let towers = Towers::new(g.root(), cpus(2));
    let built = towers.replicate(|t| {
        let v = t
            .scope
            .device("/cpu:1")
            .get_variable("v", [1], init::ones());
        v.value().in_scope(t.scope).sum()
    });
    assert_eq!(device_of(&g, "v"), cpu1);
    assert_eq!(device_of(&g, "tower_1/Sum"), cpu1);
    for (gradients, device) in built.unwrap().gradients().iter().zip([cpu0, cpu1]) {
        let gradient = gradients[0].0.unwrap().dense(g.root()).node();
        assert_eq!(gradient.node().unwrap().device, device);
    }
}

#[test]
fn parts_of_a_ring_are_added_on_every_device() {
    let g = Graph::new();
    let towers = Towers::new(g.root(), cpus(3)).with_options(reducing(Reduction::Ring));
    let built = towers.replicate(|t| {
        let v = t.scope.get_variable("v", [7], init::ones());
        (v.value().in_scope(t.scope) * (t.index + 1) as f32).sum()
    });
    built.unwrap().average_gradients().unwrap();
    let nodes = g.nodes();
    let count = |op: &str, device: &str| {
        let of_kind = |n: &&std::sync::Arc<crate::graph::Node>| {
            n.name.starts_with("all_reduce/") && n.op.name == op && n.device == device
        };
        nodes.iter().filter(of_kind).count()
    };
    for i in 0..3 {
        let device = format!("/device:CPU:{i}");
        assert_eq!(count("Add", &device) + count("AddV2", &device), 2);
        assert_eq!(count("RealDiv", &device), 1);
    }
}

#[test]
fn towers_have_collections_and_summaries_of_their_own() {
    let g = Graph::new();
    g.root().summary_scalar("shared", g.root().constant(1.0f32));
    let mut seen = Vec::new();
    let options = TowerOptions {
        name: "copy".into(),
        ..TowerOptions::default()
    };
    let built = Towers::new(g.root(), cpus(11))
        .with_options(options)
        .replicate(|t| {
            let v = t.scope.get_variable("v", [1], init::ones());
            let loss = (v.value().in_scope(t.scope) * (t.index as f32)).sum();
            t.scope.collect(keys::LOSSES, loss);
            t.scope.summary_scalar("loss", loss);
            seen.push(t.scope.collected(keys::LOSSES));
            loss
        });
    let built = built.unwrap();
    assert_eq!(g.collection_variables(keys::TRAINABLE_VARIABLES).len(), 1);
    assert_eq!((built.towers().len(), built.losses().len()), (11, 11));
    for (own, loss) in seen.iter().zip(built.losses()) {
        assert_eq!(own[..], [*loss]);
    }
    let shown: Vec<String> = built.summaries().iter().map(|s| s.name()).collect();
    assert_eq!(shown, ["shared:0", "copy_10/loss:0"]);
}

#[test]
fn mistakes_are_told() {
    let g = Graph::new();
    let none: [&str; 0] = [];
    let error = Towers::new(g.root(), none)
        .replicate(|_| unreachable!())
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.to_string().contains("at least one device"), "{error}");
    assert!(error.to_string().contains("towers_tests.rs"), "{error}");

    let error = Towers::new(g.root(), ["/cpu:0", "/cpu:x"]).replicate(|_| unreachable!());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("Malformed device specification '/cpu:x'"),
        "{error}"
    );

    let towers = Towers::new(g.root(), ["/cpu:0"]);
    let error = towers.replicate(|t| t.scope.constant(1.0f32)).unwrap_err();
    assert!(
        error.to_string().contains("No variables to optimize"),
        "{error}"
    );

    let other = Graph::new();
    let error = towers.replicate(|_| {
        let s = Graph::root(Box::leak(Box::new(other.clone())));
        s.get_variable("v", [1], init::ones()).value().sum()
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("the loss of tower_0 is of another graph"),
        "{error}"
    );

    let built = Towers::new(g.root(), cpus(2)).replicate(|t| match t.index {
        0 => t.scope.get_variable("v", [1], init::ones()).value().sum(),
        _ => t.scope.constant(1.0f32),
    });
    let error = built.unwrap().average_gradients().unwrap_err().to_string();
    assert!(
        error.contains("only some towers use the variable v"),
        "{error}"
    );
    assert!(error.contains("tower_1"), "{error}");
}

#[test]
fn a_variable_that_no_tower_uses_has_no_gradient() {
    let g = Graph::new();
    g.get_variable("unused", [1], init::ones());
    let built = Towers::new(g.root(), cpus(2))
        .replicate(|t| t.scope.get_variable("v", [1], init::ones()).value().sum());
    let gradients = built.unwrap().average_gradients().unwrap();
    assert!(gradients[0].0.is_none() && gradients[1].0.is_some());
}
