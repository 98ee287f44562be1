//! Input pipelines: file names, batches and shuffled batches through queues, as the tutorials build them.

use super::add_queue_runner;
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{NodeRef, Operand, Output, Scope, keys};
use crate::shape::PartialShape;
use crate::tensor::Tensor;

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
    produce(s, all, options)
}

/// A queue of the rows of a tensor, produced epoch by epoch; gives the queue's handle.
#[track_caller]
pub fn input_producer<'g>(
    scope: Scope<'g>,
    rows: Output<'g>,
    options: &ProducerOptions,
) -> Output<'g> {
    let s = scope.scope(options.name.as_deref().unwrap_or("input_producer"));
    produce(s, rows, options)
}

#[track_caller]
fn produce<'g>(s: Scope<'g>, rows: Output<'g>, options: &ProducerOptions) -> Output<'g> {
    let mut rows = rows;
    let element = match rows.shape().dims() {
        Some([_, rest @ ..]) => PartialShape::of(rest.to_vec()),
        _ => PartialShape::unknown(),
    };
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
    let queue = Queue {
        op: "FIFOQueueV2",
        name: format!("{}/", s.name()),
        types: vec![rows.dtype()],
        shapes: vec![element],
        capacity: options.capacity,
    };
    let q = queue.add(s, &[]);
    let short = short_name(q);
    let enqueue = s
        .op("QueueEnqueueManyV2")
        .input(q)
        .list([rows])
        .name(format!("{short}_EnqueueMany"))
        .finish();
    add_queue_runner(q, &[enqueue]);
    let full = s
        .op("QueueSizeV2")
        .input(q)
        .name(format!("{short}_Size"))
        .out();
    let name = format!("fraction_of_{}_full", options.capacity);
    summarize_fraction(s, full, 1.0 / options.capacity as f64, &name);
    q
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
    s.op("Identity").input(x).after(counter).out()
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
    let queue = Queue {
        op: match (shuffle, options.dynamic_pad) {
            (true, _) => "RandomShuffleQueueV2",
            (false, true) => "PaddingFIFOQueueV2",
            (false, false) => "FIFOQueueV2",
        },
        name: match (shuffle, options.dynamic_pad) {
            (true, _) => "random_shuffle_queue",
            (false, true) => "padding_fifo_queue",
            (false, false) => "fifo_queue",
        }
        .to_string(),
        types: first.iter().map(|o| o.dtype()).collect(),
        shapes: shapes.clone(),
        capacity: options.capacity,
    };
    let more: Vec<(&str, AttrValue)> = if shuffle {
        let (seed, seed2) = s.graph().seeds(options.seed);
        vec![
            ("min_after_dequeue", options.min_after_dequeue.into()),
            ("seed", seed.into()),
            ("seed2", seed2.into()),
        ]
    } else {
        Vec::new()
    };
    let q = queue.add(s, &more);
    let short = short_name(q);
    let add = |tensors: &Vec<Output<'g>>| {
        let (op, name) = if options.enqueue_many {
            ("QueueEnqueueManyV2", format!("{short}_EnqueueMany"))
        } else {
            ("QueueEnqueueV2", format!("{short}_enqueue"))
        };
        s.op(op).input(q).list(tensors.clone()).name(name).finish()
    };
    let enqueue: Vec<NodeRef<'g>> = if one_op {
        vec![add(first); lists.len()]
    } else {
        lists.iter().map(add).collect()
    };
    add_queue_runner(q, &enqueue);
    let size = s
        .op("QueueSizeV2")
        .input(q)
        .name(format!("{short}_Size"))
        .out();
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
    let n = Operand::operand(options.batch_size, s.named("n"), Some(DType::I32));
    let op = if options.allow_smaller_final_batch {
        "QueueDequeueUpToV2"
    } else {
        "QueueDequeueManyV2"
    };
    let dequeue = s
        .op(op)
        .input(q)
        .input(n)
        .attr("component_types", queue.types.clone())
        .name(format!("{}/", s.name()))
        .finish();
    let first_dim = if options.allow_smaller_final_batch {
        None
    } else {
        usize::try_from(options.batch_size).ok()
    };
    shapes
        .iter()
        .enumerate()
        .map(|(i, element)| {
            let out = dequeue.output(i).in_scope(scope);
            if out.is_valid() {
                out.with_shape(PartialShape::vector(first_dim).concat(element))
            } else {
                out
            }
        })
        .collect()
}

/// A queue op to be made.
struct Queue {
    op: &'static str,
    name: String,
    types: Vec<DType>,
    shapes: Vec<PartialShape>,
    capacity: i64,
}

impl Queue {
    #[track_caller]
    fn add<'g>(&self, s: Scope<'g>, more: &[(&str, AttrValue)]) -> Output<'g> {
        let known = self.shapes.iter().all(|s| s.rank().is_some());
        let shapes = if known {
            self.shapes.clone()
        } else {
            Vec::new()
        };
        let base = s
            .op(self.op)
            .attr("component_types", self.types.clone())
            .attr("shapes", shapes)
            .attr("capacity", self.capacity)
            .name(self.name.clone());
        more.iter()
            .fold(base, |b, (k, v)| b.attr(k, v.clone()))
            .out()
    }
}

fn short_name(q: Output<'_>) -> String {
    let name = q.node().name();
    name.rsplit('/').next().unwrap_or(&name).to_string()
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
    let inner = s.scope(name);
    let tag = inner.named("tags").constant(Tensor::string(inner.name()));
    let summary = s
        .op("ScalarSummary")
        .input(tag)
        .input(x)
        .name(format!("{}/", inner.name()))
        .out();
    s.collect(keys::SUMMARIES, summary);
}
