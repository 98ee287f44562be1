//! The kernels of one GPU: compiled when they are first launched or, better, when it is known that they will be.

use super::driver::{Driver, FunctionId, ModuleId};
use super::source::Source;
use crate::dtype::DType;
use crate::error::Result;
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A source and an element type: what is compiled at once.
#[derive(Clone, Copy)]
struct Unit(&'static Source, DType);

impl Unit {
    fn key(self) -> Key {
        (std::ptr::from_ref(self.0) as usize, self.1)
    }
}

/// The address of a source, and an element type.
type Key = (usize, DType);

/// The module of a unit, once it is loaded. Whoever needs it waits for the lock while another compiles.
type Slot = Arc<Mutex<Option<ModuleId>>>;

/// See the file's first line.
pub(super) struct Kernels {
    driver: Arc<dyn Driver>,
    device: usize,
    functions: RwLock<HashMap<Key, HashMap<String, FunctionId>>>,
    modules: Mutex<HashMap<Key, Slot>>,
    ahead: Mutex<Ahead>,
}

/// What is to be compiled ahead.
#[derive(Default)]
struct Ahead {
    waiting: VecDeque<Unit>,
    threads: usize,
}

impl Kernels {
    pub(super) fn new(driver: Arc<dyn Driver>, device: usize) -> Arc<Kernels> {
        Arc::new(Kernels {
            driver,
            device,
            functions: RwLock::default(),
            modules: Mutex::default(),
            ahead: Mutex::default(),
        })
    }

    /// The entry point `NAME_TYPE`, compiled and loaded when it is asked for the first time.
    pub(super) fn function(
        &self,
        source: &'static Source,
        dtype: DType,
        name: &str,
    ) -> Result<FunctionId> {
        let unit = Unit(source, dtype);
        let known = self.functions.read();
        if let Some(id) = known.get(&unit.key()).and_then(|f| f.get(name)) {
            return Ok(*id);
        }
        drop(known);
        let entry = format!("{name}_{}", source.element(dtype)?.name);
        let id = self.driver.function(self.module(unit)?, &entry)?;
        let mut functions = self.functions.write();
        let of_unit = functions.entry(unit.key()).or_default();
        of_unit.insert(name.to_string(), id);
        Ok(id)
    }

    /// Compiles on other threads what a kernel is going to launch. An error comes out of the launch.
    pub(super) fn prepare(self: &Arc<Kernels>, source: &'static Source, dtype: DType) {
        let unit = Unit(source, dtype);
        if source.element(dtype).is_err() || self.modules.lock().contains_key(&unit.key()) {
            return;
        }
        self.slot(unit);
        let mut ahead = self.ahead.lock();
        ahead.waiting.push_back(unit);
        let most = std::thread::available_parallelism().map_or(1, |n| n.get());
        if ahead.threads < most.min(8) {
            let own = self.clone();
            let started = std::thread::Builder::new()
                .name(format!("gpu-{}-compile", self.device))
                .spawn(move || own.work());
            // Without a thread, the first launch compiles.
            ahead.threads += usize::from(started.is_ok());
        }
    }

    fn work(&self) {
        loop {
            let mut ahead = self.ahead.lock();
            let Some(unit) = ahead.waiting.pop_front() else {
                ahead.threads -= 1;
                return;
            };
            drop(ahead);
            // The launch compiles it again and reports what is wrong.
            let _ = self.module(unit);
        }
    }

    fn slot(&self, unit: Unit) -> Slot {
        self.modules.lock().entry(unit.key()).or_default().clone()
    }

    fn module(&self, unit: Unit) -> Result<ModuleId> {
        let slot = self.slot(unit);
        let mut module = slot.lock();
        if let Some(id) = *module {
            return Ok(id);
        }
        let Unit(source, dtype) = unit;
        let name = format!("{} for {dtype}", source.name);
        let text = source.text(dtype)?;
        let made = || {
            let image = self.driver.compile(self.device, &text, &name)?;
            self.driver.load(self.device, &image)
        };
        let id = made().or_else(|e| match self.driver.forget(self.device, &text, &name) {
            true => made(),
            false => Err(e),
        })?;
        *module = Some(id);
        Ok(id)
    }
}
