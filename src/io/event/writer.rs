//! Writes event files as TensorFlow's FileWriter does.

use super::FILE_VERSION;
use crate::error::{Code, Error, Result};
use crate::io::record::{Compression, RecordWriter};
use crate::proto::event::What;
use crate::proto::session_log::SessionStatus;
use crate::proto::{Event, SessionLog, SourceMetadata, Summary, TaggedRunMetadata};
use parking_lot::{Condvar, Mutex};
use prost::Message;
use std::collections::{HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How an [`EventWriter`] buffers and names its file.
#[derive(Clone, Debug, PartialEq)]
pub struct EventWriterOptions {
    /// Events that may wait before adding one waits.
    pub max_queue: usize,
    /// How long an event may stay unflushed.
    pub flush_every: Duration,
    /// What follows the host in the file's name.
    pub filename_suffix: String,
}

impl Default for EventWriterOptions {
    fn default() -> EventWriterOptions {
        EventWriterOptions {
            max_queue: 10,
            flush_every: Duration::from_secs(120),
            filename_suffix: String::new(),
        }
    }
}

/// Appends events to a new file of a log folder; a thread of its own writes them.
///
/// Dropping it writes what waits; [`EventWriter::close`] tells whether that went well.
///
/// ```
/// use tensorloom::io::{EventWriter, event_files, read_events};
/// # let dir = std::env::temp_dir().join(format!("tensorloom-event-doc-{}", std::process::id()));
/// let writer = EventWriter::new(&dir).unwrap();
/// writer.add_scalar("loss", 0.5, 1).unwrap();
/// writer.close().unwrap();
/// let files = event_files(&dir).unwrap();
/// assert_eq!(read_events(&files[0]).unwrap().count(), 2);
/// # std::fs::remove_dir_all(dir).unwrap();
/// ```
pub struct EventWriter {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    seen: Mutex<Seen>,
}

/// Tags that have had what is written only once.
#[derive(Default)]
struct Seen {
    metadata: HashSet<String>,
    runs: HashSet<String>,
}

struct Shared {
    state: Mutex<State>,
    /// Something changed: an event came or went, or somebody waits for a flush or the end.
    changed: Condvar,
    max_queue: usize,
}

struct State {
    queue: VecDeque<Vec<u8>>,
    /// How many flushes were asked for, and how many of these are done.
    flushes_asked: u64,
    flushes_done: u64,
    closed: bool,
    error: Option<Error>,
    path: PathBuf,
}

impl EventWriter {
    /// Makes the folder (with those above it) and a new file in it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(log_dir: impl AsRef<Path>) -> Result<EventWriter> {
        EventWriter::with_options(log_dir, EventWriterOptions::default())
    }

    /// As [`EventWriter::new`], with other buffering or another name.
    ///
    /// # Errors
    /// As [`EventWriter::new`].
    pub fn with_options(
        log_dir: impl AsRef<Path>,
        options: EventWriterOptions,
    ) -> Result<EventWriter> {
        let log_dir = log_dir.as_ref().to_path_buf();
        std::fs::create_dir_all(&log_dir).map_err(|e| Error::io(&log_dir, &e))?;
        let file = EventFile::create(&log_dir, &options.filename_suffix)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                flushes_asked: 0,
                flushes_done: 0,
                closed: false,
                error: None,
                path: file.path.clone(),
            }),
            changed: Condvar::new(),
            max_queue: options.max_queue.max(1),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("event writer".to_string())
            .spawn(move || work(&of_thread, file, &log_dir, &options))
            .map_err(|e| Error::resource_exhausted(format!("cannot start a thread: {e}")))?;
        Ok(EventWriter {
            shared,
            thread: Mutex::new(Some(thread)),
            seen: Mutex::new(Seen::default()),
        })
    }

    /// The file that is being written.
    pub fn path(&self) -> PathBuf {
        self.shared.state.lock().path.clone()
    }

    /// Adds an event as it is; waits while the queue is full.
    ///
    /// # Errors
    /// `FailedPrecondition` when closed; the error that an earlier event met.
    pub fn add_event(&self, event: &Event) -> Result<()> {
        let bytes = event.encode_to_vec();
        let mut state = self.shared.state.lock();
        loop {
            state.check()?;
            if state.closed {
                return Err(Error::failed_precondition("The event writer is closed"));
            }
            if state.queue.len() < self.shared.max_queue {
                break;
            }
            self.shared.changed.wait(&mut state);
        }
        state.queue.push_back(bytes);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Adds a summary. A value's metadata is kept only the first time that its tag is written.
    ///
    /// # Errors
    /// As [`EventWriter::add_event`].
    pub fn add_summary(&self, mut summary: Summary, step: i64) -> Result<()> {
        let mut seen = self.seen.lock();
        for value in &mut summary.value {
            if value.metadata.is_some() && !seen.metadata.insert(value.tag.clone()) {
                value.metadata = None;
            }
        }
        drop(seen);
        self.add(What::Summary(summary), step)
    }

    /// As [`EventWriter::add_summary`], of what a summary op gave.
    ///
    /// # Errors
    /// As [`EventWriter::add_event`]; `InvalidArgument` for bytes that are no summary.
    pub fn add_serialized_summary(&self, summary: &[u8], step: i64) -> Result<()> {
        let summary = Summary::decode(summary)
            .map_err(|e| Error::invalid_argument(format!("Could not parse a summary: {e}")))?;
        self.add_summary(summary, step)
    }

    /// Adds one number.
    ///
    /// # Errors
    /// As [`EventWriter::add_event`].
    pub fn add_scalar(&self, tag: &str, value: f32, step: i64) -> Result<()> {
        use crate::proto::summary::{Value, value};
        let value = Value {
            tag: tag.to_string(),
            value: Some(value::Value::SimpleValue(value)),
            ..Default::default()
        };
        self.add_summary(Summary { value: vec![value] }, step)
    }

    /// Adds a serialized GraphDef.
    ///
    /// # Errors
    /// As [`EventWriter::add_event`].
    pub fn add_graph(&self, graph_def: Vec<u8>, step: i64) -> Result<()> {
        self.add(What::GraphDef(graph_def), step)
    }

    /// Adds a serialized MetaGraphDef.
    ///
    /// # Errors
    /// As [`EventWriter::add_event`].
    pub fn add_meta_graph(&self, meta_graph_def: Vec<u8>, step: i64) -> Result<()> {
        self.add(What::MetaGraphDef(meta_graph_def), step)
    }

    /// Adds the start or end of a session, or a checkpoint (then with its path).
    ///
    /// # Errors
    /// As [`EventWriter::add_event`].
    pub fn add_session_log(
        &self,
        status: SessionStatus,
        checkpoint_path: &str,
        step: i64,
    ) -> Result<()> {
        let log = SessionLog {
            status: status as i32,
            checkpoint_path: checkpoint_path.to_string(),
            ..Default::default()
        };
        self.add(What::SessionLog(log), step)
    }

    /// Adds a serialized RunMetadata under a tag that no other has.
    ///
    /// # Errors
    /// As [`EventWriter::add_event`]; `InvalidArgument` for a tag that was used.
    pub fn add_run_metadata(&self, run_metadata: Vec<u8>, tag: &str, step: i64) -> Result<()> {
        if !self.seen.lock().runs.insert(tag.to_string()) {
            return Err(Error::invalid_argument(
                "The provided tag was already used for this event type",
            ));
        }
        let tagged = TaggedRunMetadata {
            tag: tag.to_string(),
            run_metadata,
        };
        self.add(What::TaggedRunMetadata(tagged), step)
    }

    fn add(&self, what: What, step: i64) -> Result<()> {
        self.add_event(&Event {
            wall_time: now().as_secs_f64(),
            step,
            what: Some(what),
            ..Default::default()
        })
    }

    /// Waits until all events so far are in the file.
    ///
    /// # Errors
    /// What the file system said to any of them.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return state.check();
        }
        state.flushes_asked += 1;
        let mine = state.flushes_asked;
        self.shared.changed.notify_all();
        while state.flushes_done < mine && state.error.is_none() && !state.closed {
            self.shared.changed.wait(&mut state);
        }
        state.check()
    }

    /// Writes what waits and ends the thread; nothing can be added afterwards. Closing again does nothing.
    ///
    /// # Errors
    /// What the file system said to any event.
    pub fn close(&self) -> Result<()> {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // The thread does not panic; if it did, the error below would be missing and this one stands for it.
            let ended = thread.join();
            ended.map_err(|_| Error::internal("the event writer's thread panicked"))?;
        }
        self.shared.state.lock().check()
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl State {
    fn check(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

/// The thread: writes events as they come, flushes the first at once and others in time.
fn work(shared: &Shared, file: EventFile, log_dir: &Path, options: &EventWriterOptions) {
    let mut file = Some(file);
    let mut next_flush = Instant::now();
    let mut dirty = false;
    let mut state = shared.state.lock();
    loop {
        let batch: Vec<Vec<u8>> = state.queue.drain(..).collect();
        let flushes = state.flushes_asked;
        let asked = flushes != state.flushes_done;
        let closed = state.closed;
        let due = dirty && Instant::now() >= next_flush;
        if batch.is_empty() && !due && !asked && !closed {
            match dirty {
                true => {
                    shared.changed.wait_until(&mut state, next_flush);
                }
                false => shared.changed.wait(&mut state),
            }
            continue;
        }
        shared.changed.notify_all();
        drop(state);

        dirty |= !batch.is_empty();
        let flush = closed || asked || dirty && Instant::now() >= next_flush;
        let mut result = write(&mut file, batch, log_dir, options);
        if flush && result.is_ok() {
            result = flush_file(&mut file);
            next_flush = Instant::now() + options.flush_every;
            dirty = false;
        }

        state = shared.state.lock();
        if let Some(file) = &file {
            state.path.clone_from(&file.path);
        }
        state.flushes_done = flushes;
        if let Err(e) = result {
            state.error.get_or_insert(e);
        }
        shared.changed.notify_all();
        if state.error.is_some() || closed && state.queue.is_empty() {
            state.closed = true;
            return;
        }
    }
}

fn write(
    file: &mut Option<EventFile>,
    batch: Vec<Vec<u8>>,
    log_dir: &Path,
    options: &EventWriterOptions,
) -> Result<()> {
    for event in batch {
        let file = match file {
            Some(file) => file,
            // The last one has disappeared.
            None => file.insert(EventFile::create(log_dir, &options.filename_suffix)?),
        };
        file.write(&event)?;
    }
    Ok(())
}

fn flush_file(file: &mut Option<EventFile>) -> Result<()> {
    let Some(open) = file else {
        return Ok(());
    };
    open.flush()?;
    if !open.path.exists() {
        eprintln!(
            "warning: The events file {} has disappeared; later events go to a new one",
            open.path.display()
        );
        *file = None;
    }
    Ok(())
}

/// An open event file.
struct EventFile {
    path: PathBuf,
    records: RecordWriter<BufWriter<File>>,
}

impl EventFile {
    /// A new file with its first record.
    fn create(log_dir: &Path, suffix: &str) -> Result<EventFile> {
        let seconds = now().as_secs();
        let base = format!("events.out.tfevents.{seconds:010}.{}{suffix}", host_name());
        let mut path = log_dir.join(&base);
        let mut number = 0;
        let file = loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => break file,
                // Another writer of this second; TensorFlow would overwrite its file.
                Err(e) if Error::io(&path, &e).code() == Code::AlreadyExists => {
                    number += 1;
                    path = log_dir.join(format!("{base}.{number}"));
                }
                Err(e) => return Err(Error::io(&path, &e)),
            }
        };
        let mut file = EventFile {
            path,
            records: RecordWriter::new(BufWriter::new(file), Compression::None),
        };
        let version = Event {
            wall_time: seconds as f64,
            what: Some(What::FileVersion(FILE_VERSION.to_string())),
            // Readers know writers by this name; it stands for the format's dialect.
            source_metadata: Some(SourceMetadata {
                writer: "tensorflow.core.util.events_writer".to_string(),
            }),
            ..Default::default()
        };
        file.write(&version.encode_to_vec())?;
        file.flush()?;
        Ok(file)
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        let result = self.records.write(event);
        result.map_err(|e| Error::io(&self.path, &e))
    }

    fn flush(&mut self) -> Result<()> {
        let result = self.records.flush();
        result.map_err(|e| Error::io(&self.path, &e))
    }
}

fn now() -> Duration {
    // A clock before 1970 gives 0.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The name of this machine, fit for a file name.
pub(super) fn host_name() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let variables = ["HOSTNAME", "COMPUTERNAME"];
    let name = kernel.or_else(|| variables.iter().find_map(|v| std::env::var(v).ok()));
    let name = name.unwrap_or_default();
    let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = name.trim().chars().filter(good).collect();
    match name.is_empty() {
        true => "localhost".to_string(),
        false => name,
    }
}
