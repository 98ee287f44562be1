//! The watchdog: a step that hangs ends the process with its name. A process that hardly computes is told from a slow one.

use std::fs::read_to_string;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// No step may take longer, however slow the machine is.
const LONGEST: Duration = Duration::from_secs(120);
/// A step as old as this hangs when the process has hardly computed for [`IDLE`].
const SUSPECT: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_secs(5);

/// What a client is doing, and since when.
pub type Place = Arc<Mutex<Option<(Instant, String)>>>;

/// Watches the steps of several clients.
pub struct Watch(Vec<Place>);

impl Watch {
    /// Starts a thread that looks now and then.
    pub fn start() -> Watch {
        let places: Vec<Place> = (0..super::CLIENTS).map(|_| Place::default()).collect();
        let watched = places.clone();
        std::thread::spawn(move || {
            let mut idle_since = (Instant::now(), process().ticks);
            loop {
                std::thread::sleep(Duration::from_millis(500));
                let ticks = process().ticks;
                // A hundredth of a second each: less than a tenth of a core is nothing.
                if ticks > idle_since.1 + 5 {
                    idle_since = (Instant::now(), ticks);
                } else {
                    idle_since.1 = ticks;
                }
                for place in &watched {
                    let Some((since, what)) = place.lock().unwrap().clone() else {
                        continue;
                    };
                    let hangs = since.elapsed() > SUSPECT && idle_since.0.elapsed() > IDLE;
                    if hangs || since.elapsed() > LONGEST {
                        println!("a step hangs for {:?}: {what}", since.elapsed());
                        std::process::exit(101);
                    }
                }
            }
        });
        Watch(places)
    }
    /// Where a client says what it does.
    pub fn place(&self, client: usize) -> Place {
        self.0[client].clone()
    }
}

/// What the system counts for this process.
pub struct Process {
    pub threads: u64,
    /// Bytes in memory.
    pub resident: u64,
    /// Hundredths of a second that it has computed.
    pub ticks: u64,
}

/// This process now; zeros where the system does not tell.
pub fn process() -> Process {
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, in parentheses, is a name that may hold blanks.
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .map(|f| f.parse().unwrap_or(0))
        .collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    Process {
        threads: field(20),
        resident: field(24) * 4096,
        ticks: field(14) + field(15),
    }
}
