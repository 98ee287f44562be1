//! Towers: copies of a network on several devices, which share the variables and train them by the mean of their gradients.

use super::optimizer::{GradientAndVariable, GradientSettings, compute_in};
use super::towers_reduce::reduce;
use crate::device::DeviceSpec;
use crate::error::{Error, Result};
use crate::graph::{Output, Reuse, Scope, keys};
use std::panic::Location;

/// Where the variables of towers stand: made by the first tower, used by all.
///
/// A [`Scope::device`] in the network itself goes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariablePlacement {
    /// All on this device.
    Device(String),
    /// All on the device of the first tower.
    FirstTower,
    /// Shared out among the towers' devices: each on that one on which the variables so far take the fewest bytes.
    Balanced,
}

/// How the gradients of a variable become one. Every way adds in an order that the graph fixes: results are the same,
/// bit by bit, in every run and on any number of threads.
///
/// Gradients of some rows (`IndexedSlices`) are put one after the other, whichever way is chosen; they stay sparse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// On the variable's device: stacked, and the mean taken over the stack.
    #[default]
    Stack,
    /// An all-reduce around a ring: each gradient is cut into as many parts as there are towers, each part is added up
    /// along the ring from a tower of its own on, and all parts meet on the variable's device. All devices add at the
    /// same time, and none sends more than about one gradient.
    Ring,
    /// Sums of two, of four, of eight … on the towers' devices; the first tower's ends with the mean.
    Tree,
}

/// How towers are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TowerOptions {
    /// The first part of the name scopes `<name>_0`, `<name>_1` ….
    pub name: String,
    /// Where the variables stand.
    pub variables: VariablePlacement,
    /// How gradients become one.
    pub reduction: Reduction,
}

impl Default for TowerOptions {
    /// As TensorFlow's tutorial builds them: `tower_0` …, variables on `/cpu:0`, the mean of stacked gradients.
    fn default() -> TowerOptions {
        TowerOptions {
            name: "tower".into(),
            variables: VariablePlacement::Device("/cpu:0".into()),
            reduction: Reduction::Stack,
        }
    }
}

/// Towers to be built: the devices, and how.
///
/// ```
/// use tensorloom::prelude::*;
/// use tensorloom::train::Towers;
///
/// let g = Graph::new();
/// let x = g.placeholder("x", DType::F32, [Some(2), Some(3)]);
/// // Each tower takes a row of its own.
/// let gradients = Towers::new(g.root(), ["/cpu:0", "/cpu:1"])
///     .replicate(|tower| {
///         let w = tower.scope.get_variable("w", [3], init::zeros());
///         let row = x.in_scope(tower.scope).slice([tower.index as i32, 0], [1i32, 3]);
///         (row * w).sum()
///     })?
///     .average_gradients()?;
/// let train = GradientDescent::new(1.0).apply_gradients(&gradients, None)?;
///
/// let session = Session::with_options(&g, &SessionOptions { allow_soft_placement: true, ..SessionOptions::default() })?;
/// session.run_target(g.init_op())?;
/// session.run([(x, Tensor::from([[1.0f32, 2.0, 3.0], [3.0, 2.0, 5.0]]))], (), train)?;
/// assert_eq!(session.fetch("w:0")?.data::<f32>()?, [-2.0, -2.0, -4.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Towers<'g> {
    scope: Scope<'g>,
    devices: Vec<String>,
    options: TowerOptions,
}

/// One tower, as the network's builder sees it.
#[derive(Clone, Copy, Debug)]
pub struct Tower<'g> {
    /// Which of the towers it is, from 0.
    pub index: usize,
    /// Where to build: its name scope and its device. `get_variable` makes variables in the first tower and finds them
    /// again in the others; [`Scope::collected`] gives what this tower added to a collection.
    pub scope: Scope<'g>,
}

/// Towers that are built, with the gradients of their losses.
#[derive(Clone, Debug)]
pub struct Replicas<'g> {
    scope: Scope<'g>,
    reduction: Reduction,
    towers: Vec<Tower<'g>>,
    losses: Vec<Output<'g>>,
    /// Of each tower those of all variables, in one order.
    gradients: Vec<Vec<GradientAndVariable<'g>>>,
}

impl<'g> Towers<'g> {
    /// A tower for each of the devices (several may share one), inside a scope.
    pub fn new<D: Into<String>>(
        scope: Scope<'g>,
        devices: impl IntoIterator<Item = D>,
    ) -> Towers<'g> {
        Towers {
            scope,
            devices: devices.into_iter().map(Into::into).collect(),
            options: TowerOptions::default(),
        }
    }
    /// The same with other options.
    pub fn with_options(self, options: TowerOptions) -> Towers<'g> {
        Towers { options, ..self }
    }

    /// Builds the towers, one after the other: `build` makes a tower's network and gives its loss, whose gradients for all
    /// trainable variables of the graph follow in the tower's scope.
    ///
    /// # Errors
    /// `InvalidArgument` when there are no devices, a device's name is malformed, or there is no variable to train; the
    /// graph's first mistake.
    #[track_caller]
    pub fn replicate(
        &self,
        mut build: impl FnMut(Tower<'g>) -> Output<'g>,
    ) -> Result<Replicas<'g>> {
        let location = Location::caller();
        let Some(first) = self.devices.first() else {
            let e = Error::invalid_argument("towers need at least one device");
            return Err(e.at_line(location));
        };
        let variables = match &self.options.variables {
            VariablePlacement::Device(device) => std::slice::from_ref(device),
            VariablePlacement::FirstTower => std::slice::from_ref(first),
            VariablePlacement::Balanced => &self.devices,
        };
        for device in self.devices.iter().chain(variables) {
            DeviceSpec::parse_request(device).map_err(|e| e.at_line(location))?;
        }
        let mut replicas = Replicas {
            scope: self.scope,
            reduction: self.options.reduction,
            towers: Vec::new(),
            losses: Vec::new(),
            gradients: Vec::new(),
        };
        for (index, device) in self.devices.iter().enumerate() {
            let name = format!("{}_{index}", self.options.name);
            let scope = self.scope.device(device).scope(&name);
            let scope = match index {
                0 => scope,
                _ => scope.reuse(Reuse::Always),
            };
            let tower = Tower {
                index,
                scope: scope.variables_on(variables),
            };
            let loss = build(tower);
            if !loss.graph().same(self.scope.graph()) {
                let e = Error::invalid_argument(format!("the loss of {name} is of another graph"));
                return Err(e.at_line(location));
            }
            let settings = GradientSettings::default();
            let gradients = compute_in(tower.scope, loss, &settings, location)?;
            replicas.towers.push(tower);
            replicas.losses.push(loss);
            replicas.gradients.push(gradients);
        }
        Ok(replicas)
    }
}

impl<'g> Replicas<'g> {
    /// The towers.
    pub fn towers(&self) -> &[Tower<'g>] {
        &self.towers
    }
    /// The loss of each tower.
    pub fn losses(&self) -> &[Output<'g>] {
        &self.losses
    }
    /// Each tower's gradients of all variables.
    pub fn gradients(&self) -> &[Vec<GradientAndVariable<'g>>] {
        &self.gradients
    }

    /// The mean over the towers of each variable's gradient, for [`super::Optimizer::apply_gradients`]: the one point at
    /// which the towers wait for each other. It stands on the variable's device (with [`Reduction::Tree`] on that of the
    /// first tower).
    ///
    /// # Errors
    /// `InvalidArgument` when only some of the towers use a variable; the graph's first mistake.
    #[track_caller]
    pub fn average_gradients(&self) -> Result<Vec<GradientAndVariable<'g>>> {
        self.average_gradients_by(self.reduction)
    }

    /// As [`Replicas::average_gradients`], reduced in this way.
    ///
    /// # Errors
    /// As [`Replicas::average_gradients`].
    #[track_caller]
    pub fn average_gradients_by(
        &self,
        reduction: Reduction,
    ) -> Result<Vec<GradientAndVariable<'g>>> {
        let location = Location::caller();
        let graph = self.scope.graph();
        let scope = match reduction {
            Reduction::Stack => self.scope,
            Reduction::Ring | Reduction::Tree => self.scope.scope("all_reduce"),
        };
        let scopes: Vec<Scope<'g>> = self.towers.iter().map(|t| t.scope).collect();
        let variables = self.gradients.first().map_or(&[][..], |g| g);
        let mut averaged = Vec::new();
        for (i, (_, variable)) in variables.iter().enumerate() {
            let of_towers = self.gradients.iter().map(|all| all.get(i)?.0);
            let known: Vec<_> = of_towers.clone().flatten().collect();
            let mean = match known.len() {
                0 => None,
                n if n < self.towers.len() => {
                    let without = of_towers.clone().position(|g| g.is_none()).unwrap_or(0);
                    let e = Error::invalid_argument(format!(
                        "only some towers use the variable {}: the loss of {} does not depend on it",
                        variable.name(),
                        self.towers[without].scope.name()
                    ));
                    return Err(e.at_line(location));
                }
                _ => Some(reduce(scope, reduction, &scopes, &known, *variable)),
            };
            averaged.push((mean, *variable));
        }
        graph.check()?;
        Ok(averaged)
    }

    /// The summaries to show: all of the graph but those of the towers before the last, which would say the same under
    /// the same tags.
    pub fn summaries(&self) -> Vec<Output<'g>> {
        let before = self
            .towers
            .split_last()
            .map_or(&[][..], |(_, others)| others);
        let hidden: Vec<String> = before
            .iter()
            .map(|t| format!("{}/", t.scope.name()))
            .collect();
        let mut all = self.scope.graph().collection_outputs(keys::SUMMARIES);
        all.retain(|s| !hidden.iter().any(|prefix| s.name().starts_with(prefix)));
        all
    }
}
