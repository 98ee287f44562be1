//! What differs between two meta graphs beside the graph: collections, signatures, the saver and the rest.

use super::graphs::keys;
use super::{Comparison, What};
use crate::proto::collection_def::Kind;
use crate::proto::tensor_info::Encoding;
use crate::proto::{CollectionDef, MetaGraphDef, SignatureDef, TensorInfo, VariableDef};
use prost::Message;
use std::collections::BTreeMap;

impl Comparison<'_> {
    pub(super) fn metas(&mut self, a: &MetaGraphDef, b: &MetaGraphDef) {
        let (ca, cb) = (&a.collection_def, &b.collection_def);
        for name in keys(ca, cb) {
            let (x, y) = (ca.get(name), cb.get(name));
            if x != y {
                self.collection(name, x, y);
            }
        }
        let (sa, sb) = (&a.signature_def, &b.signature_def);
        for key in keys(sa, sb) {
            let (x, y) = (sa.get(key), sb.get(key));
            if x != y {
                self.note(
                    What::Signature,
                    Some(key),
                    x.map(signature),
                    y.map(signature),
                );
            }
        }
        let (ia, ib) = (
            a.meta_info_def.clone().unwrap_or_default(),
            b.meta_info_def.clone().unwrap_or_default(),
        );
        for (name, x, y) in [
            ("tags", ia.tags.join(","), ib.tags.join(",")),
            (
                "tensorflow_version",
                ia.tensorflow_version.clone(),
                ib.tensorflow_version.clone(),
            ),
            (
                "tensorflow_git_version",
                ia.tensorflow_git_version.clone(),
                ib.tensorflow_git_version.clone(),
            ),
        ] {
            if x != y {
                let quoted = |s: String| Some(format!("'{s}'"));
                self.note(What::MetaInfo, Some(name), quoted(x), quoted(y));
            }
        }
        for (name, equal) in [
            (
                "stripped_op_list",
                ia.stripped_op_list == ib.stripped_op_list,
            ),
            (
                "meta_graph_version",
                ia.meta_graph_version == ib.meta_graph_version,
            ),
            ("any_info", ia.any_info == ib.any_info),
            (
                "stripped_default_attrs",
                ia.stripped_default_attrs == ib.stripped_default_attrs,
            ),
            (
                "function_aliases",
                ia.function_aliases == ib.function_aliases,
            ),
        ] {
            if !equal {
                self.note(What::MetaInfo, Some(name), None, None);
            }
        }
        if a.saver_def != b.saver_def {
            let text = |m: &MetaGraphDef| {
                let s = m.saver_def.as_ref()?;
                Some(format!("{} {}", s.save_tensor_name, s.restore_op_name))
            };
            match (text(a), text(b)) {
                (x, y) if x == y => self.note(What::Saver, Some("options"), None, None),
                (x, y) => self.note(What::Saver, None, x, y),
            }
        }
        if a.asset_file_def != b.asset_file_def {
            self.note(What::Assets, None, None, None);
        }
        if a.object_graph_def != b.object_graph_def {
            self.note(What::Objects, None, None, None);
        }
    }

    /// The entries that only one side has; where the same ones stand in another order, that.
    fn collection(&mut self, name: &str, a: Option<&CollectionDef>, b: Option<&CollectionDef>) {
        let mut counts: BTreeMap<Entry, (usize, usize)> = BTreeMap::new();
        for e in a.iter().flat_map(|c| entries(c)) {
            counts.entry(e).or_default().0 += 1;
        }
        for e in b.iter().flat_map(|c| entries(c)) {
            counts.entry(e).or_default().1 += 1;
        }
        counts.retain(|_, (x, y)| x != y);
        if counts.is_empty() {
            let words = "the order";
            let words = if a.is_some() && b.is_some() {
                words
            } else {
                "empty"
            };
            let (x, y) = (a.map(|_| words.to_string()), b.map(|_| words.to_string()));
            return self.note(What::Collection, Some(name), x, y);
        }
        for (e, (x, y)) in counts {
            let (text, times) = (e.text, x.abs_diff(y));
            let text = match times {
                1 => text,
                n => format!("{text} ({n} times)"),
            };
            match x > y {
                true => self.note(What::Collection, Some(name), Some(text), None),
                false => self.note(What::Collection, Some(name), None, Some(text)),
            }
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    text: String,
    bytes: Vec<u8>,
}

fn entries(c: &CollectionDef) -> Vec<Entry> {
    let plain = |text: String| Entry {
        text,
        bytes: Vec::new(),
    };
    match &c.kind {
        None => Vec::new(),
        Some(Kind::NodeList(l)) => l.value.iter().cloned().map(plain).collect(),
        Some(Kind::Int64List(l)) => l.value.iter().map(|v| plain(v.to_string())).collect(),
        Some(Kind::FloatList(l)) => l
            .value
            .iter()
            .map(|v| Entry {
                text: v.to_string(),
                bytes: v.to_bits().to_be_bytes().to_vec(),
            })
            .collect(),
        Some(Kind::BytesList(l)) => l.value.iter().map(|b| bytes_entry(b)).collect(),
        Some(Kind::AnyList(l)) => l
            .value
            .iter()
            .map(|any| Entry {
                text: format!("{} of {} bytes", any.type_url, any.value.len()),
                bytes: any.value.clone(),
            })
            .collect(),
    }
}

/// An entry that may be a variable, which is named then.
fn bytes_entry(b: &[u8]) -> Entry {
    let variable = VariableDef::decode(b)
        .ok()
        .filter(|v| v.variable_name.contains(':'));
    Entry {
        text: match variable {
            Some(v) => v.variable_name,
            None => format!("{} bytes", b.len()),
        },
        bytes: b.to_vec(),
    }
}

fn signature(s: &SignatureDef) -> String {
    let side = |m: &BTreeMap<String, TensorInfo>| -> String {
        let each: Vec<String> = m
            .iter()
            .map(|(k, v)| format!("{k}={}", tensor(v)))
            .collect();
        each.join(", ")
    };
    let method = match s.method_name.is_empty() {
        true => String::new(),
        false => format!(" {}", s.method_name),
    };
    format!("({}) -> ({}){method}", side(&s.inputs), side(&s.outputs))
}

fn tensor(info: &TensorInfo) -> String {
    let name = match &info.encoding {
        Some(Encoding::Name(n)) => n.clone(),
        Some(Encoding::CooSparse(s)) => s.values_tensor_name.clone(),
        Some(Encoding::CompositeTensor(c)) => format!("{} components", c.components.len()),
        None => String::new(),
    };
    let dtype = crate::dtype::DType::from_number(info.dtype);
    let shape = info.tensor_shape.as_ref();
    let shape = shape.and_then(|s| crate::def::shape_from_proto(s).ok());
    format!(
        "{name} {} {}",
        dtype.map_or("?", super::super::output::dtype_name),
        shape.unwrap_or_default()
    )
}
