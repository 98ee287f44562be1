//! Compiles the protobuf schema in `graph_defs/proto` to Rust types; no protoc is needed.

use std::error::Error;

const PROTOS: &[&str] = &["graph", "meta_graph", "checkpoint", "event"];

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = PROTOS
        .iter()
        .map(|p| format!("graph_defs/proto/{p}.proto"))
        .collect();
    for file in &files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(&files, ["graph_defs/proto"])?;
    // Ordered maps, so that equal messages have equal bytes.
    prost_build::Config::new()
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
