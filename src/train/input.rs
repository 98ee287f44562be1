//! Input pipelines: file names, batches and shuffled batches through queues, as the tutorials build them.

use super::add_queue_runner;
use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{NodeRef, Output, Scope, keys};
use crate::ops::queue::{QueueHandle, QueueOptions};
use crate::shape::PartialShape;
use std::panic::Location;

/// How [`input_producer`] and [`string_input_producer`] go through their elements.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// How many times each element is produced; `None`: without end.
    pub num_epochs: Option<i64>,
    /// Whether the order is drawn anew for each epoch.
    pub shuffle: bool,
    /// The op-level seed of the order.
    pub seed: Option<i64>,
    /// The capacity of the queue.
    pub capacity: i64,
    /// The name; `input_producer` unless given.
    pub name: Option<String>,
}

impl Default for ProducerOptions {
    fn default() -> ProducerOptions {
        ProducerOptions {
            num_epochs: None,
            shuffle: true,
            seed: None,
            capacity: 32,
            name: None,
        }
    }
}

/// A queue of the given strings (file names), produced epoch by epoch; gives the queue's handle.
#[track_caller]
pub fn string_input_producer<'g>(
    scope: Scope<'g>,
    strings: &[String],
    options: &ProducerOptions,
) -> Output<'g> {
    let s = scope.scope(options.name.as_deref().unwrap_or("input_producer"));
    let text = "string_input_producer requires a non-null input tensor";
    let all = s.named("Const").constant(strings.to_vec());
    let size = s
        .named("Size")
        .constant(i32::try_from(strings.len()).unwrap_or(i32::MAX));
    let some = s
        .op("Greater")
        .input(size)
        .input(s.named("Greater/y").constant(0i32))
        .out();
    let assert = s.scope("Assert");
    assert.named("Const").constant(text);
    let message = assert.named("Assert/data_0").constant(text);
    let check = assert.op("Assert").input(some).list([message]).finish();
    let all = s.op("Identity").input(all).after(check).out();
    produce_summarized(s, all, options).handle()
}

/// A queue of the rows of a tensor, produced epoch by epoch; gives the queue's handle.
#[track_caller]
pub fn input_producer<'g>(
    scope: Scope<'g>,
    rows: Output<'g>,
    options: &ProducerOptions,
) -> Output<'g> {
    let s = scope.scope(options.name.as_deref().unwrap_or("input_producer"));
    // Without a name of its own the queue is named after its op.
    let queue = match &options.name {
        Some(name) => s.named(name),
        None => s.named("FIFOQueueV2"),
    };
    produce(s, queue, rows, options).handle()
}

/// The integers from 0 to `limit` - 1, produced epoch by epoch; gives the queue.
#[track_caller]
pub fn range_input_producer<'g>(
    scope: Scope<'g>,
    limit: Output<'g>,
    options: &ProducerOptions,
) -> QueueHandle<'g> {
    let s = scope.scope(options.name.as_deref().unwrap_or("input_producer"));
    let range = s.scope("range");
    let start = range.named("start").constant(0i32);
    let delta = range.named("delta").constant(1i32);
    let rows = s
        .op("Range")
        .name(format!("{}/", range.name()))
        .input(start)
        .input(limit)
        .input(delta)
        .out();
    produce_summarized(s, rows, options)
}

/// One row of each of the tensors at a time, epoch by epoch; they all have the same size in dimension 0.
#[track_caller]
pub fn slice_input_producer<'g>(
    scope: Scope<'g>,
    tensors: &[Output<'g>],
    options: &ProducerOptions,
) -> Vec<Output<'g>> {
    let s = scope.scope(options.name.as_deref().unwrap_or("input_producer"));
    let Some(first) = tensors.first() else {
        s.graph().fail(Error::invalid_argument(
            "Expected at least one tensor in slice_input_producer().",
        ));
        return Vec::new();
    };
    let shape = match first.shape().to_shape() {
        // As TensorFlow does where the shape is known.
        Some(known) => {
            let dims = known.dims().iter().map(|d| i32::try_from(*d));
            match dims.collect::<Result<Vec<i32>, _>>() {
                Ok(dims) => s.named("Shape").constant(dims),
                Err(_) => s.op("Shape").input(*first).out(),
            }
        }
        None => s.op("Shape").input(*first).out(),
    };
    let bounds = s.scope("strided_slice");
    let [from, to, by] = [("stack", 0i32), ("stack_1", 1), ("stack_2", 1)]
        .map(|(name, v)| bounds.named(name).constant([v]));
    let rows = s
        .op("StridedSlice")
        .name(format!("{}/", bounds.name()))
        .input(shape)
        .input(from)
        .input(to)
        .input(by)
        .attr("shrink_axis_mask", 1i64)
        .out();
    let inner = ProducerOptions {
        name: None,
        ..options.clone()
    };
    let queue = range_input_producer(s, rows, &inner);
    let Some(index) = queue.in_scope(s).dequeue().first().copied() else {
        return Vec::new();
    };
    let gather = |x: &Output<'g>| {
        let op = s.op("GatherV2").input(*x).input(index).input(0i32);
        op.out().in_scope(scope)
    };
    tensors.iter().map(gather).collect()
}

/// A queue of rows with a summary of how full it is, named as its scope.
#[track_caller]
fn produce_summarized<'g>(
    s: Scope<'g>,
    rows: Output<'g>,
    options: &ProducerOptions,
) -> QueueHandle<'g> {
    let queue = produce(s, s.named(&format!("{}/", s.name())), rows, options);
    let name = format!("fraction_of_{}_full", options.capacity);
    let size = queue.in_scope(s).size();
    summarize_fraction(s, size, 1.0 / options.capacity as f64, &name);
    queue
}

/// A queue of rows, made in the scope `named`, and what fills it.
#[track_caller]
fn produce<'g>(
    s: Scope<'g>,
    named: Scope<'g>,
    rows: Output<'g>,
    options: &ProducerOptions,
) -> QueueHandle<'g> {
    let mut rows = rows;
    let element = match rows.shape().dims() {
        Some([_, rest @ ..]) => PartialShape::of(rest.to_vec()),
        _ => PartialShape::unknown(),
    };
    if !element.is_fully_known() && rows.is_valid() {
        let e = Error::invalid_argument(
            "Either `input_tensor` must have a fully defined shape or `element_shape` must be specified",
        );
        s.graph().fail(e.at_line(Location::caller()));
    }
    if options.shuffle {
        let (seed, seed2) = s.graph().seeds(options.seed);
        rows = s
            .op("RandomShuffle")
            .input(rows)
            .attr("seed", seed)
            .attr("seed2", seed2)
            .out();
    }
    if let Some(epochs) = options.num_epochs {
        rows = limit_epochs(s, rows, epochs);
    }
    let queue = named.fifo_queue(&QueueOptions {
        dtypes: vec![rows.dtype()],
        shapes: vec![element],
        capacity: options.capacity,
        ..Default::default()
    });
    let queue = queue.in_scope(s);
    let enqueue = queue.enqueue_many(&[rows]);
    add_queue_runner(queue.handle(), &[enqueue]);
    queue
}

/// The tensor, `num_epochs` times; then `OutOfRange` (op `CountUpTo` on a local variable).
#[track_caller]
pub fn limit_epochs<'g>(scope: Scope<'g>, x: Output<'g>, num_epochs: i64) -> Output<'g> {
    let s = scope.scope("limit_epochs");
    if num_epochs <= 0 {
        s.graph().fail(Error::invalid_argument(format!(
            "num_epochs must be > 0 not {num_epochs}."
        )));
    }
    let zero = s.named("Const").constant(0i64);
    let epochs = s
        .op("VariableV2")
        .attr("shape", PartialShape::scalar())
        .attr("dtype", DType::I64)
        .name("epochs")
        .finish()
        .output(0);
    let assign = s
        .op("Assign")
        .input(epochs)
        .input(zero)
        .name("epochs/Assign")
        .finish();
    let read = s.op("Identity").input(epochs).name("epochs/read").out();
    if assign.is_valid() {
        let info = crate::graph::VariableInfo {
            name: epochs.node().name(),
            dtype: DType::I64,
            shape: PartialShape::scalar(),
            handle: epochs.endpoint(),
            read: read.endpoint(),
            initializer: assign.id(),
            initial_value: zero.endpoint(),
            is_resource: false,
            trainable: false,
            slice: None,
        };
        s.graph()
            .add_to_collection(keys::LOCAL_VARIABLES, crate::graph::Item::Variable(info));
    }
    let counter = s
        .op("CountUpTo")
        .input(epochs)
        .attr("limit", num_epochs)
        .finish();
    s.op("Identity")
        .name(format!("{}/", s.name()))
        .input(x)
        .after(counter)
        .out()
        .in_scope(scope)
}

/// How [`batch`] and [`shuffle_batch`] put batches together.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Elements in a batch.
    pub batch_size: i32,
    /// Threads that fill the queue.
    pub num_threads: usize,
    /// The capacity of the queue.
    pub capacity: i64,
    /// Shuffling: how many elements stay in the queue, so that batches are well mixed.
    pub min_after_dequeue: i64,
    /// Shuffling: the op-level seed.
    pub seed: Option<i64>,
    /// Whether the tensors are batches already, whose rows are the elements.
    pub enqueue_many: bool,
    /// Whether the last batch may be smaller.
    pub allow_smaller_final_batch: bool,
    /// Without shuffling: whether unknown dimensions are padded to the longest of a batch.
    pub dynamic_pad: bool,
    /// The name; `batch` or `shuffle_batch` unless given.
    pub name: Option<String>,
}

impl Default for BatchOptions {
    fn default() -> BatchOptions {
        BatchOptions {
            batch_size: 32,
            num_threads: 1,
            capacity: 32,
            min_after_dequeue: 0,
            seed: None,
            enqueue_many: false,
            allow_smaller_final_batch: false,
            dynamic_pad: false,
            name: None,
        }
    }
}

/// Batches of the tensors, in order (with one thread).
#[track_caller]
pub fn batch<'g>(
    scope: Scope<'g>,
    tensors: &[Output<'g>],
    options: &BatchOptions,
) -> Vec<Output<'g>> {
    let list = vec![tensors.to_vec(); options.num_threads.max(1)];
    batches(scope, &list, options, false, "batch", true)
}

/// Batches of the tensors, mixed.
#[track_caller]
pub fn shuffle_batch<'g>(
    scope: Scope<'g>,
    tensors: &[Output<'g>],
    options: &BatchOptions,
) -> Vec<Output<'g>> {
    let list = vec![tensors.to_vec(); options.num_threads.max(1)];
    batches(scope, &list, options, true, "shuffle_batch", true)
}

/// Batches from several lists of tensors, each with a thread of its own.
#[track_caller]
pub fn batch_join<'g>(
    scope: Scope<'g>,
    lists: &[Vec<Output<'g>>],
    options: &BatchOptions,
) -> Vec<Output<'g>> {
    batches(scope, lists, options, false, "batch_join", false)
}

/// Mixed batches from several lists of tensors, each with a thread of its own.
#[track_caller]
pub fn shuffle_batch_join<'g>(
    scope: Scope<'g>,
    lists: &[Vec<Output<'g>>],
    options: &BatchOptions,
) -> Vec<Output<'g>> {
    batches(scope, lists, options, true, "shuffle_batch_join", false)
}

/// `one_op`: all lists are the same, so that one enqueue op serves all threads.
#[track_caller]
fn batches<'g>(
    scope: Scope<'g>,
    lists: &[Vec<Output<'g>>],
    options: &BatchOptions,
    shuffle: bool,
    default_name: &str,
    one_op: bool,
) -> Vec<Output<'g>> {
    let s = scope.scope(options.name.as_deref().unwrap_or(default_name));
    let Some(first) = lists.first().filter(|l| !l.is_empty()) else {
        s.graph()
            .fail(Error::invalid_argument("there are no tensors to batch"));
        return Vec::new();
    };
    s.named("Const").constant(true);
    let element = |x: &Output<'g>| match (options.enqueue_many, x.shape().dims()) {
        (false, _) => x.shape(),
        (true, Some([_, rest @ ..])) => PartialShape::of(rest.to_vec()),
        (true, _) => PartialShape::unknown(),
    };
    let shapes: Vec<PartialShape> = (0..first.len())
        .map(|i| {
            let all = lists.iter().filter_map(|l| l.get(i)).map(&element);
            all.reduce(|a, b| a.relax(&b)).unwrap_or_default()
        })
        .collect();
    if !options.dynamic_pad
        && shapes.iter().any(|s| !s.is_fully_known())
        && first.iter().all(|o| o.is_valid())
    {
        s.graph().fail(Error::invalid_argument(format!(
            "All shapes must be fully defined: {shapes:?}"
        )));
        return first.iter().map(|_| Output::broken(s)).collect();
    }
    if shuffle && options.capacity <= options.min_after_dequeue {
        let e = Error::invalid_argument(format!(
            "capacity {} must be bigger than min_after_dequeue {}.",
            options.capacity, options.min_after_dequeue
        ));
        s.graph().fail(e.at_line(Location::caller()));
        return first.iter().map(|_| Output::broken(s)).collect();
    }
    let queue_options = QueueOptions {
        dtypes: first.iter().map(|o| o.dtype()).collect(),
        shapes: shapes.clone(),
        capacity: options.capacity,
        min_after_dequeue: options.min_after_dequeue,
        seed: options.seed,
        ..Default::default()
    };
    let queue = match (shuffle, options.dynamic_pad) {
        (true, _) => s.random_shuffle_queue(&queue_options),
        (false, true) => s.padding_fifo_queue(&queue_options),
        (false, false) => s.fifo_queue(&queue_options),
    };
    let add = |tensors: &Vec<Output<'g>>| match options.enqueue_many {
        true => queue.enqueue_many(tensors),
        false => queue.enqueue(tensors),
    };
    let enqueue: Vec<NodeRef<'g>> = if one_op {
        vec![add(first); lists.len()]
    } else {
        lists.iter().map(add).collect()
    };
    add_queue_runner(queue.handle(), &enqueue);
    let size = queue.size();
    if shuffle {
        let (min, span) = (
            options.min_after_dequeue,
            options.capacity - options.min_after_dequeue,
        );
        let min_tensor = i32::try_from(min).unwrap_or(i32::MAX);
        let over = s
            .op("Sub")
            .input(size)
            .input(s.named("sub/y").constant(min_tensor))
            .name("sub")
            .out();
        let over = s
            .op("Maximum")
            .input(s.named("Maximum/x").constant(0i32))
            .input(over)
            .out();
        summarize_fraction(
            s,
            over,
            1.0 / span as f64,
            &format!("fraction_over_{min}_of_{span}_full"),
        );
    } else {
        let name = format!("fraction_of_{}_full", options.capacity);
        summarize_fraction(s, size, 1.0 / options.capacity as f64, &name);
    }
    let named = queue.in_scope(s.named(&format!("{}/", s.name())));
    let batch = match options.allow_smaller_final_batch {
        true => named.dequeue_up_to(options.batch_size),
        false => named.dequeue_many(options.batch_size),
    };
    batch.into_iter().map(|o| o.in_scope(scope)).collect()
}

/// A scalar summary of an integer times a factor.
#[track_caller]
fn summarize_fraction<'g>(s: Scope<'g>, count: Output<'g>, factor: f64, name: &str) {
    let x = s.op("Cast").input(count).attr("DstT", DType::F32).out();
    let x = s
        .op("Mul")
        .input(x)
        .input(s.named("mul/y").constant(factor as f32))
        .name("mul")
        .out();
    s.summary_scalar(name, x);
}
