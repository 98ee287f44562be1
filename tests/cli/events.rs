//! `tensorloom events`: a file that TensorFlow wrote, its images, and damage.

use super::{data, tensorloom};
use crate::io::TempDir;
use std::fs;

const FILE: &str = "events/events.out.tfevents.1795488214.vm";

#[test]
fn everything_is_shown() {
    let dir = TempDir::new("cli-events");
    let dir = dir.path();
    let file = data(FILE);
    let text = tensorloom(dir, &["events", &file]).ok();
    for part in [
        "step 0  file version: brain.Event:2\n",
        "step 7  sc/acc  ",
        "step 7  h  histogram of 8 values: min -200000004008175470000, max ",
        "step 7  im/image/0  image ",
        "session start\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let all = tensorloom(dir, &["events", &file, "--json"]).json();
    let events = all["events"].as_array().unwrap();
    let of = |kind: &str| events.iter().filter(|e| e["kind"] == kind).count();
    assert_eq!(
        (of("scalar"), of("histogram"), of("image"), of("graph")),
        (3, 1, 3, 1)
    );
    let some = tensorloom(dir, &["events", &file, "--tag", "loss*", "--json"]).json();
    assert_eq!(some["events"].as_array().unwrap().len(), 2);
}

#[test]
fn images_become_files() {
    let dir = TempDir::new("cli-events-images");
    let dir = dir.path();
    tensorloom(dir, &["events", &data(FILE), "--images", "out/png"]).ok();
    let mut names: Vec<String> = fs::read_dir(dir.join("out/png"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["im1_image-7.png", "im_image_0-7.png", "im_image_1-7.png"]
    );
    for name in names {
        let bytes = fs::read(dir.join("out/png").join(name)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
    }
}

#[test]
fn damage_ends_a_file_but_hides_nothing() {
    let dir = TempDir::new("cli-events-damage");
    let dir = dir.path();
    fs::create_dir_all(dir.join("logs/train")).unwrap();
    let mut bytes = fs::read(data(FILE)).unwrap();
    fs::write(dir.join("logs/train/b.tfevents"), &bytes).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.join("logs/a.tfevents"), &bytes).unwrap();
    let done = tensorloom(dir, &["events", "logs"]);
    assert!(
        done.out.contains("a.tfevents\nstep 0  file version"),
        "{done:?}"
    );
    assert!(
        done.out.contains("b.tfevents\n") && done.out.contains("session start\n"),
        "{done:?}"
    );
    let e = done.error(1);
    assert!(
        e.contains("DataLoss: ") && e.contains("a.tfevents: corrupted record"),
        "{e}"
    );
    fs::create_dir(dir.join("empty")).unwrap();
    assert!(
        tensorloom(dir, &["events", "empty"])
            .error(1)
            .contains("there are no event files")
    );
    assert!(
        tensorloom(dir, &["events", "nowhere"])
            .error(1)
            .contains("NotFound")
    );
}
