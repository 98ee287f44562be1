//! Every op's GPU kernel against its CPU kernel, on the inputs recorded in tests/data/op_cases.

use super::*;
use crate::def::GraphDef;
use crate::device::cuda::emulator::{Emulator, EmulatorOptions, Rounding};
use crate::device::cuda::{Gpu, discover};
use crate::op::{ArgType, OpLookup};
use crate::registry::OpEntry;
use std::collections::BTreeMap;

/// The greatest difference of two results, relative to the larger one, that a type's rounding explains.
fn allowed(dtype: DType) -> f64 {
    match dtype {
        DType::F64 | DType::C128 => 1e-12,
        DType::F32 | DType::C64 => 2e-5,
        DType::F16 => 4e-3,
        DType::BF16 => 3e-2,
        _ => 0.0,
    }
}

fn floats(t: &Tensor) -> Option<Vec<f64>> {
    Some(match t.dtype() {
        DType::F32 => t
            .data::<f32>()
            .ok()?
            .iter()
            .map(|v| f64::from(*v))
            .collect(),
        DType::F64 => t.data::<f64>().ok()?.to_vec(),
        DType::F16 => t
            .data::<half::f16>()
            .ok()?
            .iter()
            .map(|v| v.to_f64())
            .collect(),
        DType::BF16 => t
            .data::<half::bf16>()
            .ok()?
            .iter()
            .map(|v| v.to_f64())
            .collect(),
        _ => return None,
    })
}

fn difference(want: &Tensor, got: &Tensor) -> Option<String> {
    if (want.dtype(), want.shape()) != (got.dtype(), got.shape()) {
        return Some(format!(
            "{} {} for {} {}",
            got.dtype(),
            got.shape(),
            want.dtype(),
            want.shape()
        ));
    }
    let (Some(w), Some(g)) = (floats(want), floats(got)) else {
        let equal = match want.dtype().is_pod() {
            true => want.bytes().unwrap() == got.bytes().unwrap(),
            false => true,
        };
        return (!equal).then(|| format!("{got:?} for {want:?}"));
    };
    let scale = w
        .iter()
        .filter(|v| v.is_finite())
        .fold(1.0f64, |a, v| a.max(v.abs()));
    let bound = allowed(want.dtype());
    let wrong = w.iter().zip(&g).position(|(w, g)| {
        let close = (w - g).abs() <= bound * w.abs().max(1e-3 * scale);
        !(w == g || w.is_nan() && g.is_nan() || close)
    })?;
    Some(format!("[{wrong}]: {} for {}", g[wrong], w[wrong]))
}

/// Attributes and inputs of the calls in a file.
fn calls(graph: &GraphDef) -> Vec<(String, Attrs, Vec<Tensor>)> {
    let mut inputs: BTreeMap<&str, Vec<Tensor>> = BTreeMap::new();
    let mut found = Vec::new();
    for node in &graph.node {
        let Some((name, part)) = node.name.split_once('/') else {
            continue;
        };
        if part
            .strip_prefix("in")
            .is_some_and(|n| n.parse::<u32>().is_ok())
        {
            let attrs = Attrs(node.attr.clone());
            inputs
                .entry(name)
                .or_default()
                .extend(attrs.tensor("value").cloned());
        } else if part == "op" {
            found.push((name, Attrs(node.attr.clone())));
        }
    }
    let whole = |(name, attrs): (&str, Attrs)| {
        (
            name.to_string(),
            attrs,
            inputs.remove(name).unwrap_or_default(),
        )
    };
    found.into_iter().map(whole).collect()
}

/// Which inputs stay in host memory.
fn on_host(registry: &Registry, op: &str, attrs: &Attrs, entry: &OpEntry) -> Option<Vec<bool>> {
    let def = entry
        .kernels
        .iter()
        .find(|k| k.device == DeviceType::Gpu && k.matches(attrs))?;
    let mut all = Vec::new();
    for arg in &registry.schema(op)?.inputs {
        let count = match (&arg.number, &arg.ty) {
            (Some(n), _) => attrs.int(n).ok()? as usize,
            (None, ArgType::List(l)) => attrs.dtypes(l).ok()?.len(),
            (None, _) => 1,
        };
        all.extend(std::iter::repeat_n(
            def.host_memory.contains(&arg.name.as_str()),
            count,
        ));
    }
    Some(all)
}

/// A GPU of this machine, else an emulated one that looks for races.
fn gpu() -> Arc<Gpu> {
    if let Some(gpu) = discover().gpus.first() {
        return gpu.clone();
    }
    emulated(EmulatorOptions::default())
}

fn emulated(options: EmulatorOptions) -> Arc<Gpu> {
    Gpu::new(Arc::new(Emulator::new(options).unwrap()), 0).unwrap()
}

fn env(gpu: Option<Arc<Gpu>>) -> Arc<Env> {
    Arc::new(Env {
        pool: ThreadPool::new(2),
        resources: Resources::new(),
        device: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
        gpu,
    })
}

fn run(
    registry: &Registry,
    env: &Arc<Env>,
    op: &str,
    attrs: &Attrs,
    inputs: Vec<Tensor>,
) -> Result<Vec<Tensor>> {
    let single = SingleOp::with_attrs(registry, env, (op, op), attrs)?;
    let outputs = single.run(inputs.into_iter().map(Value::Tensor).collect())?;
    let plain = |v| match v {
        Value::Tensor(t) => Ok(t),
        Value::Ref(v) => v.read(),
    };
    outputs.into_iter().map(plain).collect()
}

#[test]
fn gpu_kernels_compute_what_the_cpu_kernels_do() {
    compare_all(&gpu(), |_| true);
}

/// What a GPU rounds otherwise stays within the same bounds.
#[test]
fn rounding_as_gpus_do_changes_little() {
    if !discover().gpus.is_empty() {
        return; // The test above had one that does.
    }
    let gpu = emulated(EmulatorOptions {
        look_for_races: false,
        rounding: Rounding::Gpu,
        ..EmulatorOptions::default()
    });
    // The others' bounds are far wider or their functions are the host's.
    compare_all(&gpu, |inputs| {
        inputs.iter().any(|t| t.dtype() == DType::F32)
    });
}

fn compare_all(gpu: &Arc<Gpu>, takes: fn(&[Tensor]) -> bool) {
    let registry = Registry::builtin();
    let (cpu, device) = (env(None), env(Some(gpu.clone())));
    let (mut compared, mut problems) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for (schema, entry) in registry.ops() {
        let op = schema.name.as_str();
        let Ok(bytes) = std::fs::read(format!("tests/data/op_cases/{op}.pb")) else {
            continue;
        };
        for (name, mut attrs, inputs) in calls(&GraphDef::from_pb(&bytes).unwrap()) {
            if crate::op::check_attrs(schema, &mut attrs).is_err() {
                continue;
            }
            let Some(host) = on_host(&registry, op, &attrs, entry) else {
                continue;
            };
            if host.len() != inputs.len() || !takes(&inputs) {
                continue;
            }
            let want = run(&registry, &cpu, op, &attrs, inputs.clone());
            let place = format!("{op} {name}");
            let there =
                inputs
                    .iter()
                    .zip(&host)
                    .map(|(t, host)| match *host || !t.dtype().is_pod() {
                        true => Ok(t.clone()),
                        false => gpu.upload(t),
                    });
            let got = there
                .collect::<Result<Vec<_>>>()
                .and_then(|i| run(&registry, &device, op, &attrs, i));
            let here = |t: Tensor| match t.is_on_gpu() {
                true => gpu.download_now(&t),
                false => Ok(t),
            };
            let got = got.and_then(|all| all.into_iter().map(here).collect::<Result<Vec<_>>>());
            *compared.entry(op).or_default() += 1;
            match (want, got) {
                (Ok(want), Ok(got)) => {
                    let types: Vec<&str> = inputs.iter().map(|t| t.dtype().name()).collect();
                    let found = want.iter().zip(&got).filter_map(|(w, g)| difference(w, g));
                    problems.extend(found.map(|d| format!("{place} {types:?}: {d}")));
                }
                (Ok(_), Err(e)) => problems.push(format!("{place}: {e}")),
                // A GPU kernel does not look at values that lie in its memory.
                (Err(_), _) => {}
            }
        }
    }
    eprintln!(
        "{} calls of {} ops: {compared:?}",
        compared.values().sum::<usize>(),
        compared.len()
    );
    assert!(
        problems.is_empty(),
        "{} differ:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Reductions in several passes, and more elements than a grid has threads.
#[test]
fn large_gpu_kernels_compute_what_the_cpu_kernels_do() {
    let gpu = &gpu();
    let registry = Registry::builtin();
    let (cpu, device) = (env(None), env(Some(gpu.clone())));
    let values = |dims: &[usize], shift: usize| {
        let value = |i: usize| ((i * 7919 + shift) % 2003) as f32 / 1000.0 - 1.0;
        let n = dims.iter().product();
        Tensor::from_vec(dims, (0..n).map(value).collect()).unwrap()
    };
    let axes = |list: &[i32]| Tensor::from(list.to_vec());
    let wide = values(&[9, 800_000], 5);
    let cases: Vec<(&str, Vec<Tensor>, usize)> = vec![
        ("Sum", vec![values(&[70_000, 64], 1), axes(&[0])], 1),
        ("Sum", vec![values(&[3, 700_001], 2), axes(&[1])], 1),
        ("Mean", vec![values(&[300_007], 3), axes(&[0])], 1),
        ("Max", vec![values(&[50, 200, 70], 4), axes(&[0, 2])], 1),
        ("L2Loss", vec![values(&[2304, 384], 6)], 1),
        ("ArgMax", vec![wide.clone(), Tensor::from(1i32)], 1),
        (
            "ArgMin",
            vec![values(&[5000, 37], 8), Tensor::from(0i32)],
            1,
        ),
        ("Mul", vec![wide.clone(), values(&[800_000], 7)], 2),
        ("Relu", vec![wide.clone()], 1),
        ("Transpose", vec![wide, axes(&[1, 0])], 1),
    ];
    for (op, inputs, uploaded) in cases {
        let schema = registry.schema(op).unwrap();
        let mut attrs = Attrs::default();
        let types: Vec<Vec<DType>> = inputs.iter().map(|t| vec![t.dtype()]).collect();
        infer_attrs(schema, &types, &mut attrs).unwrap();
        let want = run(&registry, &cpu, op, &attrs, inputs.clone()).unwrap();
        let there = || -> Vec<Tensor> {
            let place = |(i, t): (usize, &Tensor)| match i < uploaded {
                true => gpu.upload(t).unwrap(),
                false => t.clone(),
            };
            inputs.iter().enumerate().map(place).collect()
        };
        let [got, again] = [(); 2].map(|()| {
            let made = run(&registry, &device, op, &attrs, there()).unwrap();
            gpu.download_now(&made[0]).unwrap()
        });
        assert_eq!(difference(&want[0], &got), None, "{op}");
        assert!(
            got.bytes().unwrap() == again.bytes().unwrap(),
            "{op} differs from itself"
        );
    }
}
