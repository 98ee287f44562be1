//! How products are cut up for a device.

use super::Split;
use super::mat_mul::Tiling;

/// The slices cover all terms, none twice, and stay within the memory for them.
#[test]
fn splits_cover_all_terms() {
    for tiles in [1, 2, 12, 288, 10_000] {
        for terms in [0, 1, 75, 127, 128, 1600, 2304, 73_728, 1 << 30] {
            for results in [1, 4800, 102_400, 20 << 20] {
                let s = Split::new(tiles, terms, results);
                assert!(s.slices >= 1 && s.slices <= 256, "{s:?}");
                assert!(s.terms.is_multiple_of(16) && s.terms > 0, "{s:?}");
                assert!(s.slices * s.terms >= terms, "{s:?}");
                assert!((s.slices - 1) * s.terms < terms.max(1), "{s:?}");
                assert!(s.slices == 1 || s.slices * results <= 16 << 20, "{s:?}");
            }
        }
    }
}

/// A product with few results but long sums is split; one that fills a device is not.
#[test]
fn only_small_products_are_split() {
    assert_eq!(Split::new(288, 1600, 18_432 * 64).slices, 1);
    assert_eq!(Split::new(12, 2304, 128 * 384).slices, 18);
    assert!(Split::new(2, 73_728, 75 * 64).slices > 200);
}

/// Large tiles only where they give enough blocks.
#[test]
fn tiles() {
    let of = |m, n, products| {
        let t = Tiling::new(m, n, products);
        (t.tile, t.tiles)
    };
    assert_eq!(of(18_432, 64, 1), (64, 288));
    assert_eq!(of(128, 384, 1), (64, 12));
    assert_eq!(of(4096, 4096, 1), (128, 1024));
    assert_eq!(of(100, 100, 130), (128, 130));
    assert_eq!(of(1, 1, 3), (64, 3));
}
