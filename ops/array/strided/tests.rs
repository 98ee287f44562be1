//! Tests of strided copies against the plain loop.

use super::*;
use proptest::prelude::*;

/// The same copy, element by element.
fn plainly(dims: &[usize], src: &[u32], from: &Layout, dst: &mut [u32], to: &Layout) {
    let total: usize = dims.iter().product();
    for index in 0..total {
        let (mut rest, mut f, mut t) = (index, from.start as isize, to.start as isize);
        for i in (0..dims.len()).rev() {
            let k = (rest % dims[i]) as isize;
            rest /= dims[i];
            f += k * from.steps[i];
            t += k * to.steps[i];
        }
        dst[t as usize] = src[f as usize];
    }
}

fn check(dims: &[usize], order: &[usize], flip: &[bool], repeat: &[bool]) {
    let pool = ThreadPool::new(2);
    // The source holds the dimensions in another order, some backwards, some only once.
    let n = dims.len();
    let mut from = Layout {
        start: 0,
        steps: SmallVec::from_elem(0, n),
    };
    let mut len = 1usize;
    for &i in order.iter().rev() {
        if repeat[i] {
            continue;
        }
        from.steps[i] = len as isize;
        if flip[i] && dims[i] > 0 {
            from.start += len * (dims[i] - 1);
            from.steps[i] = -from.steps[i];
        }
        len *= dims[i];
    }
    let src: Vec<u32> = (0..len as u32).collect();
    // The destination is a box inside a larger tensor.
    let larger: Vec<usize> = dims.iter().map(|d| d + 2).collect();
    let shape = Shape::of(&larger).unwrap();
    let to = Layout::at(&shape, &vec![1; n]).unwrap();
    let mut got = vec![u32::MAX; shape.elements()];
    let mut expected = got.clone();
    copy_box(&pool, dims, &src, &from, &mut got, &to).unwrap();
    plainly(dims, &src, &from, &mut expected, &to);
    assert!(got == expected, "{dims:?} {order:?} {flip:?} {repeat:?}");
}

proptest! {
    #[test]
    fn agrees_with_the_plain_loop(
        dims in prop::collection::vec(0usize..20, 0..5),
        seed in any::<u64>(),
        flip in prop::collection::vec(any::<bool>(), 5),
        repeat in prop::collection::vec(prop::bool::weighted(0.2), 5),
    ) {
        let mut order: Vec<usize> = (0..dims.len()).collect();
        order.sort_by_key(|i| seed.rotate_left(7 * *i as u32) % 64);
        check(&dims, &order, &flip, &repeat);
    }
}

#[test]
fn large_copies_are_shared_among_threads() {
    let no = [false; 3];
    check(&[200, 300], &[1, 0], &no, &no);
    check(&[5, 100, 130], &[0, 2, 1], &no, &no);
    check(&[40_000], &[0], &no, &no);
    check(&[40_001], &[0], &[true], &no);
    check(&[70, 3, 90], &[2, 1, 0], &[false, true, false], &no);
}

#[test]
fn a_copy_beyond_its_tensor_is_refused() {
    let pool = ThreadPool::new(1);
    let shape = Shape::of(&[2, 2]).unwrap();
    let dense = Layout::dense(&shape);
    let (src, mut dst) = ([0u8; 4], [0u8; 3]);
    assert!(copy_box(&pool, &[2, 2], &src, &dense, &mut dst, &dense).is_err());
    let mut dst = [0u8; 4];
    let twice = Layout {
        start: 0,
        steps: SmallVec::from_slice(&[0, 1]),
    };
    assert!(copy_box(&pool, &[2, 2], &src, &dense, &mut dst, &twice).is_err());
    let back = Layout {
        start: 0,
        steps: SmallVec::from_slice(&[2, -1]),
    };
    assert!(copy_box(&pool, &[2, 2], &src, &back, &mut dst, &dense).is_err());
}
