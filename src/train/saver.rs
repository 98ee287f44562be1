//! Saving and restoring variables as checkpoints: the graph's save and restore ops, file names, and what is kept.

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeRef, Output, Scope, VariableInfo, keys};
use crate::io;
use crate::runtime::Session;
use crate::tensor::Tensor;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How a saver names and keeps checkpoints.
#[derive(Clone, Debug)]
pub struct SaverOptions {
    /// How many checkpoints to keep; the oldest goes first. 0 keeps all.
    pub max_to_keep: usize,
    /// One checkpoint in each such span of time is kept for ever.
    pub keep_checkpoint_every: Duration,
    /// The name scope of the ops.
    pub name: String,
    /// Writes the step into file names with at least eight digits.
    pub pad_step_number: bool,
    /// Writes a `.meta` file (the graph with its collections) beside each checkpoint.
    pub write_meta_graph: bool,
    /// The name of the state file.
    pub latest_filename: String,
}

impl Default for SaverOptions {
    fn default() -> SaverOptions {
        SaverOptions {
            max_to_keep: 5,
            keep_checkpoint_every: Duration::from_secs(10_000 * 3600),
            name: "save".into(),
            pad_step_number: false,
            write_meta_graph: true,
            latest_filename: "checkpoint".into(),
        }
    }
}

/// Saves and restores variables (TensorFlow's `tf.train.Saver`, format V2).
pub struct Saver {
    /// The tensor to feed with the prefix of the files.
    pub filename_tensor: String,
    /// The tensor whose run saves.
    pub save_tensor: String,
    /// The node whose run restores.
    pub restore_op: String,
    options: SaverOptions,
    kept: Mutex<Kept>,
}

struct Kept {
    /// Prefix and time, oldest first.
    list: Vec<(PathBuf, SystemTime)>,
    next_permanent: SystemTime,
}

impl Kept {
    fn new(options: &SaverOptions) -> Kept {
        let now = SystemTime::now();
        let next = now.checked_add(options.keep_checkpoint_every);
        Kept {
            list: Vec::new(),
            next_permanent: next.unwrap_or(now),
        }
    }
}

impl Saver {
    /// A saver of all global variables under their own names.
    pub fn new(graph: &Graph) -> Saver {
        let variables = graph.collection_variables(keys::GLOBAL_VARIABLES);
        let entries = variables.into_iter().map(|v| (v.name.clone(), v)).collect();
        Saver::with_names(graph, entries, SaverOptions::default())
    }

    /// A saver of these variables under these keys. Mistakes (no variable, a key twice) are the graph's.
    #[track_caller]
    pub fn with_names(
        graph: &Graph,
        mut entries: Vec<(String, VariableInfo)>,
        options: SaverOptions,
    ) -> Saver {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let location = std::panic::Location::caller();
        if entries.is_empty() {
            graph.fail(Error::invalid_argument("No variables to save").at_line(location));
        }
        // The parts of a partitioned variable share their key.
        let whole = |e: &(String, VariableInfo)| e.1.slice.is_none();
        let twice =
            |w: &&[(String, VariableInfo)]| w[0].0 == w[1].0 && (whole(&w[0]) || whole(&w[1]));
        if let Some(w) = entries.windows(2).find(twice) {
            graph.fail(
                Error::invalid_argument(format!(
                    "At least two variables have the same name: {}",
                    w[0].0
                ))
                .at_line(location),
            );
        }
        let (filename, saved, restore) =
            add_ops(graph.root().without_control(), &entries, &options);
        Saver {
            filename_tensor: filename.name(),
            save_tensor: saved.name(),
            restore_op: restore.name(),
            kept: Mutex::new(Kept::new(&options)),
            options,
        }
    }

    /// The saver that a graph's file describes; its ops are in the graph already.
    ///
    /// # Errors
    /// `NotFound` when one of them is not.
    pub fn from_def(graph: &Graph, def: &crate::proto::SaverDef) -> Result<Saver> {
        graph.output(&def.filename_tensor_name)?;
        graph.output(&def.save_tensor_name)?;
        if graph.find(&def.restore_op_name).is_none() {
            return Err(Error::not_found(format!(
                "The saver's restore op '{}' is not in the graph",
                def.restore_op_name
            )));
        }
        let hours = Duration::try_from_secs_f32(def.keep_checkpoint_every_n_hours * 3600.0);
        let options = SaverOptions {
            max_to_keep: usize::try_from(def.max_to_keep).unwrap_or(0),
            keep_checkpoint_every: hours
                .ok()
                .filter(|h| !h.is_zero())
                .unwrap_or(SaverOptions::default().keep_checkpoint_every),
            ..SaverOptions::default()
        };
        Ok(Saver {
            filename_tensor: def.filename_tensor_name.clone(),
            save_tensor: def.save_tensor_name.clone(),
            restore_op: def.restore_op_name.clone(),
            kept: Mutex::new(Kept::new(&options)),
            options,
        })
    }

    /// Its options.
    pub fn options(&self) -> &SaverOptions {
        &self.options
    }

    /// Saves under `prefix`, or `prefix-<step>`; gives the prefix used. Updates the state file, then deletes what
    /// is no longer kept.
    ///
    /// # Errors
    /// What writing gives; `FailedPrecondition` for an uninitialized variable.
    pub fn save(
        &self,
        session: &Session,
        prefix: impl AsRef<Path>,
        step: Option<i64>,
    ) -> Result<PathBuf> {
        let prefix = prefix.as_ref();
        let path = match step {
            None => prefix.to_path_buf(),
            Some(s) if self.options.pad_step_number => suffixed(prefix, &format!("-{s:08}")),
            Some(s) => suffixed(prefix, &format!("-{s}")),
        };
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
        }
        let feed = [(
            self.filename_tensor.as_str(),
            Tensor::string(path.to_string_lossy().as_bytes()),
        )];
        session.run(feed, [self.save_tensor.as_str()], ())?;
        if self.options.write_meta_graph {
            super::write_meta_graph(session.graph(), Some(self), &io::meta_graph_path(&path))?;
        }
        self.record(&path)?;
        Ok(path)
    }

    /// Restores from the checkpoint of that prefix.
    ///
    /// # Errors
    /// `InvalidArgument` when there is none; `NotFound` for a missing key; `DataLoss` for damaged files.
    pub fn restore(&self, session: &Session, prefix: impl AsRef<Path>) -> Result<()> {
        let prefix = prefix.as_ref();
        if !io::checkpoint_exists(prefix) {
            return Err(Error::invalid_argument(format!(
                "The passed save_path is not a valid checkpoint: {}",
                prefix.display()
            )));
        }
        let feed = [(
            self.filename_tensor.as_str(),
            Tensor::string(prefix.to_string_lossy().as_bytes()),
        )];
        session
            .run(feed, (), [self.restore_op.as_str()])
            .map(|_| ())
    }

    /// The prefixes of the checkpoints that are kept, oldest first.
    pub fn last_checkpoints(&self) -> Vec<PathBuf> {
        self.kept
            .lock()
            .list
            .iter()
            .map(|(p, _)| p.clone())
            .collect()
    }

    /// Takes over checkpoints of an earlier run, oldest first, so that they count as kept.
    pub fn recover_last_checkpoints(&self, prefixes: &[PathBuf]) {
        let mut kept = self.kept.lock();
        for p in prefixes {
            let time = std::fs::metadata(suffixed(p, ".index")).and_then(|m| m.modified());
            if let Ok(time) = time {
                kept.list.push((p.clone(), time));
            }
        }
    }

    fn record(&self, path: &Path) -> Result<()> {
        let mut kept = self.kept.lock();
        kept.list.retain(|(p, _)| p != path);
        kept.list.push((path.to_path_buf(), SystemTime::now()));
        let mut doomed = Vec::new();
        if self.options.max_to_keep > 0 {
            while kept.list.len() > self.options.max_to_keep {
                let (old, time) = kept.list.remove(0);
                if time > kept.next_permanent {
                    let next = kept
                        .next_permanent
                        .checked_add(self.options.keep_checkpoint_every);
                    kept.next_permanent = next.unwrap_or(kept.next_permanent);
                } else {
                    doomed.push(old);
                }
            }
        }
        let all: Vec<PathBuf> = if self.options.max_to_keep > 0 {
            kept.list.iter().map(|(p, _)| p.clone()).collect()
        } else {
            vec![path.to_path_buf()]
        };
        drop(kept);
        let dir = path.parent().unwrap_or(Path::new(""));
        let text = |p: &Path| p.to_string_lossy().into_owned();
        let all: Vec<String> = all.iter().map(|p| text(p)).collect();
        io::update_checkpoint_state(dir, &text(path), &all, &self.options.latest_filename)?;
        for old in doomed {
            io::remove_checkpoint(&old)?;
        }
        Ok(())
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// The ops as TensorFlow's saver makes and names them.
fn add_ops<'g>(
    root: Scope<'g>,
    entries: &[(String, VariableInfo)],
    options: &SaverOptions,
) -> (Output<'g>, Output<'g>, NodeRef<'g>) {
    let s = root.scope(&options.name);
    let cpu = s.device("/device:CPU:0");
    let beside = |handle: Output<'g>| match handle.node().node().map(|n| n.device.clone()) {
        Some(device) if !device.is_empty() => s.device(&device),
        _ => s,
    };
    let default = s.named("filename/input").constant("model");
    let with_default = |name: &str, x: Output<'g>| {
        s.op("PlaceholderWithDefault")
            .input(x)
            .attr("shape", crate::shape::PartialShape::scalar())
            .name(name)
            .out()
    };
    let filename = with_default("filename", default);
    let prefix = with_default("Const", filename);
    let names: Vec<String> = entries.iter().map(|(k, _)| k.clone()).collect();
    let slices: Vec<String> = entries.iter().map(|(_, v)| slice_spec(v)).collect();
    let table = |s: Scope<'g>, op: &str| {
        let n = s
            .named(&format!("{op}/tensor_names"))
            .constant(names.clone());
        (
            n,
            s.named(&format!("{op}/shape_and_slices"))
                .constant(slices.clone()),
        )
    };
    let (n, sl) = table(s, "SaveV2");
    let values = entries.iter().map(|(_, v)| {
        let handle = s.output_at(v.handle);
        if v.is_resource {
            let read = beside(handle)
                .op("ReadVariableOp")
                .input(handle)
                .attr("dtype", v.dtype)
                .name("Read/ReadVariableOp")
                .out();
            cpu.op("Identity").input(read).out()
        } else {
            handle
        }
    });
    let values: Vec<Output<'g>> = values.collect();
    let save = s
        .op("SaveV2")
        .input(prefix)
        .input(n)
        .input(sl)
        .list(values)
        .finish();
    let saved = s
        .colocate_with(prefix)
        .op("Identity")
        .input(prefix)
        .after(save)
        .name("control_dependency")
        .out();
    let (n, sl) = table(cpu, "RestoreV2");
    let dtypes: Vec<crate::dtype::DType> = entries.iter().map(|(_, v)| v.dtype).collect();
    let restored = cpu
        .op("RestoreV2")
        .input(prefix)
        .input(n)
        .input(sl)
        .attr("dtypes", dtypes)
        .finish();
    let assigns = entries.iter().enumerate().map(|(i, (_, v))| {
        let handle = s.output_at(v.handle);
        let value = restored.output(i);
        if v.is_resource {
            let s = beside(handle);
            let value = s.op("Identity").input(value).out();
            s.op("AssignVariableOp").input(handle).input(value).finish()
        } else {
            s.colocate_with(handle)
                .op("Assign")
                .input(handle)
                .input(value)
                .finish()
        }
    });
    let assigns: Vec<NodeRef<'g>> = assigns.collect();
    let all = s.named("restore_all").group_by_device(assigns);
    (prefix, saved, all)
}

/// Where a part of a partitioned variable belongs, as `4 5 0,2:-`; empty for a whole one.
fn slice_spec(v: &VariableInfo) -> String {
    let Some((_, full, offset)) = &v.slice else {
        return String::new();
    };
    let shape = v.shape.to_i64().unwrap_or_default();
    let parts: Vec<String> = full
        .iter()
        .zip(offset)
        .zip(&shape)
        .map(|((f, o), n)| {
            if n == f {
                "-".into()
            } else {
                format!("{o},{n}")
            }
        })
        .collect();
    let full: Vec<String> = full.iter().map(i64::to_string).collect();
    format!("{} {}", full.join(" "), parts.join(":"))
}
