//! Placement, case by case; what TensorFlow 2.19.1 does with four CPU devices.

use super::decide;
use crate::def::AttrValue;
use crate::device::cpu::ThreadPool;
use crate::registry::Registry;
use crate::runtime::devices::DeviceSet;
use crate::runtime::simplify::Draft;
use crate::{DType, Graph, PartialShape, Session, SessionOptions};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    g.set_attr(b.node().id(), "_class", AttrValue::BytesList(both));
    let e = outcome(&g, "b", false);
    assert_eq!(
        e,
        "Cannot colocate nodes {{colocation_node b}} and {{colocation_node a}}: Cannot merge devices with incompatible ids: '/device:CPU:2' and '/device:CPU:1'"
    );
    assert_eq!(outcome(&g, "b", true), "");
}

#[test]
fn many_nodes_in_one_group_are_placed_soon() {
    let g = Graph::new();
    let mut x = g.root().named("x").constant(1.0f32);
    for _ in 0..20_000 {
        x = g.root().op("Neg").input(x).out();
    }
    let mut nodes = g.nodes();
    let group = AttrValue::BytesList(vec![b"loc:@x".to_vec()]);
    for n in &mut nodes[1..] {
        let attrs = &mut Arc::make_mut(n).attrs.0;
        attrs.insert("_class".into(), group.clone());
    }
    for (device, fails) in [("", false), ("/gpu:3", true), ("/cpu:x", true)] {
        Arc::make_mut(&mut nodes[9]).device = device.into();
        let mut drafts: Vec<Draft> = nodes.iter().cloned().map(Draft::new).collect();
        let devices = DeviceSet::new(4, &[], &ThreadPool::new(1), false, false).unwrap();
        let registry = Registry::of(&g).unwrap();
        let start = Instant::now();
        let decision = decide(&nodes, &mut drafts, registry, &devices, &HashMap::new());
        let took = start.elapsed();
        assert_eq!(decision.fault.is_some(), fails);
        assert!(took < Duration::from_secs(4), "{device}: {took:?}");
    }
}

#[test]
fn a_variable_keeps_its_device_and_value_when_the_graph_grows() {
    let g = Graph::new();
    let s = g.root();
    let v = s.op("VariableV2").attr("dtype", DType::F32);
    let v = v.attr("shape", PartialShape::scalar()).name("v").out();
    let init = s.op("Assign").input(v).input(s.constant(2.5f32)).out();
    let options = SessionOptions {
        cpu_devices: 4,
        allow_soft_placement: true,
        ..Default::default()
    };
    let session = Session::with_options(&g, &options).unwrap();
    session.run((), (), [init.node()]).unwrap();
    // It would draw the variable to itself.
    let far = g.device("/cpu:2").named("far").constant(1.0f32);
    let group = AttrValue::BytesList(vec![b"loc:@v".to_vec()]);
    g.set_attr(far.node().id(), "_class", group);
    let sum = g.root().add(v, far);
    let out = session.fetch(sum).unwrap();
    assert_eq!(out.to_scalar::<f32>().unwrap(), 3.5);
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
