//! The handle of a variable: its value wherever a tensor is wanted, and the ways to change it.

use crate::dtype::DType;
use crate::graph::{Graph, Item, NodeRef, Operand, Output, Scope, VariableInfo, keys};
use std::ops::{Add, Deref, Div, Mul, Neg, Sub};

/// A variable of a graph: a small `Copy` handle that stands for its value wherever a tensor is wanted.
///
/// A reference variable is read by one node (`w/read`). A resource variable is read anew by each op that it is
/// given to, in that op's place and under its control dependencies; methods of [`Output`] called on it work on
/// the value that `w/Read/ReadVariableOp` gives (see [`Variable::read_value`]).
#[derive(Clone, Copy, Debug)]
pub struct Variable<'g> {
    pub(super) handle: Output<'g>,
    pub(super) read: Output<'g>,
    pub(super) initial_value: Output<'g>,
    pub(super) initializer: NodeRef<'g>,
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
    /// What a failed call returns.
    pub(super) fn broken(scope: Scope<'g>) -> Variable<'g> {
        let broken = Output::broken(scope);
        Variable {
            handle: broken,
            read: broken,
            initial_value: broken,
            initializer: NodeRef::broken(scope),
        }
    }
    /// The same variable; what its methods and operators build stands in another scope.
    pub fn in_scope(self, scope: Scope<'g>) -> Variable<'g> {
        Variable {
            handle: self.handle.in_scope(scope),
            read: self.read.in_scope(scope),
            initial_value: self.initial_value.in_scope(scope),
            initializer: self.initializer,
        }
    }
    /// The reference, or the resource handle, itself.
    pub fn handle(self) -> Output<'g> {
        self.handle
    }
    /// Its value: `w/read` or `w/Read/ReadVariableOp`.
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
    /// Whether it is a resource variable.
    pub fn is_resource(self) -> bool {
        self.handle.dtype() == DType::Resource
    }
    /// Whether making it worked.
    pub fn is_valid(self) -> bool {
        self.handle.is_valid()
    }
    /// The graph's record of it.
    pub fn info(self) -> VariableInfo {
        let graph = self.handle.graph();
        let lists = [
            keys::GLOBAL_VARIABLES,
            keys::LOCAL_VARIABLES,
            keys::TRAINABLE_VARIABLES,
        ];
        let known = lists.iter().find_map(|list| find(graph, list, self.handle));
        known.unwrap_or_else(|| VariableInfo {
            name: self.name(),
            dtype: self.read.dtype(),
            shape: self.read.shape(),
            handle: self.handle.endpoint(),
            read: self.read.endpoint(),
            initializer: self.initializer.id(),
            initial_value: self.initial_value.endpoint(),
            is_resource: self.is_resource(),
            trainable: false,
            slice: None,
        })
    }

    /// The value at the time at which the node that this adds runs: after the control dependencies of the scope.
    #[track_caller]
    pub fn read_value(self) -> Output<'g> {
        let s = self.read.scope();
        if self.is_resource() {
            let value = self.in_scope(s.unnamed().scope("Read")).read_here();
            return s.identity(value);
        }
        let builder = s.op("Identity").default_name("read");
        builder.input(self.handle).out()
    }
    /// The `ReadVariableOp` of a resource variable, in the scope of the handle.
    #[track_caller]
    pub(crate) fn read_here(self) -> Output<'g> {
        let builder = self.read.scope().op("ReadVariableOp").input(self.handle);
        builder.attr("dtype", self.read.dtype()).out()
    }
    /// Whether it has a value.
    #[track_caller]
    pub fn is_initialized(self) -> Output<'g> {
        let s = self.read.scope();
        if self.is_resource() {
            s.op("VarIsInitializedOp").input(self.handle).out()
        } else {
            s.op("IsVariableInitialized").input(self.handle).out()
        }
    }
    /// Its value, or its initial value as long as it has none: safe in the initial values of other variables.
    #[track_caller]
    pub fn initialized_value(self) -> Output<'g> {
        let s = self.read.scope();
        let known = self.is_initialized();
        s.cond(
            known,
            |s| self.in_scope(s).read_value(),
            |s| s.bring_in(self.initial_value),
        )
    }

    /// Sets the value (op `Assign` or `AssignVariableOp`) and gives the new one.
    #[track_caller]
    pub fn assign(self, value: impl Operand<'g>) -> Output<'g> {
        self.change(["Assign", "AssignVariableOp"], value)
    }
    /// Adds to the value (op `AssignAdd` or `AssignAddVariableOp`) and gives the new one.
    #[track_caller]
    pub fn assign_add(self, delta: impl Operand<'g>) -> Output<'g> {
        self.change(["AssignAdd", "AssignAddVariableOp"], delta)
    }
    /// Subtracts from the value (op `AssignSub` or `AssignSubVariableOp`) and gives the new one.
    #[track_caller]
    pub fn assign_sub(self, delta: impl Operand<'g>) -> Output<'g> {
        self.change(["AssignSub", "AssignSubVariableOp"], delta)
    }

    /// The value as an op in this place gets it.
    #[track_caller]
    fn now(self) -> Output<'g> {
        self.operand(self.read.scope(), None)
    }

    #[track_caller]
    fn change(self, ops: [&'static str; 2], value: impl Operand<'g>) -> Output<'g> {
        let s = self.read.scope();
        let dtype = self.read.dtype();
        if !self.is_resource() {
            let builder = s.op(ops[0]).input(self.handle).input_like(value, dtype);
            return builder.attr("use_locking", false).out();
        }
        let node = s
            .op(ops[1])
            .input(self.handle)
            .input_like(value, dtype)
            .finish();
        self.in_scope(s.unnamed().after([node]))
            .read_here()
            .in_scope(s.unnamed())
    }

    /// Replaces rows of the value (op `ScatterUpdate` or `ResourceScatterUpdate`) and gives the new one.
    #[track_caller]
    pub fn scatter_update(self, indices: impl Operand<'g>, rows: impl Operand<'g>) -> Output<'g> {
        self.scatter(["ScatterUpdate", "ResourceScatterUpdate"], indices, rows)
    }
    /// Adds to rows of the value (op `ScatterAdd` or `ResourceScatterAdd`) and gives the new one.
    #[track_caller]
    pub fn scatter_add(self, indices: impl Operand<'g>, rows: impl Operand<'g>) -> Output<'g> {
        self.scatter(["ScatterAdd", "ResourceScatterAdd"], indices, rows)
    }
    /// Subtracts from rows of the value (op `ScatterSub` or `ResourceScatterSub`) and gives the new one.
    #[track_caller]
    pub fn scatter_sub(self, indices: impl Operand<'g>, rows: impl Operand<'g>) -> Output<'g> {
        self.scatter(["ScatterSub", "ResourceScatterSub"], indices, rows)
    }

    #[track_caller]
    fn scatter(
        self,
        ops: [&'static str; 2],
        indices: impl Operand<'g>,
        rows: impl Operand<'g>,
    ) -> Output<'g> {
        let s = self.read.scope();
        let op = ops[usize::from(self.is_resource())];
        let node = s
            .op(op)
            .input(self.handle)
            .input(indices)
            .input_like(rows, self.read.dtype())
            .finish();
        if self.is_resource() {
            self.in_scope(s.unnamed().after([node]))
                .read_here()
                .in_scope(s.unnamed())
        } else {
            node.output(0).in_scope(s.unnamed())
        }
    }

    /// Rows of the value, without reading the whole of a resource variable (op `ResourceGather`, or a gather of the
    /// value).
    #[track_caller]
    pub fn gather(self, indices: impl Operand<'g>) -> Output<'g> {
        if !self.is_resource() {
            return self.read.gather(indices);
        }
        let s = self.read.scope();
        s.op("ResourceGather")
            .default_name("Gather")
            .attr("dtype", self.read.dtype())
            .input(self.handle)
            .input(indices)
            .out()
    }

    /// The value of a counter, which then grows by one; `OutOfRange` from `limit` on (op `CountUpTo` or
    /// `ResourceCountUpTo`).
    #[track_caller]
    pub fn count_up_to(self, limit: i64) -> Output<'g> {
        let s = self.read.scope();
        if self.is_resource() {
            s.op("ResourceCountUpTo")
                .input(self.handle)
                .attr("T", self.read.dtype())
                .attr("limit", limit)
                .out()
        } else {
            s.op("CountUpTo")
                .input(self.handle)
                .attr("limit", limit)
                .out()
        }
    }
}

fn find(graph: &Graph, collection: &str, handle: Output<'_>) -> Option<VariableInfo> {
    graph
        .collection(collection)
        .into_iter()
        .find_map(|item| match item {
            Item::Variable(v) if v.handle == handle.endpoint() => Some(v),
            _ => None,
        })
}

impl<'g> Deref for Variable<'g> {
    type Target = Output<'g>;
    fn deref(&self) -> &Output<'g> {
        &self.read
    }
}
impl<'g> Operand<'g> for Variable<'g> {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
        if !self.is_resource() {
            return self.read;
        }
        // Read where the variable is, wherever the value is used.
        let at = scope.derive(|d| {
            d.op_name = None;
            d.colocate.clear();
            d.clear_device();
        });
        self.in_scope(at).read_here().in_scope(scope.unnamed())
    }
    fn output(&self) -> Option<Output<'g>> {
        (!self.is_resource()).then_some(self.read)
    }
}
impl<'g> From<Variable<'g>> for Output<'g> {
    fn from(v: Variable<'g>) -> Output<'g> {
        v.read
    }
}
impl<'g> From<Variable<'g>> for NodeRef<'g> {
    fn from(v: Variable<'g>) -> NodeRef<'g> {
        v.handle.node()
    }
}

impl<'g, R: Operand<'g>> Add<R> for Variable<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn add(self, y: R) -> Output<'g> {
        self.now() + y
    }
}
impl<'g, R: Operand<'g>> Sub<R> for Variable<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn sub(self, y: R) -> Output<'g> {
        self.now() - y
    }
}
impl<'g, R: Operand<'g>> Mul<R> for Variable<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn mul(self, y: R) -> Output<'g> {
        self.now() * y
    }
}
impl<'g, R: Operand<'g>> Div<R> for Variable<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn div(self, y: R) -> Output<'g> {
        self.now() / y
    }
}
impl<'g> Neg for Variable<'g> {
    type Output = Output<'g>;
    #[track_caller]
    fn neg(self) -> Output<'g> {
        -self.now()
    }
}

macro_rules! numbers_on_the_left {
    ($($t:ty),*) => { $(
        impl<'g> Add<Variable<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn add(self, y: Variable<'g>) -> Output<'g> {
                self + y.now()
            }
        }
        impl<'g> Sub<Variable<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn sub(self, y: Variable<'g>) -> Output<'g> {
                self - y.now()
            }
        }
        impl<'g> Mul<Variable<'g>> for $t {
            type Output = Output<'g>;
            #[track_caller]
            fn mul(self, y: Variable<'g>) -> Output<'g> {
                self * y.now()
            }
        }
    )* };
}
numbers_on_the_left!(f64);
