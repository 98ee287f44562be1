//! Towers: copies of the network on several devices, which share the variables and train them together.

use super::input::Batch;
use super::model::{self, Labels};
use tensorloom::ops::queue::{QueueHandle, QueueOptions};
use tensorloom::prelude::*;
use tensorloom::train::{GradientAndVariable, add_queue_runner};

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

/// One training step on so many towers, the i-th on the device `/gpu:i`: each differentiates its loss on a batch of its
/// own, then the mean of their gradients changes the variables, which stand on the CPU.
pub fn train<'g>(
    batch: Batch<'g>,
    step: Variable<'g>,
    count: u32,
    form: Labels,
) -> Result<Made<'g>> {
    let g = batch.images.graph();
    let cpu = g.device("/cpu:0");
    let batch_size = batch.images.shape().dim(0).unwrap_or(1) as u32;
    let rate = model::learning_rate(cpu, step, batch_size * count);
    let batches = prefetch(cpu, batch, count);
    let mut towers: Vec<Tower<'g>> = Vec::new();
    let mut taken: Option<NodeRef<'g>> = None;
    for i in 0..count {
        let on_gpu = cpu.device(&format!("/gpu:{i}"));
        let scope = on_gpu.scope(&format!("tower_{i}")).reuse(match i {
            0 => Reuse::Never,
            _ => Reuse::Always,
        });
        // One after the other, so that the same batches come to the same towers in every run.
        let parts = batches.in_scope(scope.after(taken)).dequeue();
        let [images, labels] = parts[..] else {
            return Err(Error::internal("a batch is images and labels"));
        };
        taken = Some(images.node());
        let (images, labels) = (images.in_scope(scope), labels.in_scope(scope));
        towers.push(tower(scope, Batch { images, labels }, form)?);
    }
    let Some(last) = towers.last() else {
        return Err(Error::invalid_argument("there must be a tower"));
    };
    let gradients = average_gradients(cpu, &towers);
    let train = model::apply(cpu, &GradientDescent::new(rate), &gradients, step)?;
    Ok(Made {
        logits: last.logits,
        loss: last.loss,
        train,
        summary: cpu.scope("Merge").merge_summary(&summaries_of(g, last)),
    })
}

/// One copy of the network, on a device of its own; the copies share the variables.
struct Tower<'g> {
    name: String,
    logits: Output<'g>,
    loss: Output<'g>,
    gradients: Vec<GradientAndVariable<'g>>,
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

fn tower<'g>(scope: Scope<'g>, batch: Batch<'g>, form: Labels) -> Result<Tower<'g>> {
    let logits = model::inference(scope, batch.images);
    let loss = model::loss(scope, logits, batch.labels, form);
    for l in model::losses(scope).into_iter().chain([loss]) {
        scope.summary_scalar(&model::without_tower(&l.node().name()), l);
    }
    let all = scope
        .graph()
        .collection_variables(keys::TRAINABLE_VARIABLES);
    let variables: Vec<Variable<'g>> = all.iter().map(|v| Variable::of(scope, v)).collect();
    let xs: Vec<Output<'g>> = variables.iter().map(|v| v.handle()).collect();
    let together = GradientOptions {
        gate: true,
        ..GradientOptions::default()
    };
    let gradients = scope.gradients(&[loss], &xs, &together)?;
    Ok(Tower {
        name: scope.name(),
        logits,
        loss,
        gradients: gradients.into_iter().zip(variables).collect(),
    })
}

/// The mean over the towers of each variable's gradient: the one point at which the towers wait for each other.
fn average_gradients<'g>(s: Scope<'g>, towers: &[Tower<'g>]) -> Vec<GradientAndVariable<'g>> {
    let variables = towers.first().map_or(&[][..], |t| &t.gradients);
    let mean = |i: usize| {
        let of_towers = towers.iter().filter_map(|t| t.gradients.get(i)?.0);
        let rows: Vec<Output<'g>> = of_towers.map(|g| s.expand_dims(g.dense(s), 0i32)).collect();
        match rows.is_empty() {
            true => None,
            false => Some(s.mean(s.concat(&rows, 0i32), 0i32, KeepDims::No).into()),
        }
    };
    let averaged = variables
        .iter()
        .enumerate()
        .map(|(i, (_, v))| (mean(i), *v));
    averaged.collect()
}

/// All summaries but those of the other towers, which would show the same under the same tags.
fn summaries_of<'g>(g: &'g Graph, tower: &Tower<'g>) -> Vec<Output<'g>> {
    let own = format!("{}/", tower.name);
    let mut all = g.collection_outputs(keys::SUMMARIES);
    all.retain(|s| s.name().starts_with(&own) || !s.name().starts_with("tower_"));
    all
}
