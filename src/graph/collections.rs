//! Collections: named lists of things in the graph (variables, losses, summaries, queue runners …).

use super::{Endpoint, Graph, NodeId, NodeRef, Output, Scope};
use crate::dtype::DType;
use crate::error::Code;
use crate::shape::PartialShape;

/// The names of TensorFlow's collections.
pub mod keys {
    /// All variables that a checkpoint holds.
    pub const GLOBAL_VARIABLES: &str = "variables";
    /// Variables of this process only.
    pub const LOCAL_VARIABLES: &str = "local_variables";
    /// Variables that optimizers change.
    pub const TRAINABLE_VARIABLES: &str = "trainable_variables";
    /// Variables with moving averages.
    pub const MOVING_AVERAGE_VARIABLES: &str = "moving_average_variables";
    /// Queue runners.
    pub const QUEUE_RUNNERS: &str = "queue_runners";
    /// Summaries.
    pub const SUMMARIES: &str = "summaries";
    /// Losses.
    pub const LOSSES: &str = "losses";
    /// Regularization losses.
    pub const REGULARIZATION_LOSSES: &str = "regularization_losses";
    /// Ops to run beside training.
    pub const UPDATE_OPS: &str = "update_ops";
    /// The ops that train.
    pub const TRAIN_OP: &str = "train_op";
    /// The global step.
    pub const GLOBAL_STEP: &str = "global_step";
    /// Savers.
    pub const SAVERS: &str = "savers";
    /// Initializers of lookup tables.
    pub const TABLE_INITIALIZERS: &str = "table_initializer";
    /// The op that initializes.
    pub const INIT_OP: &str = "init_op";
    /// Branches of conditionals that lie in no loop and no other branch.
    pub const COND_CONTEXT: &str = "cond_context";
    /// Loops that lie in no other loop and no branch.
    pub const WHILE_CONTEXT: &str = "while_context";
    /// The merged summary.
    pub const SUMMARY_OP: &str = "summary_op";
}

/// An entry of a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A tensor.
    Output(Endpoint),
    /// A node.
    Node(NodeId),
    /// A variable.
    Variable(VariableInfo),
    /// A queue runner.
    QueueRunner(QueueRunnerInfo),
    /// Bytes (a serialized message or a string).
    Bytes(Vec<u8>),
    /// A number.
    Int(i64),
    /// A number.
    Float(f32),
}

/// A variable of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableInfo {
    /// Its name: the key in checkpoints.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// The shape as far as known.
    pub shape: PartialShape,
    /// The variable itself: a reference or a resource handle.
    pub handle: Endpoint,
    /// Its value as an ordinary tensor.
    pub read: Endpoint,
    /// The node that assigns the initial value.
    pub initializer: NodeId,
    /// The initial value.
    pub initial_value: Endpoint,
    /// Whether `handle` is a resource.
    pub is_resource: bool,
    /// Whether optimizers change it.
    pub trainable: bool,
    /// Where it belongs when it is a part of a partitioned variable: full name, full shape, offset.
    pub slice: Option<(String, Vec<i64>, Vec<i64>)>,
}

/// What keeps a queue filled: ops to run again and again, each in a thread of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRunnerInfo {
    /// The queue's node.
    pub queue: NodeId,
    /// The ops to repeat.
    pub enqueue: Vec<NodeId>,
    /// Closes the queue when all runners have come to their end.
    pub close: NodeId,
    /// Closes the queue and cancels what waits to enter it.
    pub cancel: NodeId,
    /// The errors that mean the regular end of input.
    pub closed_by: Vec<Code>,
}

impl Graph {
    /// Adds to a collection.
    pub fn add_to_collection(&self, name: &str, item: Item) {
        let mut s = self.state();
        s.collections
            .entry(name.to_string())
            .or_default()
            .push(item);
        s.changes += 1;
    }
    /// The entries of a collection, in the order in which they were added.
    pub fn collection(&self, name: &str) -> Vec<Item> {
        self.state()
            .collections
            .get(name)
            .cloned()
            .unwrap_or_default()
    }
    /// The names of all collections.
    pub fn collection_names(&self) -> Vec<String> {
        self.state().collections.keys().cloned().collect()
    }
    /// Removes all entries of a collection.
    pub fn clear_collection(&self, name: &str) {
        self.state().collections.remove(name);
    }
    /// The tensors of a collection.
    pub fn collection_outputs(&self, name: &str) -> Vec<Output<'_>> {
        let outputs = self.collection(name).into_iter().filter_map(|i| match i {
            Item::Output(e) => Some(Output::new(self.root(), e.node, e.port)),
            _ => None,
        });
        outputs.collect()
    }
    /// The variables of a collection.
    pub fn collection_variables(&self, name: &str) -> Vec<VariableInfo> {
        let variables = self.collection(name).into_iter().filter_map(|i| match i {
            Item::Variable(v) => Some(v),
            _ => None,
        });
        variables.collect()
    }
    /// The nodes of a collection.
    pub fn collection_nodes(&self, name: &str) -> Vec<NodeRef<'_>> {
        let nodes = self.collection(name).into_iter().filter_map(|i| match i {
            Item::Node(id) => Some(NodeRef::new(self.root(), id)),
            _ => None,
        });
        nodes.collect()
    }
    /// The queue runners.
    pub fn queue_runners(&self) -> Vec<QueueRunnerInfo> {
        let runners = self
            .collection(keys::QUEUE_RUNNERS)
            .into_iter()
            .filter_map(|i| match i {
                Item::QueueRunner(q) => Some(q),
                _ => None,
            });
        runners.collect()
    }
    /// The output of that number, for those who kept an [`Endpoint`].
    pub fn output_at(&self, e: Endpoint) -> Output<'_> {
        self.root().output_at(e)
    }
    /// The node of that number, for those who kept a [`NodeId`].
    pub fn node_at(&self, id: NodeId) -> NodeRef<'_> {
        NodeRef::new(self.root(), id)
    }
    /// The variable that `get_variable` made under that name.
    pub fn variable_named(&self, name: &str) -> Option<VariableInfo> {
        self.state().variables.get(name).cloned()
    }
    /// Makes a variable known to `get_variable`.
    pub fn register_variable(&self, variable: VariableInfo) {
        self.state()
            .variables
            .insert(variable.name.clone(), variable);
    }
}

impl<'g> Scope<'g> {
    /// The output of that number, seen from this scope.
    pub fn output_at(self, e: Endpoint) -> Output<'g> {
        Output::new(self, e.node, e.port)
    }
    /// The tensors of a collection that were made in this name scope.
    pub fn collected(self, name: &str) -> Vec<Output<'g>> {
        let prefix = match self.name() {
            name if name.is_empty() => name,
            name => format!("{name}/"),
        };
        let all = self.graph().collection_outputs(name);
        let own = all.into_iter().filter(|o| o.name().starts_with(&prefix));
        own.map(|o| o.in_scope(self)).collect()
    }
    /// Adds a tensor to a collection.
    pub fn collect(self, name: &str, output: Output<'g>) {
        if output.is_valid() {
            self.graph()
                .add_to_collection(name, Item::Output(output.endpoint()));
        }
    }
}
