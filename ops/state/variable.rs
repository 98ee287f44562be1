//! Making variables: `variable`, `get_variable` with reuse, initialization, the global step.

use super::initializer::Initializer;
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{Graph, Item, NodeRef, Operand, Output, Reuse, Scope, VariableInfo, keys};
use crate::shape::{PartialShape, Shape};
use std::ops::Deref;
use std::panic::Location;

/// A variable of a graph: a small `Copy` handle. It stands for its value wherever a tensor is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'g> {
    handle: Output<'g>,
    read: Output<'g>,
    initial_value: Output<'g>,
    initializer: NodeRef<'g>,
}

impl<'g> Variable<'g> {
    /// The variable as its graph knows it.
    pub fn of(scope: Scope<'g>, info: &VariableInfo) -> Variable<'g> {
        Variable {
            handle: scope.output_at(info.handle),
            read: scope.output_at(info.read),
            initial_value: scope.output_at(info.initial_value),
            initializer: scope.graph().node_at(info.initializer),
        }
    }
    /// The reference, or the resource handle, itself.
    pub fn handle(self) -> Output<'g> {
        self.handle
    }
    /// Its value.
    pub fn value(self) -> Output<'g> {
        self.read
    }
    /// The value that it begins with.
    pub fn initial_value(self) -> Output<'g> {
        self.initial_value
    }
    /// The node that sets the initial value.
    pub fn initializer(self) -> NodeRef<'g> {
        self.initializer
    }
    /// Its name: the key in checkpoints.
    pub fn name(self) -> String {
        self.handle.node().name()
    }
    /// What the graph knows of it; `None` when making it failed.
    pub fn info(self) -> Option<VariableInfo> {
        self.handle.graph().variable_named(&self.name())
    }
}

impl<'g> Deref for Variable<'g> {
    type Target = Output<'g>;
    fn deref(&self) -> &Output<'g> {
        &self.read
    }
}
impl<'g> Operand<'g> for Variable<'g> {
    fn operand(self, _: Scope<'g>, _: Option<DType>) -> Output<'g> {
        self.read
    }
}
impl<'g> From<Variable<'g>> for Output<'g> {
    fn from(v: Variable<'g>) -> Output<'g> {
        v.read
    }
}

/// How to make a variable.
#[derive(Clone, Debug)]
pub struct VariableOptions {
    /// The element type.
    pub dtype: DType,
    /// Whether optimizers change it.
    pub trainable: bool,
    /// Whether it is a resource variable.
    pub use_resource: bool,
    /// The collections that it is put into, besides that of trainable variables.
    pub collections: Vec<String>,
}

impl Default for VariableOptions {
    fn default() -> VariableOptions {
        VariableOptions {
            dtype: DType::F32,
            trainable: true,
            use_resource: false,
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
    /// The same with another element type.
    pub fn dtype(mut self, dtype: DType) -> VariableOptions {
        self.dtype = dtype;
        self
    }
}

impl<'g> Scope<'g> {
    /// The variable `name` of this variable scope: made, or found again, as [`Scope::reuse`] says. Its name is
    /// that of the variable scope and its own, whatever name scopes are open.
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
        let (found, mode) = (self.graph().variable_named(&full), self.reuse_mode());
        match (found, mode) {
            (Some(_), Reuse::Never) => self.bad_variable(Error::already_exists(format!(
                "Variable {full} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            ))),
            (None, Reuse::Always) => self.bad_variable(Error::not_found(format!(
                "Variable {full} does not exist, or was not created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            ))),
            (Some(v), _) => {
                if !v.shape.is_compatible(&shape) {
                    return self.bad_variable(Error::invalid_argument(format!(
                        "Trying to share variable {full}, but specified shape {shape} and found shape {}.",
                        v.shape
                    )));
                }
                if v.dtype != options.dtype {
                    return self.bad_variable(Error::invalid_argument(format!(
                        "Trying to share variable {full}, but specified dtype {} and found dtype {}.",
                        options.dtype, v.dtype
                    )));
                }
                Variable::of(self, &v)
            }
            (None, _) => {
                let known = init.shape().cloned().or_else(|| shape.to_shape());
                let Some(known) = known else {
                    return self.bad_variable(Error::invalid_argument(format!(
                        "Shape of a new variable ({full}) must be fully defined, but instead was {shape}."
                    )));
                };
                // Initial values stand on no particular device; only the variable does.
                let inner = self.without_control().scope(&format!("{full}/Initializer/")).device("");
                let group = vec![format!("loc:@{full}").into_bytes()];
                let first = self.graph().len();
                let value = init.build(inner, &known, options.dtype);
                self.add_class(first, &group);
                let v = self.add_variable(&full, value, PartialShape::from(&known), options);
                if let Some(info) = v.1 {
                    self.graph().register_variable(info);
                }
                v.0
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
        let s = self.composite("Variable");
        let value = initial_value.operand(s.named("initial_value"), Some(options.dtype));
        let options = VariableOptions {
            dtype: value.dtype(),
            ..options.clone()
        };
        let (v, info) = self.add_variable(&s.name(), value, value.shape(), &options);
        if let Some(info) = info {
            self.graph().register_variable(info);
        }
        v
    }

    #[track_caller]
    fn bad_variable(self, error: Error) -> Variable<'g> {
        self.graph().fail(error.at_line(Location::caller()));
        let broken = Output::broken(self);
        Variable {
            handle: broken,
            read: broken,
            initial_value: broken,
            initializer: NodeRef::broken(self),
        }
    }

    fn add_class(self, first: usize, group: &[Vec<u8>]) {
        for id in first..self.graph().len() {
            let id = crate::graph::NodeId::new(id);
            self.graph()
                .set_attr(id, "_class", AttrValue::BytesList(group.to_vec()));
        }
    }

    /// The nodes of a variable, as TensorFlow names them, and its entries in collections.
    #[track_caller]
    fn add_variable(
        self,
        full: &str,
        value: Output<'g>,
        shape: PartialShape,
        options: &VariableOptions,
    ) -> (Variable<'g>, Option<VariableInfo>) {
        let outside = self.without_control();
        let s = outside.scope(&format!("{full}/"));
        let dtype = options.dtype;
        let (handle, initializer, read);
        if options.use_resource {
            handle = s
                .op("VarHandleOp")
                .attr("dtype", dtype)
                .attr("shape", shape.clone())
                .attr("shared_name", full)
                .name(format!("{full}/"))
                .out();
            s.op("VarIsInitializedOp")
                .input(handle)
                .name("IsInitialized/VarIsInitializedOp")
                .finish();
            initializer = s
                .op("AssignVariableOp")
                .input(handle)
                .input(value)
                .name("Assign")
                .finish();
            read = s
                .op("ReadVariableOp")
                .input(handle)
                .attr("dtype", dtype)
                .name("Read/ReadVariableOp")
                .out();
        } else {
            handle = s
                .op("VariableV2")
                .attr("dtype", dtype)
                .attr("shape", shape.clone())
                .name(format!("{full}/"))
                .out();
            let with = s.colocate_with(handle);
            initializer = with.op("Assign").input(handle).input(value).finish();
            read = with.op("Identity").input(handle).name("read").out();
        }
        let v = Variable {
            handle: handle.in_scope(self),
            read: read.in_scope(self),
            initial_value: value.in_scope(self),
            initializer,
        };
        if !(read.is_valid() && initializer.is_valid()) {
            return (v, None);
        }
        let info = VariableInfo {
            name: handle.node().name(),
            dtype,
            shape,
            handle: handle.endpoint(),
            read: read.endpoint(),
            initializer: initializer.id(),
            initial_value: value.endpoint(),
            is_resource: options.use_resource,
            trainable: options.trainable,
            slice: None,
        };
        for c in &options.collections {
            self.graph()
                .add_to_collection(c, Item::Variable(info.clone()));
        }
        if options.trainable {
            self.graph()
                .add_to_collection(keys::TRAINABLE_VARIABLES, Item::Variable(info.clone()));
        }
        (v, Some(info))
    }

    /// One node that runs after all of these; with one NoOp for each device in between, as TensorFlow's `group` makes
    /// them. Named by [`Scope::named`] or `group_deps`.
    #[track_caller]
    pub fn group_by_device<N: Into<NodeRef<'g>>>(
        self,
        nodes: impl IntoIterator<Item = N>,
    ) -> NodeRef<'g> {
        let mut by_device: Vec<(String, Vec<NodeRef<'g>>)> = Vec::new();
        for n in nodes {
            let n: NodeRef<'g> = n.into();
            let device = n.node().map(|n| n.device.clone()).unwrap_or_default();
            match by_device.iter_mut().find(|(d, _)| *d == device) {
                Some((_, list)) => list.push(n),
                None => by_device.push((device, vec![n])),
            }
        }
        by_device.sort_by(|a, b| a.0.cmp(&b.0));
        if let [(device, list)] = by_device.as_slice() {
            let s = if device.is_empty() {
                self
            } else {
                self.device(device)
            };
            return s.group(list.iter().copied());
        }
        let inner = self.composite("group_deps");
        let parts: Vec<NodeRef<'g>> = by_device
            .into_iter()
            .map(|(device, list)| inner.device(&device).group(list))
            .collect();
        let name = inner.name();
        self.named(&format!("{name}/")).group(parts)
    }
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
    /// A node that initializes these variables.
    #[track_caller]
    pub fn initializer_of(&self, variables: &[VariableInfo], name: &str) -> NodeRef<'_> {
        let nodes: Vec<NodeRef<'_>> = variables
            .iter()
            .map(|v| self.node_at(v.initializer))
            .collect();
        self.root().named(name).group_by_device(nodes)
    }
    /// A node that initializes all global variables (named `init`).
    #[track_caller]
    pub fn init_op(&self) -> NodeRef<'_> {
        self.initializer_of(&self.collection_variables(keys::GLOBAL_VARIABLES), "init")
    }
    /// A node that initializes all local variables.
    #[track_caller]
    pub fn local_init_op(&self) -> NodeRef<'_> {
        self.initializer_of(&self.collection_variables(keys::LOCAL_VARIABLES), "init")
    }
    /// The global step, an int64 scalar variable that training counts up; made when there is none.
    #[track_caller]
    pub fn get_or_create_global_step(&self) -> Variable<'_> {
        if let Some(v) = self.collection_variables(keys::GLOBAL_STEP).first() {
            return Variable::of(self.root(), v);
        }
        let mut options = VariableOptions::not_trainable().dtype(DType::I64);
        options.collections.push(keys::GLOBAL_STEP.into());
        self.root().get_variable_with(
            "global_step",
            Shape::scalar(),
            super::init::zeros(),
            &options,
        )
    }
}
