//! Placement, case by case; what TensorFlow 2.19.1 does with four CPU devices.

use crate::{Graph, Session, SessionOptions};

fn outcome(g: &Graph, target: &str, soft: bool) -> String {
    let options = SessionOptions {
        cpu_devices: 4,
        allow_soft_placement: soft,
        ..Default::default()
    };
    let session = Session::with_options(g, &options).unwrap();
    session
        .run((), (), [target])
        .map_or_else(|e| e.message().to_string(), |_| String::new())
}

#[test]
fn contradicting_groups_are_refused_unless_soft() {
    let g = Graph::new();
    g.device("/cpu:1").named("a").constant(1.0f32);
    let b = g.device("/cpu:2").named("b").constant(1.0f32);
    let both = vec![b"loc:@a".to_vec()];
    g.set_attr(
        b.node().id(),
        "_class",
        crate::def::AttrValue::BytesList(both),
    );
    let e = outcome(&g, "b", false);
    assert_eq!(
        e,
        "Cannot colocate nodes {{colocation_node b}} and {{colocation_node a}}: Cannot merge devices with incompatible ids: '/device:CPU:2' and '/device:CPU:1'"
    );
    assert_eq!(outcome(&g, "b", true), "");
}

#[test]
fn what_a_run_does_not_need_does_not_stop_it() {
    let g = Graph::new();
    g.device("/gpu:7").named("far").constant(1.0f32);
    g.root().named("near").constant(1.0f32);
    assert_eq!(outcome(&g, "near", false), "");
    let e = outcome(&g, "far", false);
    assert!(e.starts_with("Cannot assign a device for operation far: {{node far}} was explicitly assigned to /device:GPU:7 but available devices are ["), "{e}");
    assert_eq!(outcome(&g, "far", true), "");
}
