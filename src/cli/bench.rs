//! `tensorloom bench`: runs a graph as `run` does and tells what it costs: time a step, time by op, memory.

use super::interrupt;
use super::output::{Done, Out, Table, complain, progress};
use super::program::{Outcome, Program, ProgramArgs};
use super::run::write_trace;
use crate::error::{Error, Result};
use crate::runtime::{ChromeTrace, DeviceMemory, RunMetadata, RunOptions};
use crate::tensor::{pool_stats, reset_pool_peak};
use serde::Serialize;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// So many ops are printed without `--json`.
const SHOWN: usize = 20;

/// Time a graph: median and spread of a step, time by op, peak memory
///
/// The options are those of `run`. After the warm-up each step is timed by itself; then some more steps are traced for
/// the times by op, so that tracing does not burden the figures. Times of ops are sums over all threads for one step; an
/// op that waits (for a queue, say) counts its waiting. The peak is of tensor memory, from the first timed step on; the
/// memory of each device is that of the last traced step. All times are in milliseconds.
///
/// With --json the document is `{"steps": 100, "median_ms": …, "p10_ms": …, "p90_ms": …, "peak_bytes": …, "ops": [{"op":
/// "Conv2D", "ms": …, "count": …}, …]}`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom bench train.meta --init init --queue-runners --target train --steps 50
  tensorloom bench graph.pb --feed x=x.npy --fetch y:0 --threads 1 --json
  tensorloom bench towers.meta --init init --queue-runners --target train --device-count CPU=2 --trace step.json")]
pub(super) struct Args {
    #[command(flatten)]
    program: ProgramArgs,
    /// Steps that are not timed, first
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Steps")]
    warmup: u64,
    /// Steps that are timed
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Steps")]
    steps: u64,
    /// Steps that are traced for the times by op, last
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Steps")]
    traced: u64,
    /// Write the last traced step, for Perfetto or chrome://tracing; as TensorFlow's RunMetadata if the name ends in .pb
    #[arg(long, value_name = "FILE", help_heading = "What is written")]
    trace: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The document of `--json`. Times are milliseconds.
#[derive(Serialize)]
struct Report {
    steps: usize,
    median_ms: f64,
    p10_ms: f64,
    p90_ms: f64,
    peak_bytes: usize,
    ops: Vec<OpTime>,
    #[serde(skip)]
    memory: Vec<DeviceMemory>,
}

/// What an op costs in one step.
#[derive(Serialize)]
struct OpTime {
    op: String,
    ms: f64,
    /// Executions in one step.
    count: f64,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        interrupt::listen()?;
        let program = self.program.prepare(false)?;
        let measured = self.measure(&program);
        let stopped = program.stop();
        let report = measured?;
        stopped?;
        program.session.close();
        match self.json {
            true => out.json(&report)?,
            false => print(&report, out)?,
        }
        Ok(interrupt::exit_code())
    }

    fn measure(&self, program: &Program) -> Result<Report> {
        let plain = RunOptions::default();
        let traced = RunOptions {
            trace: true,
            ..RunOptions::default()
        };
        let mut ended = false;
        let mut step = |options: &RunOptions| -> Result<Option<_>> {
            match program.step(None, options)? {
                Outcome::Values(_, metadata) => Ok(Some(metadata)),
                Outcome::EndOfInput | Outcome::Interrupted => {
                    ended = true;
                    Ok(None)
                }
            }
        };
        progress(|| format!("{} steps of warm-up, {} timed", self.warmup, self.steps));
        for _ in 0..self.warmup {
            if step(&plain)?.is_none() {
                break;
            }
        }
        reset_pool_peak();
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..self.steps {
            let begun = Instant::now();
            if step(&plain)?.is_none() {
                break;
            }
            times.push(begun.elapsed());
        }
        let peak_bytes = pool_stats().peak;
        let mut ops: HashMap<String, (Duration, u64)> = HashMap::new();
        let mut traced_steps = 0u64;
        let mut last = RunMetadata::default();
        for _ in 0..self.traced.max(self.trace.is_some().into()) {
            let Some(metadata) = step(&traced)? else {
                break;
            };
            traced_steps += 1;
            for n in &metadata.nodes {
                let (time, count) = ops.entry(n.op.clone()).or_default();
                *time += n.duration;
                *count += 1;
            }
            last = metadata;
        }
        if times.is_empty() {
            return Err(Error::failed_precondition(
                "no step could be timed: the input ended or the run was interrupted before",
            ));
        }
        if ended {
            complain(&format!(
                "warning: the run ended early: {} of {} steps timed, {traced_steps} traced",
                times.len(),
                self.steps
            ));
        }
        if let Some(path) = &self.trace {
            let mut trace = ChromeTrace::default();
            let number = self.warmup + self.steps + traced_steps;
            trace.add(number, Duration::ZERO, &last);
            write_trace(path, &trace, &last)?;
        }
        times.sort_unstable();
        let steps = traced_steps.max(1) as f64;
        let mut ops: Vec<OpTime> = ops
            .into_iter()
            .map(|(op, (time, count))| OpTime {
                op,
                ms: millis(time) / steps,
                count: count as f64 / steps,
            })
            .collect();
        ops.sort_by(|a, b| b.ms.total_cmp(&a.ms).then_with(|| a.op.cmp(&b.op)));
        Ok(Report {
            steps: times.len(),
            median_ms: quantile(&times, 0.5),
            p10_ms: quantile(&times, 0.1),
            p90_ms: quantile(&times, 0.9),
            peak_bytes,
            ops,
            memory: last.memory,
        })
    }
}

fn millis(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

/// Of sorted times, in milliseconds, between two of them where it falls there.
fn quantile(times: &[Duration], q: f64) -> f64 {
    let place = q * times.len().saturating_sub(1) as f64;
    let at = |i: usize| times.get(i).copied().map_or(0.0, millis);
    let (low, high) = (at(place.floor() as usize), at(place.ceil() as usize));
    low + (high - low) * place.fract()
}

fn print(report: &Report, out: &mut Out) -> Done {
    writeln!(
        out,
        "{} steps: median {:.3} ms, p10 {:.3} ms, p90 {:.3} ms; peak {:.1} MiB",
        report.steps,
        report.median_ms,
        report.p10_ms,
        report.p90_ms,
        mib(report.peak_bytes as u64)
    )?;
    let total: f64 = report.ops.iter().map(|o| o.ms).sum();
    let mut table = Table::new(&[1, 2, 3]);
    table.row(["op", "ms/step", "%", "count/step"]);
    for o in report.ops.iter().take(SHOWN) {
        table.row([
            o.op.clone(),
            format!("{:.3}", o.ms),
            format!("{:.1}", 100.0 * o.ms / total.max(f64::MIN_POSITIVE)),
            format!("{}", (o.count * 10.0).round() / 10.0),
        ]);
    }
    if report.ops.is_empty() {
        return Ok(());
    }
    table.print(out, "")?;
    let rest = report.ops.len().saturating_sub(SHOWN);
    if rest > 0 {
        let ms: f64 = report.ops.iter().skip(SHOWN).map(|o| o.ms).sum();
        writeln!(out, "{rest} more ops: {ms:.3} ms")?;
    }
    let mut table = Table::new(&[2, 3]);
    table.row(["memory of", "allocator", "peak MiB", "limit MiB"]);
    for m in &report.memory {
        table.row([
            m.device.clone(),
            m.allocator.to_string(),
            format!("{:.1}", mib(m.peak)),
            m.limit.map_or("-".into(), |l| format!("{:.0}", mib(l))),
        ]);
    }
    table.print(out, "")
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_times() {
        let ms = |list: &[u64]| -> Vec<Duration> {
            list.iter().map(|m| Duration::from_millis(*m)).collect()
        };
        assert_eq!(quantile(&ms(&[7]), 0.9), 7.0);
        assert_eq!(quantile(&ms(&[1, 2]), 0.5), 1.5);
        let ten = ms(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        for (q, want) in [(0.1, 10.0), (0.5, 50.0), (0.9, 90.0)] {
            assert!((quantile(&ten, q) - want).abs() < 1e-9);
        }
    }
}
