//! A definition of any kind: which message a file holds is told by its content.

use super::file::{read_file, utf8};
use super::{Form, GraphDef, MetaGraphDef, SavedModel};
use crate::error::Result;
use crate::io::write_atomic;
use crate::proto::MAX_DEPTH;
use crate::proto::fields::check_size;
use crate::proto::schema::{self, Kind, Message};
use crate::proto::wire::{Raw, Reader};
use std::path::Path;

/// What a file may hold: a graph, a graph with its collections, or several of those.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// A GraphDef.
    Graph(GraphDef),
    /// A MetaGraphDef.
    Meta(Box<MetaGraphDef>),
    /// A SavedModel, without the variables and assets that lie beside it.
    Saved(SavedModel),
}

static GRAPH: &Message = &schema::GRAPH_DEF;
static META: &Message = &schema::META_GRAPH_DEF;
static SAVED: &Message = &schema::SAVED_MODEL;

impl Definition {
    /// The name of its message.
    pub fn name(&self) -> &'static str {
        match self {
            Definition::Graph(_) => GRAPH.name,
            Definition::Meta(_) => META.name,
            Definition::Saved(_) => SAVED.name,
        }
    }

    /// Reads a file, whatever it holds and in whatever form. The content decides, then the ending.
    ///
    /// # Errors
    /// What the file system says, with the path; `InvalidArgument` when the file holds no definition.
    pub fn read(path: impl AsRef<Path>) -> Result<(Definition, Form)> {
        let path = path.as_ref();
        let bytes = read_file(path)?;
        Definition::decode(&bytes, path).map_err(|e| e.context(format!("{}: ", path.display())))
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<(Definition, Form)> {
        let forms = [GRAPH, META, SAVED].map(|m| (m, Form::of_content(m, bytes, path)));
        let binary: Vec<_> = forms.iter().filter(|f| f.1 == Form::Binary).collect();
        if binary.is_empty() {
            let form = forms[0].1;
            let text = utf8(bytes)?;
            let m = first_name(text).and_then(owner).unwrap_or(by_ending(path));
            return Ok((Definition::from_text(m, form, text)?, form));
        }
        let usual = by_ending(path);
        let best = binary
            .iter()
            .map(|(m, _)| *m)
            .min_by_key(|m| (misfits(m, bytes, 0), m.name != usual.name))
            .unwrap_or(GRAPH);
        let read = match best.name {
            n if n == GRAPH.name => Definition::Graph(GraphDef::from_pb(bytes)?),
            n if n == META.name => Definition::Meta(Box::new(MetaGraphDef::from_pb(bytes)?)),
            _ => Definition::Saved(SavedModel::from_pb(bytes)?),
        };
        Ok((read, Form::Binary))
    }

    fn from_text(m: &Message, form: Form, text: &str) -> Result<Definition> {
        let json = form == Form::Json;
        Ok(match m.name {
            n if n == GRAPH.name && json => Definition::Graph(GraphDef::from_json(text)?),
            n if n == GRAPH.name => Definition::Graph(GraphDef::from_pbtxt(text)?),
            n if n == META.name && json => {
                Definition::Meta(Box::new(MetaGraphDef::from_json(text)?))
            }
            n if n == META.name => Definition::Meta(Box::new(MetaGraphDef::from_pbtxt(text)?)),
            _ if json => Definition::Saved(SavedModel::from_json(text)?),
            _ => Definition::Saved(SavedModel::from_pbtxt(text)?),
        })
    }

    /// The bytes of a file in that form.
    ///
    /// # Errors
    /// `InvalidArgument` when something is nested too deeply, or there are more than 2 GiB.
    pub fn encode(&self, form: Form) -> Result<Vec<u8>> {
        let bytes = match (self, form) {
            (Definition::Graph(g), Form::Binary) => g.to_pb(),
            (Definition::Graph(g), Form::Text) => g.to_pbtxt()?.into_bytes(),
            (Definition::Graph(g), Form::Json) => g.to_json()?.into_bytes(),
            (Definition::Meta(m), Form::Binary) => m.to_pb()?,
            (Definition::Meta(m), Form::Text) => m.to_pbtxt()?.into_bytes(),
            (Definition::Meta(m), Form::Json) => m.to_json()?.into_bytes(),
            (Definition::Saved(s), Form::Binary) => s.to_pb()?,
            (Definition::Saved(s), Form::Text) => s.to_pbtxt()?.into_bytes(),
            (Definition::Saved(s), Form::Json) => s.to_json()?.into_bytes(),
        };
        check_size(self.name(), bytes.len())?;
        Ok(bytes)
    }

    /// Writes a file in that form, whole or not at all.
    ///
    /// # Errors
    /// As [`Definition::encode`]; what the file system says, with the path.
    pub fn write(&self, path: impl AsRef<Path>, form: Form) -> Result<()> {
        write_atomic(path, &self.encode(form)?)
    }
}

impl Definition {
    /// Where there are fields that the schema does not have, as `node[3].#77`; text and JSON leave them out.
    ///
    /// # Errors
    /// As [`Definition::encode`].
    pub fn unknown_fields(&self) -> Result<Vec<String>> {
        let m = match self {
            Definition::Graph(_) => GRAPH,
            Definition::Meta(_) => META,
            Definition::Saved(_) => SAVED,
        };
        let mut found = Vec::new();
        unknown_fields(m, &self.encode(Form::Binary)?, "", 0, &mut found)?;
        Ok(found)
    }
}

fn unknown_fields(
    m: &Message,
    bytes: &[u8],
    place: &str,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<()> {
    // What is nested deeper than a message may be was refused when it was read.
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let mut counts = std::collections::BTreeMap::new();
    let mut reader = Reader::new(bytes);
    while let Some(f) = reader.next_field()? {
        let count = counts.entry(f.number).or_insert(0usize);
        match (m.field(f.number), f.value) {
            (None, _) => found.push(format!("{place}#{}", f.number)),
            (Some(field), Raw::Bytes(b)) => {
                if let Kind::Message(inner) = field.kind {
                    let place = match field.repeated {
                        true => format!("{place}{}[{count}].", field.name),
                        false => format!("{place}{}.", field.name),
                    };
                    unknown_fields(inner, b, &place, depth + 1, found)?;
                }
            }
            _ => {}
        }
        *count += 1;
    }
    Ok(())
}

/// What a file of that name usually holds.
fn by_ending(path: &Path) -> &'static Message {
    let is = |part: Option<&std::ffi::OsStr>, name: &str| part.is_some_and(|p| p == name);
    if is(path.extension(), "meta")
        || is(
            path.file_stem().map(Path::new).and_then(Path::extension),
            "meta",
        )
    {
        META
    } else if is(path.file_stem(), "saved_model") {
        SAVED
    } else {
        GRAPH
    }
}

/// The name of the first field of a text or JSON message.
fn first_name(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while let Some(comment) = rest.strip_prefix('#') {
        rest = comment.split_once('\n')?.1.trim_start();
    }
    if let Some(object) = rest.strip_prefix('{') {
        rest = object.trim_start().strip_prefix('"')?;
    }
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    Some(&rest[..end.unwrap_or(rest.len())]).filter(|n| !n.is_empty())
}

/// The message that has a field of that name.
fn owner(name: &str) -> Option<&'static Message> {
    let has = |m: &&Message| {
        m.fields
            .iter()
            .any(|f| f.name == name || f.json_name == name)
    };
    [GRAPH, META, SAVED].into_iter().find(has)
}

/// How much of a message is strange to a schema. What is a graph has strings that are no messages of the others.
fn misfits(m: &Message, bytes: &[u8], depth: usize) -> usize {
    const UNREADABLE: usize = 4;
    if depth > MAX_DEPTH {
        return UNREADABLE;
    }
    let mut count = 0usize;
    let mut reader = Reader::new(bytes);
    loop {
        let f = match reader.next_field() {
            Ok(Some(f)) => f,
            Ok(None) => return count,
            Err(_) => return count.saturating_add(UNREADABLE),
        };
        let more = match (m.field(f.number), f.value) {
            (None, _) => 1,
            (Some(field), Raw::Bytes(b)) => match field.kind {
                Kind::Message(inner) => misfits(inner, b, depth + 1),
                Kind::String => 2 * usize::from(std::str::from_utf8(b).is_err()),
                Kind::Bytes => 0,
                _ => 2 * usize::from(!field.repeated),
            },
            (Some(_), Raw::Group) => 2,
            (Some(field), _) => {
                2 * usize::from(matches!(
                    field.kind,
                    Kind::Message(_) | Kind::String | Kind::Bytes
                ))
            }
        };
        count = count.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::def::NodeDef;
    use crate::proto;

    fn graph(names: &[(&str, &str)]) -> GraphDef {
        let node = names.iter().map(|(name, op)| NodeDef {
            name: name.to_string(),
            op: op.to_string(),
            ..NodeDef::default()
        });
        GraphDef {
            node: node.collect(),
            ..GraphDef::default()
        }
    }

    #[test]
    fn what_a_file_holds_is_told_by_its_content() {
        let nowhere = Path::new("file");
        // Op names that happen to be messages of unknown fields when read as such.
        for op in [
            "Placeholder",
            "Add",
            "NoOp",
            "Identity",
            "VariableV2",
            "H",
            "",
        ] {
            let g = graph(&[("x", op), ("scope/y", op)]);
            let mut model = SavedModel::default();
            let info = proto::meta_graph_def::MetaInfoDef {
                tags: vec!["serve".into()],
                ..Default::default()
            };
            let meta = proto::MetaGraphDef {
                meta_info_def: Some(info),
                ..Default::default()
            };
            model.meta_graphs.push(MetaGraphDef::new(g.clone(), meta));
            let all = [
                Definition::Graph(g.clone()),
                Definition::Meta(Box::new(model.meta_graphs[0].clone())),
                Definition::Meta(Box::new(MetaGraphDef::new(
                    g,
                    proto::MetaGraphDef::default(),
                ))),
                Definition::Saved(model),
            ];
            for d in all {
                for form in [Form::Binary, Form::Text, Form::Json] {
                    let bytes = d.encode(form).unwrap();
                    let (read, found) = Definition::decode(&bytes, nowhere).unwrap();
                    assert_eq!(found, form, "{op} {}", d.name());
                    assert_eq!(read, d, "{op} {form:?}");
                }
            }
        }
    }

    #[test]
    fn unknown_fields_are_found_wherever_they_are() {
        let mut bytes = graph(&[("a", "NoOp"), ("b", "NoOp")]).to_pb();
        // A node with field 77, then field 78 of the graph.
        bytes.extend([0x0a, 6, 0x0a, 1, b'c', 0xe8, 0x04, 1, 0xf0, 0x04, 1]);
        let d = Definition::Graph(GraphDef::from_pb(&bytes).unwrap());
        assert_eq!(d.unknown_fields().unwrap(), ["node[2].#77", "#78"]);
    }

    #[test]
    fn the_ending_decides_where_the_content_does_not() {
        for (name, message) in [
            ("m.meta", META),
            ("m.meta.pbtxt", META),
            ("saved_model.pb", SAVED),
            ("g.pb", GRAPH),
            ("g", GRAPH),
        ] {
            let (d, _) = Definition::decode(b"", Path::new(name)).unwrap();
            assert_eq!(d.name(), message.name, "{name}");
        }
        for bad in [
            &b"nod { }"[..],
            b"{\"nodes\": []}",
            b"\xff\xff",
            b"hello there",
        ] {
            assert!(Definition::decode(bad, Path::new("x")).is_err(), "{bad:?}");
        }
    }
}
