//! `tensorloom bench`: the figures of a small graph.

use super::tensorloom;
use crate::io::TempDir;
use tensorloom::{DType, Graph};

#[test]
fn figures_are_consistent() {
    let dir = TempDir::new("cli-bench");
    let dir = dir.path();
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [Some(64), Some(64)]);
    g.root().named("y").matmul(x, x);
    g.export().unwrap().write(dir.join("g.pb")).unwrap();
    let x = vec![vec!["1"; 64].join(","); 64].join("],[");
    let feed = format!("x=[[{x}]]");
    let args = [
        "bench", "g.pb", "--feed", &feed, "--fetch", "y", "--steps", "20", "--warmup", "2",
    ];
    let report = tensorloom(dir, &[&args[..], &["--json"]].concat()).json();
    assert_eq!(report["steps"], 20);
    let ms = |name: &str| report[name].as_f64().unwrap();
    assert!(
        0.0 < ms("p10_ms") && ms("p10_ms") <= ms("median_ms") && ms("median_ms") <= ms("p90_ms")
    );
    // The fed matrix and its square were live at once.
    assert!(report["peak_bytes"].as_u64().unwrap() >= 2 * 64 * 64 * 4);
    let product = &report["ops"][0];
    assert_eq!(
        (&product["op"], &product["count"]),
        (&"MatMul".into(), &1.0.into())
    );
    assert!(product["ms"].as_f64().unwrap() > 0.0);
    let text = tensorloom(dir, &args).ok();
    assert!(
        text.starts_with("20 steps: median ") && text.contains("\nMatMul "),
        "{text}"
    );
    let e = tensorloom(dir, &["bench", "g.pb"]);
    assert!(
        e.code == Some(2) && e.err.contains("nothing to run"),
        "{e:?}"
    );
}
