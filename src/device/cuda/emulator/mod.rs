//! The emulator of CUDA devices: the same `.cu` files, compiled for the host and checked as they run, for tests.
//!
//! Each device has memory of its own, each stream a thread of its own. What a real device would let pass is an error here:
//! pointers to other memory, use after free, writes outside of tensors, barriers that not all threads reach, and results
//! that depend on the order of threads, on what lies outside of tensors, or on memory that nobody wrote.

mod compile;
mod memory;
mod module;
mod stream;
#[cfg(test)]
mod tests;

use super::driver::{
    Arg, DevicePtr, Driver, EventId, Facts, FunctionId, Grid, HostCall, ModuleId, StreamId,
};
use crate::error::{Error, Result};
pub use compile::Rounding;
use memory::Arena;
use module::{Function, Module, Stacks};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;
use stream::{Mark, Stream};

/// What is emulated, and how closely it is checked.
#[derive(Clone, Debug)]
pub struct EmulatorOptions {
    /// The number of devices, 1 to 8.
    pub devices: usize,
    /// The memory of each in bytes.
    pub memory: usize,
    /// Runs each kernel twice from the same memory, with opposite orders of blocks and threads and with other bytes
    /// outside of tensors and in fresh ones, and compares.
    pub look_for_races: bool,
    /// Streams wait at random before they do something, so that a forgotten wait for an event shows.
    pub delays: Option<u64>,
    /// How results are rounded.
    pub rounding: Rounding,
}

impl Default for EmulatorOptions {
    fn default() -> EmulatorOptions {
        EmulatorOptions {
            devices: 1,
            memory: 1 << 30,
            look_for_races: true,
            delays: None,
            rounding: Rounding::Host,
        }
    }
}

/// A driver of emulated devices.
///
/// ```
/// use tensorloom::device::cuda::Driver;
/// use tensorloom::device::cuda::emulator::{Emulator, EmulatorOptions};
/// let driver = Emulator::new(EmulatorOptions { devices: 2, ..Default::default() }).unwrap();
/// assert_eq!(driver.devices().len(), 2);
/// ```
pub struct Emulator {
    options: EmulatorOptions,
    facts: Vec<Facts>,
    devices: Vec<Arc<Device>>,
    pinned: Mutex<BTreeMap<usize, Box<[u128]>>>,
    streams: RwLock<Vec<Stream>>,
    events: RwLock<Vec<Event>>,
    modules: RwLock<Vec<(usize, Arc<Module>)>>,
    functions: RwLock<Vec<Function>>,
}

struct Device {
    arena: Arena,
    /// The first error of the device's work; nothing is done after it.
    error: Mutex<Option<Error>>,
    /// Held by each copy and kernel while races are looked for: a kernel's second run must not undo a copy.
    alone: Mutex<()>,
}

struct Event {
    device: usize,
    mark: Mutex<Option<Arc<Mark>>>,
}

impl Emulator {
    /// Devices with nothing in their memory.
    ///
    /// # Errors
    /// `InvalidArgument` for a number of devices that is not 1 to 8; `ResourceExhausted`.
    pub fn new(options: EmulatorOptions) -> Result<Emulator> {
        if !(1..=8).contains(&options.devices) {
            let n = options.devices;
            return Err(Error::invalid_argument(format!(
                "{n} emulated GPUs: 1 to 8 are possible"
            )));
        }
        let device = |_| {
            Ok(Arc::new(Device {
                arena: Arena::new(options.memory)?,
                error: Mutex::new(None),
                alone: Mutex::new(()),
            }))
        };
        Ok(Emulator {
            facts: (0..options.devices).map(|i| facts(i, &options)).collect(),
            devices: (0..options.devices).map(device).collect::<Result<_>>()?,
            options,
            pinned: Mutex::default(),
            streams: RwLock::default(),
            events: RwLock::default(),
            modules: RwLock::default(),
            functions: RwLock::default(),
        })
    }

    fn device(&self, device: usize) -> Result<&Arc<Device>> {
        self.devices
            .get(device)
            .ok_or_else(|| Error::invalid_argument(format!("no device {device}")))
    }

    /// Calls `f` with the stream and its device.
    fn with_stream<T>(
        &self,
        id: StreamId,
        f: impl FnOnce(&Stream, &Arc<Device>) -> Result<T>,
    ) -> Result<T> {
        let streams = self.streams.read();
        let stream = entry(&streams, id.0, "stream")?;
        f(stream, self.device(stream.device)?)
    }

    /// Queues work that may fail, unless the device has failed already.
    fn queue(
        &self,
        id: StreamId,
        work: impl FnOnce(&Device, &mut Stacks) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.with_stream(id, |stream, device| {
            device.state()?;
            let device = device.clone();
            stream.push(Box::new(move |stacks| {
                if device.state().is_ok()
                    && let Err(e) = work(&device, stacks)
                {
                    device.error.lock().get_or_insert(e);
                }
            }))
        })
    }

    /// The device in whose memory a range lies.
    fn owner(&self, ptr: DevicePtr, bytes: usize, what: &str) -> Result<Arc<Device>> {
        let named = |e: Error| Error::invalid_argument(format!("{what}: {}", e.message()));
        let owner = self.devices.iter().find(|d| d.arena.holds(ptr.0));
        let none = || Error::invalid_argument(format!("{:#x} is not in device memory", ptr.0));
        let owner = owner.ok_or_else(none).map_err(named)?;
        owner.arena.check(ptr.0, bytes).map_err(named)?;
        Ok(owner.clone())
    }

    fn check_pinned(&self, from: *const u8, bytes: usize, what: &str) -> Result<()> {
        let at = from as usize;
        let pinned = self.pinned.lock();
        let block = pinned.range(..=at).next_back();
        let length = |block: &[u128]| size_of_val(block);
        match block {
            Some((start, block)) if (at - start).saturating_add(bytes) <= length(block) => Ok(()),
            _ => Err(Error::invalid_argument(format!(
                "{what}: {bytes} bytes from {from:p} are not in pinned host memory"
            ))),
        }
    }

    /// Queues a copy between checked places, under the locks of the devices that own them.
    fn copy(
        &self,
        stream: StreamId,
        (to, from, bytes): (usize, usize, usize),
        owners: Vec<Arc<Device>>,
    ) -> Result<()> {
        let look_for_races = self.options.look_for_races;
        self.queue(stream, move |_, _| {
            let _alone: Vec<_> = match look_for_races {
                true => owners.iter().map(|d| d.alone.lock()).collect(),
                false => Vec::new(),
            };
            // SAFETY: the caller of `to_device`, `to_host` or `on_device` promises that the ranges exist until the copy
            // is over; within one allocation they may overlap.
            unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) };
            owners.iter().for_each(|d| d.arena.touched(to as u64));
            Ok(())
        })
    }
}

impl Device {
    fn state(&self) -> Result<()> {
        self.error.lock().clone().map_or(Ok(()), Err)
    }
}

fn facts(device: usize, options: &EmulatorOptions) -> Facts {
    Facts {
        model: "emulated GPU".into(),
        capability: (7, 0),
        memory: options.memory as u64,
        multiprocessors: 80,
        bus: format!("0000:{device:02x}:00.0"),
    }
}

fn entry<'t, T>(table: &'t [T], id: u64, what: &str) -> Result<&'t T> {
    usize::try_from(id)
        .ok()
        .and_then(|i| table.get(i))
        .ok_or_else(|| Error::invalid_argument(format!("no {what} {id}")))
}

fn add<T>(table: &RwLock<Vec<T>>, value: T) -> u64 {
    let mut table = table.write();
    table.push(value);
    table.len() as u64 - 1
}

impl Driver for Emulator {
    fn name(&self) -> &'static str {
        "emulator"
    }
    fn devices(&self) -> &[Facts] {
        &self.facts
    }
    fn memory(&self, device: usize) -> Result<(u64, u64)> {
        Ok(self.device(device)?.arena.usage())
    }
    fn allocate(&self, device: usize, bytes: usize) -> Result<DevicePtr> {
        self.device(device)?.arena.allocate(bytes).map(DevicePtr)
    }

    fn given_out(&self, stream: StreamId, ptr: DevicePtr, bytes: usize) -> Result<()> {
        let owner = self.owner(ptr, 0, "an allocation")?;
        let at = owner.arena.given_out(ptr.0, bytes)?;
        self.queue(stream, move |_, _| {
            let _alone = owner.alone.lock();
            owner.arena.arrived(at, bytes);
            Ok(())
        })
    }

    unsafe fn free(&self, device: usize, ptr: DevicePtr) -> Result<()> {
        let owner = self.device(device)?;
        let at = owner.arena.free(ptr.0)?;
        // The last stream that gets there releases it.
        let last = Arc::new(Release(owner.clone(), at));
        let streams = self.streams.read();
        for stream in streams.iter().filter(|s| s.device == device) {
            let last = last.clone();
            stream.push(Box::new(move |_| drop(last)))?;
        }
        Ok(())
    }

    fn allocate_pinned(&self, device: usize, bytes: usize) -> Result<NonNull<u8>> {
        self.device(device)?;
        let mut block = vec![u128::MAX; bytes.div_ceil(16).max(1)].into_boxed_slice();
        let ptr = NonNull::from(&mut block[..]).cast::<u8>();
        self.pinned.lock().insert(ptr.as_ptr() as usize, block);
        Ok(ptr)
    }

    unsafe fn free_pinned(&self, _device: usize, ptr: NonNull<u8>) -> Result<()> {
        match self.pinned.lock().remove(&(ptr.as_ptr() as usize)) {
            Some(_) => Ok(()),
            None => Err(Error::invalid_argument(format!("{ptr:p} is not pinned"))),
        }
    }

    fn stream(&self, device: usize) -> Result<StreamId> {
        self.device(device)?;
        let number = self.streams.read().len() as u64;
        let delays = self.options.delays.map(|seed| seed.wrapping_add(number));
        Ok(StreamId(add(&self.streams, Stream::new(device, delays)?)))
    }
    fn event(&self, device: usize) -> Result<EventId> {
        self.device(device)?;
        let mark = Mutex::new(None);
        Ok(EventId(add(&self.events, Event { device, mark })))
    }

    fn record(&self, event: EventId, stream: StreamId) -> Result<()> {
        let events = self.events.read();
        let event = entry(&events, event.0, "event")?;
        self.with_stream(stream, |stream, device| {
            if stream.device != event.device {
                return Err(Error::invalid_argument("an event of another device"));
            }
            *event.mark.lock() = Some(stream.mark()?);
            device.state()
        })
    }
    fn wait(&self, stream: StreamId, event: EventId) -> Result<()> {
        let mark = {
            let events = self.events.read();
            entry(&events, event.0, "event")?.mark.lock().clone()
        };
        self.with_stream(stream, |stream, device| {
            if let Some(mark) = mark {
                stream.push(Box::new(move |_| mark.wait()))?;
            }
            device.state()
        })
    }
    fn is_over(&self, event: EventId) -> Result<bool> {
        let events = self.events.read();
        let event = entry(&events, event.0, "event")?;
        let over = event.mark.lock().as_ref().is_none_or(|m| m.is_reached());
        self.device(event.device)?.state().map(|()| over)
    }
    fn synchronize(&self, stream: StreamId) -> Result<()> {
        let mark = self.with_stream(stream, |stream, _| stream.mark())?;
        mark.wait();
        self.with_stream(stream, |_, device| device.state())
    }

    unsafe fn to_device(
        &self,
        stream: StreamId,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
    ) -> Result<()> {
        let owner = self.owner(to, bytes, "a copy to the device")?;
        self.check_pinned(from, bytes, "a copy to the device")?;
        self.copy(stream, (to.0 as usize, from as usize, bytes), vec![owner])
    }
    unsafe fn to_host(
        &self,
        stream: StreamId,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<()> {
        let owner = self.owner(from, bytes, "a copy to the host")?;
        self.check_pinned(to, bytes, "a copy to the host")?;
        self.copy(stream, (to as usize, from.0 as usize, bytes), vec![owner])
    }
    unsafe fn on_device(
        &self,
        stream: StreamId,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<()> {
        let what = "a copy on the device";
        let mut owners = vec![self.owner(to, bytes, what)?, self.owner(from, bytes, what)?];
        // Each device once and in one order, as they are locked.
        owners.sort_by_key(Arc::as_ptr);
        owners.dedup_by_key(|d| Arc::as_ptr(d));
        self.copy(stream, (to.0 as usize, from.0 as usize, bytes), owners)
    }
    fn compile(&self, device: usize, source: &str, name: &str) -> Result<Vec<u8>> {
        self.device(device)?;
        compile::compile(source, name, self.options.rounding)
    }
    fn forget(&self, _: usize, source: &str, name: &str) -> bool {
        compile::forget(source, name, self.options.rounding)
    }
    fn load(&self, device: usize, image: &[u8]) -> Result<ModuleId> {
        self.device(device)?;
        let module = Arc::new(Module::load(image)?);
        Ok(ModuleId(add(&self.modules, (device, module))))
    }
    fn function(&self, module: ModuleId, name: &str) -> Result<FunctionId> {
        let function = {
            let modules = self.modules.read();
            let (device, module) = entry(&modules, module.0, "module")?;
            module.function(*device, name)?
        };
        Ok(FunctionId(add(&self.functions, function)))
    }

    unsafe fn launch(
        &self,
        stream: StreamId,
        function: FunctionId,
        grid: &Grid,
        args: &[Arg],
    ) -> Result<()> {
        let function = entry(&self.functions.read(), function.0, "function")?.clone();
        let device = self.with_stream(stream, |stream, _| Ok(stream.device))?;
        if function.device != device {
            return Err(Error::invalid_argument(format!(
                "kernel '{}' is loaded on device {}, the stream is of device {device}",
                function.name, function.device
            )));
        }
        let arenas: Vec<&Arena> = self.devices.iter().map(|d| &d.arena).collect();
        let call = function.call(grid, args, &arenas)?;
        let look_for_races = self.options.look_for_races;
        self.queue(stream, move |device, stacks| {
            let _alone = look_for_races.then(|| device.alone.lock());
            call.run(&device.arena, stacks, look_for_races)
        })
    }

    fn call_host(&self, stream: StreamId, f: HostCall) -> Result<()> {
        self.with_stream(stream, |stream, device| {
            let device = device.clone();
            stream.push(Box::new(move |_| f(device.state())))
        })
    }
}

/// A freed allocation that queued work may still use.
struct Release(Arc<Device>, usize);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.arena.release(self.1);
    }
}
