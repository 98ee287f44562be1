//! Small handles to outputs and nodes: `Copy`, with the graph and the scope they were made in.

use super::{Endpoint, Graph, Node, NodeId, Scope};
use crate::def::TypeRef;
use crate::dtype::DType;
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use std::fmt;
use std::sync::Arc;

/// An output of a node, and the scope in which what is built from it by methods and operators will stand.
#[derive(Clone, Copy)]
pub struct Output<'g> {
    scope: Scope<'g>,
    node: NodeId,
    port: u32,
}

impl<'g> Output<'g> {
    pub(crate) fn new(scope: Scope<'g>, node: NodeId, port: u32) -> Output<'g> {
        Output { scope, node, port }
    }
    /// What a failed builder call returns.
    pub fn broken(scope: Scope<'g>) -> Output<'g> {
        Output {
            scope,
            node: NodeId::BROKEN,
            port: 0,
        }
    }
    /// Whether it stands for an output (false: the call that should have made it failed).
    pub fn is_valid(self) -> bool {
        self.node != NodeId::BROKEN
    }
    /// The graph.
    pub fn graph(self) -> &'g Graph {
        self.scope.graph()
    }
    /// The scope in which operators on this output build.
    pub fn scope(self) -> Scope<'g> {
        self.scope
    }
    /// The same output, from which operators build in another scope.
    pub fn in_scope(self, scope: Scope<'g>) -> Output<'g> {
        Output { scope, ..self }
    }
    /// Its node.
    pub fn node(self) -> NodeRef<'g> {
        NodeRef::new(self.scope, self.node)
    }
    /// Which output of its node it is.
    pub fn port(self) -> usize {
        self.port as usize
    }
    /// Node and port.
    pub fn endpoint(self) -> Endpoint {
        Endpoint {
            node: self.node,
            port: self.port,
        }
    }
    /// `node:port`.
    pub fn name(self) -> String {
        format!("{}:{}", self.node().name(), self.port)
    }
    /// The element type and whether it is a reference (float when the output is broken).
    pub fn type_ref(self) -> TypeRef {
        let found = self
            .node()
            .node()
            .and_then(|n| n.outputs.get(self.port as usize).copied());
        found.unwrap_or(TypeRef {
            base: DType::F32,
            is_ref: false,
        })
    }
    /// The element type.
    pub fn dtype(self) -> DType {
        self.type_ref().base
    }
    /// The shape as far as known.
    pub fn shape(self) -> PartialShape {
        self.graph().state().shape(self.endpoint())
    }
    /// Refines the static shape by what the caller knows.
    pub fn with_shape(self, shape: impl Into<PartialShape>) -> Output<'g> {
        self.graph().set_shape(self, shape);
        self
    }
    /// The value, when the graph determines it.
    pub fn constant_value(self) -> Option<Tensor> {
        self.graph().state().constant_value(self.endpoint())
    }
}

impl PartialEq for Output<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.endpoint() == other.endpoint() && self.graph().same(other.graph())
    }
}
impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.name(), self.dtype(), self.shape())
    }
}

/// A node.
#[derive(Clone, Copy)]
pub struct NodeRef<'g> {
    scope: Scope<'g>,
    id: NodeId,
}

impl<'g> NodeRef<'g> {
    pub(crate) fn new(scope: Scope<'g>, id: NodeId) -> NodeRef<'g> {
        NodeRef { scope, id }
    }
    /// What a failed builder call returns.
    pub fn broken(scope: Scope<'g>) -> NodeRef<'g> {
        NodeRef {
            scope,
            id: NodeId::BROKEN,
        }
    }
    /// Whether it stands for a node.
    pub fn is_valid(self) -> bool {
        self.id != NodeId::BROKEN
    }
    /// Its number.
    pub fn id(self) -> NodeId {
        self.id
    }
    /// The graph.
    pub fn graph(self) -> &'g Graph {
        self.scope.graph()
    }
    /// The scope in which it was made.
    pub fn scope(self) -> Scope<'g> {
        self.scope
    }
    /// Its data, unless it is broken.
    pub fn node(self) -> Option<Arc<Node>> {
        self.graph().node(self.id)
    }
    /// Its name (empty when broken).
    pub fn name(self) -> String {
        self.node().map(|n| n.name.clone()).unwrap_or_default()
    }
    /// Its op type (empty when broken).
    pub fn op(self) -> String {
        self.node().map(|n| n.op.name.clone()).unwrap_or_default()
    }
    /// The number of its outputs.
    pub fn num_outputs(self) -> usize {
        self.node().map_or(0, |n| n.outputs.len())
    }
    /// One of its outputs.
    pub fn output(self, port: usize) -> Output<'g> {
        if port < self.num_outputs() {
            Output::new(self.scope, self.id, port as u32)
        } else {
            Output::broken(self.scope)
        }
    }
    /// All of its outputs.
    pub fn outputs(self) -> Vec<Output<'g>> {
        (0..self.num_outputs()).map(|i| self.output(i)).collect()
    }
    /// One of its data inputs.
    pub fn input(self, i: usize) -> Output<'g> {
        match self.node().and_then(|n| n.inputs.get(i).copied()) {
            Some(e) => Output::new(self.scope, e.node, e.port),
            None => Output::broken(self.scope),
        }
    }
    /// All of its data inputs.
    pub fn inputs(self) -> Vec<Output<'g>> {
        let inputs = self.node().map(|n| n.inputs.clone()).unwrap_or_default();
        inputs
            .into_iter()
            .map(|e| Output::new(self.scope, e.node, e.port))
            .collect()
    }
}

impl PartialEq for NodeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.graph().same(other.graph())
    }
}
impl fmt::Debug for NodeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.op())
    }
}
impl<'g> From<Output<'g>> for NodeRef<'g> {
    fn from(o: Output<'g>) -> NodeRef<'g> {
        o.node()
    }
}

/// What a builder method takes for a tensor: an output, a variable, or a Rust value that becomes a constant.
pub trait Operand<'g> {
    /// The output; a constant is made in `scope`, of the type `like` where its own kind of number allows it.
    fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g>;
    /// The output, if it is one already, for which no node is made.
    fn output(&self) -> Option<Output<'g>> {
        None
    }
}

impl<'g> Operand<'g> for Output<'g> {
    fn operand(self, _: Scope<'g>, _: Option<DType>) -> Output<'g> {
        self
    }
    fn output(&self) -> Option<Output<'g>> {
        Some(*self)
    }
}
impl<'g> Operand<'g> for &Output<'g> {
    fn operand(self, _: Scope<'g>, _: Option<DType>) -> Output<'g> {
        *self
    }
    fn output(&self) -> Option<Output<'g>> {
        Some(**self)
    }
}
impl<'g> Operand<'g> for Tensor {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
        scope.constant(self)
    }
}
impl<'g> Operand<'g> for &str {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
        scope.constant(Tensor::string(self))
    }
}

macro_rules! float_operand {
    ($($t:ty),*) => { $(
        impl<'g> Operand<'g> for $t {
            #[track_caller]
            fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g> {
                let v = f64::from(self);
                scope.constant(match like {
                    Some(DType::F64) => Tensor::from(v),
                    Some(DType::F16) => Tensor::from(half::f16::from_f64(v)),
                    Some(DType::BF16) => Tensor::from(half::bf16::from_f64(v)),
                    Some(DType::C64) => Tensor::from(num_complex::Complex::new(v as f32, 0.0)),
                    Some(DType::C128) => Tensor::from(num_complex::Complex::new(v, 0.0)),
                    Some(DType::F32) => Tensor::from(v as f32),
                    _ => Tensor::from(self),
                })
            }
        }
    )* };
}
float_operand!(f32, f64);

macro_rules! int_operand {
    ($($t:ty),*) => { $(
        impl<'g> Operand<'g> for $t {
            #[track_caller]
            fn operand(self, scope: Scope<'g>, like: Option<DType>) -> Output<'g> {
                let v = i64::from(self);
                // A number that does not fit the other operand's type keeps its own; the op then reports the mismatch.
                let fits = |t: Option<Tensor>| t.unwrap_or_else(|| Tensor::from(self));
                scope.constant(match like {
                    Some(DType::F32) => Tensor::from(v as f32),
                    Some(DType::F64) => Tensor::from(v as f64),
                    Some(DType::F16) => Tensor::from(half::f16::from_f64(v as f64)),
                    Some(DType::BF16) => Tensor::from(half::bf16::from_f64(v as f64)),
                    Some(DType::C64) => Tensor::from(num_complex::Complex::new(v as f32, 0.0)),
                    Some(DType::C128) => Tensor::from(num_complex::Complex::new(v as f64, 0.0)),
                    Some(DType::I8) => fits(i8::try_from(v).ok().map(Tensor::from)),
                    Some(DType::I16) => fits(i16::try_from(v).ok().map(Tensor::from)),
                    Some(DType::I32) => fits(i32::try_from(v).ok().map(Tensor::from)),
                    Some(DType::I64) => Tensor::from(v),
                    Some(DType::U8) => fits(u8::try_from(v).ok().map(Tensor::from)),
                    Some(DType::U16) => fits(u16::try_from(v).ok().map(Tensor::from)),
                    Some(DType::U32) => fits(u32::try_from(v).ok().map(Tensor::from)),
                    Some(DType::U64) => fits(u64::try_from(v).ok().map(Tensor::from)),
                    _ => Tensor::from(self),
                })
            }
        }
    )* };
}
int_operand!(i32, i64);

macro_rules! list_operand {
    ($($t:ty),*) => { $(
        impl<'g> Operand<'g> for &[$t] {
            #[track_caller]
            fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
                scope.constant(Tensor::from(self))
            }
        }
        impl<'g, const N: usize> Operand<'g> for [$t; N] {
            #[track_caller]
            fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
                scope.constant(Tensor::from(self))
            }
        }
        impl<'g> Operand<'g> for Vec<$t> {
            #[track_caller]
            fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
                scope.constant(Tensor::from(self))
            }
        }
    )* };
}
list_operand!(f32, f64, i32, i64, u8, bool);

impl<'g> Operand<'g> for bool {
    #[track_caller]
    fn operand(self, scope: Scope<'g>, _: Option<DType>) -> Output<'g> {
        scope.constant(Tensor::from(self))
    }
}
