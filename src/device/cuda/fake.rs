//! A driver for tests of what stands above the seam: host memory, and work that is done as soon as it is queued.

use super::driver::*;
use crate::error::{Error, Result};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// See the file's first line. A kernel does nothing; a source is the list of its functions.
pub(crate) struct Fake {
    devices: Vec<Facts>,
    blocks: Mutex<HashMap<u64, Vec<u64>>>,
    pinned: Mutex<HashMap<usize, Vec<u64>>>,
    sources: Mutex<Vec<String>>,
    next: AtomicU64,
    allocations: AtomicUsize,
    launches: AtomicUsize,
    failing: AtomicBool,
    compiler: Mutex<()>,
    damaged: AtomicBool,
    /// Set when host calls are refused: whether they come all the same.
    refused: Mutex<Option<bool>>,
}

impl Fake {
    pub(crate) fn new(devices: usize, memory: u64) -> Fake {
        let facts = Facts {
            model: "Fake".into(),
            capability: (7, 0),
            memory,
            multiprocessors: 1,
            bus: "0".into(),
        };
        Fake {
            devices: vec![facts; devices],
            blocks: Mutex::default(),
            pinned: Mutex::default(),
            sources: Mutex::default(),
            next: AtomicU64::new(1),
            allocations: AtomicUsize::new(0),
            launches: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            compiler: Mutex::default(),
            damaged: AtomicBool::new(false),
            refused: Mutex::default(),
        }
    }
    pub(crate) fn allocations(&self) -> usize {
        self.allocations.load(Ordering::SeqCst)
    }
    pub(crate) fn live(&self) -> usize {
        self.blocks.lock().len()
    }
    /// Live blocks and pinned buffers, once the threads that finish copies have let go of theirs.
    pub(crate) fn settled(&self) -> (usize, usize) {
        for _ in 0..1000 {
            if self.live() + self.pinned.lock().len() == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        (self.live(), self.pinned.lock().len())
    }
    pub(crate) fn compiled(&self) -> usize {
        self.sources.lock().len()
    }
    pub(crate) fn launched(&self) -> usize {
        self.launches.load(Ordering::SeqCst)
    }
    pub(crate) fn fail_copies(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }
    /// Nothing is compiled as long as this lives.
    pub(crate) fn hold_compiler(&self) -> MutexGuard<'_, ()> {
        self.compiler.lock()
    }
    /// Host calls are errors from now on, whether or not they are queued.
    pub(crate) fn refuse_calls(&self, queued: bool) {
        *self.refused.lock() = Some(queued);
    }
    pub(crate) fn accept_calls(&self) {
        *self.refused.lock() = None;
    }
    /// No image can be loaded until it is forgotten.
    pub(crate) fn damage_image(&self) {
        self.damaged.store(true, Ordering::SeqCst);
    }
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
    fn copy(&self, to: *mut u8, from: *const u8, bytes: usize) -> Result<()> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(Error::internal("the copy failed"));
        }
        // SAFETY: the caller of the unsafe method vouches for both ranges.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
        Ok(())
    }
}

impl Driver for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn devices(&self) -> &[Facts] {
        &self.devices
    }
    fn memory(&self, device: usize) -> Result<(u64, u64)> {
        let total = self.devices[device].memory;
        // So that the limit of a GPU is far above what the driver has.
        Ok((total * 2, total))
    }
    fn allocate(&self, device: usize, bytes: usize) -> Result<DevicePtr> {
        let mut blocks = self.blocks.lock();
        let used: usize = blocks.values().map(|b| b.len() * 8).sum();
        if (used + bytes) as u64 > self.devices[device].memory {
            return Err(Error::resource_exhausted("full"));
        }
        self.allocations.fetch_add(1, Ordering::SeqCst);
        let mut block = vec![0u64; bytes.div_ceil(8)];
        let ptr = block.as_mut_ptr() as u64;
        blocks.insert(ptr, block);
        Ok(DevicePtr(ptr))
    }
    unsafe fn free(&self, _: usize, ptr: DevicePtr) -> Result<()> {
        self.blocks.lock().remove(&ptr.0).expect("freed twice");
        Ok(())
    }
    fn allocate_pinned(&self, _: usize, bytes: usize) -> Result<NonNull<u8>> {
        let mut block = vec![0u64; bytes.div_ceil(8)];
        let ptr = NonNull::new(block.as_mut_ptr() as *mut u8).unwrap();
        self.pinned.lock().insert(ptr.as_ptr() as usize, block);
        Ok(ptr)
    }
    unsafe fn free_pinned(&self, _: usize, ptr: NonNull<u8>) -> Result<()> {
        let at = ptr.as_ptr() as usize;
        self.pinned.lock().remove(&at).expect("freed twice");
        Ok(())
    }
    fn stream(&self, _: usize) -> Result<StreamId> {
        Ok(StreamId(self.number()))
    }
    fn event(&self, _: usize) -> Result<EventId> {
        Ok(EventId(self.number()))
    }
    fn record(&self, _: EventId, _: StreamId) -> Result<()> {
        Ok(())
    }
    fn wait(&self, _: StreamId, _: EventId) -> Result<()> {
        Ok(())
    }
    fn is_over(&self, _: EventId) -> Result<bool> {
        Ok(true)
    }
    fn synchronize(&self, _: StreamId) -> Result<()> {
        Ok(())
    }
    unsafe fn to_device(
        &self,
        _: StreamId,
        to: DevicePtr,
        from: *const u8,
        n: usize,
    ) -> Result<()> {
        self.copy(to.0 as *mut u8, from, n)
    }
    unsafe fn to_host(&self, _: StreamId, to: *mut u8, from: DevicePtr, n: usize) -> Result<()> {
        self.copy(to, from.0 as *const u8, n)
    }
    unsafe fn on_device(
        &self,
        _: StreamId,
        to: DevicePtr,
        from: DevicePtr,
        n: usize,
    ) -> Result<()> {
        self.copy(to.0 as *mut u8, from.0 as *const u8, n)
    }
    fn compile(&self, _: usize, source: &str, _: &str) -> Result<Vec<u8>> {
        let _held = self.compiler.lock();
        let functions = source.lines().last().unwrap_or("");
        self.sources.lock().push(functions.into());
        Ok(functions.into())
    }
    fn forget(&self, _: usize, _: &str, _: &str) -> bool {
        self.damaged.swap(false, Ordering::SeqCst)
    }
    fn load(&self, _: usize, image: &[u8]) -> Result<ModuleId> {
        if self.damaged.load(Ordering::SeqCst) {
            return Err(Error::internal("not an image"));
        }
        let sources = self.sources.lock();
        let found = sources.iter().position(|s| s.as_bytes() == image);
        Ok(ModuleId(found.expect("an image of this driver") as u64))
    }
    fn function(&self, module: ModuleId, name: &str) -> Result<FunctionId> {
        let sources = self.sources.lock();
        let found = sources[module.0 as usize].split(' ').any(|f| f == name);
        match found {
            true => Ok(FunctionId(self.number())),
            false => Err(Error::not_found(format!("no function {name}"))),
        }
    }
    unsafe fn launch(&self, _: StreamId, _: FunctionId, _: &Grid, _: &[Arg]) -> Result<()> {
        self.launches.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn call_host(&self, _: StreamId, f: HostCall) -> Result<()> {
        let refused = *self.refused.lock();
        let late = Error::internal("an earlier error");
        match refused {
            None => f(Ok(())),
            Some(true) => f(Err(late.clone())),
            Some(false) => return Err(late),
        }
        match refused {
            None => Ok(()),
            Some(_) => Err(late),
        }
    }
}
