//! Hooks of a training loop: stop, watch for NaN, log, save, summarize.

use super::FileWriter;
use super::Saver;
use crate::error::{Code, Error, Result};
use crate::graph::Endpoint;
use crate::runtime::Session;
use crate::tensor::Tensor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a hook sees of the loop.
pub struct LoopState<'a> {
    /// The session.
    pub session: &'a Session,
    /// The global step: before a run, the number of steps done; after it, that after the run.
    pub step: i64,
    stop: &'a mut bool,
}

impl<'a> LoopState<'a> {
    pub(super) fn new(session: &'a Session, step: i64, stop: &'a mut bool) -> LoopState<'a> {
        LoopState {
            session,
            step,
            stop,
        }
    }
    /// Ends the loop after this step.
    pub fn request_stop(&mut self) {
        *self.stop = true;
    }
}

/// What happens around the steps of a training loop. All methods do nothing unless overridden.
pub trait Hook {
    /// Before the first step.
    fn begin(&mut self, _state: &mut LoopState<'_>) -> Result<()> {
        Ok(())
    }
    /// Before each step: tensors to be fetched in it.
    fn before_run(&mut self, _state: &LoopState<'_>) -> Vec<Endpoint> {
        Vec::new()
    }
    /// After each step, with what was asked for.
    fn after_run(&mut self, _state: &mut LoopState<'_>, _values: &[Tensor]) -> Result<()> {
        Ok(())
    }
    /// After the last step, when no error ended the loop.
    fn end(&mut self, _state: &mut LoopState<'_>) -> Result<()> {
        Ok(())
    }
}

/// Ends the loop at a global step.
pub struct StopAtStep {
    /// The step at which no further one begins.
    pub last_step: i64,
}

impl Hook for StopAtStep {
    fn begin(&mut self, state: &mut LoopState<'_>) -> Result<()> {
        if state.step >= self.last_step {
            state.request_stop();
        }
        Ok(())
    }
    fn after_run(&mut self, state: &mut LoopState<'_>, _: &[Tensor]) -> Result<()> {
        self.begin(state)
    }
}

/// Ends the loop with an error when a loss is not a number.
pub struct NanCheck {
    /// The loss, a float scalar.
    pub loss: Endpoint,
}

impl Hook for NanCheck {
    fn before_run(&mut self, _: &LoopState<'_>) -> Vec<Endpoint> {
        vec![self.loss]
    }
    fn after_run(&mut self, _: &mut LoopState<'_>, values: &[Tensor]) -> Result<()> {
        let loss = values.first().map_or(Ok(0.0), Tensor::to_scalar::<f32>)?;
        if loss.is_nan() {
            return Err(Error::new(
                Code::FailedPrecondition,
                "Model diverged with loss = NaN",
            ));
        }
        Ok(())
    }
}

/// What the logging hook reports.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord {
    /// The index of the step that ended.
    pub step: i64,
    /// Its loss.
    pub loss: f32,
    /// The mean time of a step since the last record.
    pub step_time: Duration,
}

/// Calls a function with the loss and the speed every so many steps.
pub struct Logging<F> {
    /// The loss, a float scalar.
    pub loss: Endpoint,
    /// Every so many steps.
    pub every: i64,
    /// What to do with it.
    pub log: F,
    last: Option<(i64, Instant)>,
}

impl<F: FnMut(LogRecord)> Logging<F> {
    /// A logging hook.
    pub fn new(loss: Endpoint, every: i64, log: F) -> Logging<F> {
        Logging {
            loss,
            every: every.max(1),
            log,
            last: None,
        }
    }
}

impl<F: FnMut(LogRecord)> Hook for Logging<F> {
    fn begin(&mut self, state: &mut LoopState<'_>) -> Result<()> {
        self.last = Some((state.step, Instant::now()));
        Ok(())
    }
    fn before_run(&mut self, state: &LoopState<'_>) -> Vec<Endpoint> {
        if state.step % self.every == 0 {
            vec![self.loss]
        } else {
            Vec::new()
        }
    }
    fn after_run(&mut self, state: &mut LoopState<'_>, values: &[Tensor]) -> Result<()> {
        let Some(loss) = values.first() else {
            return Ok(());
        };
        let now = Instant::now();
        let (since, time) = self.last.unwrap_or((state.step - 1, now));
        let steps = u32::try_from(state.step - since).unwrap_or(1).max(1);
        let step_time = now.duration_since(time) / steps;
        (self.log)(LogRecord {
            step: state.step - 1,
            loss: loss.to_scalar()?,
            step_time,
        });
        self.last = Some((state.step, now));
        Ok(())
    }
}

/// Saves a checkpoint every so many steps and at the end.
pub struct CheckpointEvery {
    /// What saves.
    pub saver: Arc<Saver>,
    /// The prefix of the files.
    pub prefix: PathBuf,
    /// Every so many steps.
    pub every: i64,
    last: Option<i64>,
}

impl CheckpointEvery {
    /// A checkpoint hook.
    pub fn new(saver: Arc<Saver>, prefix: PathBuf, every: i64) -> CheckpointEvery {
        CheckpointEvery {
            saver,
            prefix,
            every: every.max(1),
            last: None,
        }
    }
    fn save(&mut self, state: &LoopState<'_>) -> Result<()> {
        if self.last != Some(state.step) {
            self.saver
                .save(state.session, &self.prefix, Some(state.step))?;
            self.last = Some(state.step);
        }
        Ok(())
    }
}

impl Hook for CheckpointEvery {
    fn after_run(&mut self, state: &mut LoopState<'_>, _: &[Tensor]) -> Result<()> {
        if state.step % self.every == 0 {
            self.save(state)
        } else {
            Ok(())
        }
    }
    fn end(&mut self, state: &mut LoopState<'_>) -> Result<()> {
        self.save(state)
    }
}

/// Writes a merged summary every so many steps.
pub struct SummaryEvery {
    /// The merged summary, a string scalar.
    pub summary: Endpoint,
    /// Where it goes.
    pub writer: Arc<FileWriter>,
    /// Every so many steps.
    pub every: i64,
}

impl Hook for SummaryEvery {
    fn before_run(&mut self, state: &LoopState<'_>) -> Vec<Endpoint> {
        if state.step % self.every.max(1) == 0 {
            vec![self.summary]
        } else {
            Vec::new()
        }
    }
    fn after_run(&mut self, state: &mut LoopState<'_>, values: &[Tensor]) -> Result<()> {
        match values.first() {
            Some(s) => self.writer.add_summary(s.to_bytes()?, state.step - 1),
            None => Ok(()),
        }
    }
    fn end(&mut self, _: &mut LoopState<'_>) -> Result<()> {
        self.writer.flush()
    }
}
