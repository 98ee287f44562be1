//! Builds a graph, differentiates it and runs it: `cargo run --example hello_graph`.

use tensorloom::prelude::*;

fn main() -> Result<()> {
    // Building computes nothing yet: each line adds nodes to the graph.
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None]);
    let y = (x.square() + 3.0 * x).sum();

    // The gradient is made of nodes of the same graph.
    let Some(Gradient::Dense(dy_dx)) = g.gradients(&[y], &[x])?[0] else {
        return Err(Error::internal("y depends on all of x"));
    };

    // Running computes what the fetches need, and no more.
    let session = Session::new(&g)?;
    let values = session.run([(x, [1.0f32, 2.0, 3.0])], [y, dy_dx], ())?;
    println!("y = sum(x² + 3x) = {}", values[0].to_scalar::<f32>()?);
    println!("dy/dx = 2x + 3   = {:?}", values[1].data::<f32>()?);
    Ok(())
}
