//! A graph made ready to run: imported, its session open, its variables set, its queues filled. `run` and `bench` share it.

use super::feeds;
use super::graph_file::{GraphArgs, GraphFile};
use super::interrupt;
use super::output::{Done, Stop, complain, progress};
use super::restore;
use crate::def::{AttrValue, GraphDef, MetaGraphDef};
use crate::error::{Error, Result};
use crate::graph::{Endpoint, Graph, Item, NodeId, keys};
use crate::io;
use crate::proto::SignatureDef;
use crate::runtime::{RunMetadata, RunOptions, Session, SessionOptions};
use crate::tensor::Tensor;
use crate::train::{
    Coordinator, Saver, find_signature, import_meta_graph, load_saved_model, signature_tensor,
    start_queue_runners,
};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// The signature that is run when nothing else is asked for.
pub(super) const DEFAULT_SIGNATURE: &str = "serving_default";
/// How long queue runners may take to stop.
const GRACE: Duration = Duration::from_secs(120);

/// What is run, on what, and how.
#[derive(clap::Args)]
pub(super) struct ProgramArgs {
    #[command(flatten)]
    graph: GraphArgs,
    /// A value for a tensor: a .npy file, `scalar:3.5`, or a list like `[[1, 2], [3, 4]]` in the tensor's type
    #[arg(long, value_name = "NAME=VALUE", help_heading = "What is run")]
    feed: Vec<String>,
    /// Values for several tensors, by name
    #[arg(long, value_name = "FILE.npz", help_heading = "What is run")]
    feeds: Vec<PathBuf>,
    /// A tensor to compute: `node:k`, or `node` for its first output
    #[arg(long, value_name = "NAME", help_heading = "What is run")]
    fetch: Vec<String>,
    /// A node to run for its effects
    #[arg(long, value_name = "NODE", help_heading = "What is run")]
    target: Vec<String>,
    /// Take feeds and fetches by the names of this signature; without --fetch all its outputs are fetched
    ///
    /// A graph with the signature `serving_default` runs that one when neither --fetch nor --target is given.
    #[arg(long, value_name = "KEY", help_heading = "What is run")]
    signature: Option<String>,
    /// A node to run once, first (several are run in their order)
    #[arg(long, value_name = "NODE", help_heading = "State")]
    init: Vec<String>,
    /// Restore variables from this checkpoint (or the newest one of a folder), after --init
    ///
    /// The graph's own saver does it; where the graph has none, variables get the tensors of their names, and those that
    /// are missing on either side are listed.
    #[arg(long, value_name = "PREFIX", help_heading = "State")]
    restore: Option<PathBuf>,
    /// Start the queue runners that the MetaGraphDef lists; the end of their input ends the run
    #[arg(long, help_heading = "State")]
    queue_runners: bool,
    /// How many devices there are, like CPU=2; without it one CPU
    #[arg(long, value_name = "KIND=N", help_heading = "Devices")]
    device_count: Vec<String>,
    /// Run a node elsewhere when the device that it asks for does not exist
    #[arg(long, conflicts_with = "strict", help_heading = "Devices")]
    soft_placement: bool,
    /// Print to stderr where each node is placed
    #[arg(long, help_heading = "Devices")]
    log_device_placement: bool,
    /// No node falls back to another device than the one that it asks for (the opposite of --soft-placement)
    #[arg(long, help_heading = "Devices")]
    strict: bool,
    /// Threads that compute; 0 is one for each core
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Devices")]
    threads: usize,
    /// Whether runs are simplified (constants folded, equal nodes merged); it changes no result
    #[arg(long, value_enum, default_value_t = Optimize::Default, help_heading = "Devices")]
    optimize: Optimize,
    /// Seed the random nodes that have no seed, so that two runs draw the same numbers
    #[arg(long, value_name = "N", help_heading = "State")]
    seed: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Optimize {
    /// Nodes run as they stand in the graph
    None,
    /// Runs are simplified
    Default,
}

/// What is run in each step.
pub(super) struct Program {
    pub(super) graph: Graph,
    pub(super) session: Session,
    /// The graph's own saver, or the one that restored.
    pub(super) saver: Option<Saver>,
    pub(super) fetches: Vec<(String, Endpoint)>,
    feeds: Vec<(Endpoint, Tensor)>,
    targets: Vec<NodeId>,
    runners: Option<Coordinator>,
}

/// How a step went.
pub(super) enum Outcome {
    /// The fetched values, `fetches` first.
    Values(Vec<Tensor>, RunMetadata),
    /// There is no more input.
    EndOfInput,
    /// Somebody asked to stop.
    Interrupted,
}

impl ProgramArgs {
    /// Whether nothing is run but what prepares.
    fn only_prepares(&self) -> bool {
        !self.init.is_empty() || self.restore.is_some()
    }

    /// Reads the graph and brings it to the state in which steps can be run. `or_nothing` allows that there is
    /// nothing to run in the steps.
    pub(super) fn prepare(&self, or_nothing: bool) -> Done<Program> {
        let options = self.session_options()?;
        let mut file = self.graph.load()?;
        if let Some(seed) = self.seed {
            set_seeds(&mut file.meta.graph, seed);
        }
        let signature = self.signature(&file.meta)?;
        let graph = Graph::new();
        let mut saver = import_meta_graph(&graph, &file.meta)?;
        let fetches = self.fetches(&graph, signature)?;
        let targets = nodes(&graph, &self.target)?;
        if fetches.is_empty() && targets.is_empty() && !(or_nothing && self.only_prepares()) {
            return Err(Stop::Usage(
                "nothing to run: give --fetch, --target or --signature".into(),
            ));
        }
        let feeds = self.feeds(&graph, signature)?;
        let init = nodes(&graph, &self.init)?;
        if self.queue_runners && graph.queue_runners().is_empty() {
            complain("warning: --queue-runners: the graph has no queue runners");
        }

        let session = Session::with_options(&graph, &options)?;
        if let Some(folder) = saved_model_folder(&file) {
            load_saved_model(&session, &file.meta, saver.as_ref(), &folder)?;
        }
        for node in init {
            session.run_target(node)?;
        }
        if let Some(prefix) = &self.restore {
            saver = restore::restore(&session, saver, prefix)?;
        }
        let runners = match self.queue_runners {
            true => Some(start(&session)?),
            false => None,
        };
        Ok(Program {
            graph,
            session,
            saver,
            fetches,
            feeds,
            targets,
            runners,
        })
    }

    fn session_options(&self) -> Done<SessionOptions> {
        let mut options = SessionOptions {
            threads: self.threads,
            allow_soft_placement: self.soft_placement && !self.strict,
            log_device_placement: self.log_device_placement,
            optimize: self.optimize == Optimize::Default,
            ..SessionOptions::default()
        };
        for count in &self.device_count {
            let usage = |what: &str| Stop::Usage(format!("--device-count {count}: {what}"));
            let (kind, n) = count
                .split_once('=')
                .ok_or_else(|| usage("KIND=N is wanted, like CPU=2"))?;
            let n = n
                .parse::<u16>()
                .map_err(|_| usage("the count is no number up to 65535"))?;
            match kind.to_ascii_uppercase().as_str() {
                "CPU" if n > 0 => options.cpu_devices = usize::from(n),
                "CPU" => return Err(usage("at least one CPU device is needed")),
                // At most so many; zero is what TensorFlow programs say to keep off them.
                "GPU" => options.gpu_devices = usize::from(n),
                _ => return Err(usage("the kinds are CPU and GPU")),
            }
        }
        Ok(options)
    }

    fn signature<'m>(&self, meta: &'m MetaGraphDef) -> Result<Option<&'m SignatureDef>> {
        match &self.signature {
            Some(key) => find_signature(meta, key).map(Some),
            None if self.fetch.is_empty() && self.target.is_empty() => {
                Ok(meta.meta.signature_def.get(DEFAULT_SIGNATURE))
            }
            None => Ok(None),
        }
    }

    fn fetches(
        &self,
        graph: &Graph,
        signature: Option<&SignatureDef>,
    ) -> Result<Vec<(String, Endpoint)>> {
        let mut found = Vec::new();
        for name in &self.fetch {
            let tensor = match signature.and_then(|s| s.outputs.get(name)) {
                Some(info) => signature_tensor(info)?,
                None => name,
            };
            found.push((name.clone(), endpoint(graph, tensor)?));
        }
        if let Some(s) = signature.filter(|_| self.fetch.is_empty() && self.target.is_empty()) {
            let mut keys: Vec<&String> = s.outputs.keys().collect();
            keys.sort();
            for key in keys {
                let tensor = signature_tensor(&s.outputs[key])?;
                found.push((key.clone(), endpoint(graph, tensor)?));
            }
        }
        Ok(found)
    }

    fn feeds(
        &self,
        graph: &Graph,
        signature: Option<&SignatureDef>,
    ) -> Done<Vec<(Endpoint, Tensor)>> {
        let place = |name: &str| -> Result<Endpoint> {
            match signature.and_then(|s| s.inputs.get(name)) {
                Some(info) => graph.output(signature_tensor(info)?),
                None => graph.output(name),
            }
            .map(|o| o.endpoint())
        };
        let mut found: Vec<(Endpoint, Tensor)> = Vec::new();
        let mut fed = HashSet::new();
        let mut add = |name: &str, value: &dyn Fn(crate::DType) -> Result<Tensor>| -> Result<()> {
            let at = |e: Error| e.context(format!("feed '{name}': "));
            let e = place(name).map_err(at)?;
            let (dtype, shape) = feeds::place(graph, e);
            let value = value(dtype).map_err(at)?;
            feeds::check_shape(name, &value, &shape)?;
            if !fed.insert(e) {
                return Err(Error::invalid_argument(format!(
                    "the tensor '{name}' is fed twice"
                )));
            }
            found.push((e, value));
            Ok(())
        };
        for feed in &self.feed {
            let (name, text) = feeds::split(feed)?;
            add(name, &|dtype| feeds::value(text, dtype))?;
        }
        for path in &self.feeds {
            for (name, tensor) in io::read_npz(path)? {
                add(&name, &|dtype| feeds::converted(tensor.clone(), dtype))?;
            }
        }
        Ok(found)
    }
}

impl Program {
    /// Whether a step runs anything.
    pub(super) fn has_steps(&self) -> bool {
        !(self.fetches.is_empty() && self.targets.is_empty())
    }

    /// Runs one step; `more` is fetched besides.
    pub(super) fn step(&self, more: Option<Endpoint>, options: &RunOptions) -> Result<Outcome> {
        if interrupt::requested() {
            return Ok(Outcome::Interrupted);
        }
        let fetches: Vec<Endpoint> = self.fetches.iter().map(|(_, e)| *e).chain(more).collect();
        let done = self
            .session
            .run_with(&self.feeds[..], fetches, &self.targets[..], options);
        match done {
            Ok((values, metadata)) => Ok(Outcome::Values(values, metadata)),
            // What a shutdown cancels is no error of its own.
            Err(_) if interrupt::requested() => Ok(Outcome::Interrupted),
            Err(e) => match &self.runners {
                // A queue runner that failed closes its queue; that error says what was wrong.
                Some(coord) => match coord.error() {
                    Some(first) => Err(first),
                    None if e.code() == crate::Code::OutOfRange => Ok(Outcome::EndOfInput),
                    None => Err(e),
                },
                None => Err(e),
            },
        }
    }

    /// Stops the queue runners and waits for them.
    ///
    /// # Errors
    /// The first error of a queue runner, unless the run was interrupted.
    pub(super) fn stop(&self) -> Result<()> {
        let Some(coord) = &self.runners else {
            return Ok(());
        };
        coord.request_stop(None);
        match coord.join(GRACE) {
            Err(_) if interrupt::requested() => Ok(()),
            done => done,
        }
    }

    /// The global step, if the graph counts one.
    pub(super) fn global_step(&self) -> Option<Endpoint> {
        let items = self.graph.collection(keys::GLOBAL_STEP);
        let listed = items.first().and_then(|i| match i {
            Item::Variable(v) => Some(v.read),
            Item::Output(e) => Some(*e),
            _ => None,
        });
        listed.or_else(|| {
            let variables = self.graph.collection_variables(keys::GLOBAL_VARIABLES);
            let found = variables.iter().find(|v| v.name == "global_step");
            found.map(|v| v.read)
        })
    }
}

fn start(session: &Session) -> Result<Coordinator> {
    let coord = Coordinator::new();
    interrupt::stop_too(&coord);
    start_queue_runners(session, &coord).inspect_err(|_| coord.request_stop(None))?;
    progress(|| {
        let n = session.graph().queue_runners().len();
        format!("{n} queue runners started")
    });
    Ok(coord)
}

/// The folder that a SavedModel's variables and assets lie in.
pub(super) fn saved_model_folder(file: &GraphFile) -> Option<PathBuf> {
    let variables = file.variables()?;
    variables.parent()?.parent().map(PathBuf::from)
}

/// A tensor by its name; an op without outputs is pointed out.
fn endpoint(graph: &Graph, name: &str) -> Result<Endpoint> {
    graph.output(name).map(|o| o.endpoint()).map_err(|e| {
        let found = graph.find(name).and_then(|n| n.node());
        match found.is_some_and(|n| n.outputs.is_empty()) {
            true => Error::invalid_argument(format!(
                "'{name}' has no outputs to fetch; run it with --target"
            )),
            false => e,
        }
    })
}

/// Nodes by their names; the name of a tensor stands for its node.
fn nodes(graph: &Graph, names: &[String]) -> Result<Vec<NodeId>> {
    let node = |name: &String| match graph.find(name) {
        Some(n) => Ok(n.id()),
        None if name.contains(':') => graph.output(name).map(|o| o.endpoint().node),
        None => Err(Error::not_found(format!(
            "The name '{name}' refers to an Operation not in the graph."
        ))),
    };
    names.iter().map(node).collect()
}

/// Gives the seed to all nodes that would draw a random one, together with their place, so that no two are alike.
fn set_seeds(graph: &mut GraphDef, seed: i64) {
    use crate::op::OpLookup;
    let registry = crate::Registry::builtin();
    for (i, n) in graph.node.iter_mut().enumerate() {
        let takes_seeds = registry
            .schema(&n.op)
            .is_some_and(|s| s.attr("seed").is_some() && s.attr("seed2").is_some());
        let zero = |name: &str| matches!(n.attr.get(name), None | Some(AttrValue::Int(0)));
        if takes_seeds && zero("seed") && zero("seed2") {
            n.attr.insert("seed".into(), AttrValue::Int(seed));
            n.attr.insert("seed2".into(), AttrValue::Int(i as i64 + 1));
        }
    }
}
