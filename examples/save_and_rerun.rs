//! Writes a graph as text and as binary, reads both back and runs them: `cargo run --example save_and_rerun`.

use tensorloom::prelude::*;

/// A graph without any data: two matrices in, their product (and a bias) out.
fn build(g: &Graph) {
    let x = g.placeholder("x", DType::F32, [None, Some(2)]);
    let w = g.placeholder("w", DType::F32, [2, 2]);
    let y = x.matmul(w) + [1.0f32, -1.0];
    g.root().named("y").identity(y);
}

/// Runs the definition in a file; only names are known of it.
fn rerun(path: &std::path::Path) -> Result<Tensor> {
    let g = Graph::new();
    g.import(&GraphDef::read(path)?, &ImportOptions::default())?;
    let session = Session::new(&g)?;
    let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    let w = Tensor::from([[0.0f32, 1.0], [1.0, 0.0]]);
    let mut fetched = session.run([("x:0", x), ("w:0", w)], ["y:0"], ())?;
    Ok(fetched.remove(0))
}

fn main() -> Result<()> {
    let g = Graph::new();
    build(&g);
    let definition = g.export()?;
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    for name in ["graph.pbtxt", "graph.pb"] {
        // The ending says which form; TensorFlow reads both.
        let path = std::path::Path::new(&folder).join(name);
        definition.write(&path)?;
        let nodes = definition.node.len();
        println!("{name}: {nodes} nodes, y = {}", rerun(&path)?);
    }
    Ok(())
}
