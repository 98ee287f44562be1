//! `tensorloom ops`: which ops there are, their signatures, kernels and gradients.

use super::lenient::COMPILED_AWAY;
use super::output::{Done, Out, Table};
use crate::error::Error;
use crate::grad::Grad;
use crate::kernel::KernelDef;
use crate::op::Flags;
use crate::registry::{OpEntry, Registry};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// Say which ops there are, or what one of them takes, gives and computes
///
/// Without a name: all ops, with the element types of their kernels and whether they have a gradient. With names: the
/// signature and the attributes as TensorFlow's registry writes them, the kernels of each device with the types
/// they compute, and the gradient.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tensorloom ops Conv2D\n  tensorloom ops --json | jq -r '.[] | select(.gradient == \"missing\") | .op'"
)]
pub(super) struct Args {
    /// The ops; all when none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What there is to say about an op.
#[derive(Serialize)]
struct Fact {
    op: String,
    signature: &'static str,
    attrs: Vec<&'static str>,
    stateful: bool,
    commutative: bool,
    aggregate: bool,
    allows_uninitialized_input: bool,
    gradient: &'static str,
    /// It needs no kernel: the session puts what it calls in its place.
    compiled_away: bool,
    kernels: Vec<Kernel>,
}

/// The kernels of one device: for each type attribute the types, as pairs where several attributes decide.
#[derive(Serialize)]
struct Kernel {
    device: &'static str,
    types: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let registry = Registry::builtin();
        let mut facts = Vec::new();
        if self.names.is_empty() {
            facts.extend(registry.ops().iter().map(|(s, e)| fact(&s.name, e)));
        }
        for name in &self.names {
            let entry = registry
                .entry(name)
                .ok_or_else(|| unknown(name, &registry))?;
            facts.push(fact(name, entry));
        }
        if self.json {
            out.json(&facts)?;
        } else if self.names.is_empty() {
            list(&facts, out)?;
        } else {
            for (i, f) in facts.iter().enumerate() {
                if i > 0 {
                    writeln!(out)?;
                }
                describe(f, out)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn unknown(name: &str, registry: &Registry) -> Error {
    let lower = name.to_ascii_lowercase();
    let ops = registry.ops();
    let like: Vec<&str> = ops
        .iter()
        .map(|(s, _)| s.name.as_str())
        .filter(|n| {
            let n = n.to_ascii_lowercase();
            n.contains(&lower) || (n.len() > 2 && lower.contains(&n))
        })
        .take(8)
        .collect();
    Error::not_found(match like.is_empty() {
        true => format!("Op type not registered '{name}'"),
        false => format!(
            "Op type not registered '{name}'; similar: {}",
            like.join(", ")
        ),
    })
}

fn fact(name: &str, entry: &OpEntry) -> Fact {
    let Flags {
        stateful,
        commutative,
        aggregate,
        allows_uninitialized_input,
    } = entry.def.flags;
    Fact {
        op: name.to_string(),
        signature: entry.def.signature,
        attrs: entry
            .def
            .attrs
            .split(';')
            .map(str::trim)
            .filter(|a| !a.is_empty())
            .collect(),
        stateful,
        commutative,
        aggregate,
        allows_uninitialized_input,
        gradient: match entry.grad {
            Grad::Fn(_) | Grad::Inline(_) => "yes",
            Grad::NotDifferentiable => "not differentiable",
            Grad::Missing => "missing",
        },
        compiled_away: COMPILED_AWAY.contains(&name),
        kernels: kernels(entry.kernels),
    }
}

/// One entry for each device and set of attributes that decide; the types of equal sets together.
fn kernels(defs: &[KernelDef]) -> Vec<Kernel> {
    let mut found: Vec<Kernel> = Vec::new();
    for def in defs {
        let device = def.device.name();
        let types = |list: &[crate::DType]| list.iter().map(|d| d.name()).collect::<Vec<_>>();
        // Kernels that differ in one attribute's types only are one entry.
        let merged = found.iter_mut().find(|k| {
            k.device == device
                && k.types.len() == def.when.len()
                && def.when.iter().all(|(a, _)| k.types.contains_key(a))
                && def
                    .when
                    .iter()
                    .filter(|(a, l)| k.types[a] != types(l))
                    .count()
                    <= 1
        });
        match merged {
            Some(k) => {
                for (attr, list) in def.when {
                    let there = k.types.entry(attr).or_default();
                    for t in types(list) {
                        if !there.contains(&t) {
                            there.push(t);
                        }
                    }
                }
            }
            None => found.push(Kernel {
                device,
                types: def.when.iter().map(|(a, l)| (*a, types(l))).collect(),
            }),
        }
    }
    found
}

impl Kernel {
    fn text(&self) -> String {
        if self.types.is_empty() {
            return "all types".into();
        }
        let each: Vec<String> = self
            .types
            .iter()
            .map(|(attr, types)| format!("{attr}: {}", types.join(" ")))
            .collect();
        each.join("; ")
    }
}

fn list(facts: &[Fact], out: &mut Out) -> Done {
    let mut table = Table::new(&[]);
    table.row(["OP", "GRADIENT", "KERNELS"]);
    for f in facts {
        let mut kernels: Vec<String> = Vec::new();
        for k in &f.kernels {
            kernels.push(format!("{} {}", k.device, k.text()));
        }
        if f.compiled_away {
            kernels.push("needs none".into());
        }
        table.row([f.op.as_str(), f.gradient, &kernels.join(" | ")]);
    }
    table.print(out, "")?;
    Ok(writeln!(out, "{} ops", facts.len())?)
}

fn describe(f: &Fact, out: &mut Out) -> Done {
    writeln!(out, "{}", f.signature)?;
    for a in &f.attrs {
        writeln!(out, "  attr      {a}")?;
    }
    for (is, what) in [
        (f.stateful, "stateful"),
        (f.commutative, "commutative"),
        (f.aggregate, "aggregate"),
        (
            f.allows_uninitialized_input,
            "takes uninitialized references",
        ),
    ] {
        if is {
            writeln!(out, "  flag      {what}")?;
        }
    }
    for k in &f.kernels {
        writeln!(out, "  kernel    {}: {}", k.device, k.text())?;
    }
    if f.compiled_away {
        writeln!(
            out,
            "  kernel    needs none: the session puts what it calls in its place"
        )?;
    } else if f.kernels.is_empty() {
        writeln!(out, "  kernel    none")?;
    }
    Ok(writeln!(out, "  gradient  {}", f.gradient)?)
}
