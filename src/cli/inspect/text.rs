//! The facts of a graph as text.

use super::facts::{Count, Facts, InfoFact, ShapeFact, TensorFact};
use crate::cli::output::{Done, Out, Table, thousands};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

impl fmt::Display for ShapeFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dims) = &self.0 else {
            return f.write_str("<unknown>");
        };
        let dims = dims.iter().map(|d| match d {
            Some(d) => d.to_string(),
            None => "?".into(),
        });
        write!(f, "[{}]", dims.collect::<Vec<_>>().join(","))
    }
}

pub(super) fn print(f: &Facts, out: &mut Out) -> Done {
    write!(out, "{}: {}, {}", f.path, f.kind, f.form)?;
    if !f.tags.is_empty() {
        write!(out, ", tags {}", f.tags.join(","))?;
    }
    if let Some(v) = &f.tensorflow_version {
        write!(out, ", by TensorFlow {v}")?;
    }
    writeln!(
        out,
        ", version {} (readers from {})",
        f.versions.producer, f.versions.min_consumer
    )?;
    writeln!(
        out,
        "nodes: {} ({} data edges, {} control edges)",
        thousands(f.nodes as u64),
        thousands(f.data_edges as u64),
        thousands(f.control_edges as u64)
    )?;
    print_counts("ops", &f.ops, out)?;
    print_counts("devices", &f.devices, out)?;
    print_tensors("inputs", &f.inputs, out)?;
    print_tensors("outputs", &f.outputs, out)?;
    print_variables(f, out)?;
    print_multiply_adds(f, out)?;
    print_signatures(f, out)?;
    if !f.collections.is_empty() {
        writeln!(out, "collections: {}", f.collections.len())?;
        let mut table = Table::new(&[0]);
        for (name, count) in &f.collections {
            table.row([count.to_string(), name.clone()]);
        }
        table.print(out, "  ")?;
    }
    if let Some(s) = &f.saver {
        writeln!(
            out,
            "saver: save {}, restore {}, file name {}",
            s.save, s.restore, s.filename
        )?;
    }
    if !f.functions.is_empty() {
        writeln!(out, "functions: {}", f.functions.len())?;
        let mut table = Table::new(&[1]);
        for function in &f.functions {
            table.row([function.name.clone(), format!("{} nodes", function.nodes)]);
        }
        table.print(out, "  ")?;
    }
    print_missing(f, out)?;
    if let Some(list) = &f.node_list {
        writeln!(out, "node list: {}", list.len())?;
        let mut table = Table::new(&[]);
        for n in list {
            table.row([&n.name, &n.op, &n.device, &n.inputs.join(" ")]);
        }
        table.print(out, "  ")?;
    }
    Ok(())
}

fn print_counts(what: &str, counts: &[Count], out: &mut Out) -> Done {
    writeln!(out, "{what}: {}", counts.len())?;
    let mut table = Table::new(&[0]);
    for c in counts {
        let name = if c.name.is_empty() { "(none)" } else { &c.name };
        table.row([thousands(c.count as u64).as_str(), name]);
    }
    table.print(out, "  ")
}

fn print_tensors(what: &str, tensors: &[TensorFact], out: &mut Out) -> Done {
    writeln!(out, "{what}: {}", tensors.len())?;
    let mut table = Table::new(&[]);
    for t in tensors {
        let ty = match t.dtype {
            Some(d) => format!("{d} {}", t.shape),
            None => String::new(),
        };
        table.row([t.name.clone(), t.op.clone(), ty]);
    }
    table.print(out, "  ")
}

fn print_variables(f: &Facts, out: &mut Out) -> Done {
    let elements = f.variables.iter().filter_map(|v| v.elements);
    let elements = elements.fold(0, usize::saturating_add);
    writeln!(
        out,
        "variables: {} ({} elements)",
        f.variables.len(),
        thousands(elements as u64)
    )?;
    let mut table = Table::new(&[2]);
    for v in &f.variables {
        table.row([
            v.name.clone(),
            format!("{} {}", v.dtype.unwrap_or("?"), v.shape),
            v.elements.map_or("?".into(), |e| thousands(e as u64)),
            if v.learnable { "learnable" } else { "" }.to_string(),
        ]);
    }
    table.print(out, "  ")?;
    if f.variables.is_empty() {
        return Ok(());
    }
    Ok(writeln!(
        out,
        "learnable parameters: {} (by {})",
        thousands(f.learnable.parameters as u64),
        f.learnable.by
    )?)
}

fn print_multiply_adds(f: &Facts, out: &mut Out) -> Done {
    let Some(m) = &f.multiply_adds else {
        return Ok(());
    };
    let least = if m.unknown > 0 { "at least " } else { "" };
    write!(
        out,
        "multiply-adds of one run: {least}{}",
        thousands(m.count)
    )?;
    if let Some(batch) = m.batch {
        write!(out, " for batches of {batch}")?;
    }
    if m.unknown > 0 {
        write!(out, " ({} nodes of unknown sizes not counted)", m.unknown)?;
    }
    Ok(writeln!(out)?)
}

fn print_signatures(f: &Facts, out: &mut Out) -> Done {
    if f.signatures.is_empty() {
        return Ok(());
    }
    writeln!(out, "signatures: {}", f.signatures.len())?;
    for (key, s) in &f.signatures {
        writeln!(out, "  {key} ({})", s.method)?;
        let mut table = Table::new(&[]);
        let mut rows = |what: &str, infos: &BTreeMap<String, InfoFact>| {
            for (key, i) in infos {
                let ty = format!("{} {}", i.dtype.unwrap_or("?"), i.shape);
                table.row([what, key, &i.name, &ty]);
            }
        };
        rows("input", &s.inputs);
        rows("output", &s.outputs);
        table.print(out, "    ")?;
    }
    Ok(())
}

fn print_missing(f: &Facts, out: &mut Out) -> Done {
    let nodes: usize = f.missing.iter().map(|m| m.nodes.len()).sum();
    if nodes == 0 {
        return Ok(writeln!(out, "without a kernel here: none")?);
    }
    let mut ops: Vec<&str> = f.missing.iter().map(|m| m.op.as_str()).collect();
    ops.dedup();
    writeln!(
        out,
        "without a kernel here: {} ops, {nodes} nodes",
        ops.len()
    )?;
    for m in &f.missing {
        writeln!(out, "  {} ({}): {} nodes", m.op, m.why, m.nodes.len())?;
        for n in &m.nodes {
            writeln!(out, "    {n}")?;
        }
    }
    Ok(())
}
