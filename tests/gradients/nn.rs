//! Neural-network ops.

use super::check::{Row, apart, between, exact, node, row};
use tensorloom::AttrValue;

fn ints(v: &[i64]) -> AttrValue {
    AttrValue::from(v.to_vec())
}

pub fn rows() -> Vec<Row> {
    let mut rows = activations();
    rows.extend(layers());
    rows.extend(losses());
    rows.extend(convolutions());
    rows.extend(depthwise());
    rows.extend(batch_norm());
    rows.extend(pooling());
    rows
}

fn activations() -> Vec<Row> {
    let mut rows = Vec::new();
    for op in [
        "Relu",
        "Relu6",
        "Elu",
        "Selu",
        "Softplus",
        "Softsign",
        "LeakyRelu",
    ] {
        rows.push(row(op, [apart(&[3, 4])], move |s, x| node(s, op, x, &[])));
    }
    // Of a gradient and of the features, or of the outputs.
    for op in [
        "ReluGrad",
        "Relu6Grad",
        "EluGrad",
        "SeluGrad",
        "SoftplusGrad",
        "LeakyReluGrad",
    ] {
        rows.push(row(
            op,
            [between(&[6], -1.0, 1.0), apart(&[6])],
            move |s, x| node(s, op, x, &[]),
        ));
    }
    for op in ["Softmax", "LogSoftmax"] {
        rows.push(row(op, [between(&[2, 4], -1.0, 1.0)], move |s, x| {
            node(s, op, x, &[])
        }));
    }
    rows
}

fn layers() -> Vec<Row> {
    let mut rows = vec![
        row(
            "BiasAdd",
            [between(&[2, 2, 3], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| node(s, "BiasAdd", x, &[]),
        ),
        row(
            "BiasAdd",
            [between(&[2, 3, 2, 2], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| node(s, "BiasAdd", x, &[("data_format", AttrValue::from("NCHW"))]),
        )
        .case("NCHW"),
        row(
            "BiasAddV1",
            [between(&[2, 3], -1.0, 1.0), between(&[3], -1.0, 1.0)],
            |s, x| node(s, "BiasAddV1", x, &[]),
        ),
        row("BiasAddGrad", [between(&[2, 2, 3], -1.0, 1.0)], |s, x| {
            node(s, "BiasAddGrad", x, &[])
        }),
        row(
            "BiasAddGrad",
            [between(&[2, 3, 2, 2], -1.0, 1.0)],
            |s, x| {
                node(
                    s,
                    "BiasAddGrad",
                    x,
                    &[("data_format", AttrValue::from("NCHW"))],
                )
            },
        )
        .case("NCHW"),
        row("LRN", [between(&[1, 2, 1, 5], -1.0, 1.0)], |s, x| {
            let attrs = [
                ("depth_radius", AttrValue::Int(2)),
                ("bias", AttrValue::Float(1.5)),
                ("alpha", AttrValue::Float(0.3)),
                ("beta", AttrValue::Float(0.75)),
            ];
            node(s, "LRN", x, &attrs)
        })
        .single(),
        row("L2Loss", [between(&[2, 3], -1.0, 1.0)], |s, x| {
            node(s, "L2Loss", x, &[])
        }),
    ];
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let a: &[usize] = if ta { &[3, 2] } else { &[2, 3] };
        let b: &[usize] = if tb { &[4, 3] } else { &[3, 4] };
        let inputs = [between(a, -1.0, 1.0), between(b, -1.0, 1.0)];
        rows.push(row("MatMul", inputs, move |s, x| {
            let attrs = [
                ("transpose_a", AttrValue::Bool(ta)),
                ("transpose_b", AttrValue::Bool(tb)),
            ];
            node(s, "MatMul", x, &attrs)
        }));
    }
    for (ax, ay) in [(false, false), (true, false), (false, true), (true, true)] {
        let matrix = |batch: &[usize], adjoint: bool, m: usize, n: usize| {
            let dims = if adjoint { [n, m] } else { [m, n] };
            between(&[batch, &dims].concat(), -1.0, 1.0)
        };
        let attrs = move || {
            [
                ("adj_x", AttrValue::Bool(ax)),
                ("adj_y", AttrValue::Bool(ay)),
            ]
        };
        let inputs = [matrix(&[2], ax, 2, 3), matrix(&[2], ay, 3, 4)];
        rows.push(row("BatchMatMul", inputs, move |s, x| {
            node(s, "BatchMatMul", x, &attrs())
        }));
        for (a, b) in [(&[2][..], &[2][..]), (&[2, 1], &[3]), (&[], &[2, 2])] {
            let inputs = [matrix(a, ax, 2, 3), matrix(b, ay, 3, 1)];
            rows.push(row("BatchMatMulV2", inputs, move |s, x| {
                node(s, "BatchMatMulV2", x, &attrs())
            }));
        }
    }
    rows
}

fn losses() -> Vec<Row> {
    // The gradient supposes that labels are probabilities.
    let labels = exact(&[2, 4], &[0.1, 0.2, 0.3, 0.4, 0.0, 0.5, 0.25, 0.25]);
    vec![
        row(
            "SoftmaxCrossEntropyWithLogits",
            [between(&[2, 4], -1.0, 1.0), labels],
            |s, x| vec![node(s, "SoftmaxCrossEntropyWithLogits", x, &[])[0]],
        ),
        row(
            "SoftmaxCrossEntropyWithLogits",
            [
                between(&[1, 4], -1.0, 1.0),
                exact(&[2, 4], &[0.1, 0.2, 0.3, 0.4, 0.0, 0.5, 0.25, 0.25]),
            ],
            |s, x| vec![node(s, "SoftmaxCrossEntropyWithLogits", x, &[])[0]],
        ),
        row(
            "SoftmaxCrossEntropyWithLogits",
            [
                between(&[2, 1], -1.0, 1.0),
                exact(&[4], &[0.1, 0.2, 0.3, 0.4]),
            ],
            |s, x| vec![node(s, "SoftmaxCrossEntropyWithLogits", x, &[])[0]],
        ),
        row(
            "SparseSoftmaxCrossEntropyWithLogits",
            [between(&[3, 4], -1.0, 1.0)],
            |s, x| {
                let labels = s.constant([1i64, 3, 0]);
                vec![
                    node(
                        s,
                        "SparseSoftmaxCrossEntropyWithLogits",
                        &[x[0], labels],
                        &[],
                    )[0],
                ]
            },
        ),
    ]
}

fn convolutions() -> Vec<Row> {
    let mut rows = Vec::new();
    for (padding, stride, dilation) in [
        ("SAME", 1, 1),
        ("VALID", 2, 1),
        ("SAME", 2, 1),
        ("VALID", 1, 2),
    ] {
        let attrs = move || {
            [
                ("strides", ints(&[1, stride, stride, 1])),
                ("dilations", ints(&[1, dilation, dilation, 1])),
                ("padding", AttrValue::from(padding)),
            ]
        };
        let reach = 2 * dilation + 1;
        let out = match padding {
            "SAME" => (5 + stride - 1) / stride,
            _ => (5 - reach) / stride + 1,
        } as usize;
        let image = between(&[1, 5, 5, 2], -1.0, 1.0);
        let filter = between(&[3, 3, 2, 2], -1.0, 1.0);
        let result = between(&[1, out, out, 2], -1.0, 1.0);
        rows.push(row(
            "Conv2D",
            [image.clone(), filter.clone()],
            move |s, x| node(s, "Conv2D", x, &attrs()),
        ));
        rows.push(row(
            "Conv2DBackpropInput",
            [filter, result.clone()],
            move |s, x| {
                let sizes = s.constant([1i32, 5, 5, 2]);
                node(s, "Conv2DBackpropInput", &[sizes, x[0], x[1]], &attrs())
            },
        ));
        rows.push(row("Conv2DBackpropFilter", [image, result], move |s, x| {
            let sizes = s.constant([3i32, 3, 2, 2]);
            node(s, "Conv2DBackpropFilter", &[x[0], sizes, x[1]], &attrs())
        }));
    }
    rows
}

fn depthwise() -> Vec<Row> {
    let mut rows = Vec::new();
    for (padding, stride, out) in [("SAME", 1, 5), ("VALID", 2, 2)] {
        let attrs = move || {
            [
                ("strides", ints(&[1, stride, stride, 1])),
                ("padding", AttrValue::from(padding)),
            ]
        };
        let image = between(&[1, 5, 5, 2], -1.0, 1.0);
        let filter = between(&[3, 3, 2, 2], -1.0, 1.0);
        let result = between(&[1, out, out, 4], -1.0, 1.0);
        rows.push(row(
            "DepthwiseConv2dNative",
            [image.clone(), filter.clone()],
            move |s, x| node(s, "DepthwiseConv2dNative", x, &attrs()),
        ));
        rows.push(row(
            "DepthwiseConv2dNativeBackpropInput",
            [filter, result.clone()],
            move |s, x| {
                let x = [s.constant([1i32, 5, 5, 2]), x[0], x[1]];
                node(s, "DepthwiseConv2dNativeBackpropInput", &x, &attrs())
            },
        ));
        rows.push(row(
            "DepthwiseConv2dNativeBackpropFilter",
            [image, result],
            move |s, x| {
                let x = [x[0], s.constant([3i32, 3, 2, 2]), x[1]];
                node(s, "DepthwiseConv2dNativeBackpropFilter", &x, &attrs())
            },
        ));
    }
    rows
}

fn batch_norm() -> Vec<Row> {
    let mut rows = Vec::new();
    for op in ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"] {
        for training in [true, false] {
            let inputs = [
                between(&[2, 2, 3, 2], -1.0, 1.0),
                between(&[2], 0.5, 1.5),
                between(&[2], -1.0, 1.0),
            ];
            rows.push(
                row(op, inputs, move |s, x| {
                    let (mean, variance) = (s.constant([0.1f32, -0.2]), s.constant([0.9f32, 1.2]));
                    let attrs = [
                        ("is_training", AttrValue::Bool(training)),
                        ("epsilon", AttrValue::Float(0.01)),
                    ];
                    let x = [x[0], x[1], x[2], mean, variance];
                    vec![s.sin(node(s, op, &x, &attrs)[0])]
                })
                .single(),
            );
        }
    }
    rows
}

fn pooling() -> Vec<Row> {
    let mut rows = Vec::new();
    for padding in ["SAME", "VALID"] {
        let attrs = move || {
            [
                ("ksize", ints(&[1, 3, 3, 1])),
                ("strides", ints(&[1, 2, 2, 1])),
                ("padding", AttrValue::from(padding)),
            ]
        };
        let mode = move || [("padding", AttrValue::from(padding))];
        let out = if padding == "SAME" { 3 } else { 2 };
        let image = || apart(&[1, 5, 5, 2]);
        let small = between(&[1, out, out, 2], -1.0, 1.0);
        let large = between(&[1, 5, 5, 2], -1.0, 1.0);
        rows.push(row("AvgPool", [image()], move |s, x| {
            node(s, "AvgPool", x, &attrs())
        }));
        rows.push(row("AvgPoolGrad", [small.clone()], move |s, x| {
            let sizes = s.constant([1i32, 5, 5, 2]);
            node(s, "AvgPoolGrad", &[sizes, x[0]], &attrs())
        }));
        rows.push(row("MaxPool", [image()], move |s, x| {
            node(s, "MaxPool", x, &attrs())
        }));
        rows.push(row("MaxPoolV2", [image()], move |s, x| {
            let (k, t) = (s.constant([1i32, 3, 3, 1]), s.constant([1i32, 2, 2, 1]));
            node(s, "MaxPoolV2", &[x[0], k, t], &mode())
        }));
        rows.push(row("MaxPoolWithArgmax", [image()], move |s, x| {
            vec![node(s, "MaxPoolWithArgmax", x, &attrs())[0]]
        }));
        rows.push(row("MaxPoolGrad", [image(), small.clone()], move |s, x| {
            let y = node(s, "MaxPool", &[x[0]], &attrs())[0];
            let y = s.op("StopGradient").input(y).out();
            node(s, "MaxPoolGrad", &[x[0], y, x[1]], &attrs())
        }));
        rows.push(row("MaxPoolGradV2", [image(), small], move |s, x| {
            let y = node(s, "MaxPool", &[x[0]], &attrs())[0];
            let y = s.op("StopGradient").input(y).out();
            let (k, t) = (s.constant([1i32, 3, 3, 1]), s.constant([1i32, 2, 2, 1]));
            node(s, "MaxPoolGradV2", &[x[0], y, x[1], k, t], &mode())
        }));
        rows.push(row("MaxPoolGradGrad", [image(), large], move |s, x| {
            let y = node(s, "MaxPool", &[x[0]], &attrs())[0];
            let y = s.op("StopGradient").input(y).out();
            node(s, "MaxPoolGradGrad", &[x[0], y, x[1]], &attrs())
        }));
    }
    rows
}
