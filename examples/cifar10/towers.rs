//! One training step of the network on several devices.

use super::input::Batch;
use super::model::{self, Labels};
use tensorloom::ops::queue::{QueueHandle, QueueOptions};
use tensorloom::prelude::*;
use tensorloom::train::{Towers, add_queue_runner};

/// What a step of all towers consists of.
pub struct Made<'g> {
    /// The scores of the last tower.
    pub logits: Output<'g>,
    /// The loss of the last tower.
    pub loss: Output<'g>,
    /// One step.
    pub train: NodeRef<'g>,
    /// The summaries of the last tower and of what all share.
    pub summary: Output<'g>,
}

/// One training step on towers, one for each of the devices: each differentiates its loss on a batch of its own, then the
/// mean of their gradients changes the variables, which stand on the CPU.
pub fn train<'g>(
    batch: Batch<'g>,
    step: Variable<'g>,
    devices: &[String],
    form: Labels,
) -> Result<Made<'g>> {
    let cpu = batch.images.graph().device("/cpu:0");
    let count = devices.len() as u32;
    let batch_size = batch.images.shape().dim(0).unwrap_or(1) as u32;
    let rate = model::learning_rate(cpu, step, batch_size * count);
    let batches = prefetch(cpu, batch, count);
    let mut taken: Option<NodeRef<'g>> = None;
    let mut made = (Output::broken(cpu), Output::broken(cpu));
    let towers = Towers::new(cpu, devices).replicate(|tower| {
        // One after the other, so that the same batches come to the same towers in every run; where the queue stands.
        let at_queue = tower.scope.after(taken).device("/cpu:0");
        let parts = batches.in_scope(at_queue).dequeue();
        let [images, labels] = parts[..] else {
            return Output::broken(tower.scope);
        };
        taken = Some(images.node());
        let [images, labels] = [images, labels].map(|x| x.in_scope(tower.scope));
        made = network(tower.scope, Batch { images, labels }, form);
        made.1
    })?;
    let (logits, loss) = made;
    let gradients = towers.average_gradients()?;
    let train = model::apply(cpu, &GradientDescent::new(rate), &gradients, step)?;
    Ok(Made {
        logits,
        loss,
        train,
        summary: cpu.scope("Merge").merge_summary(&towers.summaries()),
    })
}

/// The scores and the loss of one tower, with summaries of its losses.
fn network<'g>(scope: Scope<'g>, batch: Batch<'g>, form: Labels) -> (Output<'g>, Output<'g>) {
    let logits = model::inference(scope, batch.images);
    let loss = model::loss(scope, logits, batch.labels, form);
    for l in scope.collected(keys::LOSSES).into_iter().chain([loss]) {
        scope.summary_scalar(&model::without_tower(&l.node().name()), l);
    }
    (logits, loss)
}

/// A queue of whole batches, so that no tower waits while the next batch is put together.
fn prefetch<'g>(cpu: Scope<'g>, batch: Batch<'g>, towers: u32) -> QueueHandle<'g> {
    let s = cpu.scope("prefetch_queue");
    let parts = [batch.images.in_scope(s), batch.labels.in_scope(s)];
    let capacity = 2 * towers;
    let queue = s.fifo_queue(&QueueOptions {
        dtypes: parts.map(|x| x.dtype()).to_vec(),
        shapes: parts.map(|x| x.shape()).to_vec(),
        capacity: capacity.into(),
        ..QueueOptions::default()
    });
    add_queue_runner(queue.handle(), &[queue.enqueue(&parts)]);
    let size = s.named("ToFloat").cast(queue.size(), DType::F32);
    let fraction = size * (1.0 / capacity as f32);
    s.summary_scalar(&format!("fraction_of_{capacity}_full"), fraction);
    queue
}
