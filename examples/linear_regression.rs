//! Fits a line to noisy points, with summaries and a checkpoint: `cargo run --example linear_regression`.

use tensorloom::prelude::*;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "line".into());
    let g = Graph::new();
    g.set_seed(1);

    // Every step draws new points around y = 3x - 2.
    let s = g.scope("data");
    let x = s.random_uniform([32], UniformOptions::default());
    let noise = NormalOptions {
        stddev: 0.1,
        ..NormalOptions::default()
    };
    let y = 3.0 * x - 2.0 + s.random_normal([32], noise);

    let slope = g.get_variable("slope", (), init::zeros());
    let bias = g.get_variable("bias", (), init::zeros());
    let step = g.get_or_create_global_step();
    let error = x * slope + bias - y;
    let loss = error.square().mean();
    let train = GradientDescent::new(0.5).minimize_step(loss, step);
    g.root().summary_scalar("loss", loss);
    g.root().summary_histogram("error", error);
    let summaries = g
        .merge_all_summaries()
        .ok_or_else(|| Error::internal("two summaries were made"))?;
    let saver = Saver::new(&g);

    let session = Session::new(&g)?; // the first mistake made above comes out here, with its line
    session.run_target(g.init_op())?;
    let writer = FileWriter::new(&folder, Some(&g))?;
    for i in 1..=200 {
        let values = session.run((), [loss, summaries], train)?;
        writer.add_summary(values[1].to_bytes()?, i)?;
        if i % 50 == 0 {
            println!("step {i}: loss = {:.4}", values[0].to_scalar::<f32>()?);
        }
    }
    writer.close()?;
    let path = saver.save(&session, format!("{folder}/model.ckpt"), Some(200))?;
    let line = session.run((), [slope.value(), bias.value()], ())?;
    let [a, b] = [line[0].to_scalar::<f32>()?, line[1].to_scalar::<f32>()?];
    println!("y = {a:.2}x + {b:.2}, saved as {}", path.display());
    Ok(())
}
