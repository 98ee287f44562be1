//! Malformed files of every format: cut at each byte, with flipped bits, or made to lie. Each is refused with an error that
//! says where, or, where the format has nothing that tells, read as something else; nothing panics, hangs, or takes
//! memory that the file does not hold.

mod bombs;
mod damage;
mod graphs;
mod memory;

use std::path::{Path, PathBuf};
use tensorloom::def::{Definition, GraphDef, MetaGraphDef, SavedModel};
use tensorloom::io::{
    BundleWriter, CheckpointReader, Compression, RecordReader, RecordWriter, SafetensorsReader,
    V1Writer, parse_checkpoint_state, read_events, read_npy, read_npz, write_npy, write_npz,
    write_safetensors,
};
use tensorloom::{Error, Result, Tensor};

/// How files of a format are made and read.
struct Format {
    name: &'static str,
    /// The bytes of a small sound file.
    sound: fn(&Path) -> Vec<u8>,
    /// Reads all that a file holds; the text tells whether two files hold the same.
    read: fn(&Path) -> Result<String>,
    /// Whether checksums or lengths guard all of the content: damage never changes what is read.
    guarded: bool,
    /// What every error matches: it says where.
    place: &'static str,
}

const FORMATS: &[Format] = &[
    Format {
        name: "graph.pb",
        sound: |_| graph().to_pb(),
        read: |p| GraphDef::read(p).map(|g| format!("{g:?}")),
        guarded: false,
        place: r"graph\.pb: .*(byte|field|node|UTF-8|Def|proto)",
    },
    Format {
        name: "graph.pbtxt",
        sound: |_| graph().to_pbtxt().unwrap().into_bytes(),
        read: |p| GraphDef::read(p).map(|g| format!("{g:?}")),
        guarded: false,
        place: r"graph\.pbtxt: .*(: \d+:\d+: |UTF-8|byte)",
    },
    Format {
        name: "graph.json",
        sound: |_| graph().to_json().unwrap().into_bytes(),
        read: |p| GraphDef::read(p).map(|g| format!("{g:?}")),
        guarded: false,
        place: r"graph\.json: .*(line \d+|UTF-8|: \d+:\d+: |byte)",
    },
    Format {
        name: "model.meta",
        sound: |_| meta().to_pb().unwrap(),
        read: |p| MetaGraphDef::read(p).map(|m| format!("{m:?}")),
        guarded: false,
        place: r"model\.meta: .*(byte|field|node|UTF-8|Def\.|proto)",
    },
    Format {
        name: "saved_model.pb",
        sound: |_| {
            let mut model = SavedModel::default();
            model.meta_graphs.push(meta());
            model.to_pb().unwrap()
        },
        read: |p| Definition::read(p).map(|(d, _)| format!("{d:?}")),
        guarded: false,
        place: r"saved_model\.pb: .*(byte|field|node|UTF-8|Def\.|proto)",
    },
    Format {
        name: "checkpoint",
        sound: |_| {
            b"model_checkpoint_path: \"m-2\"\nall_model_checkpoint_paths: \"m-1\"\nall_model_checkpoint_paths: \"m-2\"\nlast_preserved_timestamp: 1.5\n".to_vec()
        },
        read: |p| {
            let bytes = std::fs::read(p).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            parse_checkpoint_state(&text).map(|s| format!("{s:?}"))
        },
        guarded: false,
        place: r": \d+:\d+: ",
    },
    Format {
        name: "m.index",
        sound: |folder| bundle(folder, "m.index"),
        read: checkpoint,
        guarded: true,
        place: r"m\.index|/m\b",
    },
    Format {
        name: "m.data-00000-of-00001",
        sound: |folder| bundle(folder, "m.data-00000-of-00001"),
        read: checkpoint,
        guarded: true,
        place: r"/m\b",
    },
    Format {
        name: "v1",
        sound: |folder| {
            let mut w = V1Writer::new(folder.join("v1"));
            w.add("w", &Tensor::from([1.0f32, 2.0])).unwrap();
            w.add("s", &Tensor::string(b"text")).unwrap();
            w.finish().unwrap();
            std::fs::read(folder.join("v1")).unwrap()
        },
        read: tensors,
        guarded: true,
        place: r"/v1",
    },
    Format {
        name: "events.out.tfevents.1",
        sound: |_| {
            let events = ["", "a", "bc"].map(|tag| tensorloom::proto::Event {
                step: tag.len() as i64,
                what: Some(tensorloom::proto::event::What::FileVersion(tag.into())),
                ..Default::default()
            });
            let payloads = events.map(|e| prost::Message::encode_to_vec(&e));
            records(&payloads, Compression::None)
        },
        read: |p| {
            Ok(format!(
                "{:?}",
                read_events(p)?.collect::<Result<Vec<_>>>()?
            ))
        },
        guarded: true,
        place: r"record at \d+",
    },
    Format {
        name: "plain.tfrecord",
        sound: |_| records(&[b"abc".to_vec(), vec![], vec![7; 40]], Compression::None),
        read: |p| all_records(p, Compression::None),
        guarded: true,
        place: r"record at \d+",
    },
    Format {
        name: "gzip.tfrecord",
        sound: |_| records(&[b"abc".to_vec(), vec![], vec![7; 40]], Compression::Gzip),
        read: |p| all_records(p, Compression::Gzip),
        guarded: true,
        place: r"record at \d+|gzip\.tfrecord: .*byte",
    },
    Format {
        name: "zlib.tfrecord",
        sound: |_| records(&[b"abc".to_vec(), vec![], vec![7; 40]], Compression::Zlib),
        read: |p| all_records(p, Compression::Zlib),
        guarded: true,
        place: r"record at \d+|zlib\.tfrecord: .*byte",
    },
    Format {
        name: "array.npy",
        sound: |folder| {
            let path = folder.join("array.npy");
            write_npy(&path, &Tensor::from([[1i32, 2], [3, 4]])).unwrap();
            std::fs::read(path).unwrap()
        },
        read: |p| read_npy(p).map(|t| format!("{t:?}")),
        guarded: false,
        place: r"array\.npy: ",
    },
    Format {
        name: "stored.npz",
        sound: |folder| npz(folder, "stored.npz", false),
        read: archive,
        guarded: false,
        place: r"stored\.npz: ",
    },
    Format {
        name: "deflated.npz",
        sound: |folder| npz(folder, "deflated.npz", true),
        read: archive,
        guarded: false,
        place: r"deflated\.npz: ",
    },
    Format {
        name: "weights.safetensors",
        sound: |folder| {
            let path = folder.join("weights.safetensors");
            let (a, b) = (Tensor::from([1.0f32, 2.0]), Tensor::from([true, false]));
            write_safetensors(&path, &[("a", &a), ("b", &b)], &Default::default()).unwrap();
            std::fs::read(path).unwrap()
        },
        read: |p| {
            let r = SafetensorsReader::open(p)?;
            let tensors = r.names().map(|n| Ok((n.to_string(), r.read(n)?)));
            let tensors = tensors.collect::<Result<Vec<_>>>()?;
            Ok(format!("{tensors:?} {:?}", r.metadata()))
        },
        guarded: false,
        place: r"weights\.safetensors: |tensor '",
    },
];

/// A small graph with attributes of several kinds, a tensor, a function and versions.
fn graph() -> GraphDef {
    GraphDef::from_pbtxt(
        r#"node { name: "x" op: "Const" device: "/cpu:0"
            attr { key: "dtype" value { type: DT_FLOAT } }
            attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: [1, 2] } } } }
          node { name: "y" op: "Neg" input: "x" input: "^x" attr { key: "T" value { type: DT_FLOAT } }
            attr { key: "_class" value { list { s: "loc:@x" } } }
            attr { key: "_f" value { func { name: "f" attr { key: "n" value { i: -3 } } } } } }
          library { function { signature { name: "f" input_arg { name: "a" type: DT_INT32 } output_arg { name: "b" type: DT_INT32 } }
            ret { key: "b" value: "a" } } }
          versions { producer: 2129 min_consumer: 12 bad_consumers: 7 }"#,
    )
    .unwrap()
}

fn meta() -> MetaGraphDef {
    use tensorloom::proto::{self, collection_def};
    let mut meta = proto::MetaGraphDef::default();
    let value = vec!["x:0".to_string()];
    let kind = Some(collection_def::Kind::NodeList(collection_def::NodeList {
        value,
    }));
    meta.collection_def
        .insert("losses".into(), proto::CollectionDef { kind });
    meta.saver_def = Some(proto::SaverDef {
        filename_tensor_name: "x:0".into(),
        restore_op_name: "y".into(),
        ..Default::default()
    });
    MetaGraphDef::new(graph(), meta)
}

/// Writes a checkpoint of the second version and gives one of its files.
fn bundle(folder: &Path, file: &str) -> Vec<u8> {
    let mut w = BundleWriter::new(folder.join("m")).unwrap();
    w.add("w", &Tensor::from([1.0f32, 2.0])).unwrap();
    w.add("s", &Tensor::string(b"text")).unwrap();
    w.finish().unwrap();
    std::fs::read(folder.join(file)).unwrap()
}

/// Reads the checkpoint to which a file belongs.
fn checkpoint(file: &Path) -> Result<String> {
    tensors(&file.with_file_name("m"))
}

fn tensors(prefix: &Path) -> Result<String> {
    let r = CheckpointReader::open(prefix)?;
    let keys = r.keys().into_iter();
    let all = keys.map(|k| Ok((k.to_string(), r.read(k)?)));
    Ok(format!("{:?}", all.collect::<Result<Vec<_>>>()?))
}

fn records(payloads: &[Vec<u8>], compression: Compression) -> Vec<u8> {
    let mut w = RecordWriter::new(Vec::new(), compression);
    payloads.iter().for_each(|p| w.write(p).unwrap());
    w.finish().unwrap()
}

fn all_records(path: &Path, compression: Compression) -> Result<String> {
    let mut r = RecordReader::open(path, compression)?;
    let mut all = Vec::new();
    while let Some(record) = r.read()? {
        all.push(record);
    }
    Ok(format!("{all:?}"))
}

fn npz(folder: &Path, name: &str, compress: bool) -> Vec<u8> {
    let path = folder.join(name);
    let (a, b) = (Tensor::from([1.0f32, 2.0]), Tensor::from(7i64));
    let options = tensorloom::io::NpzOptions { compress };
    write_npz(&path, &[("a", &a), ("b", &b)], options).unwrap();
    std::fs::read(path).unwrap()
}

fn archive(path: &Path) -> Result<String> {
    read_npz(path).map(|t| format!("{t:?}"))
}

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let dir = std::env::temp_dir().join(format!(
            "tensorloom-malformed-{name}-{}",
            std::process::id()
        ));
        std::fs::create_dir_all(&dir).unwrap();
        Folder(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The whole text of an error: message, node, place.
fn told(e: &Error) -> String {
    format!("{e}")
}
