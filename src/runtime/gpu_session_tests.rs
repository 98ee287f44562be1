//! Sessions with emulated GPUs: constants, types, handles and errors that cross to a GPU and back.

use super::*;
use crate::def::GraphDef;
use crate::device::cuda::emulator::{Emulator, EmulatorOptions};
use crate::device::cuda::fake::Fake;
use crate::dtype::DType;
use crate::grad::Grad;
use crate::graph::{Output, Scope};
use crate::kernel::{AnyKernel, Env, KernelDef, OpContext, Value};
use crate::op::{Attrs, Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::resource::{Resource, Variable};
use crate::runtime::SingleOp;
use crate::tensor::ResourceHandle;
use crate::{Code, Shape};
use std::time::Duration;

const TASK: &str = "/job:localhost/replica:0/task:0";

fn emulated() -> Arc<Gpu> {
    Gpu::new(
        Arc::new(Emulator::new(EmulatorOptions::default()).unwrap()),
        0,
    )
    .unwrap()
}

fn session(graph: &Graph) -> Session {
    Session::on_gpus(graph, &SessionOptions::default(), &[emulated()]).unwrap()
}

fn imported(text: &str) -> Graph {
    let graph = Graph::new();
    let def = GraphDef::from_pbtxt(text).unwrap();
    graph.import(&def, &Default::default()).unwrap();
    graph
}

fn loss<'g>(on: Scope<'g>, x: Output<'g>, labels: Output<'g>) -> Output<'g> {
    let op = on.op("SparseSoftmaxCrossEntropyWithLogits");
    op.input(x).input(labels).out()
}

/// Their producers leave int32 in host memory; the kernels want it in device memory.
#[test]
fn constant_indices_and_labels_come_into_device_memory() {
    let g = Graph::new();
    let x = g.placeholder("x", DType::F32, [None, None]);
    let on = g.device("/gpu:0");
    let folded = g.root().constant(vec![0i32, 1]) + g.root().constant(vec![1i32, -1]);
    let fetches = [
        on.gather(x, vec![1i32, 0]),
        on.gather(x, folded),
        loss(on, x, g.root().constant(vec![1i32, 0])),
        loss(on, x, folded),
    ];
    let value = Tensor::from([[1.0f32, 2.0], [3.0, 4.5]]);
    let run = |s: Session| s.run([(x, value.clone())], fetches, ()).unwrap();
    let soft = SessionOptions {
        gpu_devices: 0,
        allow_soft_placement: true,
        ..SessionOptions::default()
    };
    let (got, want) = (
        run(session(&g)),
        run(Session::with_options(&g, &soft).unwrap()),
    );
    for (got, want) in got.iter().zip(&want) {
        let (got, want) = (got.data::<f32>().unwrap(), want.data::<f32>().unwrap());
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5));
    }
    assert_eq!(got[0].data::<f32>().unwrap(), &[3.0, 4.5, 1.0, 2.0]);
}

#[test]
fn a_transfer_refuses_a_tensor_of_another_type() {
    const CHANNEL: &str = r#"
        attr { key: "tensor_name" value { s: "x" } } attr { key: "send_device" value { s: "a" } }
        attr { key: "send_device_incarnation" value { i: 1 } } attr { key: "recv_device" value { s: "b" } }"#;
    for device in ["/cpu:0", "/gpu:0"] {
        let g = imported(&format!(
            r#"
            node {{ name: "c" op: "Const" device: "/cpu:0" attr {{ key: "dtype" value {{ type: DT_HALF }} }}
                attr {{ key: "value" value {{ tensor {{ dtype: DT_HALF tensor_shape {{ dim {{ size: 5000 }} }} half_val: 1 }} }} }} }}
            node {{ name: "s" op: "_Send" input: "c" device: "/cpu:0" attr {{ key: "T" value {{ type: DT_HALF }} }} {CHANNEL} }}
            node {{ name: "r" op: "_Recv" input: "^s" device: "{device}" attr {{ key: "tensor_type" value {{ type: DT_DOUBLE }} }} {CHANNEL} }}
            node {{ name: "n" op: "Neg" input: "r" device: "{device}" attr {{ key: "T" value {{ type: DT_DOUBLE }} }} }}
            versions {{ producer: 1 }}"#
        ));
        let e = session(&g).run((), ["n:0"], ()).unwrap_err();
        assert_eq!(e.code(), Code::InvalidArgument);
        assert!(e.message().contains("double"), "{e}");
        assert!(e.to_string().contains("node r}"), "{e}");
    }
}

/// Says float and gives double.
static LIAR: OpEntry = OpEntry {
    def: OpDef {
        signature: "Liar() -> (y:float)",
        attrs: "",
        flags: Flags::STATEFUL,
        infer: infer::unknown,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::gpu(&[], |_| {
        Ok(AnyKernel::cheap(|ctx: &mut OpContext<'_>| {
            let y = ctx.alloc(DType::F64, &Shape::of(&[9])?)?;
            ctx.set(0, y)
        }))
    })],
};

#[test]
fn a_gpu_kernel_is_not_given_a_tensor_of_another_type() {
    let registry = (*Registry::builtin()).clone().with(&LIAR).unwrap();
    let g = Graph::with_ops(Arc::new(registry));
    let on = g.device("/gpu:0");
    let y = on
        .named("negated")
        .op("Neg")
        .input(on.op("Liar").out())
        .out();
    let e = session(&g).run((), [y], ()).unwrap_err();
    assert_eq!(e.code(), Code::InvalidArgument);
    assert!(e.to_string().contains("node negated}"), "{e}");
}

/// A variable, its handle, and a kernel of ResourceApplyGradientDescent for a type.
fn update(gpu: &Arc<Gpu>, value: &Tensor, dtype: DType) -> (Arc<Variable>, Tensor, SingleOp) {
    let env = Arc::new(Env {
        pool: ThreadPool::new(1),
        resources: Resources::new(),
        device: format!("{TASK}/device:GPU:0"),
        gpu: Some(gpu.clone()),
    });
    let handle = ResourceHandle {
        device: env.device.clone(),
        container: "localhost".into(),
        name: "v".into(),
        kind: Variable::KIND.into(),
    };
    let made = || Ok(Variable::new("v", value.dtype()));
    let variable = env.resources.get_or_create("localhost", "v", made).unwrap();
    variable.assign(gpu.upload(value).unwrap()).unwrap();
    let types = [vec![DType::Resource], vec![dtype], vec![dtype]];
    let op = "ResourceApplyGradientDescent";
    let op = SingleOp::new(&Registry::builtin(), &env, op, &types, Attrs::default()).unwrap();
    let handle = Tensor::from_handles(Shape::scalar(), vec![handle]).unwrap();
    (variable, handle, op)
}

#[test]
fn an_update_refuses_a_variable_of_another_type() {
    let gpu = emulated();
    let halves = Tensor::zeros(DType::F16, Shape::of(&[1000]).unwrap()).unwrap();
    let (variable, handle, op) = update(&gpu, &halves, DType::F64);
    let rate = gpu.upload(&Tensor::from(1.0f64)).unwrap();
    let delta = gpu.upload(&Tensor::from(vec![1.0f64; 1000])).unwrap();
    let inputs = [handle, rate, delta].map(Value::Tensor).to_vec();
    let e = op.run(inputs).err().unwrap();
    assert_eq!(e.code(), Code::InvalidArgument);
    let now = gpu.download_now(&variable.read().unwrap()).unwrap();
    assert_eq!(now.bytes().unwrap(), halves.bytes().unwrap());
}

/// The launch is held up, and what it reads must not be given to others meanwhile.
#[test]
fn an_update_keeps_the_old_value_until_its_kernel_is_launched() {
    let fake = Arc::new(Fake::new(1, 1 << 24));
    let gpu = Gpu::new(fake.clone(), 0).unwrap();
    let compiler = fake.hold_compiler();
    let (variable, handle, op) = update(&gpu, &Tensor::from(vec![1.0f32; 100_000]), DType::F32);
    let rate = gpu.upload(&Tensor::from(1.0f32)).unwrap();
    let delta = gpu.upload(&Tensor::from(vec![0.0f32; 100_000])).unwrap();
    let snapshot = variable.read().unwrap();
    let (old, before) = (snapshot.device_ptr().unwrap(), fake.allocations());
    let inputs = [handle, rate, delta].map(Value::Tensor).to_vec();
    let updating = std::thread::spawn(move || op.run(inputs).map(|_| ()));
    while fake.allocations() == before {
        std::thread::yield_now();
    }
    // From the allocation to the launch.
    std::thread::sleep(Duration::from_millis(50));
    drop(snapshot);
    let shape = Shape::of(&[100_000]).unwrap();
    let other = Tensor::alloc_on(&gpu, DType::F32, shape).unwrap();
    assert_ne!(other.device_ptr().unwrap(), old);
    drop(compiler);
    // The fake compiler does not find the function; the launch was tried.
    assert!(updating.join().unwrap().is_err());
}

/// A variable that is read on a GPU stays there, although it is also destroyed and prepared to be saved.
#[test]
fn bookkeeping_of_variables_keeps_them_on_their_gpu() {
    let g = imported(
        r#"
        node { name: "h" op: "VarHandleOp" attr { key: "dtype" value { type: DT_FLOAT } }
            attr { key: "shape" value { shape { dim { size: 2 } } } } attr { key: "shared_name" value { s: "v" } } }
        node { name: "c" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
            attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: 1 } } } }
        node { name: "w" op: "AssignVariableOp" input: "h" input: "c" attr { key: "dtype" value { type: DT_FLOAT } } }
        node { name: "d" op: "DisableCopyOnRead" input: "h" input: "^w" }
        node { name: "r" op: "ReadVariableOp" input: "h" input: "^d" attr { key: "dtype" value { type: DT_FLOAT } } }
        node { name: "x" op: "DestroyResourceOp" input: "h" input: "^r" attr { key: "ignore_lookup_error" value { b: false } } }
        versions { producer: 1395 }"#,
    );
    let s = session(&g);
    let got = s.run((), ["h:0", "r:0"], ["w", "d"]).unwrap();
    let device = &got[0].handles().unwrap()[0].device;
    assert_eq!(*device, format!("{TASK}/device:GPU:0"));
    assert_eq!(got[1].data::<f32>().unwrap(), &[1.0, 1.0]);
    s.run((), (), ["x"]).unwrap();
    let e = s.run((), (), ["d"]);
    assert!(e.is_ok(), "{e:?}");
}

#[test]
fn what_is_wrong_with_a_tensor_that_crosses_is_told_of_who_wants_it() {
    let g = imported(
        r#"
        node { name: "v" op: "VariableV2" device: "/gpu:0" attr { key: "dtype" value { type: DT_FLOAT } }
            attr { key: "shape" value { shape { dim { size: 2 } } } } }
        node { name: "n" op: "Neg" input: "v" device: "/cpu:0" attr { key: "T" value { type: DT_FLOAT } } }
        versions { producer: 1395 }"#,
    );
    let e = session(&g).run((), ["n:0"], ()).unwrap_err();
    assert_eq!(e.code(), Code::FailedPrecondition);
    let text = e.to_string();
    assert!(text.contains("uninitialized value v"), "{text}");
    assert!(
        text.contains("node n}") && !text.contains("_Send"),
        "{text}"
    );
}

/// What reads a variable of another device after an update reads the updated value, beside one that reads it before.
#[test]
fn a_variable_that_crosses_is_read_when_it_is_wanted() {
    const FLOAT: &str = r#"attr { key: "T" value { type: DT_FLOAT } }"#;
    let g = imported(&format!(
        r#"
        node {{ name: "v" op: "VariableV2" device: "/cpu:0" attr {{ key: "dtype" value {{ type: DT_FLOAT }} }}
            attr {{ key: "shape" value {{ shape {{ }} }} }} }}
        node {{ name: "one" op: "Const" device: "/cpu:0" attr {{ key: "dtype" value {{ type: DT_FLOAT }} }}
            attr {{ key: "value" value {{ tensor {{ dtype: DT_FLOAT tensor_shape {{ }} float_val: 1 }} }} }} }}
        node {{ name: "init" op: "Assign" device: "/cpu:0" input: "v" input: "one" {FLOAT} }}
        node {{ name: "before" op: "Neg" device: "/gpu:0" input: "v" {FLOAT} }}
        node {{ name: "more" op: "AssignAdd" device: "/cpu:0" input: "v" input: "one" input: "^before" {FLOAT} }}
        node {{ name: "after" op: "Neg" device: "/gpu:0" input: "v" input: "^more" {FLOAT} }}
        versions {{ producer: 1395 }}"#
    ));
    let s = session(&g);
    s.run((), (), ["init"]).unwrap();
    for step in 1..20u8 {
        let got = s.run((), ["before:0", "after:0"], ()).unwrap();
        let got = [0, 1].map(|i| got[i].to_scalar::<f32>().unwrap());
        assert_eq!(got, [-f32::from(step), -f32::from(step) - 1.0]);
    }
}
