//! Loading a SavedModel into a session: its variables restored, its assets fed, its initializer run.

use super::Saver;
use crate::def::MetaGraphDef;
use crate::error::{Error, Result};
use crate::proto;
use crate::proto::collection_def::Kind;
use crate::proto::tensor_info::Encoding;
use crate::runtime::Session;
use crate::tensor::Tensor;
use prost::Message;
use std::path::{Component, Path};

/// The signature that holds the initializer of newer files.
const INIT_SIGNATURE: &str = "__saved_model_init_op";
/// Collections that hold it in older ones, the first that is there counts.
const INIT_COLLECTIONS: [&str; 2] = ["saved_model_main_op", "legacy_init_op"];
/// The collection of assets in older files.
const ASSETS: &str = "saved_model_assets";

/// Brings a session of an imported meta graph (see [`super::import_meta_graph`], which gives the saver) to the state
/// that the SavedModel in `folder` has: restores `variables/variables`, then runs the initializer with the assets' paths.
///
/// # Errors
/// `InvalidArgument` for an asset outside of the folder, an initializer signature without its output, or more than one
/// main op; `NotFound` for a tensor that is not in the graph; what restoring and the initializer give.
pub fn load_saved_model(
    session: &Session,
    meta: &MetaGraphDef,
    saver: Option<&Saver>,
    folder: &Path,
) -> Result<()> {
    let mut feeds = Vec::new();
    for asset in assets(meta)? {
        let tensor = signature_tensor(&asset.tensor_info.unwrap_or_default())?.to_string();
        check_asset(&asset.filename)?;
        let path = folder.join("assets").join(&asset.filename);
        feeds.push((tensor, Tensor::string(path.to_string_lossy().as_bytes())));
    }
    let prefix = folder.join("variables").join("variables");
    if let Some(saver) = saver.filter(|_| crate::io::checkpoint_exists(&prefix)) {
        saver.restore(session, &prefix)?;
    }
    match initializer(meta)? {
        Some(node) => session
            .run(feeds, (), [node_name(&node)])
            .map(|_| ())
            .map_err(|e| e.context("the model's initializer: ")),
        None => Ok(()),
    }
}

/// The signature of that key (TensorFlow's `signature_def`), `serving_default` for instance.
///
/// # Errors
/// `NotFound`, with the keys that are there.
pub fn find_signature<'m>(meta: &'m MetaGraphDef, key: &str) -> Result<&'m proto::SignatureDef> {
    meta.meta.signature_def.get(key).ok_or_else(|| {
        let mut keys: Vec<&str> = meta.meta.signature_def.keys().map(String::as_str).collect();
        keys.retain(|k| *k != INIT_SIGNATURE);
        keys.sort_unstable();
        let there = match keys.is_empty() {
            true => "there are none".to_string(),
            false => format!("there are {}", keys.join(", ")),
        };
        Error::not_found(format!("No signature '{key}': {there}"))
    })
}

/// The tensor that a signature's entry means.
///
/// # Errors
/// `Unimplemented` for sparse and composite ones; `InvalidArgument` for one without a name.
pub fn signature_tensor(info: &proto::TensorInfo) -> Result<&str> {
    match &info.encoding {
        Some(Encoding::Name(name)) if !name.is_empty() => Ok(name),
        None | Some(Encoding::Name(_)) => Err(Error::invalid_argument(
            "an entry of the model names no tensor",
        )),
        Some(_) => Err(Error::unimplemented(
            "sparse and composite tensors of a signature are not supported",
        )),
    }
}

fn node_name(tensor: &str) -> &str {
    tensor.split_once(':').map_or(tensor, |(n, _)| n)
}

fn assets(meta: &MetaGraphDef) -> Result<Vec<proto::AssetFileDef>> {
    if !meta.meta.asset_file_def.is_empty() {
        return Ok(meta.meta.asset_file_def.clone());
    }
    let collection = meta.meta.collection_def.get(ASSETS);
    let Some(Kind::AnyList(list)) = collection.and_then(|c| c.kind.as_ref()) else {
        return Ok(Vec::new());
    };
    let decode = |any: &proto::Any| {
        proto::AssetFileDef::decode(&any.value[..])
            .map_err(|e| Error::invalid_argument(format!("an asset cannot be parsed: {e}")))
    };
    list.value.iter().map(decode).collect()
}

/// A file name that leads nowhere else.
fn check_asset(name: &str) -> Result<()> {
    let path = Path::new(name);
    let inside = !name.is_empty() && path.components().all(|c| matches!(c, Component::Normal(_)));
    match inside && !name.contains('\\') {
        true => Ok(()),
        false => Err(Error::invalid_argument(format!(
            "the asset '{name}' does not lie in the model's folder"
        ))),
    }
}

fn initializer(meta: &MetaGraphDef) -> Result<Option<String>> {
    if let Some(s) = meta.meta.signature_def.get(INIT_SIGNATURE) {
        let output = s.outputs.get(INIT_SIGNATURE);
        return match output {
            Some(info) => Ok(Some(signature_tensor(info)?.to_string())),
            None => Err(Error::invalid_argument(format!(
                "Could not find output {INIT_SIGNATURE} of the initializer's signature"
            ))),
        };
    }
    for name in INIT_COLLECTIONS {
        let collection = meta.meta.collection_def.get(name);
        let Some(Kind::NodeList(list)) = collection.and_then(|c| c.kind.as_ref()) else {
            continue;
        };
        return match &list.value[..] {
            [one] => Ok(Some(one.clone())),
            all => Err(Error::invalid_argument(format!(
                "Expected exactly one main op in '{name}', found {}",
                all.len()
            ))),
        };
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::graph::Graph;
    use crate::proto::{CollectionDef, SignatureDef, TensorInfo, collection_def};
    use crate::train::{import_meta_graph, meta_graph};

    /// A model whose initializer stores the path of its asset in a variable.
    fn model() -> MetaGraphDef {
        let g = Graph::new();
        let s = g.root();
        let file = s.named("file").constant("nowhere");
        let v = s
            .op("VariableV2")
            .attr("dtype", crate::DType::String)
            .attr("shape", crate::PartialShape::scalar())
            .name("v")
            .out();
        s.op("Assign").input(v).input(file).name("start").out();
        meta_graph(&g, None).unwrap()
    }

    fn info(name: &str) -> TensorInfo {
        TensorInfo {
            encoding: Some(Encoding::Name(name.into())),
            ..Default::default()
        }
    }

    fn load(meta: &MetaGraphDef) -> Result<Session> {
        let g = Graph::new();
        let saver = import_meta_graph(&g, meta)?;
        let session = Session::new(&g)?;
        load_saved_model(&session, meta, saver.as_ref(), Path::new("model"))?;
        Ok(session)
    }

    #[test]
    fn the_initializer_sees_the_assets() {
        let mut meta = model();
        let mut init = SignatureDef::default();
        init.outputs.insert(INIT_SIGNATURE.into(), info("start"));
        meta.meta.signature_def.insert(INIT_SIGNATURE.into(), init);
        meta.meta.asset_file_def.push(proto::AssetFileDef {
            tensor_info: Some(info("file:0")),
            filename: "words.txt".into(),
        });
        let v = load(&meta).unwrap().fetch("v:0").unwrap();
        let path = Path::new("model").join("assets").join("words.txt");
        assert_eq!(
            &v.to_bytes().unwrap()[..],
            path.to_string_lossy().as_bytes()
        );
        for bad in ["../x", "/etc/passwd", "a/../../b", "", "a\\..\\b"] {
            meta.meta.asset_file_def[0].filename = bad.into();
            let e = load(&meta).err().unwrap();
            assert_eq!(e.code(), Code::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn initializers_that_are_none() {
        let meta = model();
        assert!(load(&meta).is_ok());
        let mut empty = meta.clone();
        let signatures = &mut empty.meta.signature_def;
        signatures.insert(INIT_SIGNATURE.into(), SignatureDef::default());
        assert_eq!(load(&empty).err().unwrap().code(), Code::InvalidArgument);
        for (nodes, code) in [
            (vec![], Code::InvalidArgument),
            (vec!["start", "start"], Code::InvalidArgument),
            (vec!["gone"], Code::NotFound),
        ] {
            let mut m = meta.clone();
            let value = nodes.iter().map(|n| n.to_string()).collect();
            let kind = Some(Kind::NodeList(collection_def::NodeList { value }));
            let def = CollectionDef { kind };
            m.meta
                .collection_def
                .insert(INIT_COLLECTIONS[0].into(), def);
            assert_eq!(load(&m).err().unwrap().code(), code, "{nodes:?}");
        }
        let mut nameless = SignatureDef::default();
        nameless
            .outputs
            .insert(INIT_SIGNATURE.into(), TensorInfo::default());
        empty
            .meta
            .signature_def
            .insert(INIT_SIGNATURE.into(), nameless);
        assert_eq!(load(&empty).err().unwrap().code(), Code::InvalidArgument);
        let e = find_signature(&empty, "serving_default").unwrap_err();
        assert_eq!(
            e.message(),
            "No signature 'serving_default': there are none"
        );
    }
}
