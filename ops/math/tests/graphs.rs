//! What operators and builders add to a graph: names, types, shapes, gradients' structure.

use crate::{DType, Graph, KeepDims, Output, PartialShape, Registry, runtime};

fn names(g: &Graph) -> Vec<String> {
    g.nodes()
        .iter()
        .map(|n| format!("{} {}", n.name, n.op.name))
        .collect()
}

#[test]
fn operators_name_nodes_and_constants_as_tensorflow_does() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, Some(3)]);
    let y = 1e-3 * x + 2.0;
    let y = 1 - (y / x) * -x;
    let _ = y % 2;
    g.check().unwrap();
    assert_eq!(
        names(&g),
        [
            "x Placeholder",
            "mul/x Const",
            "mul Mul",
            "add/y Const",
            "add AddV2",
            "truediv RealDiv",
            "Neg Neg",
            "mul_1 Mul",
            "sub/x Const",
            "sub Sub",
            "mod/y Const",
            "mod FloorMod",
        ]
    );
    assert_eq!(y.shape(), PartialShape::from([None, Some(3)]));
}

#[test]
fn whole_numbers_divide_as_in_python() {
    let g = Graph::new();
    let n = g.placeholder("n", DType::I32, ());
    let q = n / 2;
    assert_eq!(q.dtype(), DType::F64);
    let r = 1 / g.placeholder("b", DType::U8, ());
    assert_eq!(r.dtype(), DType::F32);
    g.check().unwrap();
    assert_eq!(
        names(&g)[1..5],
        [
            "truediv/y Const",
            "truediv/Cast Cast",
            "truediv/Cast_1 Cast",
            "truediv RealDiv"
        ]
    );
}

#[test]
fn numbers_take_the_type_of_the_other_side() {
    let g = Graph::new();
    for d in [DType::F16, DType::F64, DType::C64, DType::I64] {
        let x = g.root().placeholder(d, ());
        assert_eq!((x + 1).dtype(), d);
        assert_eq!((1 * x).dtype(), d);
        assert_eq!(g.root().squared_difference(2, x).dtype(), d);
    }
    g.check().unwrap();
    let b = g.root().placeholder(DType::Bool, ());
    assert_eq!((!b & b | true).dtype(), DType::Bool);
    let s = g.root().placeholder(DType::String, ());
    assert_eq!((s + "x").node().op(), "Add");
    assert_eq!(g.root().add(s, s).node().op(), "Add");
    g.check().unwrap();
    let x = g.root().placeholder(DType::I32, ());
    let broken = x + 0.5;
    assert!(!broken.is_valid() && g.check().is_err());
}

#[test]
fn reductions_over_all_axes_list_them() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, Some(3)]);
    let m = x.mean();
    assert_eq!(m.shape(), PartialShape::scalar());
    let u = g.placeholder("u", DType::F32, PartialShape::unknown());
    let s = u.sum();
    let k = x.sum_axes(&[-1], KeepDims::Yes);
    assert_eq!(k.shape(), PartialShape::from([None, Some(1)]));
    g.check().unwrap();
    assert_eq!(
        names(&g),
        [
            "x Placeholder",
            "Const Const",
            "Mean Mean",
            "u Placeholder",
            "Rank Rank",
            "range/start Const",
            "range/delta Const",
            "range Range",
            "Sum Sum",
            "Sum_1/reduction_indices Const",
            "Sum_1 Sum",
        ]
    );
    let _ = s;
}

fn gradient_nodes(build: impl Fn(&Graph) -> (Output<'_>, Output<'_>)) -> Vec<String> {
    let g = Graph::new();
    let (y, x) = build(&g);
    g.gradients(&[y], &[x]).unwrap();
    names(&g)
        .into_iter()
        .filter(|n| n.contains("_grad/"))
        .collect()
}

#[test]
fn gradients_sum_over_broadcast_axes_only_where_they_must() {
    let equal = gradient_nodes(|g| {
        let x = g.placeholder("x", DType::F32, [2, 3]);
        let y = g.placeholder("y", DType::F32, [2, 3]);
        (x * y, x)
    });
    assert_eq!(
        equal,
        ["gradients/mul_grad/Mul Mul", "gradients/mul_grad/Mul_1 Mul"]
    );
    let bias = gradient_nodes(|g| {
        let x = g.placeholder("x", DType::F32, [None, Some(3)]);
        let b = g.placeholder("b", DType::F32, [3]);
        (x + b, b)
    });
    assert_eq!(
        bias,
        [
            "gradients/add_grad/Shape Shape",
            "gradients/add_grad/Shape_1 Const",
            "gradients/add_grad/Sum/reduction_indices Const",
            "gradients/add_grad/Sum Sum",
            "gradients/add_grad/Reshape Reshape",
        ]
    );
    let unknown = gradient_nodes(|g| {
        let x = g.placeholder("x", DType::F32, PartialShape::unknown());
        let b = g.placeholder("b", DType::F32, [3]);
        (x - b, b)
    });
    assert_eq!(
        unknown,
        [
            "gradients/sub_grad/Neg Neg",
            "gradients/sub_grad/Shape Shape",
            "gradients/sub_grad/Shape_1 Const",
            "gradients/sub_grad/BroadcastGradientArgs BroadcastGradientArgs",
            "gradients/sub_grad/Sum Sum",
            "gradients/sub_grad/Reshape Reshape",
            "gradients/sub_grad/Sum_1 Sum",
            "gradients/sub_grad/Reshape_1 Reshape",
        ]
    );
}

#[test]
fn every_kernel_row_can_be_found() {
    let registry = Registry::builtin();
    let mut attrs = crate::Attrs::default();
    attrs
        .0
        .insert("T".into(), crate::AttrValue::Type(DType::F16));
    let cpu = crate::kernel::DeviceType::Cpu;
    assert!(runtime::find_kernel(&registry, "Tanh", cpu, &attrs).is_ok());
    let e = runtime::find_kernel(&registry, "Mod", cpu, &attrs)
        .err()
        .unwrap();
    assert_eq!(e.code(), crate::Code::NotFound);
}
