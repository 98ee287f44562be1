//! Where the CIFAR-10 programs get their images: downloads that work or fail, files that are missing or damaged.

use super::{Ended, TempDir, run};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

const FOLDER: &str = "cifar-10-batches-bin";

/// So many records in CIFAR-10's layout, no two of them the same.
pub fn records(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut bytes = Vec::with_capacity(count * 3073);
    for i in 0..count {
        bytes.push((i % 10) as u8);
        bytes.extend((0..3072).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
    }
    bytes
}

/// The six files with so many records each.
fn files(count: usize) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = (1..=5)
        .map(|i| (format!("data_batch_{i}.bin"), records(count, i)))
        .collect();
    files.push(("test_batch.bin".into(), records(count, 6)));
    files
}

/// Writes the six files where the programs look for them by default.
pub fn write_files(dir: &Path, count: usize) {
    let folder = dir.join("cifar10_data").join(FOLDER);
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files(count) {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// The archive as it is published, with a file that tries to land elsewhere.
fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |path: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        // Not by `set_path`, which refuses to climb.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    };
    add(format!("{FOLDER}/batches.meta.txt"), b"airplane\n");
    for (name, bytes) in files(8) {
        add(format!("{FOLDER}/{name}"), &bytes);
    }
    add(format!("{FOLDER}/../../climbed.bin"), b"elsewhere");
    tar.into_inner().unwrap().finish().unwrap()
}

/// Serves one request with this response, byte for byte; gives the address of the archive.
fn serve(response: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let mut request = Vec::new();
        let mut byte = [0u8];
        while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
            request.push(byte[0]);
        }
        let _ = stream.write_all(&response);
    });
    format!("--download=http://{address}/cifar-10-binary.tar.gz")
}

fn response(status: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let mut all = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/x-gzip\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    all.extend(body);
    all
}

/// An evaluation that ends once the images are there: it has no checkpoint.
fn evaluate(dir: &Path, download: &str) -> Ended {
    run(dir, "cifar10_eval", &["--run-once", download])
}

/// The names in the data directory.
fn left(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.join("cifar10_data")) else {
        return Vec::new();
    };
    let name = |e: fs::DirEntry| e.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.flatten().map(name).collect();
    names.sort();
    names
}

#[test]
fn the_archive_is_fetched_once_and_unpacked() {
    let dir = TempDir::new("download");
    let body = archive();
    let url = serve(response("200 OK", body.len(), &body));
    let ended = evaluate(dir.path(), &url);
    let out = ended.ok();
    let done = format!(
        "Successfully downloaded cifar-10-binary.tar.gz {} bytes.",
        body.len()
    );
    assert!(out.contains(&done), "{out}");
    assert!(out.contains("No checkpoint file found"), "{out}");
    assert_eq!(left(dir.path()), [FOLDER, "cifar-10-binary.tar.gz"]);
    for (name, bytes) in files(8) {
        let path = dir.path().join("cifar10_data").join(FOLDER).join(&name);
        assert!(fs::read(path).unwrap() == bytes, "{name}");
    }
    assert!(!dir.path().join("climbed.bin").exists());
    // The server is gone; nobody asks for it.
    let again = evaluate(dir.path(), &url);
    assert!(!again.ok().contains("downloaded"), "{again:?}");
}

#[test]
fn a_download_that_fails_says_so_and_leaves_nothing() {
    let body = archive();
    let half = &body[..body.len() / 2];
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let cases = [
        (
            serve(response("200 OK", body.len(), half)),
            "could not download",
        ),
        (serve(response("404 Not Found", 4, b"none")), "404"),
        (
            format!("--download=http://{closed}/a.tar.gz"),
            "could not download",
        ),
        // It came whole, but was cut before it was sent, or is something else.
        (
            serve(response("200 OK", half.len(), half)),
            "the archive is damaged",
        ),
        (
            serve(response("200 OK", 5, b"hello")),
            "the archive is damaged",
        ),
    ];
    for (url, message) in cases {
        let dir = TempDir::new("download_fails");
        let ended = evaluate(dir.path(), &url);
        ended.fails_with(message);
        assert_eq!(left(dir.path()), [""; 0], "{ended:?}");
        if message == "could not download" {
            assert!(ended.err.contains("Fetch it by other means"), "{ended:?}");
        }
    }
}

#[test]
fn missing_and_damaged_files_are_reported() {
    let dir = TempDir::new("damaged");
    let file = dir
        .path()
        .join("cifar10_data")
        .join(FOLDER)
        .join("data_batch_3.bin");
    let train = || run(dir.path(), "cifar10_train", &["--max-steps=1"]);
    write_files(dir.path(), 8);
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    train().fails_with("Failed to find file: cifar10_data/cifar-10-batches-bin/data_batch_3.bin");

    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    train().fails_with("data_batch_3.bin: 24583 bytes are not a whole number of 3073-byte records");
    fs::write(&file, b"").unwrap();
    train().fails_with("data_batch_3.bin: 0 bytes are not a whole number");

    let mut labels = whole;
    labels[4 * 3073] = 10;
    fs::write(&file, labels).unwrap();
    train().fails_with("data_batch_3.bin: label 10 at byte 12292 is not in 0..9");
}
