//! Compiles the protobuf schema in `graph_defs/proto` to Rust types and tables; no protoc is needed.

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

const PROTOS: &[&str] = &["graph", "meta_graph", "checkpoint", "event"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new(["graph_defs/proto"])?;
    compiler.include_source_info(true);
    for proto in PROTOS {
        println!("cargo:rerun-if-changed=graph_defs/proto/{proto}.proto");
        compiler.open_file(format!("{proto}.proto"))?;
    }
    // Ordered maps, so that equal messages have equal bytes.
    prost_build::Config::new()
        .btree_map(["."])
        .compile_fds(compiler.file_descriptor_set())?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(
        Path::new(&out).join("schema.rs"),
        schema(&compiler.descriptor_pool())?,
    )?;
    Ok(())
}

/// The tables of `src/proto/schema.rs`: one static for each message and enum.
fn schema(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    let mut names = Vec::new();
    for e in pool.all_enums() {
        let ident = ident(e.full_name());
        let values: Vec<String> = e
            .values()
            .map(|v| format!("({:?}, {})", v.name(), v.number()))
            .collect();
        writeln!(
            out,
            "pub(crate) static {ident}: Enum = Enum {{ name: {:?}, values: &[{}] }};",
            local(e.full_name()),
            values.join(", ")
        )?;
    }
    for m in pool.all_messages() {
        let mut fields: Vec<FieldDescriptor> = m.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        let fields: Result<Vec<String>, String> = fields.iter().map(field).collect();
        writeln!(
            out,
            "/// `{0}`.\npub static {1}: Message = Message {{ name: {0:?}, map_entry: {2}, fields: &[{3}] }};",
            local(m.full_name()),
            ident(m.full_name()),
            m.is_map_entry(),
            fields?.join(", ")
        )?;
        names.push(format!("&{}", ident(m.full_name())));
    }
    writeln!(
        out,
        "static MESSAGES: &[&Message] = &[{}];",
        names.join(", ")
    )?;
    Ok(out)
}

fn field(f: &FieldDescriptor) -> Result<String, String> {
    let kind = match f.kind() {
        Kind::Message(m) => format!("Message(&{})", ident(m.full_name())),
        Kind::Enum(e) => format!("Enum(&{})", ident(e.full_name())),
        Kind::Bool => "Bool".into(),
        Kind::Int32 => "Int32".into(),
        Kind::Int64 => "Int64".into(),
        Kind::Uint32 => "Uint32".into(),
        Kind::Uint64 => "Uint64".into(),
        Kind::Sint64 => "Sint64".into(),
        Kind::Fixed32 => "Fixed32".into(),
        Kind::Fixed64 => "Fixed64".into(),
        Kind::Float => "Float".into(),
        Kind::Double => "Double".into(),
        Kind::String => "String".into(),
        Kind::Bytes => "Bytes".into(),
        other => return Err(format!("{}: no codec for {other:?}", f.full_name())),
    };
    Ok(format!(
        "Field {{ number: {}, name: {:?}, json_name: {:?}, kind: Kind::{kind}, repeated: {}, oneof: {:?} }}",
        f.number(),
        f.name(),
        f.json_name(),
        f.is_list() || f.is_map(),
        f.containing_oneof().map(|o| o.name().to_string())
    ))
}

/// The name within the package.
fn local(full_name: &str) -> &str {
    full_name.split_once('.').map_or(full_name, |n| n.1)
}

/// `tensorflow.AttrValue.ListValue` as `ATTR_VALUE_LIST_VALUE`.
fn ident(full_name: &str) -> String {
    let mut out = String::new();
    let mut lower = false;
    for c in local(full_name).chars() {
        if c == '.' {
            out.push('_');
            lower = false;
            continue;
        }
        if c.is_ascii_uppercase() && lower {
            out.push('_');
        }
        lower = !c.is_ascii_uppercase();
        out.push(c.to_ascii_uppercase());
    }
    out
}
