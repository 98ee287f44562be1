//! The driver of real GPUs: CUDA's driver interface through cudarc, kernels compiled by NVRTC.

mod library;
mod nvrtc;

use super::cache::{self, Cache};
use super::driver::{
    Arg, DevicePtr, Driver, EventId, Facts, FunctionId, Grid, HostCall, ModuleId, StreamId,
};
use crate::error::{Code, Error, Result};
use cudarc::driver::sys;
use library::checked;
use nvrtc::Nvrtc;
use parking_lot::RwLock;
use std::ffi::{CString, c_char, c_void};
use std::ptr::NonNull;

/// All GPUs that CUDA shows to this process. Contexts, streams, events and modules live as long as the process: the
/// driver tears them down at its end, and their number is bounded by devices and kernels.
pub struct Real {
    facts: Vec<Facts>,
    /// The primary context of each device.
    contexts: Vec<Raw<sys::CUcontext>>,
    streams: Table<sys::CUstream>,
    events: Table<sys::CUevent>,
    modules: Table<sys::CUmodule>,
    functions: Table<sys::CUfunction>,
    compiler: Nvrtc,
    cache: Cache,
    /// What is to be said of the devices that its kernels cannot be compiled for.
    left_out: Vec<String>,
}

/// A handle of CUDA's, which any thread may use.
#[derive(Clone, Copy)]
struct Raw<T>(T);
// SAFETY: CUDA's handles are names for things that the driver guards with locks of its own.
unsafe impl<T> Send for Raw<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Raw<T> {}

/// Handles with the device that each belongs to; they are only added.
struct Table<T>(RwLock<Vec<(usize, Raw<T>)>>);

impl<T: Copy> Table<T> {
    fn new() -> Table<T> {
        Table(RwLock::new(Vec::new()))
    }
    fn add(&self, device: usize, handle: T) -> u64 {
        let mut all = self.0.write();
        all.push((device, Raw(handle)));
        all.len() as u64 - 1
    }
    fn get(&self, id: u64) -> Result<(usize, T)> {
        let all = self.0.read();
        let found = usize::try_from(id).ok().and_then(|i| all.get(i));
        found
            .map(|(device, raw)| (*device, raw.0))
            .ok_or_else(|| Error::internal(format!("CUDA handle {id} was never made")))
    }
}

impl Real {
    /// All GPUs.
    ///
    /// # Errors
    /// Why there is none: no driver library, a library without the functions needed, what the driver says, no device,
    /// or no compiler for its kernels.
    pub fn open() -> std::result::Result<Real, String> {
        library::check()?;
        let say = |e: Error| e.message().to_string();
        // SAFETY: the library and all functions used here were found by `library::check`; each pointer is to a local
        // of the type that the function writes.
        unsafe {
            let (mut count, mut version) = (0, 0);
            checked("cuDriverGetVersion", sys::cuDriverGetVersion(&mut version)).map_err(say)?;
            checked("cuDeviceGetCount", sys::cuDeviceGetCount(&mut count)).map_err(say)?;
            if count <= 0 {
                return Err("the driver shows no CUDA device".into());
            }
            let mut devices = Vec::new();
            for ordinal in 0..count {
                let mut device = 0;
                checked("cuDeviceGet", sys::cuDeviceGet(&mut device, ordinal)).map_err(say)?;
                devices.push((device, facts(device).map_err(say)?));
            }
            let all: Vec<_> = devices.iter().map(|(_, facts)| facts.capability).collect();
            let mut real = Real {
                facts: Vec::new(),
                contexts: Vec::new(),
                streams: Table::new(),
                events: Table::new(),
                modules: Table::new(),
                functions: Table::new(),
                compiler: Nvrtc::open(version / 1000, &all)?,
                cache: Cache::new(Some("TENSORLOOM_KERNEL_CACHE"), "kernels"),
                left_out: Vec::new(),
            };
            for (device, facts) in devices {
                if !real.compiler.serves(facts.capability) {
                    let version = real.compiler.version();
                    let (major, minor) = facts.capability;
                    real.left_out.push(format!(
                        "{} is left out: NVRTC {version} does not compile for compute capability {major}.{minor}",
                        facts.model
                    ));
                    continue;
                }
                real.facts.push(facts);
                let mut context = std::ptr::null_mut();
                let made = sys::cuDevicePrimaryCtxRetain(&mut context, device);
                checked("cuDevicePrimaryCtxRetain", made).map_err(say)?;
                real.contexts.push(Raw(context));
            }
            Ok(real)
        }
    }

    /// Why some of the machine's devices are not among these; empty when all are.
    pub fn left_out(&self) -> String {
        self.left_out.join("; ")
    }

    /// What is compiled for a device.
    fn target(&self, device: usize) -> Result<String> {
        let facts = self.facts.get(device);
        let facts = facts.ok_or_else(|| Error::internal(format!("there is no GPU {device}")))?;
        Ok(self.compiler.target(facts.capability))
    }

    /// The name under which an image is kept: all that it depends on.
    fn key(&self, source: &str, target: &str) -> String {
        let options = nvrtc::options(target).join(" ");
        cache::key(&[source, &options, &self.compiler.version()])
    }

    /// Makes a device's context current on this thread, as most calls need it.
    fn enter(&self, device: usize) -> Result<()> {
        let context = self
            .contexts
            .get(device)
            .ok_or_else(|| Error::internal(format!("there is no GPU {device}")))?;
        // SAFETY: a context that was retained and is never released.
        checked("cuCtxSetCurrent", unsafe {
            sys::cuCtxSetCurrent(context.0)
        })
    }

    /// A stream, with its device's context current.
    fn stream_of(&self, stream: StreamId) -> Result<sys::CUstream> {
        let (device, raw) = self.streams.get(stream.0)?;
        self.enter(device)?;
        Ok(raw)
    }
}

/// What is known of a device.
///
/// # Safety
/// `cuInit` succeeded and the device exists.
unsafe fn facts(device: sys::CUdevice) -> Result<Facts> {
    use sys::CUdevice_attribute_enum as A;
    let attribute = |which: A| -> Result<u32> {
        let mut value = 0;
        // SAFETY: the caller vouches for the device; `value` is a local.
        let got = unsafe { sys::cuDeviceGetAttribute(&mut value, which, device) };
        checked("cuDeviceGetAttribute", got)?;
        Ok(value.max(0) as u32)
    };
    let (mut name, mut bus, mut memory) = ([0 as c_char; 256], [0 as c_char; 32], 0usize);
    // SAFETY: as above; the lengths are the arrays' own.
    unsafe {
        let got = sys::cuDeviceGetName(name.as_mut_ptr(), name.len() as i32, device);
        checked("cuDeviceGetName", got)?;
        let got = sys::cuDeviceGetPCIBusId(bus.as_mut_ptr(), bus.len() as i32, device);
        checked("cuDeviceGetPCIBusId", got)?;
        checked(
            "cuDeviceTotalMem",
            sys::cuDeviceTotalMem_v2(&mut memory, device),
        )?;
    }
    Ok(Facts {
        model: text(&name),
        capability: (
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        memory: memory as u64,
        multiprocessors: attribute(A::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        bus: text(&bus),
    })
}

/// The text before the first zero.
fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars
        .iter()
        .take_while(|c| **c != 0)
        .map(|c| *c as u8)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Driver for Real {
    fn name(&self) -> &'static str {
        "CUDA"
    }
    fn devices(&self) -> &[Facts] {
        &self.facts
    }
    fn memory(&self, device: usize) -> Result<(u64, u64)> {
        self.enter(device)?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: both are locals.
        let got = unsafe { sys::cuMemGetInfo_v2(&mut free, &mut total) };
        checked("cuMemGetInfo", got)?;
        Ok((free as u64, total as u64))
    }
    fn allocate(&self, device: usize, bytes: usize) -> Result<DevicePtr> {
        self.enter(device)?;
        let mut address = 0;
        // SAFETY: `address` is a local; zero bytes would be refused, so at least one is asked for.
        let got = unsafe { sys::cuMemAlloc_v2(&mut address, bytes.max(1)) };
        checked("cuMemAlloc", got)?;
        Ok(DevicePtr(address))
    }
    unsafe fn free(&self, device: usize, ptr: DevicePtr) -> Result<()> {
        self.enter(device)?;
        // SAFETY: the caller vouches for the address.
        checked("cuMemFree", unsafe { sys::cuMemFree_v2(ptr.0) })
    }
    fn allocate_pinned(&self, device: usize, bytes: usize) -> Result<NonNull<u8>> {
        /// Pinned for the contexts of all devices.
        const PORTABLE: u32 = 1;
        self.enter(device)?;
        let mut start: *mut c_void = std::ptr::null_mut();
        // SAFETY: `start` is a local.
        let got = unsafe { sys::cuMemHostAlloc(&mut start, bytes.max(1), PORTABLE) };
        checked("cuMemHostAlloc", got)?;
        NonNull::new(start.cast())
            .ok_or_else(|| Error::internal("cuMemHostAlloc gave a null pointer"))
    }
    unsafe fn free_pinned(&self, device: usize, ptr: NonNull<u8>) -> Result<()> {
        self.enter(device)?;
        // SAFETY: the caller vouches for the address.
        let done = unsafe { sys::cuMemFreeHost(ptr.as_ptr().cast()) };
        checked("cuMemFreeHost", done)
    }
    fn stream(&self, device: usize) -> Result<StreamId> {
        /// The stream does not wait for the default stream.
        const NON_BLOCKING: u32 = 1;
        self.enter(device)?;
        let mut stream = std::ptr::null_mut();
        // SAFETY: `stream` is a local.
        let made = unsafe { sys::cuStreamCreate(&mut stream, NON_BLOCKING) };
        checked("cuStreamCreate", made)?;
        Ok(StreamId(self.streams.add(device, stream)))
    }
    fn event(&self, device: usize) -> Result<EventId> {
        /// Without times, which makes recording cheap.
        const DISABLE_TIMING: u32 = 2;
        self.enter(device)?;
        let mut event = std::ptr::null_mut();
        // SAFETY: `event` is a local.
        let made = unsafe { sys::cuEventCreate(&mut event, DISABLE_TIMING) };
        checked("cuEventCreate", made)?;
        Ok(EventId(self.events.add(device, event)))
    }
    fn record(&self, event: EventId, stream: StreamId) -> Result<()> {
        let (_, event) = self.events.get(event.0)?;
        let stream = self.stream_of(stream)?;
        // SAFETY: both handles are live.
        checked("cuEventRecord", unsafe {
            sys::cuEventRecord(event, stream)
        })
    }
    fn wait(&self, stream: StreamId, event: EventId) -> Result<()> {
        let (_, event) = self.events.get(event.0)?;
        let stream = self.stream_of(stream)?;
        // SAFETY: both handles are live.
        let done = unsafe { sys::cuStreamWaitEvent(stream, event, 0) };
        checked("cuStreamWaitEvent", done)
    }
    fn is_over(&self, event: EventId) -> Result<bool> {
        let (device, event) = self.events.get(event.0)?;
        self.enter(device)?;
        // SAFETY: the handle is live.
        match unsafe { sys::cuEventQuery(event) } {
            sys::CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            other => checked("cuEventQuery", other).map(|()| true),
        }
    }
    fn synchronize(&self, stream: StreamId) -> Result<()> {
        let stream = self.stream_of(stream)?;
        // SAFETY: the handle is live.
        let done = unsafe { sys::cuStreamSynchronize(stream) };
        checked("cuStreamSynchronize", done)
    }
    unsafe fn to_device(
        &self,
        stream: StreamId,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
    ) -> Result<()> {
        let stream = self.stream_of(stream)?;
        // SAFETY: the caller vouches for both ranges.
        let done = unsafe { sys::cuMemcpyHtoDAsync_v2(to.0, from.cast(), bytes, stream) };
        checked("cuMemcpyHtoDAsync", done)
    }
    unsafe fn to_host(
        &self,
        stream: StreamId,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<()> {
        let stream = self.stream_of(stream)?;
        // SAFETY: the caller vouches for both ranges.
        let done = unsafe { sys::cuMemcpyDtoHAsync_v2(to.cast(), from.0, bytes, stream) };
        checked("cuMemcpyDtoHAsync", done)
    }
    unsafe fn on_device(
        &self,
        stream: StreamId,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<()> {
        let stream = self.stream_of(stream)?;
        // SAFETY: the caller vouches for both ranges. Addresses are unified, so devices are found by them.
        let done = unsafe { sys::cuMemcpyAsync(to.0, from.0, bytes, stream) };
        checked("cuMemcpyAsync", done)
    }
    fn compile(&self, device: usize, source: &str, name: &str) -> Result<Vec<u8>> {
        let target = self.target(device)?;
        let key = self.key(source, &target);
        if let Some(image) = self.cache.read(&key) {
            return Ok(image);
        }
        let image = self.compiler.compile(source, name, &target)?;
        self.cache.write(&key, &image);
        Ok(image)
    }
    fn forget(&self, device: usize, source: &str, _: &str) -> bool {
        let target = self.target(device);
        target.is_ok_and(|target| self.cache.forget(&self.key(source, &target)))
    }
    fn load(&self, device: usize, image: &[u8]) -> Result<ModuleId> {
        self.enter(device)?;
        // PTX is text that must end with a zero; one more does not harm a cubin.
        let mut image = image.to_vec();
        image.push(0);
        let mut module = std::ptr::null_mut();
        // SAFETY: `image` is a whole image with a zero at its end, `module` a local.
        let made = unsafe { sys::cuModuleLoadData(&mut module, image.as_ptr().cast()) };
        checked("cuModuleLoadData", made)?;
        Ok(ModuleId(self.modules.add(device, module)))
    }
    fn function(&self, module: ModuleId, name: &str) -> Result<FunctionId> {
        let (device, module) = self.modules.get(module.0)?;
        self.enter(device)?;
        let c_name =
            CString::new(name).map_err(|_| Error::internal("a function's name holds a zero"))?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the module is live, the name ends with a zero, `function` is a local.
        match unsafe { sys::cuModuleGetFunction(&mut function, module, c_name.as_ptr()) } {
            sys::CUresult::CUDA_ERROR_NOT_FOUND => Err(Error::not_found(format!(
                "the module has no function {name}"
            ))),
            other => {
                checked("cuModuleGetFunction", other)?;
                Ok(FunctionId(self.functions.add(device, function)))
            }
        }
    }
    unsafe fn launch(
        &self,
        stream: StreamId,
        function: FunctionId,
        grid: &Grid,
        args: &[Arg],
    ) -> Result<()> {
        /// What a kernel may have without asking.
        const SHARED: u32 = 48 << 10;
        let (_, function) = self.functions.get(function.0)?;
        let stream = self.stream_of(stream)?;
        if grid.shared > SHARED {
            use sys::CUfunction_attribute_enum as A;
            let most = A::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the handle is live.
            let set = unsafe { sys::cuFuncSetAttribute(function, most, grid.shared as i32) };
            checked("cuFuncSetAttribute", set)?;
        }
        // Each argument at a multiple of 8, which serves all types that an `Arg` can be.
        let mut room: Vec<u64> = Vec::with_capacity(4 * args.len());
        let mut places = Vec::with_capacity(args.len());
        for arg in args {
            places.push(room.len());
            for word in arg.bytes().chunks(8) {
                let mut padded = [0; 8];
                padded[..word.len()].copy_from_slice(word);
                room.push(u64::from_ne_bytes(padded));
            }
            if room.len() == places.last().copied().unwrap_or(0) {
                room.push(0);
            }
        }
        let base = room.as_mut_ptr();
        let mut pointers: Vec<*mut c_void> = places
            .iter()
            // SAFETY: each place lies within `room`, which does not move any more.
            .map(|at| unsafe { base.add(*at) }.cast())
            .collect();
        let [bx, by, bz] = grid.blocks;
        let [tx, ty, tz] = grid.threads;
        // SAFETY: handles are live; the caller vouches for the arguments, which the call copies.
        let done = unsafe {
            sys::cuLaunchKernel(
                function,
                bx,
                by,
                bz,
                tx,
                ty,
                tz,
                grid.shared,
                stream,
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        checked("cuLaunchKernel", done)
    }
    fn call_host(&self, stream: StreamId, f: HostCall) -> Result<()> {
        let stream = self.stream_of(stream)?;
        let boxed = Box::into_raw(Box::new(f));
        // A callback, unlike a host function, is called after a failure too, and told of it.
        // SAFETY: `arrived` takes the box back at most once, since the driver calls a callback at most once.
        let done = unsafe { sys::cuStreamAddCallback(stream, Some(arrived), boxed.cast(), 0) };
        // An error may be one of earlier work, and the callback queued all the same: then too the box is `arrived`'s.
        checked("cuStreamAddCallback", done)
    }
}

/// Called by the driver when a stream gets to a host call.
unsafe extern "C" fn arrived(_: sys::CUstream, status: sys::CUresult, f: *mut c_void) {
    // SAFETY: `call_host` passed this box, and this is its only call.
    let f = unsafe { Box::from_raw(f.cast::<HostCall>()) };
    // The driver may not be asked for the error's text here.
    let outcome = match status {
        sys::CUresult::CUDA_SUCCESS => Ok(()),
        e => Err(Error::new(
            Code::Internal,
            format!("the work of the stream failed: {e:?}"),
        )),
    };
    // A panic must not unwind into the driver's thread.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(outcome)));
}

#[cfg(test)]
mod nvrtc_tests;
#[cfg(test)]
mod tests;
