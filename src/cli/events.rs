//! `tensorloom events`: the scalars, histograms, images and other entries of event files.

use super::checkpoint_files::matches_pattern;
use super::output::{Done, Out, double_json, progress, single_json, tensor_json};
use crate::def::tensor_from_proto;
use crate::error::{Error, Result};
use crate::io::{event_files, read_events, write_atomic};
use crate::proto::event::What;
use crate::proto::session_log::SessionStatus;
use crate::proto::summary::value::Value as Kind;
use crate::proto::{Event, HistogramProto, SessionLog, summary};
use crate::tensor::Tensor;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The longest name of an image file that is made of a tag.
const MAX_NAME: usize = 150;
/// So many elements of a tensor are printed.
const SHOWN: i64 = 10;

/// Print what event files hold: scalars, histograms, images, graphs, session marks
///
/// A folder is searched with all folders in it. Summaries of TensorFlow 2 (tensors that a plugin names scalars, images or
/// histograms) are shown like those of TensorFlow 1. With --json the document is `{"files": […], "events": [{"file": 0,
/// "step": 7, "wall_time": …, "kind": "scalar", "tag": "loss", "value": 0.5}, …]}`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tensorloom events out/ --tag 'total_loss*'
  tensorloom events out/events.out.tfevents.1700000000.host --images pictures/")]
pub(super) struct Args {
    /// An event file, or a folder with some
    #[arg(value_name = "FILE-OR-DIR")]
    path: PathBuf,
    /// Only tags of this pattern (`*` stands for anything); several add up
    #[arg(long, value_name = "PATTERN")]
    tag: Vec<String>,
    /// Write the images into this folder, as TAG-STEP.png
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What an event says, whichever way it is written.
enum Entry {
    Scalar(f64),
    Histogram(HistogramProto),
    Image(Image),
    Audio(summary::Audio),
    Tensor(Tensor),
    Other(&'static str, usize),
    Session(SessionLog),
    Text(&'static str, String),
}

struct Image {
    height: i64,
    width: i64,
    channels: Option<i32>,
    encoded: Vec<u8>,
}

/// Goes through files and hands on their entries.
struct Walk<'a> {
    args: &'a Args,
    files: Vec<PathBuf>,
    document: Vec<Value>,
    written: HashSet<String>,
    images: usize,
}

impl Args {
    pub(super) fn run(&self, out: &mut Out) -> Done<ExitCode> {
        let files = find(&self.path)?;
        if files.is_empty() {
            return Err(Error::not_found(format!(
                "{}: there are no event files",
                self.path.display()
            ))
            .into());
        }
        if let Some(folder) = &self.images {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        }
        let mut walk = Walk {
            args: self,
            files,
            document: Vec::new(),
            written: HashSet::new(),
            images: 0,
        };
        // A damaged file does not hide the others.
        let mut fault = None;
        for i in 0..walk.files.len() {
            if let Some(e) = walk.file(i, out)? {
                fault.get_or_insert(e);
            }
        }
        if self.json {
            let files: Vec<String> = walk.files.iter().map(|f| f.display().to_string()).collect();
            out.json(&json!({"files": files, "events": walk.document}))?;
        }
        if self.images.is_some() {
            progress(|| format!("{} images written", walk.images));
        }
        match fault {
            Some(e) => Err(e.into()),
            None => Ok(ExitCode::SUCCESS),
        }
    }

    fn wants(&self, tag: &str) -> bool {
        self.tag.is_empty() || self.tag.iter().any(|p| matches_pattern(p, tag))
    }
}

/// The event files of a folder and all folders in it, sorted.
fn find(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        found.extend(event_files(&folder)?);
        if !folder.is_dir() {
            continue;
        }
        let at = |e: std::io::Error| Error::io(&folder, &e);
        for entry in std::fs::read_dir(&folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            // Links are not followed: they may lead in circles.
            if entry.file_type().map_err(at)?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

impl Walk<'_> {
    /// Goes through one file; gives the error that ended it.
    fn file(&mut self, i: usize, out: &mut Out) -> Done<Option<Error>> {
        let path = self.files[i].clone();
        let at = |e: Error| e.context(format!("{}: ", path.display()));
        if self.files.len() > 1 && !self.args.json {
            writeln!(out, "{}", path.display())?;
        }
        let events = match read_events(&path) {
            Ok(events) => events,
            Err(e) => return Ok(Some(at(e))),
        };
        let mut plugins = HashMap::new();
        for event in events {
            let event = match event {
                Ok(event) => event,
                Err(e) => return Ok(Some(at(e))),
            };
            if let Err(e) = self.event(i, event, &mut plugins, out)? {
                return Ok(Some(at(e)));
            }
        }
        Ok(None)
    }

    fn event(
        &mut self,
        file: usize,
        event: Event,
        plugins: &mut HashMap<String, String>,
        out: &mut Out,
    ) -> Done<Result<()>> {
        let (step, time) = (event.step, event.wall_time);
        let Some(what) = event.what else {
            return Ok(Ok(()));
        };
        let mut all: Vec<(String, Entry)> = Vec::new();
        match what {
            What::Summary(s) => {
                for v in s.value {
                    let plugin = v.metadata.and_then(|m| m.plugin_data);
                    if let Some(p) = plugin.filter(|p| !p.plugin_name.is_empty()) {
                        plugins.insert(v.tag.clone(), p.plugin_name);
                    }
                    let Some(value) = v.value.filter(|_| self.args.wants(&v.tag)) else {
                        continue;
                    };
                    let plugin = plugins.get(&v.tag).map_or("", String::as_str);
                    match entries(value, plugin) {
                        Ok(list) => all.extend(
                            list.into_iter()
                                .map(|(suffix, e)| (format!("{}{suffix}", v.tag), e)),
                        ),
                        Err(e) => return Ok(Err(e.context(format!("tag '{}': ", v.tag)))),
                    }
                }
            }
            _ if !self.args.tag.is_empty() => {}
            What::FileVersion(v) => all.push((String::new(), Entry::Text("file_version", v))),
            What::GraphDef(b) => all.push((String::new(), Entry::Other("graph", b.len()))),
            What::MetaGraphDef(b) => {
                all.push((String::new(), Entry::Other("meta_graph", b.len())));
            }
            What::SessionLog(s) => all.push((String::new(), Entry::Session(s))),
            What::TaggedRunMetadata(m) => {
                let bytes = m.run_metadata.len();
                all.push((m.tag, Entry::Other("run_metadata", bytes)));
            }
            #[allow(deprecated)]
            What::LogMessage(m) => all.push((String::new(), Entry::Text("log", m.message))),
        }
        for (tag, entry) in all {
            if let (Some(folder), Entry::Image(image)) = (&self.args.images, &entry)
                && let Err(e) = self.write_image(&folder.clone(), &tag, step, image)
            {
                return Ok(Err(e));
            }
            if self.args.json {
                let fields = json!({"file": file, "step": step, "wall_time": double_json(time)});
                self.document.push(document(fields, &tag, &entry));
            } else {
                let tag = if tag.is_empty() {
                    tag
                } else {
                    format!("{tag}  ")
                };
                writeln!(out, "step {step}  {tag}{}", line(&entry))?;
            }
        }
        Ok(Ok(()))
    }

    fn write_image(&mut self, folder: &Path, tag: &str, step: i64, image: &Image) -> Result<()> {
        let ending = match &image.encoded[..] {
            [0x89, b'P', b'N', b'G', ..] => "png",
            [0xff, 0xd8, ..] => "jpg",
            [b'G', b'I', b'F', b'8', ..] => "gif",
            _ => {
                return Err(Error::data_loss(format!(
                    "the image '{tag}' of step {step} is neither PNG, JPEG nor GIF"
                )));
            }
        };
        let base = format!("{}-{step}", file_name(tag));
        let mut name = format!("{base}.{ending}");
        let mut copy = 1;
        while !self.written.insert(name.clone()) {
            copy += 1;
            name = format!("{base}-{copy}.{ending}");
        }
        self.images += 1;
        write_atomic(folder.join(name), &image.encoded)
    }
}

/// A file name made of a tag, which leads nowhere else.
fn file_name(tag: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c,
        '-' | '_' | '.' => c,
        _ => '_',
    };
    let name: String = tag.chars().map(plain).take(MAX_NAME).collect();
    match name.trim_start_matches('.') {
        "" => "_".into(),
        n => n.to_string(),
    }
}

/// What a summary's value says; several images have suffixes to their tag.
fn entries(value: Kind, plugin: &str) -> Result<Vec<(String, Entry)>> {
    let one = |e: Entry| Ok(vec![(String::new(), e)]);
    let tensor = match value {
        Kind::SimpleValue(v) => return one(Entry::Scalar(shortest(v))),
        Kind::Histo(h) => return one(Entry::Histogram(h)),
        Kind::Image(i) => {
            return one(Entry::Image(Image {
                height: i.height.into(),
                width: i.width.into(),
                channels: Some(i.colorspace),
                encoded: i.encoded_image_string,
            }));
        }
        Kind::Audio(a) => return one(Entry::Audio(a)),
        Kind::ObsoleteOldStyleHistogram(b) => return one(Entry::Other("old_histogram", b.len())),
        Kind::Tensor(t) => tensor_from_proto(&t)?,
    };
    match plugin {
        "scalars" => match (tensor.data::<f32>(), tensor.data::<f64>()) {
            (Ok([v]), _) => return one(Entry::Scalar(shortest(*v))),
            (_, Ok([v])) => return one(Entry::Scalar(*v)),
            _ => {}
        },
        // Width, height, then an encoded image each.
        "images" => {
            if let Ok([width, height, images @ ..]) = tensor.strings() {
                let number = |b: &[u8]| std::str::from_utf8(b).ok()?.parse::<i64>().ok();
                let size = number(height).zip(number(width));
                let (height, width) =
                    size.ok_or_else(|| Error::data_loss("the size of an image is no number"))?;
                let single = images.len() == 1;
                let entry = |(i, encoded): (usize, &crate::tensor::Bytes)| {
                    let image = Image {
                        height,
                        width,
                        channels: None,
                        encoded: encoded.to_vec(),
                    };
                    let suffix = if single {
                        String::new()
                    } else {
                        format!("/{i}")
                    };
                    (suffix, Entry::Image(image))
                };
                return Ok(images.iter().enumerate().map(entry).collect());
            }
        }
        // Rows of left edge, right edge, count.
        "histograms" if tensor.shape().dims().get(1) == Some(&3) => {
            if let Ok(rows) = tensor.data::<f64>() {
                return one(Entry::Histogram(histogram(rows)));
            }
        }
        _ => {}
    }
    one(Entry::Tensor(tensor))
}

/// The double whose shortest digits are those of the single.
fn shortest(v: f32) -> f64 {
    single_json(v).as_f64().unwrap_or(f64::from(v))
}

fn histogram(rows: &[f64]) -> HistogramProto {
    let mut h = HistogramProto {
        min: f64::MAX,
        max: -f64::MAX,
        ..Default::default()
    };
    for row in rows.chunks_exact(3) {
        let (left, right, count) = (row[0], row[1], row[2]);
        h.num += count;
        h.bucket_limit.push(right);
        h.bucket.push(count);
        if count > 0.0 {
            h.min = h.min.min(left);
            h.max = h.max.max(right);
            // The values themselves are not kept: each counts as the middle of its bucket.
            let middle = (left + right) / 2.0;
            h.sum += count * middle;
            h.sum_squares += count * middle * middle;
        }
    }
    h
}

fn status(s: &SessionLog) -> &'static str {
    match SessionStatus::try_from(s.status) {
        Ok(SessionStatus::Start) => "start",
        Ok(SessionStatus::Stop) => "stop",
        Ok(SessionStatus::Checkpoint) => "checkpoint",
        _ => "unknown",
    }
}

/// An entry as text.
fn line(entry: &Entry) -> String {
    match entry {
        Entry::Scalar(v) => v.to_string(),
        Entry::Histogram(h) if h.num > 0.0 => {
            let mean = h.sum / h.num;
            let deviation = (h.sum_squares / h.num - mean * mean).max(0.0).sqrt();
            format!(
                "histogram of {} values: min {}, max {}, mean {mean}, deviation {deviation}, {} buckets",
                h.num,
                h.min,
                h.max,
                h.bucket.len()
            )
        }
        Entry::Histogram(_) => "histogram of no values".into(),
        Entry::Image(i) => {
            let channels = match i.channels {
                Some(c) => format!(", {c} channels"),
                None => String::new(),
            };
            format!(
                "image {}x{}{channels}, {} bytes",
                i.height,
                i.width,
                i.encoded.len()
            )
        }
        Entry::Audio(a) => format!(
            "audio {} frames, {} channels, {} Hz, {} bytes",
            a.length_frames,
            a.num_channels,
            a.sample_rate,
            a.encoded_audio_string.len()
        ),
        Entry::Tensor(t) => format!("tensor {} {} {}", t.dtype(), t.shape(), t.summarize(SHOWN)),
        Entry::Other(kind, bytes) => format!("{}, {bytes} bytes", kind.replace('_', " ")),
        Entry::Session(s) => {
            let path = [" ", &s.checkpoint_path].concat();
            format!("session {}{}", status(s), path.trim_end())
        }
        Entry::Text(kind, text) => format!("{}: {text}", kind.replace('_', " ")),
    }
}

/// An entry as JSON, added to the fields that all have.
fn document(fields: Value, tag: &str, entry: &Entry) -> Value {
    let numbers = |list: &[f64]| list.iter().map(|v| double_json(*v)).collect::<Vec<_>>();
    let (kind, more) = match entry {
        Entry::Scalar(v) => ("scalar", json!({"value": double_json(*v)})),
        Entry::Histogram(h) => (
            "histogram",
            json!({
                "min": double_json(h.min), "max": double_json(h.max), "num": double_json(h.num),
                "sum": double_json(h.sum), "sum_squares": double_json(h.sum_squares),
                "bucket_limit": numbers(&h.bucket_limit), "bucket": numbers(&h.bucket),
            }),
        ),
        Entry::Image(i) => (
            "image",
            json!({
                "height": i.height, "width": i.width, "channels": i.channels,
                "bytes": i.encoded.len(),
            }),
        ),
        Entry::Audio(a) => (
            "audio",
            json!({
                "frames": a.length_frames, "channels": a.num_channels,
                "sample_rate": single_json(a.sample_rate), "bytes": a.encoded_audio_string.len(),
            }),
        ),
        Entry::Tensor(t) => ("tensor", tensor_json(t)),
        Entry::Other(kind, bytes) => (*kind, json!({"bytes": bytes})),
        Entry::Session(s) => (
            "session",
            json!({"status": status(s), "checkpoint": s.checkpoint_path}),
        ),
        Entry::Text(kind, text) => (*kind, json!({"text": text})),
    };
    let mut all = Map::new();
    for part in [fields, more] {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    all.insert("kind".into(), kind.into());
    if !tag.is_empty() {
        all.insert("tag".into(), tag.into());
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_stay_in_their_folder() {
        for (tag, want) in [
            ("images/image/0", "images_image_0"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("/", "_"),
            ("..", "_"),
            ("a\\b:c é", "a_b_c__"),
        ] {
            assert_eq!(file_name(tag), want, "{tag}");
        }
        assert_eq!(file_name(&"x".repeat(1000)).len(), MAX_NAME);
    }

    #[test]
    fn summaries_of_the_second_kind_are_shown_like_the_first() {
        let tensor = |t: &Tensor| Kind::Tensor(crate::def::tensor_to_proto(t));
        let shown = |t: &Tensor, plugin: &str| -> Vec<String> {
            let all = entries(tensor(t), plugin).unwrap();
            all.iter()
                .map(|(s, e)| format!("{s} {}", line(e)))
                .collect()
        };
        assert_eq!(shown(&Tensor::from(0.1f32), "scalars"), [" 0.1"]);
        let rows = Tensor::from([[0.0f64, 1.0, 2.0], [1.0, 2.0, 0.0], [2.0, 4.0, 2.0]]);
        assert_eq!(
            shown(&rows, "histograms"),
            [" histogram of 4 values: min 0, max 4, mean 1.75, deviation 1.25, 3 buckets"]
        );
        let images = Tensor::from(["5", "4", "abc", "defg"]);
        assert_eq!(
            shown(&images, "images"),
            ["/0 image 4x5, 3 bytes", "/1 image 4x5, 4 bytes"]
        );
        let bad = Tensor::from(["x", "4", "abc"]);
        assert!(entries(tensor(&bad), "images").is_err());
        assert_eq!(
            shown(&Tensor::from([1i32]), "text"),
            [" tensor int32 [1] 1"]
        );
    }
}
