//! Sessions: a graph with its variables, queues and compiled runs.

use super::devices::{DeviceAttributes, DeviceSet};
use super::executor::{Caller, Run, Waiting};
use super::plan::{Executable, Lasting, compile};
use super::prune::RunSignature;
use super::run_metadata::RunMetadata;
use super::targets::{IntoFeeds, IntoFetches, IntoTargets};
use super::trace::Trace;
use crate::device::cpu::ThreadPool;
use crate::device::cuda::{Gpu, discover};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::kernel::{Cancellation, Rendezvous, Step};
use crate::registry::Registry;
use crate::resource::{Queue, Resources};
use crate::tensor::Tensor;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How a session runs its graph.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Threads that compute; 0 means one for each core.
    pub threads: usize,
    /// How many CPU devices there are (`/cpu:0`, `/cpu:1` …), all on the same threads.
    pub cpu_devices: usize,
    /// How many of the GPUs that there are (`/gpu:0`, `/gpu:1` …) to use: at most so many; none where there is none.
    pub gpu_devices: usize,
    /// Whether a node whose device does not exist may run elsewhere.
    pub allow_soft_placement: bool,
    /// Whether to print where each node is placed.
    pub log_device_placement: bool,
    /// Whether runs are simplified: constants folded, equal nodes merged. It changes no result.
    pub optimize: bool,
}

impl Default for SessionOptions {
    fn default() -> SessionOptions {
        SessionOptions {
            threads: 0,
            cpu_devices: 1,
            gpu_devices: usize::MAX,
            allow_soft_placement: false,
            log_device_placement: false,
            optimize: true,
        }
    }
}

/// How one run goes.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The longest time that it may take.
    pub timeout: Option<Duration>,
    /// Whether to record what each node cost.
    pub trace: bool,
}

/// A graph under execution. Cheap to clone; clones share everything. Runs may overlap.
///
/// ```
/// use tensorloom::{Graph, Session};
/// let g = Graph::new();
/// let x = g.root().constant([1.0f32, 2.0]);
/// let y = g.root().identity(x);
/// let session = Session::new(&g).unwrap();
/// let out = session.run((), [y], ()).unwrap();
/// assert_eq!(out[0].data::<f32>().unwrap(), &[1.0, 2.0]);
/// ```
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    graph: Graph,
    registry: Registry,
    pool: Arc<ThreadPool>,
    devices: DeviceSet,
    lasting: Lasting,
    /// By what they run, with the graph's edits until then.
    plans: Mutex<HashMap<RunSignature, (u64, Arc<Executable>)>>,
    steps: Mutex<Vec<Weak<Step>>>,
    closed: AtomicBool,
    optimize: bool,
}

impl Session {
    /// A session with default options.
    ///
    /// # Errors
    /// The first mistake made while the graph was built.
    pub fn new(graph: &Graph) -> Result<Session> {
        Session::with_options(graph, &SessionOptions::default())
    }

    /// A session.
    ///
    /// # Errors
    /// The first mistake made while the graph was built.
    pub fn with_options(graph: &Graph, options: &SessionOptions) -> Result<Session> {
        let gpus = match options.gpu_devices {
            0 => &[],
            most => {
                let all = &discover().gpus;
                &all[..all.len().min(most)]
            }
        };
        Session::on_gpus(graph, options, gpus)
    }

    fn on_gpus(graph: &Graph, options: &SessionOptions, gpus: &[Arc<Gpu>]) -> Result<Session> {
        graph.check()?;
        let registry = Registry::of(graph)
            .cloned()
            .ok_or_else(|| Error::invalid_argument("the graph was not made with a registry"))?;
        let pool = ThreadPool::new(options.threads);
        let devices = DeviceSet::new(
            options.cpu_devices,
            gpus,
            &pool,
            options.allow_soft_placement,
            options.log_device_placement,
        )?;
        Ok(Session(Arc::new(Inner {
            graph: graph.clone(),
            registry,
            pool,
            devices,
            lasting: Lasting::default(),
            plans: Mutex::default(),
            steps: Mutex::default(),
            closed: AtomicBool::new(false),
            optimize: options.optimize,
        })))
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }
    /// The number of threads that compute.
    pub fn threads(&self) -> usize {
        self.0.pool.threads()
    }
    /// The devices: first those of CPUs, then the GPUs.
    ///
    /// ```
    /// use tensorloom::{Graph, Session, SessionOptions};
    /// let options = SessionOptions { cpu_devices: 2, gpu_devices: 0, ..SessionOptions::default() };
    /// let session = Session::with_options(&Graph::new(), &options)?;
    /// let names: Vec<&str> = session.devices().iter().map(|d| d.name.as_str()).collect();
    /// let task = "/job:localhost/replica:0/task:0";
    /// assert_eq!(names, [format!("{task}/device:CPU:0"), format!("{task}/device:CPU:1")]);
    /// # Ok::<(), tensorloom::Error>(())
    /// ```
    pub fn devices(&self) -> &[DeviceAttributes] {
        self.0.devices.attributes()
    }
    /// The variables, queues and readers of each device, in the order of [`Session::devices`].
    pub fn resources(&self) -> impl Iterator<Item = &Arc<Resources>> {
        self.0.devices.envs().map(|e| &e.resources)
    }

    /// Runs what is needed for the fetches and targets, and gives the fetched values in their order.
    ///
    /// Feeds are pairs of a tensor of the graph (an `Output`, or a name like `"x:0"`) and its value; fetches
    /// are tensors; targets are nodes. `()` stands for none.
    ///
    /// # Errors
    /// The first error of the step, with node, op, device and source line.
    pub fn run(
        &self,
        feeds: impl IntoFeeds,
        fetches: impl IntoFetches,
        targets: impl IntoTargets,
    ) -> Result<Vec<Tensor>> {
        self.run_with(feeds, fetches, targets, &RunOptions::default())
            .map(|r| r.0)
    }

    /// As [`Session::run`], with options.
    ///
    /// # Errors
    /// As [`Session::run`]; `DeadlineExceeded` after the time-out.
    pub fn run_with(
        &self,
        feeds: impl IntoFeeds,
        fetches: impl IntoFetches,
        targets: impl IntoTargets,
        options: &RunOptions,
    ) -> Result<(Vec<Tensor>, RunMetadata)> {
        let graph = &self.0.graph;
        let mut signature = RunSignature::default();
        let mut values = Vec::new();
        for (endpoint, value) in feeds.into_feeds(graph)? {
            signature.feeds.push(endpoint);
            values.push(value);
        }
        signature.fetches = fetches.into_fetches(graph)?;
        signature.targets = targets.into_targets(graph)?;
        let plan = self.plan(&signature)?;
        self.execute(&plan, values, options)
    }

    /// Runs a node for its effects.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_target(&self, target: impl IntoTargets) -> Result<()> {
        self.run((), (), target).map(|_| ())
    }

    /// Computes one tensor.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn fetch(&self, fetch: impl IntoFetches) -> Result<Tensor> {
        let mut out = self.run((), fetch, ())?;
        out.pop()
            .ok_or_else(|| Error::invalid_argument("nothing to fetch"))
    }

    /// A compiled run for the hot loop: `F` feeds, `N` fetches.
    ///
    /// # Errors
    /// What is wrong with the feeds, fetches, targets, or a node that they need.
    pub fn callable<const F: usize, const N: usize>(
        &self,
        feeds: [impl super::targets::AsEndpoint; F],
        fetches: [impl super::targets::AsEndpoint; N],
        targets: impl IntoTargets,
    ) -> Result<Callable<F, N>> {
        let graph = &self.0.graph;
        let mut signature = RunSignature::default();
        for f in &feeds {
            signature.feeds.push(f.as_endpoint(graph)?);
        }
        for f in &fetches {
            signature.fetches.push(f.as_endpoint(graph)?);
        }
        signature.targets = targets.into_targets(graph)?;
        let plan = self.plan(&signature)?;
        Ok(Callable {
            session: self.clone(),
            plan,
        })
    }

    /// Ends the session: running steps are cancelled, later ones refused.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        let steps = std::mem::take(&mut *self.0.steps.lock());
        for step in steps {
            if let Some(step) = step.upgrade() {
                step.cancellation.cancel();
            }
        }
    }

    fn plan(&self, signature: &RunSignature) -> Result<Arc<Executable>> {
        let inner = &self.0;
        let edits = inner.graph.edits();
        let known = inner.plans.lock().get(signature).cloned();
        if let Some((_, plan)) = known.filter(|(then, _)| *then == edits) {
            let placements = &inner.lasting.placements;
            placements.log(&inner.graph, &inner.registry, &inner.devices)?;
            return Ok(plan);
        }
        let plan = Arc::new(compile(
            &inner.graph,
            &inner.registry,
            &inner.devices,
            &inner.lasting,
            signature,
            inner.optimize,
        )?);
        inner
            .plans
            .lock()
            .insert(signature.clone(), (edits, plan.clone()));
        Ok(plan)
    }

    fn execute(
        &self,
        plan: &Arc<Executable>,
        feeds: Vec<Tensor>,
        options: &RunOptions,
    ) -> Result<(Vec<Tensor>, RunMetadata)> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let step = Arc::new(Step {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            cancellation: Cancellation::default(),
            resources: Resources::default(),
            rendezvous: Rendezvous::default(),
        });
        {
            let mut steps = self.0.steps.lock();
            if self.0.closed.load(Ordering::SeqCst) {
                return Err(Error::cancelled("Session has been closed."));
            }
            if steps.len() > 64 {
                steps.retain(|s| s.strong_count() > 0);
            }
            steps.push(Arc::downgrade(&step));
        }
        let trace = options.trace.then(|| Arc::new(Trace::new(plan)));
        // A fed tensor that is fetched too comes back as it is.
        let caller = match options.timeout {
            None => Caller::MayCompute,
            Some(_) => Caller::Waits,
        };
        let run = Run::start(plan, step, feeds, &self.0.pool, trace.clone(), caller)?;
        let fetched = run.wait(options.timeout, self)?;
        let metadata = trace.map(|t| RunMetadata {
            nodes: t.nodes(),
            memory: t.memory(),
            begin: Some(t.begin().0),
            begun_at: Some(t.begin().1),
        });
        Ok((fetched, metadata.unwrap_or_default()))
    }
}

impl Waiting for Session {
    fn for_what(&self) -> String {
        let queues = self.resources().flat_map(|r| r.all::<Queue>());
        let waiting: Vec<String> = queues
            .filter_map(|(_, _, q)| q.describe_waiting())
            .collect();
        match waiting.is_empty() {
            true => String::new(),
            false => format!(": {}", waiting.join("; ")),
        }
    }
    /// A queue that only this run knows of is never served, unless somebody begins another run.
    fn stalled(&self) {
        let running = |s: &Weak<Step>| s.strong_count() > 0;
        let others = self.0.steps.lock().iter().filter(|s| running(s)).count();
        let what = self.for_what();
        if others <= 1 && !what.is_empty() {
            eprintln!(
                "A run waits for a queue, and no other run is under way that could serve it{what}. Were the queue runners started?"
            );
        }
    }
}

/// A run that is compiled already; see [`Session::callable`].
#[derive(Clone)]
pub struct Callable<const F: usize, const N: usize> {
    session: Session,
    plan: Arc<Executable>,
}

impl<const F: usize, const N: usize> Callable<F, N> {
    /// Runs it.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn call(&self, feeds: [Tensor; F]) -> Result<[Tensor; N]> {
        self.call_with(feeds, &RunOptions::default()).map(|r| r.0)
    }
    /// Runs it with options.
    ///
    /// # Errors
    /// As [`Session::run_with`].
    pub fn call_with(
        &self,
        feeds: [Tensor; F],
        options: &RunOptions,
    ) -> Result<([Tensor; N], RunMetadata)> {
        let (out, metadata) = self.session.execute(&self.plan, feeds.into(), options)?;
        let out = out.try_into().map_err(|_| {
            Error::internal("the number of fetched values is not that of the fetches")
        })?;
        Ok((out, metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    #[test]
    fn feeds_fetches_and_errors() {
        let g = Graph::new();
        let x = g.placeholder("x", DType::F32, [None]);
        let mut y = g.root().identity(x);
        for _ in 0..500 {
            y = g.root().identity(y);
        }
        let session = Session::with_options(
            &g,
            &SessionOptions {
                threads: 2,
                ..Default::default()
            },
        )
        .unwrap();
        let callable = session.callable([x], [y, x], ()).unwrap();
        for _ in 0..50 {
            let [a, b] = callable.call([Tensor::from([1.0f32, 2.0])]).unwrap();
            assert_eq!(a.data::<f32>().unwrap(), &[1.0, 2.0]);
            assert!(a.shares_buffer(&b));
        }
        let e = session.run((), [y], ()).unwrap_err();
        assert_eq!(e.node(), Some("x"));
        assert!(
            e.message()
                .starts_with("You must feed a value for placeholder tensor 'x'")
        );
        assert!(e.location().is_some());
        let e = session
            .run([("x:0", Tensor::from(1i32))], [y], ())
            .unwrap_err();
        assert!(
            e.message().contains("to be float but int32 is provided"),
            "{e}"
        );
        assert!(session.run((), (), ()).is_err());
        assert!(session.run((), ["nope:0"], ()).is_err());
        session.close();
        assert!(callable.call([Tensor::from([1.0f32])]).is_err());
    }
    #[test]
    fn every_session_has_devices_of_its_own() {
        let g = Graph::new();
        let options = SessionOptions {
            cpu_devices: 2,
            gpu_devices: 0,
            ..Default::default()
        };
        let session = || Session::with_options(&g, &options).unwrap();
        let (a, b) = (session(), session());
        let both = a.devices().iter().chain(b.devices());
        let numbers: std::collections::HashSet<u64> = both.clone().map(|d| d.incarnation).collect();
        assert_eq!(numbers.len(), 4);
        for d in both {
            assert_eq!(d.device_type, crate::kernel::DeviceType::Cpu);
            assert!(d.memory_limit > 1 << 20, "{d:?}");
        }
    }

    #[test]
    fn waits_for_queues_of_any_device_are_told() {
        let g = Graph::new();
        let options = crate::ops::queue::QueueOptions {
            dtypes: vec![DType::I32],
            ..Default::default()
        };
        let queue = g.device("/cpu:1").named("far").fifo_queue(&options);
        let got = queue.dequeue()[0].name();
        let two = SessionOptions {
            cpu_devices: 2,
            ..Default::default()
        };
        let session = Session::with_options(&g, &two).unwrap();
        let soon = RunOptions {
            timeout: Some(Duration::from_millis(30)),
            ..Default::default()
        };
        let e = session.run_with((), [got.as_str()], (), &soon).unwrap_err();
        assert_eq!(e.code(), crate::error::Code::DeadlineExceeded);
        let told = "_far' (0 elements; waiting: 1 to dequeue, 0 to enqueue)";
        assert!(e.message().contains(told), "{e}");
    }

    #[test]
    fn a_graph_that_is_changed_is_compiled_again() {
        let g = Graph::new();
        let v = g
            .root()
            .get_variable("v", (), crate::ops::state::init::zeros());
        let add = v.assign_add(1.0f32).node();
        let y = g.root().constant(2.0f32);
        let session = Session::new(&g).unwrap();
        session.run_target(g.init_op()).unwrap();
        let run = || {
            session.fetch(y).unwrap();
            session.fetch("v:0").unwrap().to_scalar::<f32>().unwrap()
        };
        assert_eq!(run(), 0.0);
        g.add_control(y.node().id(), add.id());
        assert_eq!(run(), 1.0);
    }

    /// Time that grows with the square of the length would be minutes here.
    #[test]
    fn long_chains_of_identities_are_compiled_in_linear_time() {
        let g = Graph::new();
        let x = g.placeholder("x", DType::F32, [1]);
        let mut y = x;
        for _ in 0..40_000 {
            y = g.root().identity(y);
        }
        let last = g.root().after([y]).neg(y);
        let session = Session::new(&g).unwrap();
        let out = session
            .run([(x, Tensor::from([1.0f32]))], [last], ())
            .unwrap();
        assert_eq!(out[0].data::<f32>().unwrap(), [-1.0]);
    }
}

#[cfg(test)]
#[path = "gpu_session_tests.rs"]
mod gpu_session_tests;
