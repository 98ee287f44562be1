//! The builder of one node: inputs, attributes, name; types and shapes are inferred when it is finished.

use super::context::{At, admit};
use super::names::is_valid_node_name;
use super::{Endpoint, Node, NodeId, NodeRef, Operand, Output, Scope, State, device_function};
use crate::def::{AttrValue, TypeRef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{Attrs, HandleData, OpSchema, ShapeCtx, infer_attrs, signature};
use crate::shape::PartialShape;
use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

/// A node under construction.
///
/// Each call of [`input`](OpBuilder::input) or [`list`](OpBuilder::list) gives one argument of the op, in order.
pub struct OpBuilder<'g> {
    scope: Scope<'g>,
    op: Cow<'g, str>,
    name: Option<String>,
    default_name: Option<&'g str>,
    args: Vec<Vec<Output<'g>>>,
    attrs: Attrs,
    controls: Vec<NodeId>,
    /// The unique full name, once constants among the inputs had to be named after the node.
    reserved: Option<String>,
    /// The scope in which what is built from the node stands.
    result: Option<Scope<'g>>,
    location: &'static Location<'static>,
}

impl<'g> OpBuilder<'g> {
    pub(crate) fn new(
        scope: Scope<'g>,
        op: Cow<'g, str>,
        location: &'static Location<'static>,
    ) -> OpBuilder<'g> {
        OpBuilder {
            scope,
            op,
            name: None,
            default_name: None,
            args: Vec::new(),
            attrs: Attrs::default(),
            controls: Vec::new(),
            reserved: None,
            result: None,
            location,
        }
    }
    /// The next argument: one tensor. A Rust value becomes a constant named after the node and the argument
    /// (`Reshape/shape`); so give the node's own name first, if it has one.
    #[track_caller]
    pub fn input(mut self, x: impl Operand<'g>) -> OpBuilder<'g> {
        let scope = self.operand_scope(x.output().is_some());
        let x = x.operand(scope, None);
        self.args.push(vec![x]);
        self
    }
    /// The next argument: one tensor; a Rust number becomes a constant of that type.
    #[track_caller]
    pub fn input_like(mut self, x: impl Operand<'g>, like: DType) -> OpBuilder<'g> {
        let scope = self.operand_scope(x.output().is_some());
        let x = x.operand(scope, Some(like));
        self.args.push(vec![x]);
        self
    }
    /// The shape of the latest argument, as far as known.
    pub fn latest_shape(&self) -> PartialShape {
        let latest = self.args.last().and_then(|a| a.first());
        latest.map(|o| o.shape()).unwrap_or_default()
    }
    /// The element type of the latest argument.
    pub fn latest_dtype(&self) -> Option<DType> {
        Some(self.args.last()?.first()?.dtype())
    }
    /// The next argument: one tensor; a Rust number becomes a constant of the type that an earlier argument has.
    #[track_caller]
    pub fn input_as(self, x: impl Operand<'g>, argument: usize) -> OpBuilder<'g> {
        match self.args.get(argument).and_then(|a| a.first()) {
            Some(like) => {
                let like = like.dtype();
                self.input_like(x, like)
            }
            None => self.input(x),
        }
    }
    /// Where the next argument is made: inside a name scope of the node's (unique) name, as TensorFlow does.
    fn operand_scope(&mut self, is_output: bool) -> Scope<'g> {
        let argument = self.args.len();
        let schema = self.scope.graph().schema(&self.op);
        let name = schema.and_then(|s| s.inputs.get(argument).map(|a| a.name.clone()));
        if is_output || name.is_none() {
            return self.scope;
        }
        let reserved = match &self.reserved {
            Some(r) => r.clone(),
            None => {
                let wanted = self.wanted();
                let full = match wanted.strip_suffix('/') {
                    Some(absolute) => absolute.to_string(),
                    None => self.scope.unique_name(&wanted),
                };
                self.reserved.insert(full).clone()
            }
        };
        self.scope.derive(|d| {
            d.prefix = format!("{reserved}/");
            d.op_name = name;
        })
    }
    /// The name that the node asks for.
    fn wanted(&self) -> String {
        let given = self.name.clone().or_else(|| self.scope.data().op_name);
        given.unwrap_or_else(|| self.default_name.unwrap_or(&self.op).to_string())
    }
    /// The next argument: a list of tensors.
    pub fn list(mut self, xs: impl IntoIterator<Item = Output<'g>>) -> OpBuilder<'g> {
        self.args.push(xs.into_iter().collect());
        self
    }
    /// Sets an attribute.
    pub fn attr(mut self, name: &str, value: impl Into<AttrValue>) -> OpBuilder<'g> {
        self.attrs.0.insert(name.to_string(), value.into());
        self
    }
    /// The name to use instead of the scope's or the op's; made unique as usual. A name that ends in a slash
    /// is a full one, taken as it is unless another node has it (as TensorFlow names an op after its scope).
    pub fn name(mut self, name: impl Into<String>) -> OpBuilder<'g> {
        self.name = Some(name.into());
        self
    }
    /// The name to use instead of the op's where neither the scope nor [`OpBuilder::name`] gives one.
    pub fn default_name(mut self, name: &'g str) -> OpBuilder<'g> {
        self.default_name = Some(name);
        self
    }
    /// What is built from the node stands in this scope, not in that of the node.
    pub(crate) fn result_in(mut self, scope: Scope<'g>) -> OpBuilder<'g> {
        self.result = Some(scope);
        self
    }
    /// Runs the node after another one.
    pub fn after(mut self, node: impl Into<NodeRef<'g>>) -> OpBuilder<'g> {
        self.controls.push(node.into().id());
        self
    }
    /// Adds the node and gives its first output.
    pub fn out(self) -> Output<'g> {
        self.finish().output(0)
    }
    /// Adds the node. On a mistake nothing is added, the graph keeps the error, and the result is broken;
    /// when an input is broken already, the result is broken and nothing is reported.
    pub fn finish(self) -> NodeRef<'g> {
        let scope = self.scope;
        if self.args.iter().flatten().any(|o| !o.is_valid())
            || self.controls.contains(&NodeId::BROKEN)
        {
            return NodeRef::broken(scope);
        }
        let (op, location, result) = (self.op.clone(), self.location, self.result);
        let wanted = self.wanted();
        match self.add(&wanted) {
            // The name was for this node, not for what is built from it.
            Ok(id) => NodeRef::new(result.unwrap_or_else(|| scope.unnamed()), id),
            Err(e) => {
                let full = format!("{}{wanted}", scope.data().prefix);
                scope.graph().fail(e.at_node(full, &*op).at_line(location));
                NodeRef::broken(scope)
            }
        }
    }

    fn add(self, wanted: &str) -> Result<NodeId> {
        let scope = self.scope;
        let graph = scope.graph();
        let data = scope.data();
        let schema = graph.schema(&self.op).ok_or_else(|| {
            Error::not_found(format!(
                "Op type not registered '{}'. Make sure the Op and Kernel are registered in the binary running in this process.",
                self.op
            ))
        })?;
        if self.args.iter().flatten().any(|o| !o.graph().same(graph)) {
            return Err(Error::invalid_argument(
                "an input is from a different graph",
            ));
        }
        let mut attrs = self.attrs;
        let types: Vec<Vec<DType>> = self
            .args
            .iter()
            .map(|a| a.iter().map(|o| o.dtype()).collect())
            .collect();
        infer_attrs(&schema, &types, &mut attrs)?;
        let signature = signature(&schema, &attrs)?;
        let mut inputs: Vec<Endpoint> = self.args.iter().flatten().map(|o| o.endpoint()).collect();
        let given: Vec<TypeRef> = self.args.iter().flatten().map(|o| o.type_ref()).collect();
        check_types(&inputs, &given, &signature.inputs, &graph.state())?;
        let full = if wanted.ends_with('/') {
            wanted.trim_end_matches('/').to_string()
        } else {
            format!("{}{wanted}", data.prefix)
        };
        if !is_valid_node_name(&full) {
            return Err(Error::invalid_argument(format!(
                "'{full}' is not a valid node name"
            )));
        }
        let exact = self
            .reserved
            .or_else(|| wanted.ends_with('/').then_some(full.clone()));
        let name = {
            let mut state = graph.state();
            match exact {
                Some(exact) if !state.by_name.contains_key(&exact) => {
                    if !state.names.contains(&exact) {
                        state.names.reserve(&exact);
                    }
                    exact
                }
                _ => state.names.unique(&full),
            }
        };
        let mut controls = self.controls;
        {
            let state = graph.state();
            for c in &data.controls {
                // What an input already waits for need not be waited for again.
                let implied = inputs.iter().any(|e| {
                    let after = state.node(e.node).map(|n| &n.after);
                    e.node == *c || after.is_some_and(|a| a.contains(c))
                });
                if !implied && !controls.contains(c) {
                    controls.push(*c);
                }
            }
        }
        let mut context = data.context;
        if let Some(outer) = context {
            // A constant opens no name scope of its own.
            let prefix = match &*self.op {
                "Const" => data.prefix.clone(),
                _ => format!("{name}/"),
            };
            let at = At::new(scope, prefix, self.location);
            let admitted = admit(&at, outer, &self.op, &mut inputs, &mut controls)?;
            context = Some(admitted);
        }
        let mut state = graph.state();
        let (shapes, handles) =
            infer_shapes(&state, &schema, &attrs, &inputs, signature.outputs.len())?;
        let (mut groups, mut device) = (data.colocate.clone(), data.device.clone());
        for (e, _) in inputs
            .iter()
            .zip(&signature.inputs)
            .filter(|(_, t)| t.is_ref)
        {
            // What changes a variable stands where the variable does.
            let Some(n) = state.node(e.node) else {
                continue;
            };
            for g in super::scope::colocation_groups(n) {
                if !groups.contains(&g) {
                    groups.push(g);
                }
            }
            device = n.device.clone();
        }
        let alone = groups.is_empty();
        if !alone {
            groups.sort();
            groups.dedup();
            let groups: Vec<Vec<u8>> = groups.into_iter().map(String::into_bytes).collect();
            attrs
                .0
                .entry("_class".into())
                .or_insert(AttrValue::BytesList(groups));
        }
        let id = state.insert(Node {
            id: NodeId::new(0),
            name,
            op: schema,
            attrs,
            inputs,
            controls,
            device,
            input_types: signature.inputs,
            outputs: signature.outputs,
            shapes,
            handles,
            location: Some(self.location),
            context,
            after: data.controls.clone(),
        });
        if let Some(context) = context {
            let outputs = state.node(id).map_or(0, |n| n.outputs.len());
            for port in 0..outputs as u32 {
                state.know(context, Endpoint { node: id, port });
            }
        }
        drop(state);
        if alone {
            device_function::place(graph, &data, &[id])?;
        }
        Ok(id)
    }
}

/// A reference may stand for a value, but not the other way round.
pub(crate) fn check_types(
    inputs: &[Endpoint],
    given: &[TypeRef],
    expected: &[TypeRef],
    state: &State,
) -> Result<()> {
    for (i, (g, e)) in given.iter().zip(expected).enumerate() {
        if g.base != e.base || (e.is_ref && !g.is_ref) {
            let from = state
                .node(inputs[i].node)
                .map_or(String::new(), |n| n.output_name(inputs[i].port));
            let suffix = |t: &TypeRef| if t.is_ref { "_ref" } else { "" };
            return Err(Error::invalid_argument(format!(
                "Input {i} was passed {}{} from {from} incompatible with expected {}{}.",
                g.base,
                suffix(g),
                e.base,
                suffix(e)
            )));
        }
    }
    Ok(())
}

/// Runs a shape function over what the graph knows.
pub(crate) fn infer_shapes(
    state: &State,
    schema: &Arc<OpSchema>,
    attrs: &Attrs,
    inputs: &[Endpoint],
    outputs: usize,
) -> Result<(Vec<PartialShape>, Vec<HandleData>)> {
    let shapes: Vec<PartialShape> = inputs.iter().map(|e| state.shape(*e)).collect();
    let handles: Vec<HandleData> = inputs
        .iter()
        .map(|e| {
            state
                .node(e.node)
                .and_then(|n| n.handles.get(e.port as usize).cloned())
                .flatten()
        })
        .collect();
    let constant_of = |i: usize| inputs.get(i).and_then(|e| state.constant_value(*e));
    let shape_of = |i: usize| {
        inputs
            .get(i)
            .map_or(PartialShape::unknown(), |e| state.constant_shape(*e))
    };
    let mut ctx = ShapeCtx {
        inputs: &shapes,
        handles: &handles,
        attrs,
        producer: state.versions.producer,
        constant_of: &constant_of,
        shape_of: &shape_of,
        outputs: vec![PartialShape::unknown(); outputs],
        output_handles: vec![None; outputs],
    };
    (schema.infer)(&mut ctx)?;
    Ok((ctx.outputs, ctx.output_handles))
}
