//! `tensorloom convert`: a definition from one form to another, losing nothing.

use super::graph_file::{self, Kind, SAVED_MODEL_FILES};
use super::output::{Done, Stop, complain};
use crate::def::{Definition, Form, MetaGraphDef, SavedModel};
use crate::error::{Error, Result};
use crate::io;
use crate::proto;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Convert a definition from one form to another
///
/// The ending of OUT decides: .pb and .meta are binary, .pbtxt text, .json JSON; a folder (a trailing slash, or one
/// that is there already and empty) becomes a SavedModel. What the file holds stays what it is, so that a way there and
/// back loses nothing, except that .meta asks for a MetaGraphDef and a folder for a SavedModel; --as asks for either.
///
/// The variables come along: from a SavedModel folder to `P.meta` as the checkpoint P, and from `P.meta` beside a
/// checkpoint P into the folder's `variables`. Assets go from folder to folder only. Fields of newer versions, for which
/// text and JSON have no name, are an error there unless --drop-unknown is given.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tensorloom convert graph.pb graph.pbtxt\n  tensorloom convert model.ckpt-100.meta serving/ --tag serve"
)]
pub(super) struct Args {
    /// What to read: GraphDef, MetaGraphDef or SavedModel folder
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// What to write
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// What to write, whatever OUT is called
    #[arg(long = "as", value_name = "WHAT", value_enum)]
    what: Option<What>,
    /// The form to write, whatever the ending of OUT
    #[arg(long, value_enum)]
    form: Option<FormName>,
    /// The tags, separated by commas, of the meta graph to take from a SavedModel or to put into one
    #[arg(long, value_name = "TAGS")]
    tag: Option<String>,
    /// Leave out fields that text and JSON have no name for
    #[arg(long)]
    drop_unknown: bool,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum What {
    Graph,
    MetaGraph,
    SavedModel,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum FormName {
    Binary,
    Text,
    Json,
}

impl Args {
    /// What writes to `output`, as that path asks for, what was made of `input`; without `input` nothing comes along.
    pub(super) fn new(input: Option<&Path>, output: &Path) -> Args {
        Args {
            input: input.unwrap_or(Path::new("")).to_path_buf(),
            output: output.to_path_buf(),
            what: None,
            form: None,
            tag: None,
            drop_unknown: false,
        }
    }

    pub(super) fn run(&self) -> Done<ExitCode> {
        let (definition, _) = graph_file::read(&self.input)?;
        self.write(definition)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Writes a definition, with the variables and assets that lie beside the input.
    pub(super) fn write(&self, definition: Definition) -> Done {
        let folder = is_folder(&self.output);
        let form = self.output_form(folder)?;
        let kind = self.output_kind(&definition, folder);
        let definition = self.reshape(definition, kind)?;
        if form != Form::Binary && !self.drop_unknown {
            refuse_unknown(&definition)?;
        }
        if folder {
            self.write_folder(&definition, form)?;
        } else {
            definition.write(&self.output, form)?;
            self.write_checkpoint(kind)?;
            if self.input.join("assets").is_dir() {
                complain("warning: the assets stay behind: only a folder has place for them");
            }
        }
        Ok(())
    }

    fn output_form(&self, folder: bool) -> Done<Form> {
        if let Some(form) = self.form {
            return Ok(match form {
                FormName::Binary => Form::Binary,
                FormName::Text => Form::Text,
                FormName::Json => Form::Json,
            });
        }
        form_of(&self.output, folder).ok_or_else(|| {
            Stop::Usage(format!(
                "the ending of '{}' tells no form: .pb, .meta, .pbtxt, .json, or a slash for a folder; --form decides otherwise",
                self.output.display()
            ))
        })
    }

    /// What is written when this is what was read.
    pub(super) fn kind_for(&self, definition: &Definition) -> Kind {
        self.output_kind(definition, is_folder(&self.output))
    }

    fn output_kind(&self, definition: &Definition, folder: bool) -> Kind {
        match self.what {
            Some(What::Graph) => return Kind::GraphDef,
            Some(What::MetaGraph) => return Kind::MetaGraphDef,
            Some(What::SavedModel) => return Kind::SavedModel,
            None => {}
        }
        let name = self.output.file_name().unwrap_or_default();
        if folder || SAVED_MODEL_FILES.iter().any(|f| name == *f) {
            return Kind::SavedModel;
        }
        let inner = Path::new(self.output.file_stem().unwrap_or_default());
        if has_ending(&self.output, "meta") || has_ending(inner, "meta") {
            return Kind::MetaGraphDef;
        }
        match definition {
            Definition::Graph(_) => Kind::GraphDef,
            Definition::Meta(_) => Kind::MetaGraphDef,
            Definition::Saved(_) => Kind::SavedModel,
        }
    }

    /// The definition as that message.
    fn reshape(&self, definition: Definition, kind: Kind) -> Result<Definition> {
        let wrap = |g| MetaGraphDef::new(g, proto::MetaGraphDef::default());
        let tag = self.tag.as_deref();
        Ok(match (definition, kind) {
            (Definition::Saved(s), Kind::SavedModel) if tag.is_none() => Definition::Saved(s),
            (Definition::Saved(s), _) => {
                let meta = graph_file::choose(s, tag)
                    .map_err(|e| e.context(format!("{}: ", self.input.display())))?;
                match kind {
                    Kind::GraphDef => Definition::Graph(meta.graph),
                    Kind::MetaGraphDef => Definition::Meta(Box::new(meta)),
                    Kind::SavedModel => Definition::Saved(saved(meta, None)),
                }
            }
            (Definition::Meta(m), Kind::GraphDef) => Definition::Graph(m.graph),
            (Definition::Graph(g), Kind::MetaGraphDef) => Definition::Meta(Box::new(wrap(g))),
            (Definition::Meta(m), Kind::SavedModel) => Definition::Saved(saved(*m, tag)),
            (Definition::Graph(g), Kind::SavedModel) => Definition::Saved(saved(wrap(g), tag)),
            (same, _) => same,
        })
    }

    /// A SavedModel folder, put in place by one rename.
    fn write_folder(&self, definition: &Definition, form: Form) -> Result<()> {
        let target = self.output.as_path();
        let at = |path: &Path, e: std::io::Error| Error::io(path, &e);
        if let Ok(mut entries) = fs::read_dir(target)
            && entries.next().is_some()
        {
            return Err(Error::already_exists(format!(
                "{}; the folder is not empty",
                target.display()
            )));
        }
        let name = target.file_name().ok_or_else(|| {
            Error::invalid_argument(format!("{}; the folder has no name", target.display()))
        })?;
        let temporary = target.with_file_name(format!(
            ".{}.{}.tmp",
            name.to_string_lossy(),
            std::process::id()
        ));
        let fill = || -> Result<()> {
            fs::create_dir_all(&temporary).map_err(|e| at(&temporary, e))?;
            let file = match form {
                Form::Binary => SAVED_MODEL_FILES[0],
                Form::Text => SAVED_MODEL_FILES[1],
                Form::Json => SAVED_MODEL_FILES[2],
            };
            definition.write(temporary.join(file), form)?;
            if self.input.is_dir() {
                for part in ["variables", "assets", "assets.extra"] {
                    copy_folder(&self.input.join(part), &temporary.join(part))?;
                }
            } else if let Some(prefix) = checkpoint_beside(&self.input) {
                let variables = temporary.join("variables");
                fs::create_dir_all(&variables).map_err(|e| at(&variables, e))?;
                copy_checkpoint(&prefix, &variables.join("variables"))?;
            }
            fs::rename(&temporary, target).map_err(|e| at(target, e))
        };
        let done = fill();
        if done.is_err() {
            // What is half there is of no use; that it cannot be removed changes nothing about the error.
            let _ = fs::remove_dir_all(&temporary);
        }
        done
    }

    /// The variables of a SavedModel folder as the checkpoint that a `.meta` file belongs to.
    fn write_checkpoint(&self, kind: Kind) -> Result<()> {
        let variables = self.input.join("variables").join("variables");
        let wanted = kind == Kind::MetaGraphDef && has_ending(&self.output, "meta");
        if wanted && self.input.is_dir() && io::checkpoint_exists(&variables) {
            copy_checkpoint(&variables, &self.output.with_extension(""))?;
        }
        Ok(())
    }
}

/// Whether a path names a folder: it ends in a slash, or is one.
fn is_folder(path: &Path) -> bool {
    path.is_dir()
        || path
            .as_os_str()
            .to_string_lossy()
            .ends_with(std::path::is_separator)
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case(ending))
}

/// The form that a path asks for, if it does.
pub(super) fn form_of(path: &Path, folder: bool) -> Option<Form> {
    let binary = folder || has_ending(path, "pb") || has_ending(path, "meta");
    match Form::of_path(path) {
        Form::Binary => binary.then_some(Form::Binary),
        _ if folder => Some(Form::Binary),
        form => Some(form),
    }
}

/// A SavedModel of one meta graph, with these tags; with `serve` when there are none at all.
fn saved(mut meta: MetaGraphDef, tags: Option<&str>) -> SavedModel {
    let info = meta.meta.meta_info_def.get_or_insert_default();
    if let Some(tags) = tags {
        info.tags = tags
            .split(',')
            .filter(|t| !t.is_empty())
            .map(str::to_string)
            .collect();
    } else if info.tags.is_empty() {
        info.tags.push("serve".into());
    }
    let mut model = SavedModel::default();
    model.meta_graphs.push(meta);
    model
}

/// The prefix of the checkpoint whose `.meta` file this is, if it is there.
fn checkpoint_beside(meta: &Path) -> Option<PathBuf> {
    let prefix = meta.with_extension("");
    (has_ending(meta, "meta") && io::checkpoint_exists(&prefix)).then_some(prefix)
}

/// Copies the files of a checkpoint under another prefix; the index comes last.
fn copy_checkpoint(from: &Path, to: &Path) -> Result<()> {
    let old = from.as_os_str().to_string_lossy().into_owned();
    let mut files = io::checkpoint_files(from)?;
    files.sort_by_key(|f| has_ending(f, "index"));
    for file in files {
        let name = file.to_string_lossy().into_owned();
        // The `.meta` file is what is being converted.
        let Some(suffix) = name.strip_prefix(&old).filter(|s| *s != ".meta") else {
            continue;
        };
        let mut target = to.as_os_str().to_os_string();
        target.push(suffix);
        copy_file(&file, Path::new(&target))?;
    }
    Ok(())
}

/// Copies a folder with everything below it, if it is there.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    let at = |path: &Path, e: std::io::Error| Error::io(path, &e);
    fs::create_dir_all(to).map_err(|e| at(to, e))?;
    for entry in fs::read_dir(from).map_err(|e| at(from, e))? {
        let path = entry.map_err(|e| at(from, e))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        match path.is_dir() {
            true => copy_folder(&path, &target)?,
            false => copy_file(&path, &target)?,
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    // `copy` does not say which of the two it could not use; that the source can be read is asked first.
    fs::File::open(from).map_err(|e| Error::io(from, &e))?;
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| Error::io(to, &e))
}

/// Fails when the definition has fields that text and JSON have no name for.
fn refuse_unknown(definition: &Definition) -> Result<()> {
    let unknown = definition.unknown_fields()?;
    match unknown.first() {
        None => Ok(()),
        Some(first) => Err(Error::failed_precondition(format!(
            "{} fields of newer versions have no text or JSON form (first: {first}); convert to .pb, or leave them out with --drop-unknown",
            unknown.len()
        ))),
    }
}
