//! Building the gradients of a loss, and the nodes that apply gradients to variables.

use super::GradientAndVariable;
use super::rule::{Arg, Common, Number, Plan, Sparse};
use crate::error::{Error, Result};
use crate::grad::{Gradient, GradientOptions, IndexedSlices};
use crate::graph::{Item, NodeRef, Operand, Output, Scope, VariableInfo, keys};
use crate::ops::state::{Initial, Name, Variable, VariableOptions};
use std::collections::HashMap;
use std::panic::Location;

/// When gradients are available to those who use them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Each as soon as it is computed.
    None,
    /// All that an op's gradient gives, together (TensorFlow's default).
    #[default]
    Op,
    /// All together, before any variable changes.
    Graph,
}

/// How gradients are computed.
#[derive(Clone, Default)]
pub struct GradientSettings<'g> {
    /// The variables; all trainable ones of the graph when `None`.
    pub variables: Option<Vec<Variable<'g>>>,
    /// When gradients are available.
    pub gate: Gate,
    /// Whether gradient nodes stand with the nodes that they differentiate.
    pub colocate: bool,
    /// The gradient of the loss; ones when `None`.
    pub grad_loss: Option<Output<'g>>,
}

pub(super) fn compute<'g>(
    loss: Output<'g>,
    settings: &GradientSettings<'g>,
    location: &'static Location<'static>,
) -> Result<Vec<GradientAndVariable<'g>>> {
    // What the loss's scope waits for, the gradients wait for.
    let around = loss.scope().data();
    let root = loss.graph().root();
    let root = match around.context {
        Some(_) => root,
        None => root.derive(|d| d.controls = around.controls),
    };
    compute_in(root, loss, settings, location)
}

/// The same with the gradients' nodes in a scope of one's own.
pub(in super::super) fn compute_in<'g>(
    root: Scope<'g>,
    loss: Output<'g>,
    settings: &GradientSettings<'g>,
    location: &'static Location<'static>,
) -> Result<Vec<GradientAndVariable<'g>>> {
    let graph = loss.graph();
    graph.check()?;
    let bad = |text: String| Error::invalid_argument(text).at_line(location);
    let scope = loss.scope();
    let variables = match &settings.variables {
        Some(list) => list.clone(),
        None => {
            let all = graph.collection_variables(keys::TRAINABLE_VARIABLES);
            all.iter().map(|v| Variable::of(scope, v)).collect()
        }
    };
    if variables.is_empty() {
        return Err(bad("No variables to optimize.".into()));
    }
    let float = |o: Output<'g>| o.dtype().is_floating() || o.dtype().is_complex();
    if let Some(v) = variables.iter().find(|v| !v.is_valid()) {
        return Err(bad(format!("{v:?} is not a variable")));
    }
    if !float(loss) {
        return Err(bad(format!(
            "Invalid type {} for {}.",
            loss.dtype(),
            loss.name()
        )));
    }
    let xs: Vec<Output<'g>> = variables.iter().map(|v| v.handle()).collect();
    let options = GradientOptions {
        grad_ys: vec![settings.grad_loss],
        gate: settings.gate == Gate::Op,
        colocate: settings.colocate,
        ..GradientOptions::default()
    };
    let mut grads = root
        .gradients(&[loss], &xs, &options)
        .map_err(|e| e.at_line(location))?;
    if settings.gate == Gate::Graph {
        gate(root, &mut grads);
    }
    if let Some(v) = grads
        .iter()
        .zip(&variables)
        .find(|(g, v)| g.is_some() && !float(v.value()))
    {
        return Err(bad(format!(
            "Invalid type {} for {}.",
            v.1.dtype(),
            v.1.name()
        )));
    }
    Ok(grads.into_iter().zip(variables).collect())
}

/// Makes all gradients available together.
fn gate<'g>(scope: Scope<'g>, grads: &mut [Option<Gradient<'g>>]) {
    let flat: Vec<Output<'g>> = grads
        .iter()
        .flatten()
        .flat_map(|g| match g {
            Gradient::Dense(o) => vec![*o],
            Gradient::Slices(s) => vec![s.values, s.indices],
        })
        .collect();
    let mut passed = scope.tuple(&flat, &[]).into_iter();
    for g in grads.iter_mut().flatten() {
        *g = match *g {
            Gradient::Dense(o) => Gradient::Dense(passed.next().unwrap_or(o)),
            Gradient::Slices(s) => Gradient::Slices(IndexedSlices {
                values: passed.next().unwrap_or(s.values),
                indices: passed.next().unwrap_or(s.indices),
                ..s
            }),
        };
    }
}

/// The numbers of a plan as tensors.
pub(super) type Numbers<'g> = HashMap<&'static str, Output<'g>>;

/// One variable's update under construction.
pub(super) struct Update<'a, 'g> {
    pub(super) plan: &'a Plan<'g>,
    pub(super) common: &'a Common<'g>,
    pub(super) numbers: &'a Numbers<'g>,
    pub(super) variable: Variable<'g>,
    /// Where its nodes stand.
    pub(super) scope: Scope<'g>,
}

pub(super) fn apply<'g>(
    plan: &Plan<'g>,
    common: &Common<'g>,
    gradients: &[GradientAndVariable<'g>],
    step: Option<Variable<'g>>,
    name: &str,
    location: &'static Location<'static>,
) -> Result<NodeRef<'g>> {
    let bad = |text: String| Err(Error::invalid_argument(text).at_line(location));
    let Some((_, first)) = gradients.first() else {
        return bad("No variables provided.".into());
    };
    let graph = first.handle().graph();
    let with_grads: Vec<(Gradient<'g>, Variable<'g>)> = gradients
        .iter()
        .filter_map(|(g, v)| g.map(|g| (g, *v)))
        .collect();
    if with_grads.is_empty() {
        let names: Vec<String> = gradients.iter().map(|(_, v)| v.name()).collect();
        return bad(format!(
            "No gradients provided for any variable, check your graph for ops that do not support gradients, between variables {names:?}."
        ));
    }
    let variables: Vec<Variable<'g>> = with_grads.iter().map(|(_, v)| *v).collect();
    make_powers(plan, common, &variables);
    for v in &variables {
        make_slots(plan, common, *v);
    }
    let s = graph.root().scope(name);
    let numbers = make_numbers(plan, s);
    let mut updates: Vec<NodeRef<'g>> = Vec::new();
    for (gradient, v) in &with_grads {
        let scope = s
            .scope(&format!("update_{}", v.name()))
            .colocate_with(v.handle());
        let update = Update {
            plan,
            common,
            numbers: &numbers,
            variable: *v,
            scope,
        };
        updates.push(match gradient {
            Gradient::Dense(g) => update.dense(*g),
            Gradient::Slices(g) => update.sparse(g),
        });
    }
    updates.extend(advance_powers(plan, common, &numbers, s, &updates));
    let own_name = format!("{}/", s.name());
    let done = match step {
        None => s.named(&own_name).group_by_device(updates),
        Some(step) => {
            let all = s.named("update").group_by_device(updates);
            let at = s.after([all]).colocate_with(step.handle());
            let one = 1i64.operand(at.named("value"), Some(step.dtype()));
            let op = match step.is_resource() {
                true => "AssignAddVariableOp",
                false => "AssignAdd",
            };
            at.op(op)
                .name(own_name)
                .input(step.handle())
                .input(one)
                .finish()
        }
    };
    if done.is_valid() {
        graph.add_to_collection(keys::TRAIN_OP, Item::Node(done.id()));
    }
    graph.check()?;
    Ok(done)
}

impl<'g> Update<'_, 'g> {
    /// A number in the type of the variable.
    pub(super) fn number(&self, name: &str) -> Output<'g> {
        match self.numbers.get(name) {
            Some(n) => self.scope.cast(*n, self.variable.value().dtype()),
            None => Output::broken(self.scope),
        }
    }
    pub(super) fn slot(&self, i: usize) -> Option<Variable<'g>> {
        let slot = self.plan.rule.slots.get(i)?;
        self.common.slot(self.variable, slot.name)
    }
    pub(super) fn power(&self, i: usize) -> Option<Variable<'g>> {
        let (name, _) = self.plan.rule.powers.get(i)?;
        self.common.power(name)
    }

    /// The update op with these inputs.
    fn op(
        &self,
        op: &str,
        args: &[Arg],
        grad: Output<'g>,
        indices: Option<Output<'g>>,
    ) -> NodeRef<'g> {
        let resource = self.variable.is_resource();
        let op = resource_name(op, resource);
        let dtype = self.variable.value().dtype();
        // Casts come before the op, under the update's own scope.
        let numbers: Vec<Option<Output<'g>>> = args
            .iter()
            .map(|a| match a {
                Arg::Number(name) => Some(self.number(name)),
                _ => None,
            })
            .collect();
        let mut builder = self.scope.op(op);
        for (arg, number) in args.iter().zip(numbers) {
            let broken = Output::broken(self.scope);
            builder = match arg {
                Arg::Var => builder.input(self.variable.handle()),
                Arg::Slot(i) => builder.input(self.slot(*i).map_or(broken, Variable::handle)),
                Arg::Number(_) => builder.input(number.unwrap_or(broken)),
                Arg::Grad => builder.input(grad),
                Arg::Indices => builder.input(indices.unwrap_or(broken)),
                Arg::Power(i) => match self.power(*i) {
                    Some(v) if v.value().dtype() == dtype => builder.input(v),
                    Some(v) => builder.input(self.scope.cast(v.value(), dtype)),
                    None => builder.input(broken),
                },
            };
        }
        for (name, value) in &self.plan.flags {
            builder = builder.attr(name, *value);
        }
        builder
            .attr("use_locking", self.common.use_locking)
            .finish()
    }

    fn dense(&self, grad: Output<'g>) -> NodeRef<'g> {
        let (op, args) = self.plan.rule.dense;
        self.op(op, args, grad, None)
    }

    fn sparse(&self, grad: &IndexedSlices<'g>) -> NodeRef<'g> {
        match self.plan.rule.sparse {
            Sparse::Scatter => self.scatter(grad),
            Sparse::Op(op, args) => {
                let (values, indices) = self.without_repeats(grad);
                self.op(op, args, values, Some(indices))
            }
            Sparse::Adam => {
                let (values, indices) = self.without_repeats(grad);
                super::adam::sparse(self, values, indices)
            }
        }
    }

    /// Subtracts learning rate times gradient from the rows; repeated rows are simply subtracted again.
    fn scatter(&self, grad: &IndexedSlices<'g>) -> NodeRef<'g> {
        let s = self.scope;
        let lr = self.number("learning_rate");
        let (op, values) = match self.variable.is_resource() {
            true => ("ResourceScatterAdd", s.op("Neg").input(grad.values).out()),
            false => ("ScatterSub", grad.values),
        };
        let delta = s
            .op("Mul")
            .default_name("mul")
            .input(values)
            .input(lr)
            .out();
        let builder = s
            .op(op)
            .input(self.variable.handle())
            .input(grad.indices)
            .input(delta);
        match self.variable.is_resource() {
            true => builder.finish(),
            false => builder
                .attr("use_locking", self.common.use_locking)
                .finish(),
        }
    }

    /// Rows and their numbers, each number once: rows that repeat are added up.
    fn without_repeats(&self, grad: &IndexedSlices<'g>) -> (Output<'g>, Output<'g>) {
        let s = self.scope;
        let unique = s.op("Unique").input(grad.indices).finish();
        let count = s.op("Shape").input(unique.output(0)).out();
        let inner = s.scope("strided_slice");
        let part = |name: &str, v: i32| inner.named(name).constant([v]);
        let (begin, end, stride) = (part("stack", 0), part("stack_1", 1), part("stack_2", 1));
        let count = inner
            .result_op("StridedSlice")
            .input(count)
            .input(begin)
            .input(end)
            .input(stride)
            .attr("shrink_axis_mask", 1i64)
            .out();
        let summed = s
            .op("UnsortedSegmentSum")
            .input(grad.values)
            .input(unique.output(1))
            .input(count)
            .out();
        (summed, unique.output(0))
    }
}

/// The op for variables of this kind.
fn resource_name(op: &str, resource: bool) -> &'static str {
    const OPS: &[(&str, &str)] = &[
        ("ApplyGradientDescent", "ResourceApplyGradientDescent"),
        (
            "ApplyProximalGradientDescent",
            "ResourceApplyProximalGradientDescent",
        ),
        (
            "SparseApplyProximalGradientDescent",
            "ResourceSparseApplyProximalGradientDescent",
        ),
        ("ApplyProximalAdagrad", "ResourceApplyProximalAdagrad"),
        (
            "SparseApplyProximalAdagrad",
            "ResourceSparseApplyProximalAdagrad",
        ),
        ("ApplyMomentum", "ResourceApplyMomentum"),
        ("SparseApplyMomentum", "ResourceSparseApplyMomentum"),
        ("ApplyAdam", "ResourceApplyAdam"),
        ("ApplyAdagrad", "ResourceApplyAdagrad"),
        ("SparseApplyAdagrad", "ResourceSparseApplyAdagrad"),
        ("ApplyAdadelta", "ResourceApplyAdadelta"),
        ("SparseApplyAdadelta", "ResourceSparseApplyAdadelta"),
        ("ApplyRMSProp", "ResourceApplyRMSProp"),
        ("SparseApplyRMSProp", "ResourceSparseApplyRMSProp"),
        ("ApplyCenteredRMSProp", "ResourceApplyCenteredRMSProp"),
        (
            "SparseApplyCenteredRMSProp",
            "ResourceSparseApplyCenteredRMSProp",
        ),
        ("ApplyFtrl", "ResourceApplyFtrl"),
        ("SparseApplyFtrl", "ResourceSparseApplyFtrl"),
        ("ApplyFtrlV2", "ResourceApplyFtrlV2"),
        ("SparseApplyFtrlV2", "ResourceSparseApplyFtrlV2"),
    ];
    let row = OPS.iter().find(|(by_ref, _)| *by_ref == op);
    // An op that is not in the table does not exist either; the builder says so.
    row.map_or(
        "",
        |(by_ref, by_handle)| if resource { by_handle } else { by_ref },
    )
}

fn make_numbers<'g>(plan: &Plan<'g>, s: Scope<'g>) -> Numbers<'g> {
    let mut numbers = Numbers::new();
    for (name, number) in &plan.numbers {
        let value = match number {
            Number::Given(rate) => rate.operand(s.named(name), None),
            Number::Built(build) => build(s),
        };
        numbers.insert(name, value);
    }
    numbers
}

/// A variable beside another one: on its device, named after it and the optimizer.
fn make_slots<'g>(plan: &Plan<'g>, common: &Common<'g>, v: Variable<'g>) {
    let graph = v.handle().graph();
    let primary: VariableInfo = v.info();
    for (slot, init) in plan.rule.slots.iter().zip(&plan.slots) {
        if common.slot(v, slot.name).is_some() {
            continue;
        }
        let name = free_name(graph, &format!("{}/{}", primary.name, common.name));
        let options = VariableOptions {
            dtype: primary.dtype,
            use_resource: primary.is_resource,
            ..VariableOptions::not_trainable()
        };
        let Some(shape) = primary.shape.to_shape() else {
            graph.fail(Error::invalid_argument(format!(
                "the shape of {} must be fully defined, but is {}",
                primary.name, primary.shape
            )));
            return;
        };
        let at = graph.root().colocate_with(v.handle());
        let made = at.add_variable(Name::Scope(&name), Initial::By(init, shape), &options);
        common.keep_slot(v, slot.name, made);
    }
}

/// The name itself, or the first of `name_1`, `name_2` … that no node has.
pub(in super::super) fn free_name(graph: &crate::graph::Graph, name: &str) -> String {
    let mut free = name.to_string();
    let mut i = 0;
    while graph.find(&free).is_some() {
        i += 1;
        free = format!("{name}_{i}");
    }
    free
}

/// The variables that all share, on the device of the variable whose name comes first.
fn make_powers<'g>(plan: &Plan<'g>, common: &Common<'g>, variables: &[Variable<'g>]) {
    let Some(first) = variables.iter().min_by_key(|v| v.name()) else {
        return;
    };
    for (name, number) in plan.rule.powers {
        if common.power(name).is_some() {
            continue;
        }
        let given = plan.numbers.iter().find(|(n, _)| n == number);
        let Some((_, Number::Given(rate))) = given else {
            continue;
        };
        let options = VariableOptions {
            use_resource: first.is_resource(),
            ..VariableOptions::not_trainable()
        };
        let at = first.handle().graph().root().colocate_with(first.handle());
        common.keep_power(name, at.named(name).variable(*rate, &options));
    }
}

/// Multiplies the shared variables by their numbers, after all updates.
fn advance_powers<'g>(
    plan: &Plan<'g>,
    common: &Common<'g>,
    numbers: &Numbers<'g>,
    s: Scope<'g>,
    updates: &[NodeRef<'g>],
) -> Vec<NodeRef<'g>> {
    let after = s.after(updates.iter().copied());
    let first = plan
        .rule
        .powers
        .first()
        .and_then(|(name, _)| common.power(name));
    let Some(first) = first else {
        return Vec::new();
    };
    let advanced = plan.rule.powers.iter().filter_map(|(name, number)| {
        let power = common.power(name)?;
        let factor = *numbers.get(number)?;
        let at = after.colocate_with(first.handle());
        let value = power.operand(after, None);
        let next = at
            .op("Mul")
            .default_name("mul")
            .input(value)
            .input(factor)
            .out();
        if !power.is_resource() {
            let builder = at.op("Assign").input(power.handle()).input(next);
            return Some(builder.attr("use_locking", common.use_locking).finish());
        }
        let assign = at
            .op("AssignVariableOp")
            .input(power.handle())
            .input(next)
            .finish();
        power.in_scope(at.after([assign])).read_here();
        Some(assign)
    });
    advanced.collect()
}
