//! Graphs that hold ops that are not known here: which they are, and a graph in which the others still get shapes.

use crate::def::{AttrValue, FunctionDef, GraphDef, InputRef, NodeDef, TypeRef};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernel::DeviceType;
use crate::op::{Attrs, OpLookup, Signature, check_attrs, signature};
use crate::registry::Registry;
use crate::runtime::find_kernel;
use crate::shape::PartialShape;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Nodes of one op that cannot run here, for one reason.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Missing {
    pub(super) op: String,
    pub(super) why: String,
    /// Their names; `function/node` within functions of the library.
    pub(super) nodes: Vec<String>,
}

/// Ops without kernels that run nevertheless: the session replaces them by the functions that they call, or feeds them.
pub(super) const COMPILED_AWAY: [&str; 9] = [
    "Case",
    "If",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "StatelessCase",
    "StatelessIf",
    "StatelessWhile",
    "While",
    "_Arg",
];

/// The signature of a node whose op is known and whose attributes fit it.
pub(super) fn signature_of(registry: &Registry, n: &NodeDef) -> Result<(Signature, Attrs), String> {
    let schema = registry.schema(&n.op).ok_or("the op is not known")?;
    let mut attrs = Attrs(n.attr.clone());
    attrs
        .0
        .retain(|name, _| name.starts_with('_') || schema.attr(name).is_some());
    for (name, v) in attrs.0.iter().filter(|(n, _)| !n.starts_with('_')) {
        v.check()
            .map_err(|e| format!("attr '{name}': {}", e.message()))?;
    }
    check_attrs(schema, &mut attrs).map_err(|e| e.message().to_string())?;
    let types = signature(schema, &attrs).map_err(|e| e.message().to_string())?;
    Ok((types, attrs))
}

/// All nodes that no kernel here computes, with those of the library's functions; by op, then by reason.
pub(super) fn missing(
    registry: &Registry,
    def: &GraphDef,
    functions: &[FunctionDef],
) -> Vec<Missing> {
    let names: HashSet<&str> = functions.iter().map(FunctionDef::name).collect();
    let mut found: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut note = |n: &NodeDef, name: String, within: bool| {
        if let Some(why) = why_not(registry, n, &names, within) {
            found.entry((n.op.clone(), why)).or_default().push(name);
        }
    };
    for n in &def.node {
        note(n, n.name.clone(), false);
    }
    for f in functions {
        for n in &f.node {
            note(n, format!("{}/{}", f.name(), n.name), true);
        }
    }
    let all = found.into_iter();
    all.map(|((op, why), nodes)| Missing { op, why, nodes })
        .collect()
}

/// Why a node cannot run here, if so. Within a function the types may be left open.
fn why_not(
    registry: &Registry,
    n: &NodeDef,
    functions: &HashSet<&str>,
    within: bool,
) -> Option<String> {
    if functions.contains(n.op.as_str()) {
        return None; // What it calls is looked through by itself.
    }
    let Some(entry) = registry.entry(&n.op) else {
        return Some("the op is not known".into());
    };
    if COMPILED_AWAY.contains(&n.op.as_str()) {
        let gone = called(n).find(|f| !functions.contains(f));
        return gone.map(|f| format!("the function '{f}' is not in the library"));
    }
    if entry.kernels.is_empty() {
        return Some("there is no kernel".into());
    }
    let open = |v: &AttrValue| matches!(v, AttrValue::Placeholder(_));
    if within && n.attr.values().any(open) {
        return None;
    }
    let attrs = match signature_of(registry, n) {
        Ok((_, attrs)) => attrs,
        Err(why) => return Some(why),
    };
    find_kernel(registry, &n.op, DeviceType::Cpu, &attrs).err()?;
    let types = attrs.0.iter().filter_map(|(name, v)| match v {
        AttrValue::Type(d) => Some(format!("{name}={}", d.name())),
        AttrValue::TypeList(l) => {
            let l: Vec<&str> = l.iter().map(|d| d.name()).collect();
            Some(format!("{name}=[{}]", l.join(",")))
        }
        _ => None,
    });
    let types: Vec<String> = types.collect();
    Some(format!("no kernel for {}", types.join(", ")))
}

/// The functions that a node's attributes name.
fn called(n: &NodeDef) -> impl Iterator<Item = &str> {
    n.attr.values().flat_map(|v| match v {
        AttrValue::Func(name, _) => vec![name.as_str()],
        AttrValue::FuncList(list) => list.iter().map(|(name, _)| name.as_str()).collect(),
        _ => Vec::new(),
    })
}

/// A graph in which nodes that are not understood are replaced by NoOps, and what they give by placeholders of the
/// types that their readers expect.
pub(super) struct Softened {
    pub(super) def: GraphDef,
    /// The nodes that were replaced.
    pub(super) opaque: HashSet<String>,
}

impl Softened {
    /// Replaces what is not understood; a graph that is understood stays as it is.
    pub(super) fn new(registry: &Registry, def: &GraphDef) -> Softened {
        let known: Vec<Option<Signature>> = def
            .node
            .iter()
            .map(|n| signature_of(registry, n).ok().map(|s| s.0))
            .collect();
        let opaque: HashSet<&str> = def
            .node
            .iter()
            .zip(&known)
            .filter(|(_, k)| k.is_none())
            .map(|(n, _)| n.name.as_str())
            .collect();
        if opaque.is_empty() {
            return Softened {
                def: def.clone(),
                opaque: HashSet::new(),
            };
        }
        let mut soft = Softener {
            opaque: &opaque,
            taken: def.node.iter().map(|n| n.name.clone()).collect(),
            outputs: BTreeMap::new(),
        };
        let mut node: Vec<NodeDef> = def
            .node
            .iter()
            .zip(&known)
            .map(|(n, types)| match types {
                Some(types) => soft.reader(n, types),
                None => soft.replaced(n),
            })
            .collect();
        let index: HashMap<&str, &NodeDef> =
            def.node.iter().map(|n| (n.name.as_str(), n)).collect();
        for ((producer, port), (name, ty)) in &soft.outputs {
            let shape = index.get(producer).and_then(|n| given_shape(n, *port));
            node.push(stand_in(name, producer, *ty, shape.unwrap_or_default()));
        }
        Softened {
            def: GraphDef {
                node,
                ..def.clone()
            },
            opaque: opaque.into_iter().map(str::to_string).collect(),
        }
    }
}

struct Softener<'d> {
    opaque: &'d HashSet<&'d str>,
    taken: HashSet<String>,
    /// From the outputs in use to their stand-ins' names and types.
    outputs: BTreeMap<(&'d str, usize), (String, TypeRef)>,
}

impl<'d> Softener<'d> {
    /// A node that is understood, reading stand-ins.
    fn reader(&mut self, n: &'d NodeDef, types: &Signature) -> NodeDef {
        let mut position = 0;
        let input = n.input.iter().map(|text| {
            let Ok(InputRef::Data(producer, port)) = InputRef::parse(text) else {
                return text.clone();
            };
            let wanted = types.inputs.get(position).copied();
            position += 1;
            if !self.opaque.contains(producer) {
                return text.clone();
            }
            let wanted = wanted.unwrap_or(TypeRef::from(DType::F32));
            let taken = &mut self.taken;
            let (name, ty) = self.outputs.entry((producer, port)).or_insert_with(|| {
                let mut name = format!("{producer}/output_{port}");
                while !taken.insert(name.clone()) {
                    name.push('_');
                }
                (name, wanted)
            });
            // A reference serves those who want a value, too.
            ty.is_ref |= wanted.is_ref;
            name.clone()
        });
        let input = input.collect();
        NodeDef { input, ..n.clone() }
    }

    /// What stays of a node that is not understood: its name and what it waits for.
    fn replaced(&self, n: &NodeDef) -> NodeDef {
        let mut input: Vec<String> = Vec::new();
        for text in &n.input {
            let control = match InputRef::parse(text) {
                Ok(InputRef::Data(node, _) | InputRef::Control(node)) => format!("^{node}"),
                Err(_) => text.clone(),
            };
            if !input.contains(&control) {
                input.push(control);
            }
        }
        NodeDef {
            name: n.name.clone(),
            op: "NoOp".into(),
            input,
            device: n.device.clone(),
            ..NodeDef::default()
        }
    }
}

/// The shape that a file gives an output.
fn given_shape(n: &NodeDef, port: usize) -> Option<PartialShape> {
    match n.attr.get("_output_shapes") {
        Some(AttrValue::ShapeList(l)) => l.get(port).cloned(),
        _ => None,
    }
}

fn stand_in(name: &str, producer: &str, ty: TypeRef, shape: PartialShape) -> NodeDef {
    let op = if ty.is_ref {
        "VariableV2"
    } else {
        "Placeholder"
    };
    NodeDef {
        name: name.to_string(),
        op: op.into(),
        input: vec![format!("^{producer}")],
        attr: [
            ("dtype".to_string(), AttrValue::Type(ty.base)),
            ("shape".to_string(), AttrValue::Shape(shape)),
        ]
        .into(),
        ..NodeDef::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, ImportOptions};

    const TEXT: &str = r#"
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
        node { name: "odd" op: "Mystery" input: "x" input: "^x" attr { key: "k" value { i: 3 } }
               attr { key: "_output_shapes" value { list { shape { } shape { dim { size: 2 } dim { size: 3 } } } } } }
        node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 3 } dim { size: 4 } } float_val: 1 } } } }
        node { name: "y" op: "MatMul" input: "odd:1" input: "w" attr { key: "T" value { type: DT_FLOAT } } }
        node { name: "v" op: "Mystery2" }
        node { name: "a" op: "Assign" input: "v" input: "y" attr { key: "T" value { type: DT_FLOAT } } }
        node { name: "q" op: "Abs" input: "odd" attr { key: "T" value { type: DT_QINT8 } } }
        node { name: "f" op: "MyFunction" input: "x" input: "^q" }
        node { name: "s" op: "Abs" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
        library { function { signature { name: "MyFunction" }
                  node_def { name: "in" op: "Mystery" } node_def { name: "open" op: "Abs" attr { key: "T" value { placeholder: "T" } } } } }
    "#;

    #[test]
    fn all_that_cannot_run_is_found_in_one_pass() {
        let def = GraphDef::from_pbtxt(TEXT).unwrap();
        let functions = def.functions().unwrap();
        let found = missing(&Registry::builtin(), &def, &functions);
        let brief: Vec<(&str, &str, Vec<&str>)> = found
            .iter()
            .map(|m| {
                (
                    m.op.as_str(),
                    m.why.as_str(),
                    m.nodes.iter().map(String::as_str).collect(),
                )
            })
            .collect();
        // The call `f` runs as far as what it calls does.
        assert_eq!(brief.len(), 3, "{brief:?}");
        assert_eq!(brief[0].0, "Abs");
        assert_eq!(brief[0].2, ["q"]);
        assert_eq!(
            brief[1],
            (
                "Mystery",
                "the op is not known",
                vec!["odd", "MyFunction/in"]
            )
        );
        assert_eq!(brief[2], ("Mystery2", "the op is not known", vec!["v"]));
    }

    #[test]
    fn calls_run_as_far_as_their_functions_are_there() {
        let registry = Registry::builtin();
        let ops = registry.ops();
        let without = ops.iter().filter(|(_, e)| e.kernels.is_empty());
        let without: Vec<&str> = without.map(|(s, _)| s.name.as_str()).collect();
        assert_eq!(without, COMPILED_AWAY);
        let def = GraphDef::from_pbtxt(
            r#"node { name: "a" op: "PartitionedCall" attr { key: "f" value { func { name: "f" } } } }
               node { name: "b" op: "StatelessIf" attr { key: "then_branch" value { func { name: "f" } } }
                      attr { key: "else_branch" value { func { name: "gone" } } } }
               library { function { signature { name: "f" } } }"#,
        )
        .unwrap();
        let found = missing(&registry, &def, &def.functions().unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].why, "the function 'gone' is not in the library");
        assert_eq!(found[0].nodes, ["b"]);
    }

    #[test]
    fn the_others_get_types_and_shapes() {
        let def = GraphDef::from_pbtxt(TEXT).unwrap();
        let soft = Softened::new(&Registry::builtin(), &def);
        let g = Graph::new();
        g.import(&soft.def, &ImportOptions::default()).unwrap();
        assert_eq!(g.output("y").unwrap().shape().to_string(), "[2,4]");
        assert!(g.output("a").unwrap().type_ref().is_ref);
        let mut opaque: Vec<&str> = soft.opaque.iter().map(String::as_str).collect();
        opaque.sort_unstable();
        assert_eq!(opaque, ["f", "odd", "q", "v"]);
    }
}
