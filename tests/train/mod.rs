//! Variables, optimizers, averages and schedules against TensorFlow: the graphs that they build, and what these do.

mod graphs;
mod steps;
