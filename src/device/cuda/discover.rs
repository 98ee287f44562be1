//! The GPUs of this machine, found once in a process.

use super::driver::Driver;
use super::gpu::Gpu;
use crate::error::Result;
use std::sync::{Arc, OnceLock};

/// The GPUs, or why there is none.
pub struct Gpus {
    /// One for each device of the driver, in its order.
    pub gpus: Vec<Arc<Gpu>>,
    /// Why there is none, or not all that the machine has; empty when all are here.
    pub why_none: String,
}

impl Gpus {
    /// All devices of a driver.
    ///
    /// # Errors
    /// What the driver says.
    pub fn of(driver: &Arc<dyn Driver>) -> Result<Gpus> {
        let gpus = (0..driver.devices().len())
            .map(|i| Gpu::new(driver.clone(), i))
            .collect::<Result<Vec<_>>>()?;
        let why_none = match gpus.is_empty() {
            true => format!("the {} driver shows no device", driver.name()),
            false => String::new(),
        };
        Ok(Gpus { gpus, why_none })
    }
    fn none(why: impl Into<String>) -> Gpus {
        Gpus {
            gpus: Vec::new(),
            why_none: why.into(),
        }
    }
}

/// The GPUs of this machine. The first call looks for them, which takes a while where there are some.
///
/// With the cargo feature `cuda-emulator`, `TENSORLOOM_EMULATE_GPUS=N` gives N emulated ones instead.
pub fn discover() -> &'static Gpus {
    static FOUND: OnceLock<Gpus> = OnceLock::new();
    FOUND.get_or_init(|| {
        #[cfg(feature = "cuda-emulator")]
        if let Ok(count) = std::env::var("TENSORLOOM_EMULATE_GPUS") {
            return emulated(&count).unwrap_or_else(|e| Gpus::none(e.message()));
        }
        look()
    })
}

#[cfg(feature = "cuda-emulator")]
fn emulated(count: &str) -> Result<Gpus> {
    use super::emulator::{Emulator, EmulatorOptions};
    let devices = count.parse().map_err(|_| {
        crate::error::Error::invalid_argument(format!(
            "TENSORLOOM_EMULATE_GPUS={count}: not a number"
        ))
    })?;
    let driver: Arc<dyn Driver> = Arc::new(Emulator::new(EmulatorOptions {
        devices,
        ..EmulatorOptions::default()
    })?);
    Gpus::of(&driver)
}

#[cfg(feature = "cuda")]
fn look() -> Gpus {
    let real = match super::real::Real::open() {
        Ok(real) => real,
        Err(why) => return Gpus::none(why),
    };
    let left_out = real.left_out();
    let driver: Arc<dyn Driver> = Arc::new(real);
    match Gpus::of(&driver) {
        Ok(found) if found.why_none.is_empty() => Gpus {
            why_none: left_out,
            ..found
        },
        Ok(found) => found,
        Err(e) => Gpus::none(e.message()),
    }
}

#[cfg(not(feature = "cuda"))]
fn look() -> Gpus {
    Gpus::none("this build has no support for GPUs (cargo feature cuda)")
}
