//! `tensorloom devices`: what there is to compute on, and why there is no GPU when there is none.

use super::lenient::COMPILED_AWAY;
use super::output::{Done, Out};
use crate::device::cpu::{SimdLevel, ThreadPool, host_memory};
use crate::device::cuda::{Gpu, discover};
use crate::kernel::DeviceType;
use crate::registry::Registry;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// List the devices, what each can do, and why there is no GPU when there is none
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tensorloom devices --json")]
pub(super) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Fact {
    devices: Vec<Device>,
    /// Why there is no GPU, or why one that the machine has is not here; nothing when all are.
    no_gpu: Option<String>,
}

#[derive(Serialize)]
struct Device {
    name: String,
    kind: &'static str,
    model: Option<String>,
    /// Threads of a CPU that compute by default.
    threads: Option<usize>,
    memory_bytes: Option<u64>,
    /// The widest vector instructions of a CPU in use.
    vectors: Option<&'static str>,
    /// A GPU's compute capability.
    capability: Option<String>,
    /// A GPU's address on the bus.
    bus: Option<String>,
    /// Ops that run on it, and all ops.
    ops: usize,
    all_ops: usize,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let registry = Registry::builtin();
        let ops = registry.ops();
        let on = |d: DeviceType| {
            let has = |k: &[crate::kernel::KernelDef]| k.iter().any(|k| k.device == d);
            let calls = |name: &str| d == DeviceType::Cpu && COMPILED_AWAY.contains(&name);
            let runs = ops.iter().filter(|(s, e)| has(e.kernels) || calls(&s.name));
            runs.count()
        };
        let cpu = Device {
            name: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
            kind: DeviceType::Cpu.name(),
            model: line_of("/proc/cpuinfo", "model name"),
            threads: Some(ThreadPool::new(0).threads()),
            memory_bytes: Some(host_memory()).filter(|m| *m > 0),
            vectors: Some(match SimdLevel::detect() {
                SimdLevel::Avx512 => "AVX-512",
                SimdLevel::Avx2 => "AVX2 and FMA",
                SimdLevel::Portable => "portable",
            }),
            capability: None,
            bus: None,
            ops: on(DeviceType::Cpu),
            all_ops: ops.len(),
        };
        let gpu = |gpu: &std::sync::Arc<Gpu>| {
            let facts = gpu.facts();
            Device {
                name: format!("/job:localhost/replica:0/task:0/device:GPU:{}", gpu.index()),
                kind: DeviceType::Gpu.name(),
                model: Some(facts.model.clone()),
                threads: None,
                memory_bytes: Some(facts.memory),
                vectors: None,
                capability: Some(format!("{}.{}", facts.capability.0, facts.capability.1)),
                bus: Some(facts.bus.clone()),
                ops: on(DeviceType::Gpu),
                all_ops: ops.len(),
            }
        };
        let found = discover();
        let devices = std::iter::once(cpu).chain(found.gpus.iter().map(gpu));
        let fact = Fact {
            devices: devices.collect(),
            no_gpu: (!found.why_none.is_empty()).then(|| found.why_none.clone()),
        };
        match self.json {
            true => out.json(&fact)?,
            false => print(&fact, out)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(fact: &Fact, out: &mut Out) -> Done {
    for d in &fact.devices {
        writeln!(out, "{}", d.name)?;
        if let Some(model) = &d.model {
            writeln!(out, "  model    {model}")?;
        }
        if let Some(capability) = &d.capability {
            writeln!(out, "  compute capability {capability}")?;
        }
        if let Some(bus) = &d.bus {
            writeln!(out, "  bus      {bus}")?;
        }
        if let Some(threads) = d.threads {
            writeln!(out, "  threads  {threads}")?;
        }
        if let Some(bytes) = d.memory_bytes {
            writeln!(
                out,
                "  memory   {:.1} GiB",
                bytes as f64 / f64::from(1 << 30)
            )?;
        }
        if let Some(vectors) = d.vectors {
            writeln!(out, "  vectors  {vectors}")?;
        }
        writeln!(out, "  ops      {} of {}", d.ops, d.all_ops)?;
    }
    match (&fact.no_gpu, fact.devices.len()) {
        (Some(why), 1) => Ok(writeln!(out, "no GPU: {why}")?),
        (Some(why), _) => Ok(writeln!(out, "GPUs: {why}")?),
        (None, _) => Ok(()),
    }
}

/// What follows `key:` in a file of such lines.
fn line_of(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|l| {
        let (k, v) = l.split_once(':')?;
        (k.trim() == key).then(|| v.trim().to_string())
    })
}
