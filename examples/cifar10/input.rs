//! Reading CIFAR-10's binary format, and turning images into batches, distorted for training or plain for evaluation.

use std::path::PathBuf;
use tensorloom::train::{
    BatchOptions, ProducerOptions, batch, shuffle_batch, string_input_producer,
};
use tensorloom::{DType, Graph, Output, Scope};

/// Images are cropped to squares of this size.
pub const IMAGE_SIZE: usize = 24;
/// Images in a full training set: the decay of the learning rate and the mixing of the queue follow it.
pub const EXAMPLES_PER_EPOCH: i64 = 50_000;
/// Images in a full test set.
pub const EVAL_EXAMPLES_PER_EPOCH: i64 = 10_000;
/// The part of an epoch that stays in the queue so that batches are well mixed.
const FRACTION_IN_QUEUE: f64 = 0.4;
/// Height and width of the stored images, and their channels.
const STORED: (i64, i64) = (32, 3);
/// Bytes of a label.
const LABEL_BYTES: i64 = 1;
/// Bytes of an image.
const IMAGE_BYTES: i64 = STORED.0 * STORED.0 * STORED.1;

/// A batch.
#[derive(Clone, Copy)]
pub struct Batch<'g> {
    /// `[batch, 24, 24, 3]`, each image whitened.
    pub images: Output<'g>,
    /// `[batch]`, int32, 0 to 9.
    pub labels: Output<'g>,
}

/// How batches are put together.
#[derive(Clone, Debug)]
pub struct InputOptions {
    /// The `.bin` files.
    pub files: Vec<PathBuf>,
    /// Images in a batch.
    pub batch_size: u32,
    /// Threads that fill the queue.
    pub threads: usize,
    /// Images that stay in the queue, so that batches are well mixed (without mixing: that may wait in it).
    pub min_queue: i64,
    /// Batches that one step takes.
    pub batches_per_step: u32,
}

impl InputOptions {
    /// The most images in the queue: enough for a step beyond those that stay.
    pub fn capacity(&self) -> i64 {
        let batches = i64::from(self.batches_per_step.max(3));
        self.min_queue + batches * i64::from(self.batch_size)
    }
    fn names(&self) -> Vec<String> {
        self.files
            .iter()
            .map(|f| f.to_string_lossy().into_owned())
            .collect()
    }
}

/// The part of so many images that stays in the queue.
pub fn min_queue_examples(per_epoch: i64) -> i64 {
    (per_epoch as f64 * FRACTION_IN_QUEUE) as i64
}

/// One record: the image, `[32, 32, 3]` float, and its label, `[1]` int32.
fn read_record<'g>(s: Scope<'g>, files: Output<'g>) -> (Output<'g>, Output<'g>) {
    let reader = s.fixed_length_record_reader(LABEL_BYTES + IMAGE_BYTES);
    let (_, record) = s.reader_read(reader, files);
    let bytes = s.decode_raw(record, DType::U8);
    let label = s
        .cast(bytes.slice([0i32], [LABEL_BYTES as i32]), DType::I32)
        .with_shape([1]);
    // The file holds the red, green and blue planes; images are rows of pixels of three channels.
    let planes = bytes.slice([LABEL_BYTES as i32], [IMAGE_BYTES as i32]);
    let planes = s.reshape(planes, [STORED.1 as i32, STORED.0 as i32, STORED.0 as i32]);
    let image = s.transpose(planes, [1i32, 2, 0]);
    (s.cast(image, DType::F32), label)
}

/// Batches for training: random crops, flips, brightness and contrast, well mixed.
pub fn distorted_inputs<'g>(g: &'g Graph, options: &InputOptions) -> Batch<'g> {
    let root = g.device("/cpu:0");
    let files = string_input_producer(root, &options.names(), &ProducerOptions::default());
    let s = root.scope("data_augmentation");
    let (image, label) = read_record(s, files);
    let image = s.random_crop(image, [IMAGE_SIZE as i32, IMAGE_SIZE as i32, 3], None);
    let image = s.random_flip_left_right(image, None);
    let image = s.random_brightness(image, 63.0, None);
    let image = s.random_contrast(image, 0.2, 1.8, None);
    let image = s
        .per_image_standardization(image)
        .with_shape([IMAGE_SIZE, IMAGE_SIZE, 3]);
    let made = BatchOptions {
        batch_size: options.batch_size as i32,
        num_threads: options.threads,
        capacity: options.capacity(),
        min_after_dequeue: options.min_queue,
        ..BatchOptions::default()
    };
    finish(root, shuffle_batch(root, &[image, label], &made), options)
}

/// Batches for evaluation: the middle of each image, in the order of the file.
pub fn inputs<'g>(g: &'g Graph, options: &InputOptions) -> Batch<'g> {
    let root = g.device("/cpu:0");
    let in_order = ProducerOptions {
        shuffle: false,
        ..ProducerOptions::default()
    };
    let s = root.scope("input");
    let files = string_input_producer(s, &options.names(), &in_order);
    let (image, label) = read_record(s, files);
    let image = s.resize_image_with_crop_or_pad(image, IMAGE_SIZE, IMAGE_SIZE);
    let image = s
        .per_image_standardization(image)
        .with_shape([IMAGE_SIZE, IMAGE_SIZE, 3]);
    let made = BatchOptions {
        batch_size: options.batch_size as i32,
        num_threads: options.threads,
        capacity: options.capacity(),
        ..BatchOptions::default()
    };
    finish(root, batch(root, &[image, label], &made), options)
}

fn finish<'g>(s: Scope<'g>, batch: Vec<Output<'g>>, options: &InputOptions) -> Batch<'g> {
    let [images, labels] = batch[..] else {
        return Batch {
            images: Output::broken(s),
            labels: Output::broken(s),
        };
    };
    s.summary_image("images", images, 3);
    Batch {
        images,
        labels: s.reshape(labels, [options.batch_size as i32]),
    }
}
