//! The gradients of towers on several devices: those of one large batch, and those of small batches one after the other.

use super::input::IMAGE_SIZE;
use super::model::{self, Labels};
use tensorloom::prelude::*;
use tensorloom::train::{Reduction, Towers};

/// Images in all; each tower takes its share.
const IMAGES: usize = 8;
const REDUCTIONS: [Reduction; 3] = [Reduction::Stack, Reduction::Ring, Reduction::Tree];

/// Images like noise and their labels: those from `from` on, so many.
fn samples(from: usize, count: usize) -> [Tensor; 2] {
    let pixels = IMAGE_SIZE * IMAGE_SIZE * 3;
    let noise = |i: usize| ((i.wrapping_mul(2_654_435_761) >> 7) % 4001) as f32 / 1000.0 - 2.0;
    let values = (from * pixels..(from + count) * pixels)
        .map(noise)
        .collect();
    let labels: Vec<i32> = (from..from + count).map(|i| (i * 7 % 10) as i32).collect();
    let shape = [count, IMAGE_SIZE, IMAGE_SIZE, 3];
    let images = Tensor::from_vec(&shape, values).unwrap();
    [images, Tensor::from_vec(&[count], labels).unwrap()]
}

/// The network's loss on a batch that is fed, and what is fed.
fn network<'g>(s: Scope<'g>, batch: usize) -> (Output<'g>, [Output<'g>; 2]) {
    let side = Some(IMAGE_SIZE);
    let images = s
        .named("images")
        .placeholder(DType::F32, [Some(batch), side, side, Some(3)]);
    let labels = s.named("labels").placeholder(DType::I32, [Some(batch)]);
    let logits = model::inference(s, images.in_scope(s));
    let loss = model::loss(s, logits, labels.in_scope(s), Labels::Sparse);
    (loss, [images, labels])
}

/// The gradients of a network on `/cpu:0` that shares the variables, and what is fed to it.
fn alone<'g>(g: &'g Graph, name: &str, batch: usize) -> (Vec<Output<'g>>, [Output<'g>; 2]) {
    let s = g.device("/cpu:0").scope(name).reuse(Reuse::Always);
    let (loss, fed) = network(s, batch);
    let gradients = GradientDescent::new(0.1).compute_gradients(loss).unwrap();
    let dense = gradients.iter().map(|(g, _)| g.unwrap().dense(s));
    (dense.collect(), fed)
}

/// The mean in the order of a tree: sums of two, of four ….
fn tree(of_towers: &[&[f32]]) -> Vec<f32> {
    let n = of_towers.len();
    let mut level: Vec<Vec<f32>> = of_towers.iter().map(|g| g.to_vec()).collect();
    while level.len() > 1 {
        let sum = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).map(|(a, b)| a + b).collect();
        level = level.chunks(2).map(sum).collect();
    }
    level[0].iter().map(|x| x / n as f32).collect()
}

/// The mean in the order of a ring: part k of the elements is added up from tower k on.
fn ring(of_towers: &[&[f32]]) -> Vec<f32> {
    let (n, elements) = (of_towers.len(), of_towers[0].len());
    let sizes = (0..n).map(|k| elements / n + usize::from(k < elements % n));
    let parts = sizes
        .enumerate()
        .flat_map(|(k, size)| std::iter::repeat_n(k, size));
    let mean = |(i, part): (usize, usize)| {
        let along = (0..n).map(|hop| of_towers[(part + hop) % n][i]);
        along.reduce(|sum, x| sum + x).unwrap() / n as f32
    };
    parts.enumerate().map(mean).collect()
}

/// The mean that an op on one device gives of gradients that lie one above the other.
fn stacked(of_towers: &[&[f32]]) -> Vec<f32> {
    let g = Graph::new();
    let shape = [of_towers.len(), of_towers[0].len()];
    let stack = Tensor::from_vec(&shape, of_towers.concat()).unwrap();
    let mean = g.root().mean(g.root().constant(stack), 0i32, KeepDims::No);
    let value = Session::new(&g).unwrap().fetch(mean).unwrap();
    value.data::<f32>().unwrap().to_vec()
}

/// The network on `n` devices, each with a share of the images; with all images at once; and with one share after the
/// other on one device.
fn gradients_of_towers(n: usize) {
    let share = IMAGES / n;
    let g = Graph::new();
    g.set_seed(11);
    let devices = (0..n).map(|i| format!("/cpu:{i}"));
    let mut fed = Vec::new();
    let towers = Towers::new(g.root(), devices).replicate(|tower| {
        let (loss, own) = network(tower.scope, share);
        fed.push(own);
        loss
    });
    let towers = towers.unwrap();
    let averaged = REDUCTIONS.map(|r| towers.average_gradients_by(r).unwrap());
    let names: Vec<String> = averaged[0].iter().map(|(_, v)| v.name()).collect();
    let dense = averaged
        .iter()
        .flatten()
        .map(|(m, _)| m.unwrap().dense(g.root()));
    let averaged: Vec<Output<'_>> = dense.collect();
    let (in_one, whole) = alone(&g, "whole", IMAGES);
    let (one_by_one, small) = alone(&g, "small", share);
    assert_eq!(names.len(), 10);

    let options = SessionOptions {
        cpu_devices: n,
        ..SessionOptions::default()
    };
    let session = Session::with_options(&g, &options).unwrap();
    session.run_target(g.init_op()).unwrap();
    let feed = |to: &[Output<'_>; 2], from: usize, count: usize| {
        let [images, labels] = samples(from, count);
        vec![(to[0].name(), images), (to[1].name(), labels)]
    };
    let feeds: Vec<(String, Tensor)> = (0..n)
        .flat_map(|i| feed(&fed[i], i * share, share))
        .collect();
    let averaged = session.run(feeds, averaged, ()).unwrap();
    let in_one = session.run(feed(&whole, 0, IMAGES), in_one, ()).unwrap();
    let micro = |i: usize| session.run(feed(&small, i * share, share), one_by_one.clone(), ());
    let micros: Vec<Vec<Tensor>> = (0..n).map(|i| micro(i).unwrap()).collect();
    let mut worst = 0.0f32;
    for (mean, reduction) in averaged.chunks(names.len()).zip(REDUCTIONS) {
        assert_eq!(mean.len(), names.len());
        for (v, name) in names.iter().enumerate() {
            let title = format!("{name}, {n} towers, {reduction:?}");
            let got = mean[v].data::<f32>().unwrap();
            let parts: Vec<&[f32]> = micros.iter().map(|t| t[v].data::<f32>().unwrap()).collect();
            let wanted = match reduction {
                Reduction::Stack => stacked(&parts),
                Reduction::Ring => ring(&parts),
                Reduction::Tree => tree(&parts),
            };
            let same = got
                .iter()
                .zip(&wanted)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(got.len() == wanted.len() && same, "{title}: other bits");
            let large = in_one[v].data::<f32>().unwrap();
            let greatest = large.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            let off = got
                .iter()
                .zip(large)
                .fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(off <= 1e-5 * greatest, "{title}: {off} of {greatest}");
            assert!(greatest > 0.0, "{title}: nothing to compare");
            worst = worst.max(off / greatest);
        }
    }
    println!(
        "{n} towers: the same bits as one by one; differs from one batch by at most {worst:e}"
    );
}

#[test]
fn one_tower() {
    gradients_of_towers(1);
}

#[test]
fn two_towers() {
    gradients_of_towers(2);
}

#[test]
fn four_towers() {
    gradients_of_towers(4);
}

#[test]
fn eight_towers() {
    gradients_of_towers(8);
}
