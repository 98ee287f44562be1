//! Queues: made by one op, filled, drained and closed by others. Waiting holds no thread.

mod builder;
mod create;
mod dequeue;
mod enqueue;
pub(crate) mod handle;
mod manage;
#[cfg(test)]
mod tests;
mod wait;

pub use builder::{QueueHandle, QueueOptions};

use crate::registry::OpEntry;

/// The ops of this family.
pub(crate) static OPS: &[&OpEntry] = &[
    &create::FIFO_QUEUE,
    &create::FIFO_QUEUE_V2,
    &create::PADDING_FIFO_QUEUE,
    &create::PADDING_FIFO_QUEUE_V2,
    &create::PRIORITY_QUEUE_V2,
    &create::RANDOM_SHUFFLE_QUEUE,
    &create::RANDOM_SHUFFLE_QUEUE_V2,
    &dequeue::QUEUE_DEQUEUE,
    &dequeue::QUEUE_DEQUEUE_MANY,
    &dequeue::QUEUE_DEQUEUE_MANY_V2,
    &dequeue::QUEUE_DEQUEUE_UP_TO,
    &dequeue::QUEUE_DEQUEUE_UP_TO_V2,
    &dequeue::QUEUE_DEQUEUE_V2,
    &enqueue::QUEUE_ENQUEUE,
    &enqueue::QUEUE_ENQUEUE_MANY,
    &enqueue::QUEUE_ENQUEUE_MANY_V2,
    &enqueue::QUEUE_ENQUEUE_V2,
    &manage::QUEUE_CLOSE,
    &manage::QUEUE_CLOSE_V2,
    &manage::QUEUE_IS_CLOSED_V2,
    &manage::QUEUE_SIZE,
    &manage::QUEUE_SIZE_V2,
];
