//! What is exchanged with the real TensorFlow by `tests/interop/formats.py`: it sets the folders, these tests write and
//! read them. Without it they exchange with themselves.

use super::TempDir;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tensorloom::io::*;
use tensorloom::{DType, Shape, Tensor};

/// Small tensors of every type that NumPy and checkpoints share, by name.
fn tensors() -> BTreeMap<String, Tensor> {
    let mut out = BTreeMap::new();
    let types = DType::all().filter(|d| d.is_pod() && !d.name().starts_with('q'));
    for dtype in types.filter(|d| *d != DType::BF16) {
        for dims in [&[][..], &[3], &[2, 3, 2], &[0, 2]] {
            let shape = Shape::of(dims).unwrap();
            let values: Vec<i64> = (0..shape.elements() as i64).map(|i| i % 7).collect();
            let bytes = encode_npy(&Tensor::from(values)).unwrap();
            let ints = decode_npy(&bytes).unwrap();
            let name = format!("{}/rank{}_{}", dtype.name(), dims.len(), shape.elements());
            out.insert(name, cast(&ints, dtype).into_shape(shape).unwrap());
        }
    }
    out.insert(
        "string/v".to_string(),
        Tensor::from(["hello", "", &"x".repeat(300)]),
    );
    out
}

fn cast(ints: &Tensor, dtype: DType) -> Tensor {
    let v = ints.data::<i64>().unwrap();
    let complex64 = |x: &i64| num_complex::Complex::new(*x as f32, -(*x as f32));
    let complex128 = |x: &i64| num_complex::Complex::new(*x as f64, 0.5);
    match dtype {
        DType::F32 => v
            .iter()
            .map(|x| *x as f32 / 4.0)
            .collect::<Vec<f32>>()
            .into(),
        DType::F64 => v
            .iter()
            .map(|x| *x as f64 / 8.0)
            .collect::<Vec<f64>>()
            .into(),
        DType::F16 => v
            .iter()
            .map(|x| half::f16::from_f32(*x as f32))
            .collect::<Vec<_>>()
            .into(),
        DType::I8 => v.iter().map(|x| -(*x as i8)).collect::<Vec<i8>>().into(),
        DType::I16 => v.iter().map(|x| -(*x as i16)).collect::<Vec<i16>>().into(),
        DType::I32 => v.iter().map(|x| -(*x as i32)).collect::<Vec<i32>>().into(),
        DType::I64 => ints.clone(),
        DType::U8 => v.iter().map(|x| *x as u8).collect::<Vec<u8>>().into(),
        DType::U16 => v.iter().map(|x| *x as u16).collect::<Vec<u16>>().into(),
        DType::U32 => v.iter().map(|x| *x as u32).collect::<Vec<u32>>().into(),
        DType::U64 => v.iter().map(|x| *x as u64).collect::<Vec<u64>>().into(),
        DType::Bool => v.iter().map(|x| x % 2 == 1).collect::<Vec<bool>>().into(),
        DType::C64 => v.iter().map(complex64).collect::<Vec<_>>().into(),
        DType::C128 => v.iter().map(complex128).collect::<Vec<_>>().into(),
        other => panic!("no values of type {other}"),
    }
}

fn assert_same(name: &str, a: &Tensor, b: &Tensor) {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{name}");
    match a.dtype() {
        DType::String => assert_eq!(a.strings().unwrap(), b.strings().unwrap(), "{name}"),
        _ => assert_eq!(a.bytes().unwrap(), b.bytes().unwrap(), "{name}"),
    }
}

/// A folder that the script sets, or a fresh one.
fn folder(variable: &str) -> (PathBuf, Option<TempDir>) {
    match std::env::var_os(variable) {
        Some(path) => (path.into(), None),
        None => {
            let dir = TempDir::new(&variable.to_lowercase());
            (dir.path().to_path_buf(), Some(dir))
        }
    }
}

fn write_all(dir: &Path) {
    let tensors = tensors();
    let mut w = BundleWriter::new(dir.join("all")).unwrap();
    for (name, tensor) in &tensors {
        w.add(name, tensor).unwrap();
    }
    w.finish().unwrap();
    let arrays: Vec<(&String, &Tensor)> = tensors.iter().collect();
    write_npz(dir.join("all.npz"), &arrays, NpzOptions { compress: false }).unwrap();
    write_npz(
        dir.join("packed.npz"),
        &arrays,
        NpzOptions { compress: true },
    )
    .unwrap();

    // A variable in three parts, and one more in each of two shards.
    let full = Shape::of(&[5, 4]).unwrap();
    let v = Tensor::from((0..20).map(|i| i as f32).collect::<Vec<f32>>())
        .into_shape(full.clone())
        .unwrap();
    let prefixes = [0, 1].map(|i| dir.join(format!("sharded_temp/part-0000{i}-of-00002")));
    for (i, prefix) in prefixes.iter().enumerate() {
        let mut w = BundleWriter::new(prefix).unwrap();
        w.add(&format!("x{i}"), &Tensor::from(i as i64)).unwrap();
        for (start, length) in [(0, 2), (2, 1), (3, 2)]
            .into_iter()
            .filter(|(s, _)| (*s > 1) == (i == 1))
        {
            let slice = TensorSlice::parse(&format!("{start},{length}:0,4")).unwrap();
            w.add_slice("v", &full, &slice, &v.rows(start, start + length).unwrap())
                .unwrap();
        }
        w.finish().unwrap();
    }
    merge_bundles(&prefixes, dir.join("sharded"), MergeOptions::default()).unwrap();
    let latest = dir.join("sharded").to_str().unwrap().to_string();
    let all = dir.join("all").to_str().unwrap().to_string();
    update_checkpoint_state(dir, &latest, &[all], STATE_FILE).unwrap();

    let events = EventWriter::new(dir.join("events")).unwrap();
    for step in 0..25 {
        events
            .add_scalar("loss", 1.0 / (step + 1) as f32, step)
            .unwrap();
    }
    use tensorloom::proto::summary::{Image, Value, value};
    let histogram = Histogram::of([1.0, -1.0, 0.0, 3.5, 1e30])
        .unwrap()
        .to_proto();
    let pixels = normalize_image(&[-1.0f32, 0.0, f32::NAN, 0.5], 1, &[255, 0, 0, 255]).unwrap();
    let shape = PngShape {
        height: 2,
        width: 2,
        channels: 1,
        compression: -1,
    };
    let image = Image {
        height: 2,
        width: 2,
        colorspace: 1,
        encoded_image_string: encode_png(&pixels, shape).unwrap(),
    };
    let value = |tag: &str, value| Value {
        tag: tag.to_string(),
        value: Some(value),
        ..Default::default()
    };
    let summary = tensorloom::proto::Summary {
        value: vec![
            value("h", value::Value::Histo(histogram)),
            value("i", value::Value::Image(image)),
        ],
    };
    events.add_summary(summary, 7).unwrap();
    events.close().unwrap();

    write_images(dir);

    let mut records = Vec::new();
    for (name, compression) in [
        ("rec", Compression::None),
        ("rec.z", Compression::Zlib),
        ("rec.gz", Compression::Gzip),
    ] {
        let mut w = RecordWriter::new(Vec::new(), compression);
        for i in 0..1000 {
            w.write(format!("record {i}").repeat(i % 5).as_bytes())
                .unwrap();
        }
        records.push((dir.join(name), w.finish().unwrap()));
    }
    for (path, bytes) in records {
        write_atomic(path, &bytes).unwrap();
    }
}

/// Random images of each float type, and the bytes that summaries hold of them.
fn write_images(dir: &Path) {
    let mut arrays: Vec<(String, Tensor)> = Vec::new();
    let mut state = 7u64;
    for i in 0..30 {
        let (depth, lowest, size) = (
            [1, 3, 4][i % 3],
            [0.0, -1.0][i % 2],
            [1e-3, 1.0, 200.0][i / 3 % 3],
        );
        let shape = Shape::of(&[1, 9, 7, depth]).unwrap();
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            match state >> 60 {
                0 if i > 15 => f64::NAN,
                _ => ((state >> 40) as f64 / (1u64 << 24) as f64 * (1.0 - lowest) + lowest) * size,
            }
        };
        let values: Vec<f64> = (0..shape.elements()).map(|_| next()).collect();
        let bad = [255, 0, 0, 255];
        let images = [
            image(values.clone(), depth, &bad),
            image(values.iter().map(|v| *v as f32).collect(), depth, &bad),
            image(
                values.iter().map(|v| half::f16::from_f64(*v)).collect(),
                depth,
                &bad,
            ),
        ];
        for (k, (input, output)) in images.into_iter().enumerate() {
            arrays.push((
                format!("{i}/{k}/in"),
                input.into_shape(shape.clone()).unwrap(),
            ));
            arrays.push((
                format!("{i}/{k}/out"),
                output.into_shape(shape.clone()).unwrap(),
            ));
        }
    }
    let arrays: Vec<(&String, &Tensor)> = arrays.iter().map(|(n, t)| (n, t)).collect();
    write_npz(dir.join("images.npz"), &arrays, NpzOptions::default()).unwrap();
}

fn image<T: ImageElement + tensorloom::Element>(
    values: Vec<T>,
    depth: usize,
    bad: &[u8],
) -> (Tensor, Tensor) {
    let bytes = normalize_image(&values, depth, bad).unwrap();
    let shape = |n| Shape::of(&[n]).unwrap();
    let input = Tensor::from_slice(&shape(values.len()), &values).unwrap();
    (
        input,
        Tensor::from_slice(&shape(bytes.len()), &bytes).unwrap(),
    )
}

#[test]
fn write() {
    let (dir, _kept) = folder("TENSORLOOM_EXCHANGE_WRITE");
    write_all(&dir);
    let reader = BundleReader::open(dir.join("all")).unwrap();
    let tensors = tensors();
    assert!(reader.keys().eq(tensors.keys().map(String::as_str)));
    let sharded = latest_checkpoint(&dir).unwrap();
    assert_eq!(
        BundleReader::open(sharded)
            .unwrap()
            .read("v")
            .unwrap()
            .shape()
            .dims(),
        [5, 4]
    );
    let files = event_files(dir.join("events")).unwrap();
    assert_eq!(read_events(&files[0]).unwrap().count(), 27);
}

/// Reads a folder with `all` (a checkpoint) and `all.npz` (the same tensors).
#[test]
fn read() {
    let (dir, kept) = folder("TENSORLOOM_EXCHANGE_READ");
    if kept.is_some() {
        write_all(&dir);
    }
    let reader = BundleReader::open(dir.join("all")).unwrap();
    let arrays = read_npz(dir.join("all.npz")).unwrap();
    assert!(arrays.len() > 50);
    assert_eq!(arrays.len(), reader.keys().len());
    for (name, array) in &arrays {
        assert_same(name, array, &reader.read(name).unwrap());
    }
    for ((_, a), (name, b)) in arrays
        .iter()
        .zip(&read_npz(dir.join("packed.npz")).unwrap())
    {
        assert_same(name, a, b);
    }
    assert!(reader.verify().iter().all(|(_, checked)| checked.is_ok()));
    let sharded = BundleReader::open(dir.join("sharded")).unwrap();
    let v = sharded.read("v").unwrap();
    assert!(
        v.data::<f32>()
            .unwrap()
            .iter()
            .copied()
            .eq((0..20).map(|i| i as f32))
    );
    assert!(latest_checkpoint(&dir).unwrap().ends_with("sharded"));
    for (name, compression) in [
        ("rec", Compression::None),
        ("rec.z", Compression::Zlib),
        ("rec.gz", Compression::Gzip),
    ] {
        let mut reader = RecordReader::open(dir.join(name), compression).unwrap();
        for i in 0..1000 {
            let want = format!("record {i}").repeat(i % 5);
            assert_eq!(reader.read().unwrap().unwrap(), want.as_bytes());
        }
        assert_eq!(reader.read().unwrap(), None);
    }
    let files = event_files(dir.join("events")).unwrap();
    let events = files.iter().flat_map(|f| read_events(f).unwrap());
    let steps: Vec<i64> = events.map(|e| e.unwrap().step).collect();
    assert_eq!((steps.len(), steps.last()), (27, Some(&7)));
}
