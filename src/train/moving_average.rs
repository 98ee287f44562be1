//! Exponential moving averages of variables and tensors.

use super::optimizer::free_name;
use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{Endpoint, Graph, Item, NodeRef, Operand, Output, Scope, VariableInfo, keys};
use crate::ops::state::{Initial, Name, Variable, VariableOptions, init};
use crate::shape::Shape;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::panic::Location;

/// Keeps shadow variables that follow variables or tensors: `shadow −= (1 − decay) · (shadow − value)`
/// (TensorFlow's `ExponentialMovingAverage`).
///
/// ```
/// use tensorloom::{Graph, init, train::ExponentialMovingAverage};
/// let g = Graph::new();
/// let w = g.get_variable("w", [2], init::ones());
/// let ema = ExponentialMovingAverage::new(0.99);
/// let update = ema.apply(g.root(), [w]);
/// assert_eq!(update.name(), "ExponentialMovingAverage");
/// assert_eq!(ema.average_name(w), "w/ExponentialMovingAverage");
/// g.check().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ExponentialMovingAverage<'g> {
    /// The name of the shadows and of the update.
    pub name: String,
    /// How much of the old average remains in each update.
    pub decay: f64,
    /// The number of updates so far: makes the decay smaller at first, `(1 + n) / (10 + n)`.
    pub num_updates: Option<Output<'g>>,
    /// Whether averages of tensors, which begin with zero, are corrected for that.
    pub zero_debias: bool,
    averages: RefCell<HashMap<Endpoint, Variable<'g>>>,
}

/// What is averaged.
#[derive(Clone, Copy, Debug)]
pub enum Averaged<'g> {
    /// A variable: its average begins with the variable's own initial value.
    Variable(Variable<'g>),
    /// A tensor: its average begins with zero.
    Tensor(Output<'g>),
}

impl<'g> From<Variable<'g>> for Averaged<'g> {
    fn from(v: Variable<'g>) -> Averaged<'g> {
        Averaged::Variable(v)
    }
}
impl<'g> From<Output<'g>> for Averaged<'g> {
    fn from(o: Output<'g>) -> Averaged<'g> {
        Averaged::Tensor(o)
    }
}

impl<'g> Averaged<'g> {
    fn node_name(self) -> String {
        match self {
            Averaged::Variable(v) => v.name(),
            Averaged::Tensor(o) => o.node().name(),
        }
    }
    fn key(self) -> Endpoint {
        match self {
            Averaged::Variable(v) => v.handle().endpoint(),
            Averaged::Tensor(o) => o.endpoint(),
        }
    }
    fn dtype(self) -> DType {
        match self {
            Averaged::Variable(v) => v.value().dtype(),
            Averaged::Tensor(o) => o.dtype(),
        }
    }
}

impl<'g> ExponentialMovingAverage<'g> {
    /// Averages with this decay.
    pub fn new(decay: f64) -> ExponentialMovingAverage<'g> {
        ExponentialMovingAverage {
            name: "ExponentialMovingAverage".into(),
            decay,
            num_updates: None,
            zero_debias: false,
            averages: RefCell::default(),
        }
    }
    /// The same under another name.
    pub fn named(mut self, name: &str) -> ExponentialMovingAverage<'g> {
        self.name = name.into();
        self
    }
    /// The same with a smaller decay as long as there were few updates.
    pub fn num_updates(mut self, updates: impl Into<Output<'g>>) -> ExponentialMovingAverage<'g> {
        self.num_updates = Some(updates.into());
        self
    }

    /// Makes a shadow for each of these, and gives the node that updates all shadows once.
    #[track_caller]
    pub fn apply<T: Into<Averaged<'g>>>(
        &self,
        scope: Scope<'g>,
        items: impl IntoIterator<Item = T>,
    ) -> NodeRef<'g> {
        let items: Vec<Averaged<'g>> = items.into_iter().map(Into::into).collect();
        let location = Location::caller();
        for item in &items {
            if let Err(e) = self.add_average(scope, *item) {
                scope.graph().fail(e.at_line(location));
                return NodeRef::broken(scope);
            }
        }
        let s = scope.composite(&self.name);
        let mut decay = self.decay.operand(s.named("decay"), Some(DType::F32));
        if let Some(n) = self.num_updates {
            let n = match n.dtype() {
                DType::F32 => n,
                _ => s.named("num_updates").cast(n, DType::F32),
            };
            let plus = |v: f32| s.op("AddV2").default_name("add").input(v).input(n).out();
            let (few, many) = (plus(1.0), plus(10.0));
            let warm = s
                .op("RealDiv")
                .default_name("truediv")
                .input(few)
                .input(many)
                .out();
            decay = s.op("Minimum").input(decay).input(warm).out();
        }
        let updates: Vec<NodeRef<'g>> = items
            .iter()
            .filter_map(|item| {
                let shadow = *self.averages.borrow().get(&item.key())?;
                let debias = self.zero_debias && matches!(item, Averaged::Tensor(_));
                Some(update(s, shadow, *item, decay, debias))
            })
            .collect();
        s.named(&format!("{}/", s.name())).group_by_device(updates)
    }

    fn add_average(&self, scope: Scope<'g>, item: Averaged<'g>) -> crate::Result<()> {
        let graph = scope.graph();
        if !item.dtype().is_floating() {
            return Err(Error::invalid_argument(format!(
                "The variables must be half, float, or double: {}",
                item.node_name()
            )));
        }
        if self.averages.borrow().contains_key(&item.key()) {
            return Err(Error::invalid_argument(format!(
                "Moving average already computed for: {}",
                item.node_name()
            )));
        }
        let bare = scope.without_control().unnamed();
        let name = free_name(graph, &format!("{}/{}", item.node_name(), self.name));
        let mut options = VariableOptions::not_trainable().dtype(item.dtype());
        let shadow = match item {
            Averaged::Variable(v) => {
                options.use_resource = v.is_resource();
                let device = v.handle().node().node().map(|n| n.device.clone());
                let at = match device.as_deref() {
                    None | Some("") => bare,
                    Some(device) => bare.device(device),
                };
                let value = v
                    .in_scope(at)
                    .initialized_value()
                    .with_shape(v.value().shape());
                let at = graph.root().colocate_with(v.handle());
                let shadow = at.add_variable(Name::Scope(&name), Initial::Output(value), &options);
                graph.add_to_collection(keys::MOVING_AVERAGE_VARIABLES, Item::Variable(v.info()));
                shadow
            }
            Averaged::Tensor(o) => {
                let Some(shape) = o.shape().to_shape() else {
                    return Err(Error::invalid_argument(format!(
                        "the average of {} needs a fully defined shape, not {}",
                        o.name(),
                        o.shape()
                    )));
                };
                let zeros = Initial::By(&init::zeros(), shape);
                bare.add_variable(Name::Scope(&name), zeros, &options)
            }
        };
        self.averages.borrow_mut().insert(item.key(), shadow);
        graph.check()
    }

    /// The shadow of a variable or tensor that was given to [`ExponentialMovingAverage::apply`].
    pub fn average(&self, item: impl Into<Averaged<'g>>) -> Option<Variable<'g>> {
        self.averages.borrow().get(&item.into().key()).copied()
    }

    /// The name of the shadow of a variable or tensor, made or to be made.
    pub fn average_name(&self, item: impl Into<Averaged<'g>>) -> String {
        let item = item.into();
        match self.average(item) {
            Some(v) => v.name(),
            None => format!("{}/{}", item.node_name(), self.name),
        }
    }

    /// What to restore so that variables hold their averages: the name in the checkpoint, and the variable. All
    /// trainable variables, and all that have averages, come from their averages; the others from themselves.
    pub fn variables_to_restore(&self, graph: &'g Graph) -> Vec<(String, VariableInfo)> {
        let mut averaged: Vec<VariableInfo> = graph.collection_variables(keys::TRAINABLE_VARIABLES);
        averaged.extend(graph.collection_variables(keys::MOVING_AVERAGE_VARIABLES));
        let mut map: BTreeMap<String, VariableInfo> = BTreeMap::new();
        let mut names: Vec<String> = Vec::new();
        for v in averaged {
            let name = self.average_name(Variable::of(graph.root(), &v));
            names.push(v.name.clone());
            map.insert(name, v);
        }
        for v in graph.collection_variables(keys::GLOBAL_VARIABLES) {
            if !names.contains(&v.name) {
                map.entry(v.name.clone()).or_insert(v);
            }
        }
        map.into_iter().collect()
    }
}

/// One update of a shadow.
fn update<'g>(
    s: Scope<'g>,
    shadow: Variable<'g>,
    item: Averaged<'g>,
    decay: Output<'g>,
    zero_debias: bool,
) -> NodeRef<'g> {
    let inner = s.scope("AssignMovingAvg");
    let dtype = shadow.value().dtype();
    let one_minus = |x: Output<'g>, like| {
        let b = inner.op("Sub").default_name("sub");
        b.input_like(1.0, like).input(x).out()
    };
    let weight = inner.cast(one_minus(decay, DType::F32), dtype);
    if zero_debias {
        return update_debiased(inner, shadow, item, weight);
    }
    let old = shadow.operand(inner, None);
    let difference = inner.op("Sub").default_name("sub").input(old);
    let difference = match item {
        Averaged::Variable(v) => difference.input(v),
        Averaged::Tensor(o) => difference.input(o),
    };
    let difference = difference.out();
    let delta = inner
        .op("Mul")
        .name("mul")
        .input(difference)
        .input(weight)
        .out();
    if shadow.is_resource() {
        let builder = inner.op("AssignSubVariableOp");
        return builder.input(shadow.handle()).input(delta).finish();
    }
    let at = inner.colocate_with(shadow.handle());
    let builder = at.result_op("AssignSub").name(format!("{}/", inner.name()));
    builder.input(shadow.handle()).input(delta).finish()
}

/// One update of a shadow that began with zero: the average of what was seen, not of zero and what was seen.
fn update_debiased<'g>(
    inner: Scope<'g>,
    shadow: Variable<'g>,
    item: Averaged<'g>,
    weight: Output<'g>,
) -> NodeRef<'g> {
    let dtype = shadow.value().dtype();
    let options = VariableOptions {
        use_resource: shadow.is_resource(),
        ..VariableOptions::not_trainable().dtype(dtype)
    };
    let at = inner.graph().root().colocate_with(shadow.handle());
    let beside = |name: &str, shape: Shape| {
        let name = format!("{}/{name}", shadow.name());
        at.add_variable(
            Name::Scope(&name),
            Initial::By(&init::zeros(), shape),
            &options,
        )
    };
    let shape = shadow.value().shape().to_shape().unwrap_or_default();
    let biased = beside("biased", shape).in_scope(inner);
    let steps = beside("local_step", Shape::scalar()).in_scope(inner);
    let value = match item {
        Averaged::Variable(v) => v.value(),
        Averaged::Tensor(o) => o,
    };
    let sub =
        |x: Output<'g>, y: Output<'g>| inner.op("Sub").default_name("sub").input(x).input(y).out();
    let one_minus = |x: Output<'g>| {
        let b = inner.op("Sub").default_name("sub");
        b.input_like(1.0, dtype).input(x).out()
    };
    let difference = sub(biased.operand(inner, None), value);
    let delta = inner
        .op("Mul")
        .name("mul")
        .input(difference)
        .input(weight)
        .out();
    let biased = biased.assign_sub(delta);
    let steps = steps.assign_add(1.0);
    let kept = one_minus(weight);
    let power = inner.op("Pow").input(kept).input(steps).out();
    let share = one_minus(power);
    let average = inner
        .op("RealDiv")
        .default_name("truediv")
        .input(biased)
        .input(share)
        .out();
    if shadow.is_resource() {
        let builder = inner.op("AssignVariableOp");
        return builder.input(shadow.handle()).input(average).finish();
    }
    let builder = inner.colocate_with(shadow.handle()).op("Assign");
    let builder = builder.name(format!("{}/", inner.name()));
    builder.input(shadow.handle()).input(average).finish()
}
