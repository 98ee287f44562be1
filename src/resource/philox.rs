//! The Philox 4x32-10 generator with TensorFlow's seeding: what random ops and shuffling queues draw from.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Blocks of four random words from a 128-bit counter and a 64-bit key.
///
/// Cheap to copy: a copy draws the same blocks again, so a caller that hands parts of a stream to
/// several threads copies it and skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    counter: u128,
    key: [u32; 2],
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

impl Philox {
    /// The generator of the attributes `seed` and `seed2` as they stand: `seed` is the key, `seed2` the upper
    /// half of the counter.
    pub fn new(seed: u64, seed2: u64) -> Philox {
        Philox {
            counter: u128::from(seed2) << 64,
            key: [seed as u32, (seed >> 32) as u32],
        }
    }

    /// The generator of an op with these attributes: where both seeds are zero, each process draws differently.
    pub fn from_seeds(seed: i64, seed2: i64) -> Philox {
        if seed == 0 && seed2 == 0 {
            Philox::new(entropy(), entropy())
        } else {
            Philox::new(seed as u64, seed2 as u64)
        }
    }

    /// The generator with this key and the whole counter (its lower half first), as stateless random ops give them.
    pub fn with_counter(key: u64, counter: [u64; 2]) -> Philox {
        Philox {
            counter: u128::from(counter[0]) | u128::from(counter[1]) << 64,
            key: [key as u32, (key >> 32) as u32],
        }
    }

    /// The generator that stateless random ops make from their seed: both numbers are mixed first, so that it does
    /// not matter which of them varies.
    pub fn from_stateless_seed(seed: [u64; 2]) -> Philox {
        let [a, b, c, d] = Philox::with_counter(0x0246_1e29_3ec8_f720, seed).at(0);
        let double = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        Philox::with_counter(double(a, b), [0, double(c, d)])
    }

    /// The key and the counter (its lower half first).
    pub fn parts(&self) -> (u64, [u64; 2]) {
        let key = u64::from(self.key[0]) | u64::from(self.key[1]) << 32;
        (key, [self.counter as u64, (self.counter >> 64) as u64])
    }

    /// The next block of four words.
    #[inline]
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> [u32; 4] {
        let block = self.at(0);
        self.counter = self.counter.wrapping_add(1);
        block
    }

    /// The block that lies `ahead` blocks further; the generator stays where it is.
    #[inline]
    pub fn at(&self, ahead: u64) -> [u32; 4] {
        let c = self.counter.wrapping_add(u128::from(ahead));
        let mut x = [
            c as u32,
            (c >> 32) as u32,
            (c >> 64) as u32,
            (c >> 96) as u32,
        ];
        let mut key = self.key;
        for round in 0..10 {
            if round > 0 {
                key[0] = key[0].wrapping_add(WEYL[0]);
                key[1] = key[1].wrapping_add(WEYL[1]);
            }
            let p0 = u64::from(MULTIPLIERS[0]) * u64::from(x[0]);
            let p1 = u64::from(MULTIPLIERS[1]) * u64::from(x[2]);
            x = [
                (p1 >> 32) as u32 ^ x[1] ^ key[0],
                p1 as u32,
                (p0 >> 32) as u32 ^ x[3] ^ key[1],
                p0 as u32,
            ];
        }
        x
    }

    /// Leaves out that many blocks.
    pub fn skip(&mut self, blocks: u64) {
        self.counter = self.counter.wrapping_add(u128::from(blocks));
    }
}

/// Words one after the other: all four of each block.
#[derive(Clone, Debug)]
pub struct Words {
    blocks: Philox,
    block: [u32; 4],
    used: usize,
}

impl Words {
    /// The words of a generator.
    pub fn new(blocks: Philox) -> Words {
        Words {
            blocks,
            block: [0; 4],
            used: 4,
        }
    }
    /// The next word.
    pub fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.block = self.blocks.next();
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

/// A number that nobody can foresee (the hasher's keys come from the system's random source).
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        assert_eq!(
            Philox::new(0, 0).next(),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        let ones = Philox {
            counter: u128::MAX,
            key: [u32::MAX; 2],
        };
        assert_eq!(
            ones.at(0),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn seeded_stream_of_tensorflow() {
        let mut p = Philox::new(87_654_321, 7);
        let first = [0x76bd_f1c7, 0xbec0_cb43, 0x0e20_a88d, 0x9b0f_f78e];
        let second = [0x4577_6ce0, 0x8fd5_11eb, 0x589d_573a, 0x8f6c_0fa3];
        assert_eq!(p.at(1), second);
        let mut words = Words::new(p);
        assert_eq!([(); 4].map(|()| words.word()), first);
        assert_eq!([(); 4].map(|()| words.word()), second);
        assert_eq!(p.next(), first);
        assert_eq!(p.next(), second);
        p.skip(1022);
        assert_eq!(p.next()[0], 0xcda7_1dfa);
    }

    #[test]
    fn stateless_seeds_are_mixed_as_in_tensorflow() {
        let p = Philox::from_stateless_seed([3, -4i64 as u64]);
        let (key, counter) = p.parts();
        assert_eq!(key, 8_496_633_186_236_937_083);
        assert_eq!(counter, [0, 10_170_721_048_406_114_738]);
        assert_eq!(Philox::with_counter(key, counter), p);
    }

    #[test]
    fn the_counter_carries_into_the_upper_half() {
        let mut p = Philox::new(5, 9);
        p.skip(u64::MAX);
        assert_eq!(p.at(1), Philox::new(5, 10).at(0));
    }

    #[test]
    fn unseeded_generators_differ() {
        assert_ne!(Philox::from_seeds(0, 0), Philox::from_seeds(0, 0));
        assert_eq!(Philox::from_seeds(0, 3), Philox::new(0, 3));
    }
}
