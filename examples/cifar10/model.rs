//! The network of the CIFAR-10 tutorial: inference, loss, and one training step.

use super::input::EXAMPLES_PER_EPOCH;
use tensorloom::graph::keys;
use tensorloom::ops::nn::conv_attrs::ConvAttrs;
use tensorloom::ops::nn::{LrnAttrs, pool_attrs::PoolAttrs};
use tensorloom::train::{
    Decay, ExponentialMovingAverage, GradientAndVariable, GradientDescent, Optimizer,
};
use tensorloom::{DType, Graph, NodeRef, Output, Result, Scope, Variable, init};

/// The classes.
pub const CLASSES: usize = 10;
/// The decay of the moving averages that evaluation uses.
pub const MOVING_AVERAGE_DECAY: f64 = 0.9999;
/// Epochs after which the learning rate falls.
const EPOCHS_PER_DECAY: f64 = 350.0;
/// The factor by which it falls.
const DECAY_FACTOR: f64 = 0.1;
/// Where it begins.
const INITIAL_LEARNING_RATE: f64 = 0.1;

/// A variable on the CPU, so that all towers share it.
fn variable<'g, const N: usize>(
    s: Scope<'g>,
    name: &str,
    shape: [usize; N],
    init: tensorloom::Initializer,
) -> Variable<'g> {
    s.device("/cpu:0").get_variable(name, shape, init)
}

/// Truncated normal weights, with a term of weight decay among the losses.
fn weights<'g, const N: usize>(
    s: Scope<'g>,
    shape: [usize; N],
    stddev: f64,
    decay: f32,
) -> Variable<'g> {
    let w = variable(s, "weights", shape, init::truncated_normal(stddev));
    let loss = s.named("weight_loss").mul(s.l2_loss(w), decay);
    s.collect(keys::LOSSES, loss);
    w
}

/// The name without the tower that it stands in: towers share their summaries' names.
pub fn without_tower(name: &str) -> String {
    let is_tower = |p: &&str| {
        p.strip_prefix("tower_")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    name.split('/')
        .filter(|p| !is_tower(p))
        .collect::<Vec<_>>()
        .join("/")
}

/// Summaries of a layer: a histogram of its activations and how many of them are zero.
fn activation_summary<'g>(s: Scope<'g>, x: Output<'g>) -> Output<'g> {
    let name = without_tower(&x.node().name());
    s.summary_histogram(&format!("{name}/activations"), x);
    s.summary_scalar(&format!("{name}/sparsity"), s.zero_fraction(x));
    x
}

fn conv<'g>(scope: Scope<'g>, x: Output<'g>, name: &str, depth: usize, bias: f64) -> Output<'g> {
    let s = scope.variable_scope(name);
    let w = weights(s, [5, 5, depth, 64], 5e-2, 0.0);
    let b = variable(s, "biases", [64], init::constant(bias));
    let y = s.bias_add(s.conv2d(x, w, &ConvAttrs::same(1)), b);
    activation_summary(s, s.named(name).relu(y))
}

/// A fully connected layer of some units.
struct Dense {
    name: &'static str,
    units: [usize; 2],
    stddev: f64,
    bias: f64,
    decay: f32,
}

fn dense<'g>(scope: Scope<'g>, x: Output<'g>, layer: &Dense, relu: bool) -> Output<'g> {
    let s = scope.variable_scope(layer.name);
    let x = match x.shape().rank() {
        // All of an image's features side by side.
        Some(4) => s.reshape(x, [x.shape().dim(0).map_or(-1, |n| n as i32), -1]),
        _ => x,
    };
    let w = weights(s, layer.units, layer.stddev, layer.decay);
    let b = variable(s, "biases", [layer.units[1]], init::constant(layer.bias));
    let y = s.matmul(x, w);
    let y = match relu {
        true => s.named(layer.name).relu(y + b),
        false => s.named(layer.name).add(y, b),
    };
    activation_summary(s, y)
}

fn pool<'g>(scope: Scope<'g>, x: Output<'g>, name: &str) -> Output<'g> {
    scope.named(name).max_pool(x, &PoolAttrs::same(3, 2))
}

fn norm<'g>(scope: Scope<'g>, x: Output<'g>, name: &str) -> Output<'g> {
    let attrs = LrnAttrs {
        depth_radius: 4,
        bias: 1.0,
        alpha: (0.001 / 9.0f64) as f32,
        beta: 0.75,
    };
    scope.named(name).lrn(x, &attrs)
}

/// The scores of the ten classes, `[batch, 10]`, for images `[batch, 24, 24, 3]`.
pub fn inference<'g>(scope: Scope<'g>, images: Output<'g>) -> Output<'g> {
    let x = conv(scope, images, "conv1", 3, 0.0);
    let x = norm(scope, pool(scope, x, "pool1"), "norm1");
    let x = conv(scope, x, "conv2", 64, 0.1);
    let x = pool(scope, norm(scope, x, "norm2"), "pool2");
    let local3 = Dense {
        name: "local3",
        units: [6 * 6 * 64, 384],
        stddev: 0.04,
        bias: 0.1,
        decay: 0.004,
    };
    let local4 = Dense {
        name: "local4",
        units: [384, 192],
        stddev: 0.04,
        bias: 0.1,
        decay: 0.004,
    };
    let linear = Dense {
        name: "softmax_linear",
        units: [192, CLASSES],
        stddev: 1.0 / 192.0,
        bias: 0.0,
        decay: 0.0,
    };
    let x = dense(scope, x, &local3, true);
    let x = dense(scope, x, &local4, true);
    dense(scope, x, &linear, false)
}

/// How labels enter the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// As class numbers.
    Sparse,
    /// As rows of zeros with a one, as the first release of the tutorial did.
    Dense,
}

impl Labels {
    /// As `--dense-labels` asks.
    pub fn of_option(dense: bool) -> Labels {
        match dense {
            true => Labels::Dense,
            false => Labels::Sparse,
        }
    }
}

/// The total loss: cross entropy plus weight decay.
pub fn loss<'g>(
    scope: Scope<'g>,
    logits: Output<'g>,
    labels: Output<'g>,
    form: Labels,
) -> Output<'g> {
    let per_example = scope.named("cross_entropy_per_example");
    let cross_entropy = match form {
        Labels::Sparse => {
            let labels = scope.cast(labels, DType::I64);
            per_example.sparse_softmax_cross_entropy(logits, labels)
        }
        Labels::Dense => {
            let n = labels.shape().dim(0).unwrap_or(0) as i32;
            let column = scope.reshape(labels, [n, 1]);
            let rows = scope.constant((0..n).collect::<Vec<i32>>());
            let places = scope.concat(&[scope.reshape(rows, [n, 1]), column], 1i32);
            let dense = scope
                .op("SparseToDense")
                .input(places)
                .input([n, CLASSES as i32])
                .input(1.0f32)
                .input(0.0f32)
                .out();
            per_example.softmax_cross_entropy(logits, dense)
        }
    };
    let mean = cross_entropy
        .in_scope(scope.named("cross_entropy"))
        .mean()
        .in_scope(scope);
    scope.collect(keys::LOSSES, mean);
    // Of several towers each adds up its own.
    let own = scope.collected(keys::LOSSES);
    scope.named("total_loss").add_n(own)
}

/// Moving averages of all losses, and summaries of both the losses and the averages.
fn add_loss_summaries<'g>(s: Scope<'g>, total: Output<'g>) -> NodeRef<'g> {
    let averages = ExponentialMovingAverage::new(0.9).named("avg");
    let mut losses: Vec<Output<'g>> = s.graph().collection_outputs(keys::LOSSES);
    losses.push(total);
    let update = averages.apply(s, losses.iter().copied());
    for l in &losses {
        let name = l.node().name();
        s.summary_scalar(&format!("{name} (raw)"), *l);
        if let Some(average) = averages.average(*l) {
            s.summary_scalar(&name, average);
        }
    }
    update
}

/// The learning rate, which falls in steps, and its summary.
pub fn learning_rate<'g>(s: Scope<'g>, step: Variable<'g>, images_per_step: u32) -> Output<'g> {
    let batches_per_epoch = EXAMPLES_PER_EPOCH as f64 / f64::from(images_per_step);
    let decay = Decay {
        steps: (batches_per_epoch * EPOCHS_PER_DECAY) as i64,
        rate: DECAY_FACTOR,
        staircase: true,
    };
    let rate = s.exponential_decay(INITIAL_LEARNING_RATE, step.value(), &decay);
    s.summary_scalar("learning_rate", rate);
    rate
}

/// One training step: gradient descent with a learning rate that falls in steps, and moving averages of all variables.
pub fn train<'g>(
    g: &'g Graph,
    total: Output<'g>,
    step: Variable<'g>,
    batch_size: u32,
) -> Result<NodeRef<'g>> {
    let s = g.root();
    let rate = learning_rate(s, step, batch_size);
    let averaged = add_loss_summaries(s, total);
    let optimizer = GradientDescent::new(rate);
    let gradients = optimizer.compute_gradients(total.in_scope(s.after([averaged])))?;
    apply(s, &optimizer, &gradients, step)
}

/// Changes the variables by their gradients; summaries of both; moving averages of all variables.
pub fn apply<'g>(
    s: Scope<'g>,
    optimizer: &GradientDescent<'g>,
    gradients: &[GradientAndVariable<'g>],
    step: Variable<'g>,
) -> Result<NodeRef<'g>> {
    let applied = optimizer.apply_gradients(gradients, Some(step))?;
    let variables: Vec<Variable<'g>> = gradients.iter().map(|(_, v)| *v).collect();
    for v in &variables {
        s.summary_histogram(&v.name(), *v);
    }
    for (gradient, v) in gradients {
        if let Some(gradient) = gradient {
            s.summary_histogram(&format!("{}/gradients", v.name()), gradient.dense(s));
        }
    }
    let averages = ExponentialMovingAverage::new(MOVING_AVERAGE_DECAY).num_updates(step);
    // The averages follow the changed variables: without the order, old or new values would enter by chance.
    let averaged = averages.apply(s.after([applied]), variables);
    Ok(s.named("train").group([applied, averaged]))
}
