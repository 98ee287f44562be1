//! Building graphs with queues: one handle type whose methods make the ops, named as TensorFlow names them.

use crate::dtype::DType;
use crate::error::Error;
use crate::graph::{NodeRef, Operand, Output, Scope};
use crate::shape::PartialShape;
use std::panic::Location;

/// What a queue holds.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// The types of an element's components.
    pub dtypes: Vec<DType>,
    /// Their shapes; none: any, but then elements cannot be taken in batches.
    pub shapes: Vec<PartialShape>,
    /// The most elements it holds; negative: no limit.
    pub capacity: i64,
    /// Shuffling: how many elements stay while it is open.
    pub min_after_dequeue: i64,
    /// Shuffling: the op-level seed.
    pub seed: Option<i64>,
    /// The name under which other nodes find the same queue; empty: it is this node's own.
    pub shared_name: String,
}

impl Default for QueueOptions {
    fn default() -> QueueOptions {
        QueueOptions {
            dtypes: Vec::new(),
            shapes: Vec::new(),
            capacity: -1,
            min_after_dequeue: 0,
            seed: None,
            shared_name: String::new(),
        }
    }
}

/// A queue of a graph.
///
/// ```
/// use tensorloom::{DType, Graph, PartialShape, Session, ops::queue::QueueOptions};
/// let g = Graph::new();
/// let q = g.root().fifo_queue(&QueueOptions {
///     dtypes: vec![DType::F32],
///     shapes: vec![PartialShape::scalar()],
///     ..Default::default()
/// });
/// let put = q.enqueue_many(&[g.root().constant([1.0f32, 2.0, 3.0])]);
/// let batch = q.dequeue_many(2)[0];
/// assert_eq!((put.name().as_str(), batch.shape().to_string().as_str()), ("fifo_queue_EnqueueMany", "[2]"));
///
/// let session = Session::new(&g).unwrap();
/// session.run_target(put).unwrap();
/// assert_eq!(session.fetch(batch).unwrap().data::<f32>().unwrap(), &[1.0, 2.0]);
/// ```
#[derive(Clone, Debug)]
pub struct QueueHandle<'g> {
    handle: Output<'g>,
    dtypes: Vec<DType>,
    shapes: Vec<PartialShape>,
    short: String,
}

impl<'g> Scope<'g> {
    /// A queue from which elements come out in the order in which they went in (op `FIFOQueueV2`).
    #[track_caller]
    pub fn fifo_queue(self, options: &QueueOptions) -> QueueHandle<'g> {
        make(self, "FIFOQueueV2", "fifo_queue", options)
    }
    /// As [`Scope::fifo_queue`], but shapes may have unknown dimensions: batches are padded (op
    /// `PaddingFIFOQueueV2`).
    #[track_caller]
    pub fn padding_fifo_queue(self, options: &QueueOptions) -> QueueHandle<'g> {
        make(self, "PaddingFIFOQueueV2", "padding_fifo_queue", options)
    }
    /// A queue from which elements come out in random order (op `RandomShuffleQueueV2`).
    #[track_caller]
    pub fn random_shuffle_queue(self, options: &QueueOptions) -> QueueHandle<'g> {
        make(
            self,
            "RandomShuffleQueueV2",
            "random_shuffle_queue",
            options,
        )
    }
    /// A queue from which the element with the smallest priority comes out first (op `PriorityQueueV2`): an int64
    /// component in front of those of the options.
    #[track_caller]
    pub fn priority_queue(self, options: &QueueOptions) -> QueueHandle<'g> {
        make(self, "PriorityQueueV2", "priority_queue", options)
    }
}

#[track_caller]
fn make<'g>(
    s: Scope<'g>,
    op: &'g str,
    default_name: &str,
    options: &QueueOptions,
) -> QueueHandle<'g> {
    let mut builder = s
        .op(op)
        .name(s.op_name().unwrap_or_else(|| default_name.to_string()))
        .attr("component_types", options.dtypes.clone())
        .attr("shapes", options.shapes.clone())
        .attr("capacity", options.capacity)
        .attr("shared_name", options.shared_name.as_str());
    if op == "RandomShuffleQueueV2" {
        let (seed, seed2) = s.graph().seeds(options.seed);
        builder = builder
            .attr("min_after_dequeue", options.min_after_dequeue)
            .attr("seed", seed)
            .attr("seed2", seed2);
    }
    let (mut dtypes, mut shapes) = (options.dtypes.clone(), options.shapes.clone());
    if op == "PriorityQueueV2" {
        dtypes.insert(0, DType::I64);
        shapes.insert(0, PartialShape::scalar());
    }
    QueueHandle::new(builder.out(), dtypes, shapes)
}

impl<'g> QueueHandle<'g> {
    /// The queue behind a handle made elsewhere, with what is known of its components.
    pub fn new(
        handle: Output<'g>,
        dtypes: Vec<DType>,
        shapes: Vec<PartialShape>,
    ) -> QueueHandle<'g> {
        let name = handle.node().name();
        let short = name.rsplit('/').next().unwrap_or(&name).to_string();
        QueueHandle {
            handle,
            dtypes,
            shapes,
            short,
        }
    }
    /// The handle.
    pub fn handle(&self) -> Output<'g> {
        self.handle
    }
    /// The types of the components.
    pub fn dtypes(&self) -> &[DType] {
        &self.dtypes
    }
    /// The shapes of the components, if they are given.
    pub fn shapes(&self) -> &[PartialShape] {
        &self.shapes
    }
    /// The same queue, whose ops are made in another scope.
    pub fn in_scope(&self, scope: Scope<'g>) -> QueueHandle<'g> {
        QueueHandle {
            handle: self.handle.in_scope(scope),
            ..self.clone()
        }
    }

    /// Adds one element (op `QueueEnqueueV2`).
    #[track_caller]
    pub fn enqueue(&self, components: &[Output<'g>]) -> NodeRef<'g> {
        self.put("QueueEnqueueV2", "enqueue", components)
    }
    /// Adds the rows of the components (op `QueueEnqueueManyV2`).
    #[track_caller]
    pub fn enqueue_many(&self, components: &[Output<'g>]) -> NodeRef<'g> {
        self.put("QueueEnqueueManyV2", "EnqueueMany", components)
    }
    #[track_caller]
    fn put(&self, op: &'g str, suffix: &str, components: &[Output<'g>]) -> NodeRef<'g> {
        let s = self.handle.scope();
        let inner = s.composite(&format!("{}_{suffix}", self.short));
        let given: Vec<DType> = components.iter().map(|c| c.dtype()).collect();
        let known = self.handle.is_valid() && components.iter().all(|c| c.is_valid());
        if known && given != self.dtypes {
            let names = |types: &[DType]| {
                let names: Vec<&str> = types.iter().map(|d| d.name()).collect();
                names.join(", ")
            };
            let e = Error::invalid_argument(format!(
                "The queue has components of types {}, not {}",
                names(&self.dtypes),
                names(&given)
            ));
            let e = e.at_node(inner.name(), op).at_line(Location::caller());
            s.graph().fail(e);
            return NodeRef::broken(s);
        }
        s.op(op)
            .name(format!("{}/", inner.name()))
            .input(self.handle)
            .list(components.iter().copied())
            .finish()
    }

    /// Takes one element (op `QueueDequeueV2`).
    #[track_caller]
    pub fn dequeue(&self) -> Vec<Output<'g>> {
        let node = self.op("QueueDequeueV2", "Dequeue");
        let node = node.attr("component_types", self.dtypes.clone()).finish();
        self.shaped(node, None)
    }
    /// Takes `n` elements, as the rows of the components (op `QueueDequeueManyV2`).
    #[track_caller]
    pub fn dequeue_many(&self, n: impl Operand<'g>) -> Vec<Output<'g>> {
        self.take(("QueueDequeueManyV2", "DequeueMany"), n, false)
    }
    /// Takes `n` elements, or what is left once the queue is closed (op `QueueDequeueUpToV2`).
    #[track_caller]
    pub fn dequeue_up_to(&self, n: impl Operand<'g>) -> Vec<Output<'g>> {
        self.take(("QueueDequeueUpToV2", "DequeueUpTo"), n, true)
    }
    #[track_caller]
    fn take(
        &self,
        (op, suffix): (&'g str, &str),
        n: impl Operand<'g>,
        or_fewer: bool,
    ) -> Vec<Output<'g>> {
        let node = self.op(op, suffix).input_like(n, DType::I32);
        let node = node.attr("component_types", self.dtypes.clone()).finish();
        let n = node
            .input(1)
            .constant_value()
            .and_then(|n| n.to_i64s().ok());
        let rows = n.and_then(|n| usize::try_from(*n.first()?).ok());
        self.shaped(node, Some(rows.filter(|_| !or_fewer)))
    }

    /// Closes the queue (op `QueueCloseV2`): at once, cancelling the enqueues that wait, or after them.
    #[track_caller]
    pub fn close(&self, cancel_pending_enqueues: bool) -> NodeRef<'g> {
        self.op("QueueCloseV2", "Close")
            .attr("cancel_pending_enqueues", cancel_pending_enqueues)
            .finish()
    }
    /// The number of elements (op `QueueSizeV2`).
    #[track_caller]
    pub fn size(&self) -> Output<'g> {
        self.op("QueueSizeV2", "Size").out()
    }
    /// Whether the queue is closed (op `QueueIsClosedV2`).
    #[track_caller]
    pub fn is_closed(&self) -> Output<'g> {
        self.op("QueueIsClosedV2", "Is_Closed").out()
    }

    #[track_caller]
    fn op(&self, op: &'g str, suffix: &str) -> crate::graph::OpBuilder<'g> {
        let s = self.handle.scope();
        let name = s.op_name();
        s.op(op)
            .name(name.unwrap_or_else(|| format!("{}_{suffix}", self.short)))
            .input(self.handle)
    }
    /// The outputs with the shapes of the components, after a dimension for the batch.
    fn shaped(&self, node: NodeRef<'g>, rows: Option<Option<usize>>) -> Vec<Output<'g>> {
        let outputs = (0..self.dtypes.len()).map(|i| node.output(i));
        outputs
            .enumerate()
            .map(|(i, out)| match self.shapes.get(i) {
                Some(shape) if out.is_valid() => out.with_shape(match rows {
                    None => shape.clone(),
                    Some(n) => PartialShape::of(vec![n]).concat(shape),
                }),
                _ => out,
            })
            .collect()
    }
}
