//! One node of an import: attributes, inputs, types and shapes checked against its op.

use super::names::NewNames;
use super::plan::Plan;
use super::{Mapped, tensor_name};
use crate::def::{AttrValue, GraphDef, InputRef, NodeDef, TypeRef, attr_from_proto};
use crate::device::DeviceSpec;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::build::{check_types, infer_shapes};
use crate::graph::library::Library;
use crate::graph::{Endpoint, Node, NodeId, State};
use crate::op::{Attrs, OpLookup, OpSchema, check_attrs, signature};
use crate::proto;
use std::collections::{HashMap, HashSet};

/// Default values by op and attribute.
pub(super) type ProducerOps<'a> = HashMap<&'a str, &'a proto::OpDef>;

/// An import under way.
pub(super) struct Import<'a> {
    pub(super) ops: &'a dyn OpLookup,
    pub(super) library: &'a Library,
    pub(super) names: NewNames<'a>,
    pub(super) prefix: &'a str,
    pub(super) plan: &'a Plan<'a>,
    /// The place in the graph of each node of the definition.
    pub(super) place: &'a [NodeId],
    pub(super) mapped: &'a Mapped,
    pub(super) producer_ops: Option<ProducerOps<'a>>,
    pub(super) partial: bool,
    /// The scope's device and control dependencies.
    pub(super) device: &'a DeviceSpec,
    pub(super) controls: &'a [NodeId],
}

/// A wanted element.
pub(super) enum Wanted {
    Node(NodeId),
    Output(Endpoint),
}

/// The ops of a list by name.
pub(super) fn producer_ops(list: &proto::OpList) -> ProducerOps<'_> {
    list.op.iter().map(|o| (o.name.as_str(), o)).collect()
}

impl Import<'_> {
    /// Adds all nodes.
    pub(super) fn nodes(&self, s: &mut State, def: &GraphDef) -> Result<()> {
        for &i in &self.plan.order {
            let n = &def.node[i];
            let node = self.node(s, n).map_err(|e| e.at_node(&n.name, &n.op))?;
            s.insert(node);
        }
        Ok(())
    }

    /// What the caller asked for, once the nodes are there.
    pub(super) fn wanted(&self, s: &State, names: &[String]) -> Result<Vec<Wanted>> {
        let find = |name: &str, kind: &str, text: &str| match self.plan.index.get(name) {
            Some(i) => Ok(self.place[*i]),
            None => Err(Error::invalid_argument(format!(
                "Requested return {kind} '{text}' not found in graph def"
            ))),
        };
        let one = |text: &String| {
            if !text.contains(':') {
                return find(text, "node", text).map(Wanted::Node);
            }
            let (name, port) = tensor_name(text)?;
            if let Some((endpoint, _)) = self.mapped.data(name, port) {
                return Ok(Wanted::Output(endpoint));
            }
            let node = find(name, "tensor", text)?;
            let count = s.node(node).map_or(0, |n| n.outputs.len());
            match port < count {
                true => Ok(Wanted::Output(Endpoint {
                    node,
                    port: port as u32,
                })),
                false => Err(Error::invalid_argument(format!(
                    "Invalid return output {port} of node '{name}', which has {count} output(s)"
                ))),
            }
        };
        names.iter().map(one).collect()
    }

    fn node(&self, state: &State, def: &NodeDef) -> Result<Node> {
        let called = || self.library.get(&def.op).map(|f| &f.schema);
        let schema = self.ops.schema(&def.op).or_else(called).cloned().ok_or_else(|| {
            Error::not_found(format!(
                "Op type not registered '{}'. Make sure the Op and Kernel are registered in the binary running in this process.",
                def.op
            ))
        })?;
        let mut attrs = Attrs(def.attr.clone());
        let output_shapes = attrs.0.remove("_output_shapes");
        self.drop_defaults(&schema, &mut attrs);
        self.colocate(&mut attrs)?;
        for (name, v) in attrs.0.iter().filter(|(n, _)| !n.starts_with('_')) {
            v.check()
                .map_err(|e| e.context(format!("attr '{name}': ")))?;
        }
        check_attrs(&schema, &mut attrs)?;
        let signature = signature(&schema, &attrs)?;
        let (inputs, given, controls) = self.inputs(state, def, &signature.inputs)?;
        if inputs.len() != signature.inputs.len() {
            let types: Vec<&str> = signature.inputs.iter().map(|t| t.base.name()).collect();
            return Err(Error::invalid_argument(format!(
                "NodeDef expected inputs '{}' do not match {} inputs specified",
                types.join(", "),
                inputs.len()
            )));
        }
        check_types(&inputs, &given, &signature.inputs, state)?;
        let (mut shapes, handles) =
            infer_shapes(state, &schema, &attrs, &inputs, signature.outputs.len())?;
        if let Some(given) = output_shapes {
            merge_shapes(&mut shapes, given, &def.name)?;
        }
        let device = DeviceSpec::parse_request(&def.device)?.over(self.device);
        Ok(Node {
            id: NodeId::new(0),
            name: self.names.full(self.prefix, &def.name),
            op: schema,
            attrs,
            inputs,
            controls,
            device: device.to_string(),
            input_types: signature.inputs,
            shapes,
            handles,
            outputs: signature.outputs,
            location: None,
            context: None,
            after: self.controls.to_vec(),
        })
    }

    /// Leaves out attributes that are not known here and have the value that the maker's definition gives them anyway.
    fn drop_defaults(&self, schema: &OpSchema, attrs: &mut Attrs) {
        let ops = self.producer_ops.as_ref();
        let Some(op) = ops.and_then(|ops| ops.get(schema.name.as_str())) else {
            return;
        };
        attrs.0.retain(|name, value| {
            let made = op.attr.iter().find(|a| a.name == *name);
            let default = made.and_then(|a| a.default_value.clone());
            schema.attr(name).is_some() || default.map(attr_from_proto).as_ref() != Some(value)
        });
    }

    /// Names the groups as their nodes are named now.
    fn colocate(&self, attrs: &mut Attrs) -> Result<()> {
        let Some(AttrValue::BytesList(groups)) = attrs.0.get_mut("_class") else {
            return Ok(());
        };
        for g in groups {
            let Some(node) = g.strip_prefix(b"loc:@") else {
                continue;
            };
            let node = String::from_utf8_lossy(node);
            if !self.partial && !self.plan.index.contains_key(&*node) {
                return Err(Error::invalid_argument(format!(
                    "expects to be colocated with unknown node '{node}'"
                )));
            }
            *g = format!("loc:@{}", self.names.full(self.prefix, &node)).into_bytes();
        }
        Ok(())
    }

    fn inputs(
        &self,
        state: &State,
        def: &NodeDef,
        expected: &[TypeRef],
    ) -> Result<(Vec<Endpoint>, Vec<TypeRef>, Vec<NodeId>)> {
        let (mut inputs, mut given, mut controls) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let place = |node: &str| {
            let found = self.plan.index.get(node).map(|i| self.place[*i]);
            found.ok_or_else(|| Error::internal(format!("the input '{node}' is not in the plan")))
        };
        for text in &def.input {
            let (node, port) = match InputRef::parse(text)? {
                InputRef::Control(node) => {
                    let id = match self.mapped.control(node) {
                        Some(id) => id,
                        None => place(node)?,
                    };
                    if seen.insert(id) {
                        controls.push(id);
                    }
                    continue;
                }
                InputRef::Data(node, port) => (node, port),
            };
            if let Some((endpoint, ty)) = self.mapped.data(node, port) {
                inputs.push(endpoint);
                given.push(ty);
                continue;
            }
            let id = place(node)?;
            let bad = |count: usize| {
                Error::invalid_argument(format!(
                    "Node '{}': Connecting to invalid output {port} of source node {node} which has {count} outputs.",
                    def.name
                ))
            };
            let ty = match state.node(id) {
                Some(from) => *from
                    .outputs
                    .get(port)
                    .ok_or_else(|| bad(from.outputs.len()))?,
                // A back edge, from a NextIteration that is not made yet: it has one output, of the type asked for.
                None if port == 0 => match expected.get(inputs.len()) {
                    Some(t) => *t,
                    None => TypeRef::from(DType::F32),
                },
                None => return Err(bad(1)),
            };
            inputs.push(Endpoint {
                node: id,
                port: port as u32,
            });
            given.push(ty);
        }
        controls.extend(self.controls.iter().filter(|c| seen.insert(**c)));
        Ok((inputs, given, controls))
    }
}

/// Refines the inferred shapes by those that the file gives.
fn merge_shapes(
    shapes: &mut [crate::shape::PartialShape],
    given: AttrValue,
    name: &str,
) -> Result<()> {
    let given = match given {
        AttrValue::ShapeList(l) => l,
        AttrValue::EmptyList => Vec::new(),
        v => {
            return Err(Error::invalid_argument(format!(
                "attr '_output_shapes' has kind {}",
                v.kind()
            )));
        }
    };
    if given.len() < shapes.len() {
        return Err(Error::invalid_argument(format!(
            "Node '{name}' has {} outputs but the _output_shapes attribute specifies shapes for {} outputs",
            shapes.len(),
            given.len()
        )));
    }
    for (s, g) in shapes.iter_mut().zip(&given) {
        *s = s.merge(g).map_err(|e| {
            e.context(format!(
                "Node '{name}' has an _output_shapes attribute inconsistent with the inferred shape: "
            ))
        })?;
    }
    Ok(())
}
