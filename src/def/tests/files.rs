//! Graphs in files: forms told apart, files replaced whole.

use super::*;
use crate::error::Code;
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("tensorloom-defs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_written_whole_and_read_by_its_content() {
    let folder = Folder::new("forms");
    let g = GraphDef::from_pb(&data("functions.pb")).unwrap();
    for name in ["g.pb", "g.pbtxt", "g.json"] {
        let path = folder.0.join(name);
        g.write(&path).unwrap();
        g.write(&path).unwrap();
        assert_eq!(GraphDef::read(&path).unwrap().to_pb(), g.to_pb(), "{name}");
        // The content counts, not the ending.
        for other in ["wrong.pb", "wrong.pbtxt", "wrong.json", "wrong"] {
            let other = folder.0.join(other);
            std::fs::copy(&path, &other).unwrap();
            assert_eq!(
                GraphDef::read(&other).unwrap().to_pb(),
                g.to_pb(),
                "{name} as {}",
                other.display()
            );
            std::fs::remove_file(&other).unwrap();
        }
    }
    assert_eq!(folder.names(), ["g.json", "g.pb", "g.pbtxt"]);
    let first = std::fs::read(folder.0.join("g.json")).unwrap();
    assert_eq!(first[0], b'{');
    let m = MetaGraphDef::from_pb(&data("m.ckpt-2.meta")).unwrap();
    for name in ["m.meta", "m.pbtxt", "m.json"] {
        m.write(folder.0.join(name)).unwrap();
        assert_eq!(MetaGraphDef::read(folder.0.join(name)).unwrap(), m);
    }
}

#[test]
fn text_is_told_from_bytes() {
    let text = [
        "",
        "\n",
        "node { }",
        "  \n\nnode { }",
        "# c",
        "\n# node",
        "versions { producer: 1 }",
        "library { }",
        "v",
        "\u{feff}node { }",
        "node:{}",
        "debug_info {}",
        "\n\n\n\n\n\n\n\n\n\n\n\nnode{}",
    ];
    for t in text {
        let form = Form::of_content(
            &crate::proto::schema::GRAPH_DEF,
            t.as_bytes(),
            Path::new("x.pbtxt"),
        );
        assert_eq!(form, Form::Text, "{t:?}");
    }
    let form = |bytes: &[u8], path: &str| {
        Form::of_content(&crate::proto::schema::GRAPH_DEF, bytes, Path::new(path))
    };
    assert_eq!(form(b"\x22\x02\x08\x1b", "x.pbtxt"), Form::Binary);
    assert_eq!(form(b"", "x.pb"), Form::Binary);
    assert_eq!(form(b" {\"node\": []}", "x.pb"), Form::Json);
    assert_eq!(form(b"\xff\xfe", "x.pbtxt"), Form::Binary);
    assert_eq!(Form::of_path(Path::new("a.PBTXT")), Form::Text);
}

#[test]
fn what_the_file_system_refuses_is_said_with_the_path() {
    let folder = Folder::new("refused");
    let e = GraphDef::read(folder.0.join("none.pb")).unwrap_err();
    assert_eq!(e.code(), Code::NotFound);
    assert!(e.message().contains("none.pb; No such file or directory"));
    let e = GraphDef::default()
        .write(folder.0.join("no/where.pb"))
        .unwrap_err();
    assert_eq!(e.code(), Code::NotFound);
    assert!(GraphDef::read(&folder.0).is_err());
    assert!(GraphDef::default().write(&folder.0).is_err());
    assert!(GraphDef::default().write("/").is_err());
    std::fs::write(folder.0.join("bad.pbtxt"), "node {\n  nam: 1\n}").unwrap();
    let e = GraphDef::read(folder.0.join("bad.pbtxt")).unwrap_err();
    assert!(
        e.message()
            .contains("bad.pbtxt: Error parsing text-format tensorflow.GraphDef: 2:3: "),
        "{e}"
    );
    // A failed replacement leaves the old file and nothing else.
    let target = folder.0.join("dir.pb");
    std::fs::create_dir(&target).unwrap();
    assert!(GraphDef::default().write(&target).is_err());
    assert_eq!(folder.names(), ["bad.pbtxt", "dir.pb"]);
}

#[test]
fn a_relative_name_without_a_folder_is_written() {
    let name = format!("tensorloom-defs-relative-{}.pb", std::process::id());
    GraphDef::default().write(&name).unwrap();
    let read = GraphDef::read(&name);
    std::fs::remove_file(&name).unwrap();
    assert_eq!(read.unwrap(), GraphDef::default());
}
