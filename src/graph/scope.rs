//! Scopes: cheap views of a graph that say how new nodes are named, placed, ordered and colocated.

use super::context::ContextId;
use super::device_function::DeviceFunctions;
use super::names::is_valid_scope_name;
use super::{Graph, NodeId, NodeRef, OpBuilder, Output};
use crate::def::AttrValue;
use crate::error::Error;
use crate::tensor::Tensor;
use std::borrow::Cow;
use std::panic::Location;

/// How `get_variable` treats variables that exist or do not exist yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// They must be new.
    #[default]
    Never,
    /// They must exist.
    Always,
    /// Either.
    Auto,
}

/// A view of a graph: name scope, variable scope, device, control dependencies, colocation.
///
/// Every method returns another view; the graph's nodes are the same.
#[derive(Clone, Copy)]
pub struct Scope<'g> {
    graph: &'g Graph,
    id: u32,
}

#[derive(Clone, Default)]
pub(crate) struct ScopeData {
    /// Put before names, with its slash.
    pub(crate) prefix: String,
    /// The name of the next op or composite.
    pub(crate) op_name: Option<String>,
    /// Put before variable names, with its slash.
    pub(crate) variables: String,
    pub(crate) reuse: Reuse,
    pub(crate) device: String,
    /// Who places nodes; `device` is asked for inside the last of them.
    pub(crate) device_functions: DeviceFunctions,
    /// The devices among which new variables are shared out; none: they stand where other nodes do.
    pub(crate) variable_devices: Vec<String>,
    pub(crate) controls: Vec<NodeId>,
    pub(crate) colocate: Vec<String>,
    /// The context in which nodes stand.
    pub(crate) context: Option<ContextId>,
    /// Where a composite was opened: what is built from its result stands there.
    pub(crate) outer: Option<u32>,
}

impl<'g> Scope<'g> {
    pub(crate) fn new(graph: &'g Graph, id: u32) -> Scope<'g> {
        Scope { graph, id }
    }
    /// The graph.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }
    pub(crate) fn data(self) -> ScopeData {
        self.graph
            .state()
            .scopes
            .get(self.id as usize)
            .cloned()
            .unwrap_or_default()
    }
    pub(crate) fn derive(self, change: impl FnOnce(&mut ScopeData)) -> Scope<'g> {
        let mut s = self.graph.state();
        let mut data = s.scopes.get(self.id as usize).cloned().unwrap_or_default();
        change(&mut data);
        s.scopes.push(data);
        let id = (s.scopes.len() - 1) as u32;
        Scope {
            graph: self.graph,
            id,
        }
    }
    #[track_caller]
    fn bad_name(self, name: &str) {
        let e = Error::invalid_argument(format!("'{name}' is not a valid scope name"));
        self.graph.fail(e.at_line(Location::caller()));
    }

    /// Opens a name scope: nodes inside are named `name/…`. A second scope of the same name becomes `name_1`;
    /// a name that ends in a slash is entered again as it is; the empty name leads back to the root.
    #[track_caller]
    pub fn scope(self, name: &str) -> Scope<'g> {
        let d = self.data();
        let prefix = if name.is_empty() {
            String::new()
        } else if name.ends_with('/') {
            name.to_string()
        } else {
            if !is_valid_scope_name(name, d.prefix.is_empty()) {
                self.bad_name(name);
            }
            format!(
                "{}/",
                self.graph
                    .state()
                    .names
                    .unique(&format!("{}{name}", d.prefix))
            )
        };
        self.derive(|d| {
            d.prefix = prefix;
            d.op_name = None;
        })
    }
    /// Opens a name scope for a composite: named by [`Scope::named`] if it was, else `default`.
    #[track_caller]
    pub fn composite(self, default: &str) -> Scope<'g> {
        let name = self.data().op_name.unwrap_or_else(|| default.to_string());
        let outer = self.unnamed().id;
        self.scope(&name).derive(|d| d.outer = Some(outer))
    }
    /// The name that the next op (or composite) made in the returned scope has.
    pub fn named(self, name: &str) -> Scope<'g> {
        self.derive(|d| d.op_name = Some(name.to_string()))
    }
    /// The name given by [`Scope::named`] for the next op or composite.
    pub fn op_name(self) -> Option<String> {
        self.data().op_name
    }
    /// The scope without a name for the next op.
    pub fn unnamed(self) -> Scope<'g> {
        match self.op_name() {
            Some(_) => self.derive(|d| d.op_name = None),
            None => self,
        }
    }
    /// The prefix of names, without the last slash.
    pub fn name(self) -> String {
        self.data().prefix.trim_end_matches('/').to_string()
    }

    /// Opens a variable scope, and a name scope of the same name: `get_variable("w")` inside makes
    /// `name/w`, whatever name scopes are open.
    #[track_caller]
    pub fn variable_scope(self, name: &str) -> Scope<'g> {
        self.scope(name)
            .derive(|d| d.variables = format!("{}{name}/", d.variables))
    }
    /// The variable scope's prefix, without the last slash.
    pub fn variable_prefix(self) -> String {
        self.data().variables.trim_end_matches('/').to_string()
    }
    /// The scope with another prefix for variables (with its slash, or empty).
    pub fn with_variable_prefix(self, prefix: &str) -> Scope<'g> {
        self.derive(|d| d.variables = prefix.to_string())
    }
    /// Says whether `get_variable` finds variables again.
    pub fn reuse(self, reuse: Reuse) -> Scope<'g> {
        self.derive(|d| d.reuse = reuse)
    }
    /// Whether `get_variable` finds variables again.
    pub fn reuse_mode(self) -> Reuse {
        self.data().reuse
    }

    /// Places nodes on a device, by a full or partial name; parts not named come from the outer scope;
    /// the empty name means no device.
    #[track_caller]
    pub fn device(self, device: &str) -> Scope<'g> {
        let set = |device: String| {
            self.derive(|d| {
                d.device = device;
                d.variable_devices.clear();
            })
        };
        if device.is_empty() {
            return self.derive(ScopeData::clear_device);
        }
        let merged = crate::device::DeviceSpec::parse_request(device).and_then(|inner| {
            Ok(inner.over(&crate::device::DeviceSpec::parse(&self.data().device)?))
        });
        match merged {
            Ok(spec) => set(spec.to_string()),
            Err(e) => {
                self.graph.fail(e.at_line(Location::caller()));
                self
            }
        }
    }
    /// New variables stand on that one of these devices on which the graph's variables so far take the fewest bytes, the
    /// first of equals. A [`Scope::device`] inside ends it.
    pub fn variables_on<D: AsRef<str>>(self, devices: &[D]) -> Scope<'g> {
        let devices = devices.iter().map(|d| d.as_ref().to_string()).collect();
        self.derive(|d| d.variable_devices = devices)
    }
    /// Nodes made inside run after these.
    pub fn after<N: Into<NodeRef<'g>>>(self, nodes: impl IntoIterator<Item = N>) -> Scope<'g> {
        let ids: Vec<NodeId> = nodes
            .into_iter()
            .map(|n| n.into())
            .filter(|n| n.is_valid())
            .map(NodeRef::id)
            .collect();
        self.derive(|d| {
            for id in ids {
                if !d.controls.contains(&id) {
                    d.controls.push(id);
                }
            }
        })
    }
    /// Nodes made inside have no control dependencies from scopes, and stand in no loop and no branch.
    pub fn without_control(self) -> Scope<'g> {
        self.derive(|d| {
            d.controls.clear();
            d.context = None;
        })
    }
    /// Nodes made inside stand on the device of that node.
    pub fn colocate_with(self, node: impl Into<NodeRef<'g>>) -> Scope<'g> {
        let node = node.into();
        let Some(n) = node.node() else { return self };
        let groups = colocation_groups(&n);
        self.derive(|d| {
            d.clear_device();
            d.device = n.device.clone();
            d.colocate = groups;
        })
    }

    /// A unique form of a name inside this scope, which is from then on in use.
    pub fn unique_name(self, name: &str) -> String {
        let prefix = self.data().prefix;
        self.graph.state().names.unique(&format!("{prefix}{name}"))
    }

    /// Begins a node of that op type.
    #[track_caller]
    pub fn op(self, op: impl Into<Cow<'g, str>>) -> OpBuilder<'g> {
        OpBuilder::new(self, op.into(), Location::caller())
    }

    /// Begins the node that has the scope's own name: the result of a composite whose other nodes stand
    /// inside (`concat`, after `concat/axis`). What is built from it stands where the composite was opened.
    #[track_caller]
    pub fn result_op(self, op: &'g str) -> OpBuilder<'g> {
        let name = format!("{}/", self.name());
        let builder = OpBuilder::new(self, op.into(), Location::caller()).name(name);
        builder.result_in(self.result_scope())
    }
    /// Where what is built from the result of a composite stands.
    pub(crate) fn result_scope(self) -> Scope<'g> {
        match self.data().outer {
            Some(id) => Scope {
                graph: self.graph,
                id,
            },
            None => self.unnamed(),
        }
    }

    /// A constant (op `Const`).
    #[track_caller]
    pub fn constant(self, value: impl Into<Tensor>) -> Output<'g> {
        let value = value.into();
        self.op("Const")
            .attr("dtype", value.dtype())
            .attr("value", value)
            .out()
    }
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "scope '{}'", self.name())
    }
}

/// The groups of a node: those that it names, or its own.
pub(crate) fn colocation_groups(n: &super::Node) -> Vec<String> {
    match n.attrs.0.get("_class") {
        Some(AttrValue::BytesList(l)) => l
            .iter()
            .map(|b| String::from_utf8_lossy(b).into_owned())
            .collect(),
        _ => vec![format!("loc:@{}", n.name)],
    }
}
