//! A SavedModel that is ready to run: by signature, with inputs and outputs by name.

use super::{import_meta_graph, load_saved_model, signature_tensor};
use crate::def::{MetaGraphDef, SavedModel as SavedModelDef, shape_from_proto, tensor_from_proto};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::proto;
use crate::runtime::{Session, SessionOptions};
use crate::shape::PartialShape;
use crate::tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The signature that a model is asked by unless another one is named.
pub const DEFAULT_SIGNATURE: &str = "serving_default";
/// The tag of a model made for inference.
pub const SERVE: &str = "serve";

const INIT_OP: &str = "__saved_model_init_op";
const TRAIN_OP: &str = "__saved_model_train_op";

/// A SavedModel of TensorFlow 1 or 2 (or Keras) in a session of its own, its variables restored.
pub struct SavedModel {
    session: Session,
    signatures: BTreeMap<String, Signature>,
    meta: MetaGraphDef,
}

/// A computation of a model: its inputs and outputs by name.
#[derive(Clone, Debug, Default)]
pub struct Signature {
    /// The inputs.
    pub inputs: BTreeMap<String, TensorSpec>,
    /// The outputs.
    pub outputs: BTreeMap<String, TensorSpec>,
    /// Values of inputs that may be left out.
    pub defaults: BTreeMap<String, Tensor>,
    /// The kind of request that it serves ("tensorflow/serving/predict").
    pub method_name: String,
}

/// A tensor of a signature.
#[derive(Clone, Debug)]
pub struct TensorSpec {
    /// Its name in the graph, `node:k`.
    pub tensor: String,
    /// Its element type.
    pub dtype: DType,
    /// Its shape as far as known.
    pub shape: PartialShape,
}

impl SavedModel {
    /// Loads the meta graph that has exactly these tags (usually [`SERVE`]) from a folder.
    ///
    /// # Errors
    /// `NotFound` for a folder without a model or tags that no meta graph has (the message lists those that exist);
    /// `InvalidArgument` for a malformed model; what restoring and initializing give.
    pub fn load(folder: impl AsRef<Path>, tags: &[&str]) -> Result<SavedModel> {
        SavedModel::load_with(folder, tags, &SessionOptions::default())
    }

    /// As [`SavedModel::load`], in a session with these options.
    ///
    /// # Errors
    /// As [`SavedModel::load`].
    pub fn load_with(
        folder: impl AsRef<Path>,
        tags: &[&str],
        options: &SessionOptions,
    ) -> Result<SavedModel> {
        let folder = folder.as_ref();
        let meta = choose(read(folder)?, tags)?;
        let graph = Graph::new();
        let saver = import_meta_graph(&graph, &meta)?;
        let session = Session::with_options(&graph, options)?;
        load_saved_model(&session, &meta, saver.as_ref(), folder)?;
        let mut signatures = BTreeMap::new();
        for (name, s) in &meta.meta.signature_def {
            if name != INIT_OP && name != TRAIN_OP {
                let s = signature(s).map_err(|e| e.context(format!("Signature '{name}': ")))?;
                signatures.insert(name.clone(), s);
            }
        }
        Ok(SavedModel {
            session,
            signatures,
            meta,
        })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        self.session.graph()
    }
    /// The session that holds the variables.
    pub fn session(&self) -> &Session {
        &self.session
    }
    /// The signatures by name.
    pub fn signatures(&self) -> &BTreeMap<String, Signature> {
        &self.signatures
    }
    /// The definition that it was loaded from.
    pub fn meta(&self) -> &MetaGraphDef {
        &self.meta
    }

    /// The signature of that name.
    ///
    /// # Errors
    /// `NotFound` when there is none; the message lists those that exist.
    pub fn signature(&self, name: &str) -> Result<&Signature> {
        self.signatures.get(name).ok_or_else(|| {
            Error::not_found(format!(
                "The model has no signature '{name}'; it has {}",
                listed(self.signatures.keys())
            ))
        })
    }

    /// Computes a signature's outputs from its inputs, all by name.
    ///
    /// # Errors
    /// `NotFound` for an unknown signature; `InvalidArgument` for an input that is missing, unknown, or of another
    /// type or shape; what the run gives.
    pub fn run<K: AsRef<str>>(
        &self,
        signature: &str,
        inputs: impl IntoIterator<Item = (K, Tensor)>,
    ) -> Result<BTreeMap<String, Tensor>> {
        let s = self.signature(signature)?;
        let mut values = s.defaults.clone();
        for (name, value) in inputs {
            let name = name.as_ref();
            let spec = s.inputs.get(name).ok_or_else(|| {
                Error::invalid_argument(format!(
                    "Signature '{signature}' has no input '{name}'; it has {}",
                    listed(s.inputs.keys())
                ))
            })?;
            if value.dtype() != spec.dtype {
                return Err(Error::invalid_argument(format!(
                    "Input '{name}' has type {} but {} is provided",
                    spec.dtype,
                    value.dtype()
                )));
            }
            if !spec.shape.accepts(value.shape()) {
                return Err(Error::invalid_argument(format!(
                    "Input '{name}' has shape {} but a tensor of shape {} is provided",
                    spec.shape,
                    value.shape()
                )));
            }
            values.insert(name.to_string(), value);
        }
        let missing: Vec<&String> = s
            .inputs
            .keys()
            .filter(|n| !values.contains_key(*n))
            .collect();
        if !missing.is_empty() {
            return Err(Error::invalid_argument(format!(
                "Signature '{signature}' needs the inputs {}, which are not provided",
                listed(missing)
            )));
        }
        let feeds: Vec<(&str, Tensor)> = s
            .inputs
            .iter()
            .filter_map(|(n, spec)| Some((spec.tensor.as_str(), values.remove(n)?)))
            .collect();
        let fetches: Vec<&str> = s.outputs.values().map(|o| o.tensor.as_str()).collect();
        let out = self.session.run(feeds, fetches, ())?;
        Ok(s.outputs.keys().cloned().zip(out).collect())
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|n| format!("'{n}'")).collect();
    match names.is_empty() {
        true => "none".into(),
        false => names.join(", "),
    }
}

fn read(folder: &Path) -> Result<SavedModelDef> {
    let at = |path: &Path, e: Error| e.context(format!("{}: ", path.display()));
    let (binary, text) = (
        folder.join("saved_model.pb"),
        folder.join("saved_model.pbtxt"),
    );
    let model = if binary.exists() {
        let bytes = std::fs::read(&binary).map_err(|e| Error::io(&binary, &e))?;
        SavedModelDef::from_pb(&bytes).map_err(|e| at(&binary, e))?
    } else if text.exists() {
        let pbtxt = std::fs::read_to_string(&text).map_err(|e| Error::io(&text, &e))?;
        SavedModelDef::from_pbtxt(&pbtxt).map_err(|e| at(&text, e))?
    } else {
        return Err(Error::not_found(format!(
            "Could not find SavedModel .pb or .pbtxt at supplied export directory path: {}",
            folder.display()
        )));
    };
    if model.schema_version != 1 {
        return Err(Error::invalid_argument(format!(
            "SavedModel schema version {} is not supported; only 1 is",
            model.schema_version
        )));
    }
    Ok(model)
}

/// The one meta graph whose tags are exactly these.
fn choose(model: SavedModelDef, tags: &[&str]) -> Result<MetaGraphDef> {
    let wanted: BTreeSet<&str> = tags.iter().copied().collect();
    let set = |tags: &BTreeSet<&str>| {
        let list: Vec<&str> = tags.iter().copied().collect();
        format!("{{ {} }}", list.join(" "))
    };
    let tags_of = |m: &MetaGraphDef| -> Vec<String> {
        m.meta
            .meta_info_def
            .as_ref()
            .map_or(Vec::new(), |i| i.tags.clone())
    };
    let all: Vec<Vec<String>> = model.meta_graphs.iter().map(tags_of).collect();
    let sets: Vec<BTreeSet<&str>> = all
        .iter()
        .map(|t| t.iter().map(String::as_str).collect())
        .collect();
    let found: Vec<usize> = (0..sets.len()).filter(|i| sets[*i] == wanted).collect();
    let available = || sets.iter().map(set).collect::<Vec<_>>().join(", ");
    match found[..] {
        [] => Err(Error::not_found(format!(
            "Could not find meta graph def matching supplied tags: {}. Available tag sets: {}",
            set(&wanted),
            available()
        ))),
        [one] => model
            .meta_graphs
            .into_iter()
            .nth(one)
            .ok_or_else(|| Error::internal("no such meta graph")),
        _ => Err(Error::invalid_argument(format!(
            "{} meta graphs have the tags {}",
            found.len(),
            set(&wanted)
        ))),
    }
}

fn tensor_spec(name: &str, t: &proto::TensorInfo) -> Result<TensorSpec> {
    let tensor = signature_tensor(t)
        .map_err(|e| e.context(format!("'{name}': ")))?
        .to_string();
    let dtype = DType::from_number(t.dtype).ok_or_else(|| {
        Error::invalid_argument(format!("'{name}' has the invalid type {}", t.dtype))
    })?;
    let shape = match &t.tensor_shape {
        Some(s) => shape_from_proto(s)?,
        None => PartialShape::unknown(),
    };
    Ok(TensorSpec {
        tensor,
        dtype,
        shape,
    })
}

fn signature(s: &proto::SignatureDef) -> Result<Signature> {
    let specs = |map: &BTreeMap<String, proto::TensorInfo>| {
        let specs = map.iter().map(|(n, t)| Ok((n.clone(), tensor_spec(n, t)?)));
        specs.collect::<Result<BTreeMap<_, _>>>()
    };
    let inputs = specs(&s.inputs)?;
    let mut defaults = BTreeMap::new();
    for (n, t) in s.defaults.iter().filter(|(n, _)| inputs.contains_key(*n)) {
        defaults.insert(n.clone(), tensor_from_proto(t)?);
    }
    Ok(Signature {
        inputs,
        outputs: specs(&s.outputs)?,
        defaults,
        method_name: s.method_name.clone(),
    })
}
