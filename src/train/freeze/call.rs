//! Functions that are called with variables, made anew for values in their place.

use super::body::{Body, Carrier, Given, Notation};
use super::{Origin, Variable};
use crate::def::{AttrValue, FunctionDef, FunctionLibrary, NodeDef};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::OpLookup;
use crate::registry::Registry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Calls within calls beyond this depth are refused.
const MAX_DEPTH: usize = 100;

/// A function as it is for certain types of the arguments that were variables.
pub(super) struct Specialized {
    pub(super) name: String,
    /// Of each result that is a variable's value: which one's, and of what type.
    pub(super) results: Vec<Option<(Origin, DType)>>,
    pub(super) reads: HashSet<Origin>,
    pub(super) writes: HashSet<Origin>,
}

/// A node that calls functions.
pub(super) struct Call {
    /// Each function as the node names it.
    pub(super) functions: Vec<String>,
    /// The input that is the first argument.
    pub(super) first_arg: usize,
    /// The attributes with the types of arguments and results; a call by the function's name has none.
    pub(super) types: Option<(&'static str, &'static str)>,
    /// Results are the arguments of the next turn.
    is_loop: bool,
}

/// The call that a node is, if it is one.
pub(super) fn call_of(freezer: &Freezer<'_>, n: &NodeDef) -> Option<Call> {
    let func = |attr: &str| match n.attr.get(attr) {
        Some(AttrValue::Func(name, _)) => vec![name.clone()],
        Some(AttrValue::FuncList(list)) => list.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    let call = |functions, first_arg, types, is_loop| {
        Some(Call {
            functions,
            first_arg,
            types: Some(types),
            is_loop,
        })
    };
    let types = ("Tin", "Tout");
    match n.op.as_str() {
        "PartitionedCall" | "StatefulPartitionedCall" => call(func("f"), 0, types, false),
        "If" | "StatelessIf" => {
            let both = [func("then_branch"), func("else_branch")].concat();
            call(both, 1, types, false)
        }
        "Case" | "StatelessCase" => call(func("branches"), 1, types, false),
        "While" | "StatelessWhile" => {
            call([func("cond"), func("body")].concat(), 0, ("T", "T"), true)
        }
        op if freezer.registry.schema(op).is_none() && freezer.functions.contains_key(op) => {
            Some(Call {
                functions: vec![op.to_string()],
                first_arg: 0,
                types: None,
                is_loop: false,
            })
        }
        _ => None,
    }
}

impl Call {
    /// The results that are variables, by what its functions make of them.
    pub(super) fn outputs(
        &self,
        made: &[Rc<Specialized>],
        carried: &[Option<Carrier>],
    ) -> Result<Vec<(usize, Carrier)>> {
        // A loop's condition gives no result.
        let made = if self.is_loop {
            made.get(1..).unwrap_or(&[])
        } else {
            made
        };
        let mut found = Vec::new();
        let count = made.iter().map(|m| m.results.len()).max().unwrap_or(0);
        for k in 0..count {
            let types: HashSet<Option<DType>> = made
                .iter()
                .map(|m| m.results.get(k).and_then(|r| r.as_ref()).map(|r| r.1))
                .collect();
            let given = carried.get(k).and_then(|c| c.as_ref());
            if types.len() > 1 || self.is_loop && !types.contains(&given.map(|c| c.dtype)) {
                return Err(Error::failed_precondition(format!(
                    "result {k} is not the same kind of variable from each function"
                )));
            }
            let first = made.first().and_then(|m| m.results.get(k));
            let Some((origin, dtype)) = first.and_then(|r| r.as_ref()) else {
                continue;
            };
            let origin = match origin {
                Origin::Arg(i) => carried
                    .get(self.first_arg + i)
                    .and_then(|c| c.as_ref())
                    .map(|c| c.origin.clone()),
                v => Some(v.clone()),
            };
            let origin = origin.ok_or_else(|| Error::internal("a variable from nowhere"))?;
            let carrier = Carrier {
                origin,
                dtype: *dtype,
                by_ref: false,
            };
            found.push((k, carrier));
        }
        Ok(found)
    }
}

/// The types of the arguments that are variables.
type Arguments = Vec<Option<DType>>;

/// What has been made of a library so far.
pub(super) struct Freezer<'d> {
    pub(super) registry: Arc<Registry>,
    pub(super) functions: HashMap<&'d str, &'d FunctionDef>,
    made: HashMap<(String, Arguments), Rc<Specialized>>,
    definitions: BTreeMap<String, FunctionDef>,
    /// The variables that became constants, each with a node that is it.
    pub(super) variables: BTreeMap<Variable, NodeDef>,
    depth: usize,
}

impl<'d> Freezer<'d> {
    pub(super) fn new(registry: Arc<Registry>, library: &'d [FunctionDef]) -> Freezer<'d> {
        Freezer {
            registry,
            functions: library.iter().map(|f| (f.name(), f)).collect(),
            made: HashMap::new(),
            definitions: BTreeMap::new(),
            variables: BTreeMap::new(),
            depth: 0,
        }
    }

    /// The number of the first output of that name, for ops whose outputs are variables or a function's results.
    pub(super) fn first_output(&self, op: &str, output: &str) -> usize {
        let results = self.functions.get(op).map(|f| &f.signature.output_arg);
        let place = results.and_then(|r| r.iter().position(|a| a.name == output));
        place.unwrap_or(0)
    }

    /// The functions of a call for what it is given.
    pub(super) fn specialize_all(
        &mut self,
        call: &Call,
        carried: &[Option<Carrier>],
    ) -> Result<Vec<Rc<Specialized>>> {
        let arguments: Arguments = carried
            .iter()
            .skip(call.first_arg)
            // What a reference gives a function is the value.
            .map(|c| c.as_ref().filter(|c| !c.by_ref).map(|c| c.dtype))
            .collect();
        let each = call.functions.iter();
        each.map(|f| self.specialize(f, &arguments)).collect()
    }

    fn specialize(&mut self, name: &str, arguments: &[Option<DType>]) -> Result<Rc<Specialized>> {
        let key = (name.to_string(), arguments.to_vec());
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let def = *self
            .functions
            .get(name)
            .ok_or_else(|| Error::not_found(format!("Function '{name}' is not in the library")))?;
        if self.depth >= MAX_DEPTH {
            return Err(Error::invalid_argument(format!(
                "Function '{name}' calls itself, or lies more than {MAX_DEPTH} calls deep"
            )));
        }
        self.depth += 1;
        let made = self.make(def, arguments);
        self.depth -= 1;
        // Of functions within functions the innermost is named.
        let within = |e: Error| match e.message().starts_with("Function '") {
            true => e,
            false => e.context(format!("Function '{name}': ")),
        };
        let made = Rc::new(made.map_err(within)?);
        self.made.insert(key, made.clone());
        Ok(made)
    }

    fn make(&mut self, def: &FunctionDef, arguments: &[Option<DType>]) -> Result<Specialized> {
        let mut new = def.clone();
        let mut args = Vec::new();
        for (i, arg) in def.signature.input_arg.iter().enumerate() {
            let dtype = arguments.get(i).copied().flatten();
            if let Some(dtype) = dtype {
                retype(&mut new, i, dtype)?;
            }
            args.push((arg.name.as_str(), dtype));
        }
        let mut roots: Vec<&str> = Vec::new();
        for out in &def.signature.output_arg {
            let from = def
                .ret
                .get(&out.name)
                .ok_or_else(|| Error::invalid_argument(format!("Return '{}' missing", out.name)))?;
            roots.push(from);
        }
        let effects: Vec<String> = self.effectful(def);
        roots.extend(effects.iter().map(String::as_str));
        let given = Given {
            nodes: &def.node,
            args,
            roots,
            notation: Notation::Function,
        };
        let frozen = Body::new(self, &given)?.freeze(self)?;
        new.node = frozen.nodes;
        let mut results = Vec::new();
        let outputs = new.signature.output_arg.iter_mut().zip(&frozen.roots);
        for (out, root) in outputs {
            if let Some(c) = &root.carrier {
                out.r#type = c.dtype as i32;
                out.handle_data.clear();
                out.experimental_full_type = None;
            }
            new.ret.insert(out.name.clone(), root.text.clone());
            let carried = root.carrier.as_ref();
            results.push(carried.map(|c| (c.origin.clone(), c.dtype)));
        }
        let there: HashSet<&str> = new.node.iter().map(|n| n.name.as_str()).collect();
        new.control_ret.retain(|_, n| there.contains(n.as_str()));
        let left = &new.control_ret;
        new.signature
            .control_output
            .retain(|c| left.contains_key(c));
        let name = match new == *def {
            true => def.name().to_string(),
            false => self.unique(&format!("{}_frozen", def.name())),
        };
        new.signature.name = name.clone();
        self.definitions.insert(name.clone(), new);
        Ok(Specialized {
            name,
            results,
            reads: frozen.reads,
            writes: frozen.writes,
        })
    }

    /// The nodes that a function runs for their effects, as control inputs.
    fn effectful(&self, def: &FunctionDef) -> Vec<String> {
        let stateful = |n: &NodeDef| match self.registry.schema(&n.op) {
            Some(s) => s.flags.stateful && n.op != "VarHandleOp" && n.op != "ReadVariableOp",
            None => true,
        };
        let returned = def.control_ret.values().cloned();
        let others = def.node.iter().filter(|n| stateful(n));
        let all = returned.chain(others.map(|n| n.name.clone()));
        all.map(|n| format!("^{n}")).collect()
    }

    fn unique(&self, name: &str) -> String {
        let free = |n: &str| !self.functions.contains_key(n) && !self.definitions.contains_key(n);
        let numbered = (1..).map(|i| format!("{name}_{i}"));
        let mut names = std::iter::once(name.to_string()).chain(numbered);
        names.find(|n| free(n)).unwrap_or_default()
    }

    /// The functions that these nodes need, and the variables that have become constants.
    pub(super) fn finish(
        self,
        nodes: &[NodeDef],
    ) -> (FunctionLibrary, BTreeMap<Variable, NodeDef>) {
        let mut needed: Vec<&FunctionDef> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        let mut names: Vec<String> = nodes.iter().flat_map(called).collect();
        while let Some(name) = names.pop() {
            let made = self.definitions.get(&name);
            let Some(f) = made.or_else(|| self.functions.get(name.as_str()).copied()) else {
                continue;
            };
            if seen.insert(name) {
                names.extend(f.node.iter().flat_map(called));
                needed.push(f);
            }
        }
        needed.sort_by(|a, b| a.name().cmp(b.name()));
        let library = FunctionLibrary {
            functions: needed.into_iter().cloned().collect(),
            others: Vec::new(),
        };
        (library, self.variables)
    }
}

/// The names by which a node may call functions.
fn called(n: &NodeDef) -> Vec<String> {
    fn within(v: &AttrValue, out: &mut Vec<String>) {
        match v {
            AttrValue::Func(name, attrs) => {
                out.push(name.clone());
                attrs.values().for_each(|v| within(v, out));
            }
            AttrValue::FuncList(list) => list.iter().for_each(|(name, attrs)| {
                out.push(name.clone());
                attrs.values().for_each(|v| within(v, out));
            }),
            _ => {}
        }
    }
    let mut out = vec![n.op.clone()];
    n.attr.values().for_each(|v| within(v, &mut out));
    out
}

/// Gives an argument that was a handle the type of the value; what was said of the handle is no longer true.
fn retype(f: &mut FunctionDef, i: usize, dtype: DType) -> Result<()> {
    let arg = f.signature.input_arg.get_mut(i);
    let arg = arg.filter(|a| a.r#type == DType::Resource as i32);
    let arg = arg.ok_or_else(|| {
        Error::failed_precondition(format!("argument {i} is a variable, but not by its type"))
    })?;
    arg.r#type = dtype as i32;
    arg.handle_data.clear();
    arg.experimental_full_type = None;
    if let Some(attrs) = f.arg_attr.get_mut(&(i as u32)) {
        attrs.retain(|k, _| k == "_user_specified_name");
    }
    f.attr.remove("_input_shapes");
    Ok(())
}
