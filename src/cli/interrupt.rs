//! Ctrl-C: the first asks a long run to end after its step, the second ends the process at once.

use super::output::complain;
use crate::error::{Code, Error, Result};
use crate::train::Coordinator;
use parking_lot::Mutex;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The status of a process that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Whose threads stop too, so that a step which waits for them ends.
static COORDINATOR: Mutex<Option<Coordinator>> = Mutex::new(None);

/// Begins to listen for SIGINT, SIGTERM and SIGHUP.
pub(super) fn listen() -> Result<()> {
    let heard = || {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        complain("interrupted: the run ends after this step (again to end it now)");
        if let Some(coord) = COORDINATOR.lock().as_ref() {
            coord.request_stop(None);
        }
    };
    ctrlc::set_handler(heard)
        .map_err(|e| Error::new(Code::Unknown, format!("signals cannot be heard: {e}")))
}

/// Whether the run should end.
pub(super) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Stops these threads too.
pub(super) fn stop_too(coord: &Coordinator) {
    *COORDINATOR.lock() = Some(coord.clone());
    if requested() {
        coord.request_stop(None);
    }
}

/// How a run ends that was interrupted or not.
pub(super) fn exit_code() -> ExitCode {
    match requested() {
        true => ExitCode::from(INTERRUPTED),
        false => ExitCode::SUCCESS,
    }
}
