//! `tensorloom devices`: what there is to compute on, and why there is no GPU when there is none.

use super::lenient::COMPILED_AWAY;
use super::output::{Done, Out};
use crate::device::cpu::{SimdLevel, ThreadPool};
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
    /// Why there is no GPU; nothing when there is one.
    no_gpu: Option<String>,
}

#[derive(Serialize)]
struct Device {
    name: String,
    kind: &'static str,
    model: Option<String>,
    /// Threads that compute by default.
    threads: usize,
    memory_bytes: Option<u64>,
    /// The widest vector instructions in use.
    vectors: &'static str,
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
        let fact = Fact {
            devices: vec![Device {
                name: "/job:localhost/replica:0/task:0/device:CPU:0".into(),
                kind: DeviceType::Cpu.name(),
                model: line_of("/proc/cpuinfo", "model name"),
                threads: ThreadPool::new(0).threads(),
                memory_bytes: memory(),
                vectors: match SimdLevel::detect() {
                    SimdLevel::Avx512 => "AVX-512",
                    SimdLevel::Avx2 => "AVX2 and FMA",
                    SimdLevel::Portable => "portable",
                },
                ops: on(DeviceType::Cpu),
                all_ops: ops.len(),
            }],
            no_gpu: no_gpu(on(DeviceType::Gpu)),
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
        writeln!(out, "  threads  {}", d.threads)?;
        if let Some(bytes) = d.memory_bytes {
            writeln!(
                out,
                "  memory   {:.1} GiB",
                bytes as f64 / f64::from(1 << 30)
            )?;
        }
        writeln!(out, "  vectors  {}", d.vectors)?;
        writeln!(out, "  ops      {} of {}", d.ops, d.all_ops)?;
    }
    match &fact.no_gpu {
        Some(why) => Ok(writeln!(out, "no GPU: {why}")?),
        None => Ok(()),
    }
}

/// Why there is no GPU to compute on, given how many ops have kernels for one.
fn no_gpu(kernels: usize) -> Option<String> {
    if kernels > 0 {
        return None;
    }
    let driver = line_of("/proc/driver/nvidia/version", "NVRM version");
    Some(match driver {
        Some(version) => format!(
            "no op of this build has a GPU kernel (the machine has an NVIDIA driver: {version})"
        ),
        None => "no op of this build has a GPU kernel, and the machine has no NVIDIA driver".into(),
    })
}

/// What follows `key:` in a file of such lines.
fn line_of(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|l| {
        let (k, v) = l.split_once(':')?;
        (k.trim() == key).then(|| v.trim().to_string())
    })
}

fn memory() -> Option<u64> {
    let text = line_of("/proc/meminfo", "MemTotal")?;
    let kib: u64 = text.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}
