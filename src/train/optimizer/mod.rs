//! Optimizers: gradients of a loss, and the nodes that change variables by them, as TensorFlow 1 builds them.

mod adam;
mod apply;
mod kinds;
mod rule;

pub use adam::Adam;
pub use apply::{Gate, GradientSettings};
pub(super) use apply::{compute_in, free_name};
pub use kinds::{
    Adadelta, Adagrad, Ftrl, GradientDescent, Momentum, ProximalAdagrad, ProximalGradientDescent,
    RmsProp,
};
pub use rule::{Common, Plan, Rate};

use crate::error::Result;
use crate::grad::Gradient;
use crate::graph::{NodeRef, Output};
use crate::ops::state::Variable;
use std::panic::Location;

/// A gradient (`None` where the loss does not depend on the variable) and its variable.
pub type GradientAndVariable<'g> = (Option<Gradient<'g>>, Variable<'g>);

/// What all optimizers do.
///
/// ```
/// use tensorloom::{Graph, init, train::{GradientDescent, Optimizer}};
/// let g = Graph::new();
/// let w = g.get_variable("w", [2], init::ones());
/// let loss = (w * w).sum();
/// let train = GradientDescent::new(0.1).minimize(loss);
/// assert_eq!(train.name(), "GradientDescent");
/// g.check().unwrap();
/// ```
pub trait Optimizer<'g> {
    /// The update rule with its numbers.
    fn plan(&self) -> Plan<'g>;
    /// Name, locking, slots.
    fn common(&self) -> &Common<'g>;

    /// The gradients of a loss with respect to all trainable variables of its graph.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no variable to optimize; what [`crate::Graph::gradients`] gives.
    #[track_caller]
    fn compute_gradients(&self, loss: Output<'g>) -> Result<Vec<GradientAndVariable<'g>>> {
        self.compute_gradients_with(loss, &GradientSettings::default())
    }

    /// As [`Optimizer::compute_gradients`], with settings.
    ///
    /// # Errors
    /// As [`Optimizer::compute_gradients`].
    #[track_caller]
    fn compute_gradients_with(
        &self,
        loss: Output<'g>,
        settings: &GradientSettings<'g>,
    ) -> Result<Vec<GradientAndVariable<'g>>> {
        apply::compute(loss, settings, Location::caller())
    }

    /// The node that changes the variables by these gradients, and then adds 1 to `step`. It is named after the
    /// optimizer and joins the collection of train ops.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no gradient at all; the graph's first mistake.
    #[track_caller]
    fn apply_gradients(
        &self,
        gradients: &[GradientAndVariable<'g>],
        step: Option<Variable<'g>>,
    ) -> Result<NodeRef<'g>> {
        self.apply_gradients_named(gradients, step, None)
    }

    /// As [`Optimizer::apply_gradients`], under another name.
    ///
    /// # Errors
    /// As [`Optimizer::apply_gradients`].
    #[track_caller]
    fn apply_gradients_named(
        &self,
        gradients: &[GradientAndVariable<'g>],
        step: Option<Variable<'g>>,
        name: Option<&str>,
    ) -> Result<NodeRef<'g>> {
        let name = name.unwrap_or(&self.common().name);
        apply::apply(
            &self.plan(),
            self.common(),
            gradients,
            step,
            name,
            Location::caller(),
        )
    }

    /// One training step on a loss: gradients, and changes by them. Mistakes are the graph's.
    #[track_caller]
    fn minimize(&self, loss: Output<'g>) -> NodeRef<'g> {
        self.minimize_with(loss, None, &GradientSettings::default())
    }

    /// As [`Optimizer::minimize`], counting the steps in `step`.
    #[track_caller]
    fn minimize_step(&self, loss: Output<'g>, step: Variable<'g>) -> NodeRef<'g> {
        self.minimize_with(loss, Some(step), &GradientSettings::default())
    }

    /// As [`Optimizer::minimize`], with settings.
    #[track_caller]
    fn minimize_with(
        &self,
        loss: Output<'g>,
        step: Option<Variable<'g>>,
        settings: &GradientSettings<'g>,
    ) -> NodeRef<'g> {
        let gradients = self.compute_gradients_with(loss, settings);
        match gradients.and_then(|g| self.apply_gradients(&g, step)) {
            Ok(node) => node,
            Err(e) => {
                loss.graph().fail(e.at_line(Location::caller()));
                NodeRef::broken(loss.scope())
            }
        }
    }

    /// The variable that holds `slot` of a variable, once gradients were applied.
    fn slot(&self, variable: Variable<'g>, slot: &str) -> Option<Variable<'g>> {
        self.common().slot(variable, slot)
    }
    /// The names of the slots: what the rule keeps for each variable.
    fn slot_names(&self) -> Vec<&'static str> {
        self.plan().rule.slots.iter().map(|s| s.name).collect()
    }
    /// All variables that the optimizer has made, by name.
    fn variables(&self) -> Vec<Variable<'g>> {
        self.common().variables()
    }
}
