//! Variables, assignments, counters, gathers: each op by itself, on both kinds of variables.

use crate::def::AttrValue;
use crate::device::cpu::ThreadPool;
use crate::dtype::DType;
use crate::error::{Code, Result};
use crate::kernel::{Env, Value};
use crate::op::Attrs;
use crate::registry::Registry;
use crate::resource::{Resource, Resources, Variable};
use crate::runtime::SingleOp;
use crate::shape::Shape;
use crate::tensor::{ResourceHandle, Tensor};
use std::sync::Arc;

/// A device with variables, on which single ops run.
pub(super) struct Bench {
    pub env: Arc<Env>,
}

impl Bench {
    pub(super) fn new(threads: usize) -> Bench {
        let env = Env {
            pool: ThreadPool::new(threads),
            resources: Resources::new(),
            device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
            gpu: None,
        };
        Bench { env: Arc::new(env) }
    }
    /// A variable of that name, with a value or without.
    pub(super) fn variable(
        &self,
        name: &str,
        dtype: DType,
        value: Option<Tensor>,
    ) -> Arc<Variable> {
        let v = self
            .env
            .resources
            .get_or_create("localhost", name, || Ok(Variable::new(name, dtype)))
            .unwrap();
        if let Some(t) = value {
            v.assign(t).unwrap();
        }
        v
    }
    /// The handle of a variable, existing or not.
    pub(super) fn handle(&self, name: &str) -> Tensor {
        let handle = ResourceHandle {
            device: self.env.device.clone(),
            container: "localhost".into(),
            name: name.into(),
            kind: Variable::KIND.into(),
        };
        Tensor::from_handles(Shape::scalar(), vec![handle]).unwrap()
    }
    pub(super) fn run(
        &self,
        op: &str,
        inputs: Vec<Value>,
        attrs: &[(&str, AttrValue)],
    ) -> Result<Vec<Value>> {
        let types: Vec<Vec<DType>> = inputs
            .iter()
            .map(|v| match v {
                Value::Tensor(t) => vec![t.dtype()],
                Value::Ref(v) => vec![v.dtype],
            })
            .collect();
        let attrs = attrs
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect();
        SingleOp::new(&Registry::builtin(), &self.env, op, &types, Attrs(attrs))?.run(inputs)
    }
}

pub(super) fn tensor(v: &Value) -> Tensor {
    match v {
        Value::Tensor(t) => t.clone(),
        Value::Ref(v) => v.read().unwrap(),
    }
}

pub(super) fn t(v: impl Into<Tensor>) -> Value {
    Value::Tensor(v.into())
}

#[test]
fn assignments_check_shapes_and_types() {
    let b = Bench::new(2);
    let w = b.variable("w", DType::F32, None);
    let assign = |value: Tensor, validate: bool| {
        let attrs = [("validate_shape", AttrValue::from(validate))];
        b.run("Assign", vec![Value::Ref(w.clone()), t(value)], &attrs)
    };
    assert_eq!(assign([1.0f32, 2.0].into(), true).unwrap().len(), 1);
    let e = assign([1.0f32].into(), true).err().unwrap();
    assert_eq!(e.code(), Code::InvalidArgument);
    assert_eq!(
        e.message(),
        "Assign requires shapes of both tensors to match. lhs shape= [2] rhs shape= [1]"
    );
    assign([1.0f32].into(), false).unwrap();
    assert_eq!(w.read().unwrap().data::<f32>().unwrap(), &[1.0]);

    let declared = Variable::with_shape("d", DType::F32, [Some(2), None].into());
    let inputs = vec![Value::Ref(Arc::new(declared)), t([1.0f32])];
    assert!(b.run("Assign", inputs, &[]).is_err());
}

#[test]
fn reads_are_snapshots_and_updates_are_in_place() {
    let b = Bench::new(2);
    let n = 40_000;
    let w = b.variable("w", DType::F32, Some(vec![1.0f32; n].into()));
    let before = w.read().unwrap();
    let add = || {
        let inputs = vec![Value::Ref(w.clone()), t(vec![2.0f32; n])];
        b.run("AssignAdd", inputs, &[]).unwrap()
    };
    add();
    assert!(before.data::<f32>().unwrap().iter().all(|v| *v == 1.0));
    drop(before);
    let place = w.read().unwrap().data::<f32>().unwrap().as_ptr();
    let out = tensor(&add()[0]);
    assert!(out.data::<f32>().unwrap().iter().all(|v| *v == 5.0));
    assert_eq!(out.data::<f32>().unwrap().as_ptr(), place);
    drop(out);
    let inputs = vec![Value::Tensor(b.handle("w")), t(vec![0.5f32; n])];
    b.run("AssignSubVariableOp", inputs, &[]).unwrap();
    assert_eq!(w.read().unwrap().data::<f32>().unwrap()[n - 1], 4.5);
}

#[test]
fn all_number_types_add_and_wrap() {
    let b = Bench::new(1);
    for dtype in crate::dtype::sets::NUMBERS {
        let zeros = Tensor::zeros(*dtype, Shape::of(&[3]).unwrap()).unwrap();
        let v = b.variable(dtype.name(), *dtype, Some(zeros.clone()));
        let inputs = vec![Value::Ref(v), Value::Tensor(zeros.clone())];
        let out = tensor(&b.run("AssignSub", inputs, &[]).unwrap()[0]);
        assert_eq!(out.bytes().unwrap(), zeros.bytes().unwrap(), "{dtype}");
    }
    let v = b.variable("wrap", DType::I8, Some([i8::MAX].into()));
    let out = b.run("AssignAdd", vec![Value::Ref(v), t([1i8])], &[]);
    assert_eq!(tensor(&out.unwrap()[0]).data::<i8>().unwrap(), &[i8::MIN]);
}

#[test]
fn resource_variables_exist_from_their_first_assignment() {
    let b = Bench::new(1);
    let attrs = [
        ("dtype", AttrValue::from(DType::F32)),
        ("shape", AttrValue::from(crate::PartialShape::from([2]))),
        ("shared_name", AttrValue::from("w")),
    ];
    let handle = b.run("VarHandleOp", vec![], &attrs).unwrap().remove(0);
    let f32_attr = [("dtype", AttrValue::from(DType::F32))];
    let initialized = |b: &Bench| {
        let out = b.run("VarIsInitializedOp", vec![handle.clone()], &[]);
        tensor(&out.unwrap()[0]).to_scalar::<bool>().unwrap()
    };
    assert!(!initialized(&b));
    let e = b.run("ReadVariableOp", vec![handle.clone()], &f32_attr);
    let e = e.err().unwrap();
    assert_eq!(e.code(), Code::FailedPrecondition);
    assert!(e.message().starts_with("Could not find variable w."));
    b.run(
        "AssignVariableOp",
        vec![handle.clone(), t([3.0f32, 4.0])],
        &[],
    )
    .unwrap();
    assert!(initialized(&b));
    let wrong = [("dtype", AttrValue::from(DType::I32))];
    let e = b.run("ReadVariableOp", vec![handle.clone()], &wrong).err();
    assert_eq!(e.unwrap().code(), Code::InvalidArgument);
    let shape = b.run("VariableShape", vec![handle.clone()], &[]).unwrap();
    assert_eq!(tensor(&shape[0]).data::<i32>().unwrap(), &[2]);
    let strict = [("validate_shape", AttrValue::from(true))];
    let e = b.run(
        "AssignVariableOp",
        vec![handle.clone(), t([1.0f32])],
        &strict,
    );
    assert_eq!(
        e.err().unwrap().message(),
        "Trying to assign to variable with tensor with wrong shape. Expected [2] got [1]"
    );
    b.run("DestroyResourceOp", vec![handle.clone()], &[])
        .unwrap();
    assert!(!initialized(&b));
    b.run("DestroyResourceOp", vec![handle.clone()], &[])
        .unwrap();
    let strict = [("ignore_lookup_error", AttrValue::from(false))];
    let e = b.run("DestroyResourceOp", vec![handle], &strict).err();
    assert_eq!(e.unwrap().code(), Code::NotFound);
}

#[test]
fn counters_stop_at_their_limit() {
    let b = Bench::new(1);
    let v = b.variable("n", DType::I64, Some(3i64.into()));
    let limit = [("limit", AttrValue::Int(5))];
    let mut counted = Vec::new();
    let error = loop {
        match b.run("CountUpTo", vec![Value::Ref(v.clone())], &limit) {
            Ok(out) => counted.push(tensor(&out[0]).to_scalar::<i64>().unwrap()),
            Err(e) => break e,
        }
    };
    assert_eq!(counted, [3, 4]);
    assert_eq!(error.code(), Code::OutOfRange);
    assert_eq!(error.message(), "Reached limit of 5");
    assert_eq!(v.read().unwrap().to_scalar::<i64>().unwrap(), 5);
}

#[test]
fn temporary_variables_live_for_one_step() {
    let b = Bench::new(1);
    let attrs = [
        ("dtype", AttrValue::from(DType::F32)),
        ("shape", AttrValue::from(crate::PartialShape::from([2]))),
        ("var_name", AttrValue::from("q")),
    ];
    let out = b.run("TemporaryVariable", vec![], &attrs).unwrap();
    assert_eq!(tensor(&out[0]).data::<f32>().unwrap(), &[0.0, 0.0]);
    // Another step has no such variable.
    let name = [("var_name", AttrValue::from("q"))];
    let e = b.run("DestroyTemporaryVariable", vec![out[0].clone()], &name);
    assert_eq!(e.err().unwrap().code(), Code::NotFound);
}

#[test]
fn gathers_from_variables() {
    let b = Bench::new(2);
    let m = Tensor::from_vec(&[2, 3], vec![1i32, 2, 3, 4, 5, 6]).unwrap();
    b.variable("m", DType::I32, Some(m));
    let dtype = ("dtype", AttrValue::from(DType::I32));
    let gather = |indices: Tensor, batch: i64| {
        let attrs = [dtype.clone(), ("batch_dims", AttrValue::Int(batch))];
        b.run("ResourceGather", vec![t(b.handle("m")), t(indices)], &attrs)
            .map(|o| tensor(&o[0]))
    };
    let out = gather([[1i64, 0]].into(), 0).unwrap();
    assert_eq!(out.shape().to_string(), "[1,2,3]");
    assert_eq!(out.data::<i32>().unwrap(), &[4, 5, 6, 1, 2, 3]);
    let out = gather([[2i32, 2], [0, 1]].into(), 1).unwrap();
    assert_eq!(out.data::<i32>().unwrap(), &[3, 3, 4, 5]);
    let e = gather([[0i32, 2]].into(), 0).unwrap_err();
    assert_eq!(e.message(), "indices[0,1] = 2 is not in [0, 2)");
    assert!(gather([[0i32, 2]].into(), 3).is_err());
    let nd = |indices: Tensor| {
        let inputs = vec![t(b.handle("m")), t(indices)];
        b.run("ResourceGatherNd", inputs, std::slice::from_ref(&dtype))
            .map(|o| tensor(&o[0]))
    };
    assert_eq!(
        nd([[1i32, 2], [0, 0]].into())
            .unwrap()
            .data::<i32>()
            .unwrap(),
        &[6, 1]
    );
    assert_eq!(
        nd([[1i32]].into()).unwrap().data::<i32>().unwrap(),
        &[4, 5, 6]
    );
    assert!(nd([[1i32, 3]].into()).is_err());
    assert!(nd([[0i32, 0, 0]].into()).is_err());
}

#[test]
fn names_of_variables_are_checked() {
    // Row 164 of the table of bad inputs.
    let b = Bench::new(1);
    for (container, shared) in [("a b", ""), ("", "_x"), ("_c", "")] {
        for op in ["VariableV2", "Variable", "VarHandleOp"] {
            let attrs = [
                ("dtype", AttrValue::from(DType::F32)),
                ("shape", AttrValue::from(crate::PartialShape::from([2]))),
                ("container", AttrValue::from(container)),
                ("shared_name", AttrValue::from(shared)),
            ];
            let e = b.run(op, vec![], &attrs).err().unwrap();
            assert_eq!(e.code(), Code::InvalidArgument, "{op}");
        }
    }
}

#[test]
fn one_name_is_one_type() {
    let b = Bench::new(1);
    let attrs = |d: DType| {
        [
            ("dtype", AttrValue::from(d)),
            ("shape", AttrValue::from(crate::PartialShape::from([2]))),
            ("shared_name", AttrValue::from("s")),
        ]
    };
    b.run("VariableV2", vec![], &attrs(DType::F32)).unwrap();
    let e = b.run("VariableV2", vec![], &attrs(DType::I32)).err();
    assert_eq!(e.unwrap().code(), Code::InvalidArgument);
}

/// Row 163 of the table of bad inputs.
#[test]
fn handles_of_other_devices_are_refused() {
    let b = Bench::new(1);
    b.variable("w", DType::F32, Some([1.0f32].into()));
    let forged = |kind: &str| {
        let handle = ResourceHandle {
            device: "/job:localhost/replica:0/task:0/device:CPU:1".into(),
            container: "localhost".into(),
            name: "w".into(),
            kind: kind.into(),
        };
        t(Tensor::from_handles(Shape::scalar(), vec![handle]).unwrap())
    };
    let var = || forged(Variable::KIND);
    let f32_attr = ("dtype", AttrValue::from(DType::F32));
    let (fails, argument) = (Code::FailedPrecondition, Code::InvalidArgument);
    let (index, row, one) = (t([0i32]), t([1.0f32]), t(1.0f32));
    let rows = [
        ("ReadVariableOp", vec![var()], fails),
        ("VariableShape", vec![var()], fails),
        ("DisableCopyOnRead", vec![var()], fails),
        ("AssignVariableOp", vec![var(), row.clone()], argument),
        ("AssignAddVariableOp", vec![var(), row.clone()], fails),
        ("ResourceGather", vec![var(), index.clone()], fails),
        ("ResourceScatterAdd", vec![var(), index, row], fails),
        (
            "ResourceApplyGradientDescent",
            vec![var(), one.clone(), one],
            fails,
        ),
        ("DestroyResourceOp", vec![var()], argument),
        ("StackCloseV2", vec![forged("Stack")], argument),
        ("TensorArrayCloseV3", vec![forged("TensorArray")], argument),
    ];
    for (op, inputs, code) in rows {
        let attrs: &[_] = match op {
            "ReadVariableOp" | "ResourceGather" => std::slice::from_ref(&f32_attr),
            _ => &[],
        };
        let e = b.run(op, inputs, attrs).err().expect(op);
        assert_eq!(e.code(), code, "{op}: {e}");
        let told = "Trying to access resource w located in device /job:localhost/replica:0/task:0/device:CPU:1 from device /job:localhost/replica:0/task:0/device:CPU:0";
        assert!(e.message().contains(told), "{op}: {e}");
    }
    let known = b.run("VarIsInitializedOp", vec![var()], &[]).unwrap();
    assert!(!tensor(&known[0]).to_scalar::<bool>().unwrap());
    assert!(b.variable("w", DType::F32, None).is_initialized());
}
