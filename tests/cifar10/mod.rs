//! The CIFAR-10 example against TensorFlow: its graphs node by node, its checkpoints and scores.

#[allow(dead_code)]
#[path = "../../examples/cifar10/input.rs"]
mod input;
#[allow(dead_code)]
#[path = "../../examples/cifar10/model.rs"]
mod model;
#[allow(dead_code)]
#[path = "../../examples/cifar10/towers.rs"]
mod towers;

mod compare;
mod devices;
mod exchange;
mod gradients;
mod graphs;
