//! Making variables: `variable`, and `get_variable` with reuse; nodes and names are TensorFlow's.

use super::guard::guarded;
use super::initializer::Initializer;
use super::variable::Variable;
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{Graph, Item, Operand, Output, Reuse, Scope, VariableInfo, keys};
use crate::shape::{PartialShape, Shape};
use std::panic::Location;

/// How to make a variable.
#[derive(Clone, Debug)]
pub struct VariableOptions {
    /// The element type.
    pub dtype: DType,
    /// Whether optimizers change it.
    pub trainable: bool,
    /// Whether it is a resource variable.
    pub use_resource: bool,
    /// Whether later values must have the shape of the first one; without it the shape is left open.
    pub validate_shape: bool,
    /// The collections that it is put into, besides that of trainable variables.
    pub collections: Vec<String>,
}

impl Default for VariableOptions {
    fn default() -> VariableOptions {
        VariableOptions {
            dtype: DType::F32,
            trainable: true,
            use_resource: false,
            validate_shape: true,
            collections: vec![keys::GLOBAL_VARIABLES.into()],
        }
    }
}

impl VariableOptions {
    /// A variable that no optimizer changes.
    pub fn not_trainable() -> VariableOptions {
        VariableOptions {
            trainable: false,
            ..VariableOptions::default()
        }
    }
    /// A resource variable.
    pub fn resource() -> VariableOptions {
        VariableOptions {
            use_resource: true,
            ..VariableOptions::default()
        }
    }
    /// A variable of this process only: not trained, not saved.
    pub fn local() -> VariableOptions {
        VariableOptions {
            trainable: false,
            collections: vec![keys::LOCAL_VARIABLES.into()],
            ..VariableOptions::default()
        }
    }
    /// The same with another element type.
    pub fn dtype(mut self, dtype: DType) -> VariableOptions {
        self.dtype = dtype;
        self
    }
}

/// Where the first value of a variable comes from.
pub(crate) enum Initial<'a, 'g> {
    /// Built inside the variable's own `Initializer` scope.
    By(&'a Initializer, Shape),
    /// A tensor that exists.
    Output(Output<'g>),
}

/// The name of a variable to be made.
pub(crate) enum Name<'a> {
    /// Made unique among the nodes of the graph.
    New(&'a str),
    /// A name scope that is open already, entered again as it is.
    Scope(&'a str),
}

impl<'g> Scope<'g> {
    /// The variable `name` of this variable scope: made, or found again, as [`Scope::reuse`] says. Its name is
    /// that of the variable scope and its own, whatever name scopes are open. The shape may be left open
    /// (`PartialShape::unknown()`) where the initializer knows it.
    ///
    /// ```
    /// use tensorloom::{Graph, init};
    /// let g = Graph::new();
    /// let w = g.variable_scope("conv1").get_variable("weights", [5, 5, 3, 64], init::truncated_normal(5e-2));
    /// assert_eq!(w.name(), "conv1/weights");
    /// assert_eq!(w.value().name(), "conv1/weights/read:0");
    /// ```
    #[track_caller]
    pub fn get_variable(
        self,
        name: &str,
        shape: impl Into<PartialShape>,
        init: Initializer,
    ) -> Variable<'g> {
        self.get_variable_with(name, shape, init, &VariableOptions::default())
    }

    /// As [`Scope::get_variable`], with options.
    #[track_caller]
    pub fn get_variable_with(
        self,
        name: &str,
        shape: impl Into<PartialShape>,
        init: Initializer,
        options: &VariableOptions,
    ) -> Variable<'g> {
        let prefix = self.variable_prefix();
        let full = if prefix.is_empty() {
            name.to_string()
        } else {
            format!("{prefix}/{name}")
        };
        let shape = shape.into();
        let found = self.graph().variable_named(&full);
        match (found, self.reuse_mode()) {
            (Some(_), Reuse::Never) => self.bad_variable(&full, Error::already_exists(format!(
                "Variable {full} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            ))),
            (None, Reuse::Always) => self.bad_variable(&full, Error::not_found(format!(
                "Variable {full} does not exist, or was not created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            ))),
            (Some(v), _) => {
                if !v.shape.is_compatible(&shape) {
                    return self.bad_variable(&full, Error::invalid_argument(format!(
                        "Trying to share variable {full}, but specified shape {shape} and found shape {}.",
                        v.shape
                    )));
                }
                if v.dtype != options.dtype {
                    return self.bad_variable(&full, Error::invalid_argument(format!(
                        "Trying to share variable {full}, but specified dtype {} and found dtype {}.",
                        options.dtype, v.dtype
                    )));
                }
                Variable::of(self, &v)
            }
            (None, _) => {
                let merged = match init.shape() {
                    Some(own) => shape.merge(&own.into()),
                    None => Ok(shape),
                };
                let known = match merged.map(|s| s.to_shape().ok_or(s)) {
                    Ok(Ok(known)) => known,
                    Ok(Err(open)) => return self.bad_variable(&full, Error::invalid_argument(format!(
                        "Shape of a new variable ({full}) must be fully defined, but instead was {open}."
                    ))),
                    Err(e) => return self.bad_variable(&full, e),
                };
                let v = self.add_variable(Name::New(&full), Initial::By(&init, known), options);
                if v.is_valid() {
                    self.graph().register_variable(VariableInfo { name: full, ..v.info() });
                }
                v
            }
        }
    }

    /// A variable with this initial value (TensorFlow's `tf.Variable`), named by [`Scope::named`] or `Variable`.
    #[track_caller]
    pub fn variable(
        self,
        initial_value: impl Operand<'g>,
        options: &VariableOptions,
    ) -> Variable<'g> {
        let s = self.without_control().composite("Variable");
        let name = s.name();
        let value = match initial_value.output() {
            Some(value) => value,
            None if options.use_resource => {
                let inner = initializer_scope(s, &name);
                initial_value.operand(inner.named("initial_value"), Some(options.dtype))
            }
            None => initial_value.operand(s.named("initial_value"), Some(options.dtype)),
        };
        let options = VariableOptions {
            dtype: value.dtype(),
            ..options.clone()
        };
        self.unnamed()
            .add_variable(Name::Scope(&name), Initial::Output(value), &options)
    }

    #[track_caller]
    fn bad_variable(self, name: &str, error: Error) -> Variable<'g> {
        let error = error.at_node(name, "VariableV2");
        self.graph().fail(error.at_line(Location::caller()));
        Variable::broken(self)
    }

    /// The nodes of a variable, and its entries in collections.
    #[track_caller]
    pub(crate) fn add_variable(
        self,
        name: Name<'_>,
        initial: Initial<'_, 'g>,
        options: &VariableOptions,
    ) -> Variable<'g> {
        let root = self.for_variable().without_control().unnamed().scope("");
        let s = match name {
            Name::New(name) => root.scope(name),
            Name::Scope(name) => root.scope(&format!("{name}/")),
        };
        let full = s.name();
        let with_initializer = matches!(initial, Initial::By(..));
        let value = match initial {
            Initial::Output(value) => value,
            Initial::By(init, shape) => {
                init.build(initializer_scope(s, &full), &shape, options.dtype)
            }
        };
        if !value.is_valid() {
            return Variable::broken(self);
        }
        if value.dtype() != options.dtype {
            return self.bad_variable(
                &full,
                Error::invalid_argument(format!(
                    "Initializer for variable {full} is of type {} but {} was asked for",
                    value.dtype(),
                    options.dtype
                )),
            );
        }
        let shape = match (options.validate_shape, value.shape()) {
            (false, _) => PartialShape::unknown(),
            (true, shape) if shape.is_fully_known() => shape,
            (true, _) => {
                return self.bad_variable(
                    &full,
                    Error::invalid_argument(format!(
                        "initial_value must have a shape specified: {value:?}"
                    )),
                );
            }
        };
        let v = if options.use_resource {
            self.resource_nodes(s, &full, value, &shape, options)
        } else {
            let own_class = with_initializer && s.data().colocate.is_empty();
            self.reference_nodes(s, &full, value, &shape, options, own_class)
        };
        if !v.initializer.is_valid() || !v.read.is_valid() {
            return Variable::broken(self);
        }
        let info = VariableInfo {
            shape,
            trainable: options.trainable,
            ..v.info()
        };
        self.graph().list_variable(&info, options);
        v
    }

    /// The scope on the device where a new variable belongs (see [`Scope::variables_on`]).
    #[track_caller]
    fn for_variable(self) -> Scope<'g> {
        let choice = self.data().variable_devices;
        if choice.is_empty() {
            return self;
        }
        let all = self.graph().collection_variables(keys::GLOBAL_VARIABLES);
        let held = |device: &str| -> usize {
            let here = |v: &&VariableInfo| {
                let node = self.graph().node(v.handle.node);
                node.is_some_and(|n| n.device == device)
            };
            let bytes = |v: &VariableInfo| {
                let elements = v.shape.elements().unwrap_or(0);
                elements.saturating_mul(v.dtype.size())
            };
            let sizes = all.iter().filter(here).map(bytes);
            sizes.fold(0, usize::saturating_add)
        };
        let scopes = choice.iter().map(|d| self.device(d));
        let least = scopes.min_by_key(|s| held(&s.data().device));
        least.unwrap_or(self)
    }

    #[track_caller]
    fn reference_nodes(
        self,
        s: Scope<'g>,
        full: &str,
        value: Output<'g>,
        shape: &PartialShape,
        options: &VariableOptions,
        own_class: bool,
    ) -> Variable<'g> {
        let mut builder = s
            .result_op("VariableV2")
            .attr("dtype", options.dtype)
            .attr("shape", shape.clone());
        if own_class {
            builder = builder.attr("_class", own_group(full));
        }
        let handle = builder.out();
        let safe = guarded(s, full, value);
        let initializer = s
            .op("Assign")
            .input(handle)
            .input(safe)
            .attr("validate_shape", options.validate_shape)
            .finish();
        let with = s.colocate_with(handle);
        let read = with.op("Identity").name("read").input(handle).out();
        Variable {
            handle: handle.in_scope(self),
            read: read.in_scope(self),
            initial_value: value.in_scope(self),
            initializer,
        }
    }

    #[track_caller]
    fn resource_nodes(
        self,
        s: Scope<'g>,
        full: &str,
        value: Output<'g>,
        shape: &PartialShape,
        options: &VariableOptions,
    ) -> Variable<'g> {
        let mut builder = s
            .result_op("VarHandleOp")
            .attr("dtype", options.dtype)
            .attr("shape", shape.clone())
            .attr("shared_name", full)
            .attr("debug_name", format!("{full}/"));
        if s.data().colocate.is_empty() {
            builder = builder.attr("_class", own_group(full));
        }
        let handle = builder.out();
        s.op("VarIsInitializedOp")
            .name("IsInitialized/VarIsInitializedOp")
            .input(handle)
            .finish();
        let safe = guarded(s, full, value);
        let initializer = s
            .derive(|d| d.colocate.clear())
            .op("AssignVariableOp")
            .name("Assign")
            .input(handle)
            .input(safe)
            .finish();
        let read = s
            .op("ReadVariableOp")
            .name("Read/ReadVariableOp")
            .input(handle)
            .attr("dtype", options.dtype)
            .out();
        Variable {
            handle: handle.in_scope(self),
            read: read.in_scope(self),
            initial_value: value.in_scope(self),
            initializer,
        }
    }
}

/// The group of a node that stands with nobody but those who follow it.
fn own_group(full: &str) -> AttrValue {
    AttrValue::BytesList(vec![format!("loc:@{full}").into_bytes()])
}

/// Where initial values are built. They follow the variable; only together with another variable do they stand
/// on its device, else on none in particular.
fn initializer_scope<'g>(s: Scope<'g>, full: &str) -> Scope<'g> {
    s.scope("Initializer").derive(|d| {
        if d.colocate.is_empty() {
            d.clear_device();
            d.colocate = vec![format!("loc:@{full}")];
        }
    })
}

impl Graph {
    /// Opens a variable scope (see [`Scope::variable_scope`]).
    #[track_caller]
    pub fn variable_scope(&self, name: &str) -> Scope<'_> {
        self.root().variable_scope(name)
    }
    /// The variable of that name (see [`Scope::get_variable`]).
    #[track_caller]
    pub fn get_variable(
        &self,
        name: &str,
        shape: impl Into<PartialShape>,
        init: Initializer,
    ) -> Variable<'_> {
        self.root().get_variable(name, shape, init)
    }
    /// Puts a new variable into its collections.
    fn list_variable(&self, info: &VariableInfo, options: &VariableOptions) {
        for c in &options.collections {
            self.add_to_collection(c, Item::Variable(info.clone()));
        }
        let list = keys::TRAINABLE_VARIABLES;
        if options.trainable && !options.collections.iter().any(|c| c == list) {
            self.add_to_collection(list, Item::Variable(info.clone()));
        }
    }
}
