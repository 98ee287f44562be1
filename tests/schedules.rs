//! Models of what waits and wakes, each run under many schedules: no deadlock, nothing lost, nothing twice.
//!
//! `cargo test --features shuttle --test schedules -- --nocapture` prints how many schedules were explored. A failure prints
//! its schedule, which `shuttle::replay` runs again.

#[path = "schedules/executor.rs"]
mod executor;
#[path = "schedules/pool.rs"]
mod pool;
#[path = "schedules/queue.rs"]
mod queue;
#[path = "schedules/rendezvous.rs"]
mod rendezvous;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};
use std::sync::Arc;
use std::time::Duration;

/// Runs a model under random schedules, and under those of few preemptions (PCT), for less than a second each.
fn explore(name: &str, schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    let run = |kind: &str, scheduler: Box<dyn Scheduler + Send>| {
        let (model, mut config) = (model.clone(), Config::new());
        config.stack_size = 1 << 20;
        // So many steps are no schedule that goes on.
        config.max_steps = MaxSteps::FailAfter(1_000_000);
        config.max_time = Some(Duration::from_millis(800));
        config.silence_warnings = true;
        let done = Runner::new(scheduler, config).run(move || model());
        println!("{name}: {done} {kind} schedules");
        assert!(done > 0);
    };
    run("random", Box::new(RandomScheduler::new(schedules)));
    run("PCT", Box::new(PctScheduler::new(3, schedules)));
}
