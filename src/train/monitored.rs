//! The training loop: one step after the other, hooks around each, a clean end whatever happens.

use super::hooks::{Hook, LoopState};
use crate::error::{Code, Error, Result};
use crate::graph::{Endpoint, NodeId};
use crate::runtime::Session;
use crate::tensor::Tensor;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a loop runs.
pub struct TrainingLoop<'a> {
    /// The session, its variables initialized or restored.
    pub session: &'a Session,
    /// The node that does one step.
    pub train_op: NodeId,
    /// The global step, an integer or float scalar.
    pub global_step: Endpoint,
    /// When it becomes true the loop ends after the running step, as if a hook had asked for it.
    pub interrupt: Option<&'a AtomicBool>,
}

impl TrainingLoop<'_> {
    /// Runs steps until a hook asks to stop, the input ends, or the interrupt is set; gives the global step.
    ///
    /// # Errors
    /// The first error of a step or a hook; the end of the input (`OutOfRange`) is none.
    pub fn run(&self, hooks: &mut [Box<dyn Hook + '_>]) -> Result<i64> {
        let mut step = self.current_step()?;
        let mut stop = false;
        for h in hooks.iter_mut() {
            h.begin(&mut LoopState::new(self.session, step, &mut stop))?;
        }
        while !stop && !self.interrupt.is_some_and(|i| i.load(Ordering::Relaxed)) {
            let mut fetches: Vec<Endpoint> = Vec::new();
            let mut wanted: Vec<Vec<usize>> = Vec::with_capacity(hooks.len());
            for h in hooks.iter_mut() {
                let state = LoopState::new(self.session, step, &mut stop);
                let places = h.before_run(&state).into_iter().map(|e| {
                    fetches.iter().position(|f| *f == e).unwrap_or_else(|| {
                        fetches.push(e);
                        fetches.len() - 1
                    })
                });
                wanted.push(places.collect());
            }
            let values = match self.session.run((), fetches, [self.train_op]) {
                Ok(v) => v,
                Err(e) if e.code() == Code::OutOfRange => break,
                Err(e) => return Err(e),
            };
            step += 1;
            for (h, places) in hooks.iter_mut().zip(&wanted) {
                let own: Vec<Tensor> = places.iter().map(|i| values[*i].clone()).collect();
                h.after_run(&mut LoopState::new(self.session, step, &mut stop), &own)?;
            }
        }
        for h in hooks.iter_mut() {
            h.end(&mut LoopState::new(self.session, step, &mut stop))?;
        }
        Ok(step)
    }

    fn current_step(&self) -> Result<i64> {
        let t = self.session.fetch([self.global_step].as_slice())?;
        match t.to_i64s() {
            Ok(v) => v
                .first()
                .copied()
                .ok_or_else(|| Error::invalid_argument("the global step is empty")),
            // The multi-GPU tutorial keeps its step as a float.
            Err(_) => Ok(t.to_scalar::<f32>()? as i64),
        }
    }
}
