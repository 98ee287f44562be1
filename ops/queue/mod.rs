//! Queues: made by one op, filled, drained and closed by others. Waiting holds no thread.

mod create;
mod dequeue;
mod enqueue;
mod manage;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &create::FIFO_QUEUE_V2,
    &create::PADDING_FIFO_QUEUE_V2,
    &create::PRIORITY_QUEUE_V2,
    &create::RANDOM_SHUFFLE_QUEUE_V2,
    &dequeue::QUEUE_DEQUEUE_MANY_V2,
    &dequeue::QUEUE_DEQUEUE_UP_TO_V2,
    &dequeue::QUEUE_DEQUEUE_V2,
    &enqueue::QUEUE_ENQUEUE_MANY_V2,
    &enqueue::QUEUE_ENQUEUE_V2,
    &manage::QUEUE_CLOSE_V2,
    &manage::QUEUE_IS_CLOSED_V2,
    &manage::QUEUE_SIZE_V2,
];
