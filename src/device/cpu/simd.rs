//! Which vector instructions this machine has, asked once at run time.

/// The widest instruction set that kernels may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What the compiler's target guarantees.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512F (with AVX2 and FMA).
    Avx512,
}

impl SimdLevel {
    /// The level of this machine.
    pub fn detect() -> SimdLevel {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") {
                return SimdLevel::Avx512;
            }
            if avx2 {
                return SimdLevel::Avx2;
            }
        }
        SimdLevel::Portable
    }

    /// All levels that this machine has, from the least.
    pub fn available() -> Vec<SimdLevel> {
        let best = SimdLevel::detect();
        [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512]
            .into_iter()
            .filter(|l| *l <= best)
            .collect()
    }
}

/// A loop that [`vectorized`] compiles for each instruction set.
pub trait Loop {
    /// What it gives.
    type Output;
    /// The loop. It must be `#[inline(always)]`, as everything that it calls in its inner part: what is not
    /// inlined stays portable code.
    fn run(self) -> Self::Output;
}

/// Runs a loop compiled for the widest instruction set of this machine.
///
/// Multiplications and additions are not fused, so the result does not depend on the machine.
pub fn vectorized<L: Loop>(l: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn on_avx512<L: Loop>(l: L) -> L::Output {
            l.run()
        }
        #[target_feature(enable = "avx2,fma")]
        fn on_avx2<L: Loop>(l: L) -> L::Output {
            l.run()
        }
        match SimdLevel::detect() {
            // SAFETY: the machine has these instructions.
            SimdLevel::Avx512 => return unsafe { on_avx512(l) },
            // SAFETY: as above.
            SimdLevel::Avx2 => return unsafe { on_avx2(l) },
            SimdLevel::Portable => {}
        }
    }
    l.run()
}
