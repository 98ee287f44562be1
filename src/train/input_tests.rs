//! Input pipelines: the nodes that TensorFlow makes, and whole epochs through threads.

use super::{
    BatchOptions, Coordinator, ProducerOptions, batch, batch_join, input_producer, shuffle_batch,
    shuffle_batch_join, slice_input_producer, start_queue_runners, string_input_producer,
};
use crate::graph::{Item, Output, keys};
use crate::{Code, DType, Graph, Session, Tensor};

/// `name op inputs` of every node, in order of creation.
fn nodes(g: &Graph) -> Vec<String> {
    let def = g.export().unwrap();
    let line = |n: &crate::def::NodeDef| {
        let text = format!("{} {} {}", n.name, n.op, n.input.join(" "));
        text.trim().to_string()
    };
    def.node.iter().map(line).collect()
}

/// Names of a runner's queue, enqueue ops and closing ops.
fn runner(g: &Graph, i: usize) -> Vec<String> {
    let name = |id| g.node(id).unwrap().name.clone();
    let r = &g.queue_runners()[i];
    let enqueue = r.enqueue.iter().map(|id| name(*id));
    let mut all = vec![name(r.queue)];
    all.extend(enqueue);
    all.extend([name(r.close), name(r.cancel)]);
    all
}

fn summaries(g: &Graph) -> Vec<String> {
    let all = g.collection_outputs(keys::SUMMARIES).into_iter();
    all.map(Output::name).collect()
}

fn constant<'g>(g: &'g Graph, name: &str, dims: &[usize]) -> Output<'g> {
    let zeros = Tensor::zeros(DType::F32, crate::Shape::of(dims).unwrap()).unwrap();
    g.root().named(name).constant(zeros)
}

fn files() -> Vec<String> {
    vec!["a".into(), "b".into()]
}

#[test]
fn string_input_producer_with_epochs() {
    let g = Graph::new();
    let options = ProducerOptions {
        num_epochs: Some(2),
        seed: Some(7),
        ..Default::default()
    };
    string_input_producer(g.root(), &files(), &options);
    assert_eq!(
        nodes(&g),
        [
            "input_producer/Const Const",
            "input_producer/Size Const",
            "input_producer/Greater/y Const",
            "input_producer/Greater Greater input_producer/Size input_producer/Greater/y",
            "input_producer/Assert/Const Const",
            "input_producer/Assert/Assert/data_0 Const",
            "input_producer/Assert/Assert Assert input_producer/Greater input_producer/Assert/Assert/data_0",
            "input_producer/Identity Identity input_producer/Const ^input_producer/Assert/Assert",
            "input_producer/RandomShuffle RandomShuffle input_producer/Identity",
            "input_producer/limit_epochs/Const Const",
            "input_producer/limit_epochs/epochs VariableV2",
            "input_producer/limit_epochs/epochs/Assign Assign input_producer/limit_epochs/epochs input_producer/limit_epochs/Const",
            "input_producer/limit_epochs/epochs/read Identity input_producer/limit_epochs/epochs",
            "input_producer/limit_epochs/CountUpTo CountUpTo input_producer/limit_epochs/epochs",
            "input_producer/limit_epochs Identity input_producer/RandomShuffle ^input_producer/limit_epochs/CountUpTo",
            "input_producer FIFOQueueV2",
            "input_producer/input_producer_EnqueueMany QueueEnqueueManyV2 input_producer input_producer/limit_epochs",
            "input_producer/input_producer_Close QueueCloseV2 input_producer",
            "input_producer/input_producer_Close_1 QueueCloseV2 input_producer",
            "input_producer/input_producer_Size QueueSizeV2 input_producer",
            "input_producer/Cast Cast input_producer/input_producer_Size",
            "input_producer/mul/y Const",
            "input_producer/mul Mul input_producer/Cast input_producer/mul/y",
            "input_producer/fraction_of_32_full/tags Const",
            "input_producer/fraction_of_32_full ScalarSummary input_producer/fraction_of_32_full/tags input_producer/mul",
        ]
    );
    assert_eq!(
        runner(&g, 0),
        [
            "input_producer",
            "input_producer/input_producer_EnqueueMany",
            "input_producer/input_producer_Close",
            "input_producer/input_producer_Close_1"
        ]
    );
    let Item::Variable(epochs) = &g.collection(keys::LOCAL_VARIABLES)[0] else {
        panic!("no variable")
    };
    assert_eq!(epochs.name, "input_producer/limit_epochs/epochs");
    assert_eq!(summaries(&g), ["input_producer/fraction_of_32_full:0"]);
    let shuffle = g
        .find("input_producer/RandomShuffle")
        .unwrap()
        .node()
        .unwrap();
    assert_eq!(shuffle.attrs.int("seed").unwrap(), 87_654_321);
    assert_eq!(shuffle.attrs.int("seed2").unwrap(), 7);
}

#[test]
fn batches_of_file_names() {
    let g = Graph::new();
    let options = ProducerOptions {
        shuffle: false,
        name: Some("files".into()),
        ..Default::default()
    };
    let q = string_input_producer(g.root(), &files(), &options);
    let names = g.root().op("QueueDequeueV2").name("files_Dequeue").input(q);
    let names = names.attr("component_types", vec![DType::String]).out();
    let out = batch(
        g.root(),
        &[names.with_shape(())],
        &BatchOptions {
            batch_size: 4,
            num_threads: 2,
            allow_smaller_final_batch: true,
            ..Default::default()
        },
    );
    assert_eq!(
        nodes(&g),
        [
            "files/Const Const",
            "files/Size Const",
            "files/Greater/y Const",
            "files/Greater Greater files/Size files/Greater/y",
            "files/Assert/Const Const",
            "files/Assert/Assert/data_0 Const",
            "files/Assert/Assert Assert files/Greater files/Assert/Assert/data_0",
            "files/Identity Identity files/Const ^files/Assert/Assert",
            "files FIFOQueueV2",
            "files/files_EnqueueMany QueueEnqueueManyV2 files files/Identity",
            "files/files_Close QueueCloseV2 files",
            "files/files_Close_1 QueueCloseV2 files",
            "files/files_Size QueueSizeV2 files",
            "files/Cast Cast files/files_Size",
            "files/mul/y Const",
            "files/mul Mul files/Cast files/mul/y",
            "files/fraction_of_32_full/tags Const",
            "files/fraction_of_32_full ScalarSummary files/fraction_of_32_full/tags files/mul",
            "files_Dequeue QueueDequeueV2 files",
            "batch/Const Const",
            "batch/fifo_queue FIFOQueueV2",
            "batch/fifo_queue_enqueue QueueEnqueueV2 batch/fifo_queue files_Dequeue",
            "batch/fifo_queue_Close QueueCloseV2 batch/fifo_queue",
            "batch/fifo_queue_Close_1 QueueCloseV2 batch/fifo_queue",
            "batch/fifo_queue_Size QueueSizeV2 batch/fifo_queue",
            "batch/Cast Cast batch/fifo_queue_Size",
            "batch/mul/y Const",
            "batch/mul Mul batch/Cast batch/mul/y",
            "batch/fraction_of_32_full/tags Const",
            "batch/fraction_of_32_full ScalarSummary batch/fraction_of_32_full/tags batch/mul",
            "batch/n Const",
            "batch QueueDequeueUpToV2 batch/fifo_queue batch/n",
        ]
    );
    assert_eq!(out[0].shape().to_string(), "[?]");
    let one = "batch/fifo_queue_enqueue";
    let closing = ["batch/fifo_queue_Close", "batch/fifo_queue_Close_1"];
    assert_eq!(
        runner(&g, 1),
        ["batch/fifo_queue", one, one, closing[0], closing[1]]
    );
}

#[test]
fn shuffled_batches() {
    let g = Graph::new();
    let x = constant(&g, "zeros", &[3]);
    let y = g.root().constant(1i32);
    let out = shuffle_batch(
        g.root(),
        &[x, y],
        &BatchOptions {
            batch_size: 8,
            capacity: 100,
            min_after_dequeue: 20,
            num_threads: 3,
            seed: Some(5),
            ..Default::default()
        },
    );
    assert_eq!(
        nodes(&g),
        [
            "zeros Const",
            "Const Const",
            "shuffle_batch/Const Const",
            "shuffle_batch/random_shuffle_queue RandomShuffleQueueV2",
            "shuffle_batch/random_shuffle_queue_enqueue QueueEnqueueV2 shuffle_batch/random_shuffle_queue zeros Const",
            "shuffle_batch/random_shuffle_queue_Close QueueCloseV2 shuffle_batch/random_shuffle_queue",
            "shuffle_batch/random_shuffle_queue_Close_1 QueueCloseV2 shuffle_batch/random_shuffle_queue",
            "shuffle_batch/random_shuffle_queue_Size QueueSizeV2 shuffle_batch/random_shuffle_queue",
            "shuffle_batch/sub/y Const",
            "shuffle_batch/sub Sub shuffle_batch/random_shuffle_queue_Size shuffle_batch/sub/y",
            "shuffle_batch/Maximum/x Const",
            "shuffle_batch/Maximum Maximum shuffle_batch/Maximum/x shuffle_batch/sub",
            "shuffle_batch/Cast Cast shuffle_batch/Maximum",
            "shuffle_batch/mul/y Const",
            "shuffle_batch/mul Mul shuffle_batch/Cast shuffle_batch/mul/y",
            "shuffle_batch/fraction_over_20_of_80_full/tags Const",
            "shuffle_batch/fraction_over_20_of_80_full ScalarSummary shuffle_batch/fraction_over_20_of_80_full/tags shuffle_batch/mul",
            "shuffle_batch/n Const",
            "shuffle_batch QueueDequeueManyV2 shuffle_batch/random_shuffle_queue shuffle_batch/n",
        ]
    );
    assert_eq!(
        out[0].shape().to_string() + &out[1].shape().to_string(),
        "[8,3][8]"
    );
    assert_eq!(runner(&g, 0).len(), 6);
    let mul = g.find("shuffle_batch/mul/y").unwrap().output(0);
    assert_eq!(
        mul.constant_value().unwrap().to_scalar::<f32>().unwrap(),
        0.0125
    );
}

#[test]
fn joined_batches() {
    let g = Graph::new();
    let lists = ["zeros", "ones"].map(|n| vec![constant(&g, n, &[3])]);
    batch_join(
        g.root(),
        &lists,
        &BatchOptions {
            batch_size: 8,
            dynamic_pad: true,
            ..Default::default()
        },
    );
    assert_eq!(
        nodes(&g),
        [
            "zeros Const",
            "ones Const",
            "batch_join/Const Const",
            "batch_join/padding_fifo_queue PaddingFIFOQueueV2",
            "batch_join/padding_fifo_queue_enqueue QueueEnqueueV2 batch_join/padding_fifo_queue zeros",
            "batch_join/padding_fifo_queue_enqueue_1 QueueEnqueueV2 batch_join/padding_fifo_queue ones",
            "batch_join/padding_fifo_queue_Close QueueCloseV2 batch_join/padding_fifo_queue",
            "batch_join/padding_fifo_queue_Close_1 QueueCloseV2 batch_join/padding_fifo_queue",
            "batch_join/padding_fifo_queue_Size QueueSizeV2 batch_join/padding_fifo_queue",
            "batch_join/Cast Cast batch_join/padding_fifo_queue_Size",
            "batch_join/mul/y Const",
            "batch_join/mul Mul batch_join/Cast batch_join/mul/y",
            "batch_join/fraction_of_32_full/tags Const",
            "batch_join/fraction_of_32_full ScalarSummary batch_join/fraction_of_32_full/tags batch_join/mul",
            "batch_join/n Const",
            "batch_join QueueDequeueManyV2 batch_join/padding_fifo_queue batch_join/n",
        ]
    );
    let g = Graph::new();
    let lists = ["zeros", "ones"].map(|n| vec![constant(&g, n, &[3, 2])]);
    let out = shuffle_batch_join(
        g.root(),
        &lists,
        &BatchOptions {
            batch_size: 8,
            capacity: 100,
            min_after_dequeue: 20,
            enqueue_many: true,
            ..Default::default()
        },
    );
    assert_eq!(
        nodes(&g),
        [
            "zeros Const",
            "ones Const",
            "shuffle_batch_join/Const Const",
            "shuffle_batch_join/random_shuffle_queue RandomShuffleQueueV2",
            "shuffle_batch_join/random_shuffle_queue_EnqueueMany QueueEnqueueManyV2 shuffle_batch_join/random_shuffle_queue zeros",
            "shuffle_batch_join/random_shuffle_queue_EnqueueMany_1 QueueEnqueueManyV2 shuffle_batch_join/random_shuffle_queue ones",
            "shuffle_batch_join/random_shuffle_queue_Close QueueCloseV2 shuffle_batch_join/random_shuffle_queue",
            "shuffle_batch_join/random_shuffle_queue_Close_1 QueueCloseV2 shuffle_batch_join/random_shuffle_queue",
            "shuffle_batch_join/random_shuffle_queue_Size QueueSizeV2 shuffle_batch_join/random_shuffle_queue",
            "shuffle_batch_join/sub/y Const",
            "shuffle_batch_join/sub Sub shuffle_batch_join/random_shuffle_queue_Size shuffle_batch_join/sub/y",
            "shuffle_batch_join/Maximum/x Const",
            "shuffle_batch_join/Maximum Maximum shuffle_batch_join/Maximum/x shuffle_batch_join/sub",
            "shuffle_batch_join/Cast Cast shuffle_batch_join/Maximum",
            "shuffle_batch_join/mul/y Const",
            "shuffle_batch_join/mul Mul shuffle_batch_join/Cast shuffle_batch_join/mul/y",
            "shuffle_batch_join/fraction_over_20_of_80_full/tags Const",
            "shuffle_batch_join/fraction_over_20_of_80_full ScalarSummary shuffle_batch_join/fraction_over_20_of_80_full/tags shuffle_batch_join/mul",
            "shuffle_batch_join/n Const",
            "shuffle_batch_join QueueDequeueManyV2 shuffle_batch_join/random_shuffle_queue shuffle_batch_join/n",
        ]
    );
    assert_eq!(out[0].shape().to_string(), "[8,2]");
}

#[test]
fn slices_and_rows() {
    let g = Graph::new();
    let x = constant(&g, "zeros", &[3, 2]);
    let y = g.root().constant([1i32, 2, 3]);
    let options = ProducerOptions {
        seed: Some(3),
        ..Default::default()
    };
    let out = slice_input_producer(g.root(), &[x, y], &options);
    assert_eq!(
        nodes(&g),
        [
            "zeros Const",
            "Const Const",
            "input_producer/Shape Const",
            "input_producer/strided_slice/stack Const",
            "input_producer/strided_slice/stack_1 Const",
            "input_producer/strided_slice/stack_2 Const",
            "input_producer/strided_slice StridedSlice input_producer/Shape input_producer/strided_slice/stack input_producer/strided_slice/stack_1 input_producer/strided_slice/stack_2",
            "input_producer/input_producer/range/start Const",
            "input_producer/input_producer/range/delta Const",
            "input_producer/input_producer/range Range input_producer/input_producer/range/start input_producer/strided_slice input_producer/input_producer/range/delta",
            "input_producer/input_producer/RandomShuffle RandomShuffle input_producer/input_producer/range",
            "input_producer/input_producer FIFOQueueV2",
            "input_producer/input_producer/input_producer_EnqueueMany QueueEnqueueManyV2 input_producer/input_producer input_producer/input_producer/RandomShuffle",
            "input_producer/input_producer/input_producer_Close QueueCloseV2 input_producer/input_producer",
            "input_producer/input_producer/input_producer_Close_1 QueueCloseV2 input_producer/input_producer",
            "input_producer/input_producer/input_producer_Size QueueSizeV2 input_producer/input_producer",
            "input_producer/input_producer/Cast Cast input_producer/input_producer/input_producer_Size",
            "input_producer/input_producer/mul/y Const",
            "input_producer/input_producer/mul Mul input_producer/input_producer/Cast input_producer/input_producer/mul/y",
            "input_producer/input_producer/fraction_of_32_full/tags Const",
            "input_producer/input_producer/fraction_of_32_full ScalarSummary input_producer/input_producer/fraction_of_32_full/tags input_producer/input_producer/mul",
            "input_producer/input_producer_Dequeue QueueDequeueV2 input_producer/input_producer",
            "input_producer/GatherV2/axis Const",
            "input_producer/GatherV2 GatherV2 zeros input_producer/input_producer_Dequeue input_producer/GatherV2/axis",
            "input_producer/GatherV2_1/axis Const",
            "input_producer/GatherV2_1 GatherV2 Const input_producer/input_producer_Dequeue input_producer/GatherV2_1/axis",
        ]
    );
    assert_eq!(
        out[0].shape().to_string() + &out[1].shape().to_string(),
        "[2][]"
    );
    let g = Graph::new();
    let options = ProducerOptions {
        capacity: 5,
        ..Default::default()
    };
    input_producer(g.root(), constant(&g, "zeros", &[3, 2]), &options);
    assert_eq!(
        nodes(&g),
        [
            "zeros Const",
            "input_producer/RandomShuffle RandomShuffle zeros",
            "input_producer/FIFOQueueV2 FIFOQueueV2",
            "input_producer/FIFOQueueV2_EnqueueMany QueueEnqueueManyV2 input_producer/FIFOQueueV2 input_producer/RandomShuffle",
            "input_producer/FIFOQueueV2_Close QueueCloseV2 input_producer/FIFOQueueV2",
            "input_producer/FIFOQueueV2_Close_1 QueueCloseV2 input_producer/FIFOQueueV2",
        ]
    );
    assert!(summaries(&g).is_empty());
}

#[test]
fn what_cannot_be_built_is_refused() {
    let fails = |build: &dyn Fn(&Graph)| {
        let g = Graph::new();
        build(&g);
        g.check().unwrap_err().message().to_string()
    };
    let unknown = |g: &Graph| {
        let x = g.placeholder("x", DType::F32, [None, None]);
        input_producer(g.root(), x, &ProducerOptions::default());
    };
    assert!(fails(&unknown).starts_with("Either `input_tensor` must have a fully defined shape"));
    let epochs = |g: &Graph| {
        let options = ProducerOptions {
            num_epochs: Some(0),
            ..Default::default()
        };
        string_input_producer(g.root(), &files(), &options);
    };
    assert_eq!(fails(&epochs), "num_epochs must be > 0 not 0.");
    let small = |g: &Graph| {
        let options = BatchOptions {
            capacity: 5,
            min_after_dequeue: 5,
            ..Default::default()
        };
        shuffle_batch(g.root(), &[constant(g, "x", &[2])], &options);
    };
    assert_eq!(
        fails(&small),
        "capacity 5 must be bigger than min_after_dequeue 5."
    );
    let rank = |g: &Graph| {
        let x = g.placeholder("x", DType::F32, crate::PartialShape::unknown());
        batch(g.root(), &[x], &BatchOptions::default());
    };
    assert!(fails(&rank).starts_with("All shapes must be fully defined"));
}

/// Files through readers, threads and shuffled batches: each record of each epoch comes out exactly once, and the
/// end of input is the queue's error.
#[test]
fn whole_epochs_come_out_of_the_pipeline() {
    let dir = std::env::temp_dir().join(format!("tensorloom-pipeline-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let files: Vec<String> = (0..4u8)
        .map(|i| {
            let path = dir.join(format!("part{i}"));
            let bytes: Vec<u8> = (0..30u8).flat_map(|n| [i, n, 1]).collect();
            std::fs::write(&path, bytes).unwrap();
            path.to_string_lossy().into_owned()
        })
        .collect();
    for shuffle in [true, false] {
        let g = Graph::new();
        let s = g.root();
        let q = string_input_producer(
            s,
            &files,
            &ProducerOptions {
                num_epochs: Some(3),
                capacity: 2,
                ..Default::default()
            },
        );
        let (_, value) = s.reader_read(s.fixed_length_record_reader(3), q);
        let record = s.decode_raw(value, DType::U8).with_shape([3usize]);
        let options = BatchOptions {
            batch_size: 7,
            num_threads: 4,
            capacity: 40,
            min_after_dequeue: if shuffle { 20 } else { 0 },
            allow_smaller_final_batch: true,
            ..Default::default()
        };
        let out = match shuffle {
            true => shuffle_batch(s, &[record], &options)[0],
            false => batch(s, &[record], &options)[0],
        };
        let session = Session::new(&g).unwrap();
        let inits: Vec<_> = g
            .collection_variables(keys::LOCAL_VARIABLES)
            .iter()
            .map(|v| v.initializer)
            .collect();
        for init in inits {
            session.run_target(init).unwrap();
        }
        let coord = Coordinator::new();
        start_queue_runners(&session, &coord).unwrap();
        let mut seen = std::collections::HashMap::<(u8, u8), usize>::new();
        let mut sizes = Vec::new();
        let end = loop {
            match session.fetch(out) {
                Ok(t) => {
                    sizes.push(t.shape().dims()[0]);
                    for r in t.data::<u8>().unwrap().chunks(3) {
                        *seen.entry((r[0], r[1])).or_default() += 1;
                    }
                }
                Err(e) => break e,
            }
        };
        assert_eq!(end.code(), Code::OutOfRange, "{end}");
        assert!(
            end.message()
                .contains("is closed and has insufficient elements"),
            "{end}"
        );
        coord.request_stop(None);
        coord.join(std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(seen.len(), 120);
        assert!(seen.values().all(|n| *n == 3));
        assert_eq!((sizes.len(), sizes[sizes.len() - 1]), (52, 3));
    }
    std::fs::remove_dir_all(dir).unwrap();
}
