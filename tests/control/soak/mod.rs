//! A soak of the executor over four devices: thousands of steps from several clients, with errors, time-outs, closed queues and
//! closed sessions. No step hangs, what succeeds is right, what fails says why, and nothing is left behind.
//!
//! It runs in a process of its own, whose live buffers and threads can be counted.

mod client;
pub mod graph;
mod watch;

use client::{Client, Expected, Shared};
use graph::DEVICES;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tensorloom::tensor::pool_stats;
use tensorloom::{Graph, Session, SessionOptions};
use watch::{Watch, process};

/// How many steps the child is to run.
const STEPS: &str = "TENSORLOOM_SOAK_STEPS";
const CLIENTS: usize = 4;
const STEPS_OF_A_SESSION: u64 = 100;
const SEED: u64 = 20_240_229;

/// Numbers that look random (SplitMix64).
pub struct Random(u64);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Runs a test of this binary again, alone in a process, for so many steps.
fn alone(test: &str, steps: u64) {
    if let Ok(steps) = std::env::var(STEPS) {
        return soak(steps.parse().unwrap());
    }
    let out = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(STEPS, steps.to_string())
        .output()
        .unwrap();
    let (text, errors) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    assert!(out.status.success(), "{text}\n{errors}");
    println!("{text}");
}

#[test]
fn thousands_of_steps_end_well() {
    alone("control::soak::thousands_of_steps_end_well", 2_000);
}

/// Ten times as many; `.ci/run` calls it.
#[test]
#[ignore = "takes a minute"]
fn tens_of_thousands_of_steps_end_well() {
    alone("control::soak::tens_of_thousands_of_steps_end_well", 20_000);
}

/// Sessions one after the other over one graph, until so many steps were made.
fn soak(steps: u64) {
    let g = Graph::new();
    graph::build(&g);
    let expected = Arc::new(Expected::new(&g));
    let watch = Watch::start();
    let began = Instant::now();
    let mut random = Random(SEED);
    let mut shared = Shared::default();
    session(&g, &expected, &watch, &mut random, &mut shared, true);
    let settled = settle(None);
    let (mut made, mut rounds, mut next_line) = (0, 0u64, 1_000);
    while made < steps {
        let closes = random.below(2) == 0;
        made += session(&g, &expected, &watch, &mut random, &mut shared, closes);
        rounds += 1;
        let now = settle(Some(&settled));
        assert_eq!(
            (now.bytes, now.threads),
            (settled.bytes, settled.threads),
            "left behind after {made} steps, session {rounds}"
        );
        if made >= next_line {
            next_line += 1_000;
            println!(
                "{made} steps, {rounds} sessions: {} bytes live, {} threads, {} MiB resident, {:.1} s",
                now.bytes,
                now.threads,
                now.resident >> 20,
                began.elapsed().as_secs_f64()
            );
        }
    }
    let grown = settle(None).resident.saturating_sub(settled.resident);
    assert!(grown < 64 << 20, "resident memory grew by {grown} bytes");
    println!("{shared:?}");
    shared.check_that_all_came_about();
}

/// What a process has when no session lives.
struct Settled {
    bytes: usize,
    threads: u64,
    resident: u64,
}

/// Waits a little for what the last session leaves behind on its threads; no longer once all is as it was.
fn settle(wanted: Option<&Settled>) -> Settled {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let p = process();
        let now = Settled {
            bytes: pool_stats().in_use,
            threads: p.threads,
            resident: p.resident,
        };
        let done = match wanted {
            Some(w) => (now.bytes, now.threads) == (w.bytes, w.threads),
            None => Instant::now() + Duration::from_millis(19_800) > until,
        };
        if done || Instant::now() > until {
            return now;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One session with several clients; gives how many steps they made.
fn session(
    g: &Graph,
    expected: &Arc<Expected>,
    watch: &Watch,
    random: &mut Random,
    shared: &mut Shared,
    closes: bool,
) -> u64 {
    let options = SessionOptions {
        threads: 1 + random.below(4) as usize,
        cpu_devices: DEVICES,
        ..SessionOptions::default()
    };
    let before = pool_stats().in_use;
    let session = Session::with_options(g, &options).unwrap();
    session.run_target(g.init_op()).unwrap();
    let seeds: Vec<u64> = (0..CLIENTS).map(|_| random.below(u64::MAX)).collect();
    let pause = Duration::from_micros(random.below(400_000));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client {
                number,
                session: session.clone(),
                random: Random(seeds[number]),
                expected: expected.clone(),
                place: watch.place(number),
            };
            std::thread::spawn(move || client.run(STEPS_OF_A_SESSION))
        })
        .collect();
    if closes {
        std::thread::sleep(pause);
        session.close();
    }
    let all: Vec<_> = clients.into_iter().map(|c| c.join().unwrap()).collect();
    // What a living session keeps does not grow with its steps.
    let kept = pool_stats().in_use.saturating_sub(before);
    assert!(kept < 1 << 20, "a session keeps {kept} bytes");
    let made = all.iter().map(|c| c.steps).sum();
    shared.add(all, closes);
    made
}
