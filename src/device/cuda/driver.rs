//! The seam between this crate and a GPU: a narrow set of calls, offered by the real driver and by the emulator.

use crate::error::{Error, Result};
use smallvec::SmallVec;
use std::ptr::NonNull;

/// An address in device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DevicePtr(pub u64);
/// A queue of work of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub u64);
/// A mark in a stream that others can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId(pub u64);
/// Compiled code that was loaded on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(pub u64);
/// An entry point of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionId(pub u64);

/// What is known of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The model's name.
    pub model: String,
    /// The compute capability: major, minor.
    pub capability: (u32, u32),
    /// The device memory in bytes.
    pub memory: u64,
    /// The number of multiprocessors.
    pub multiprocessors: u32,
    /// Where it sits (`0000:17:00.0`).
    pub bus: String,
}

/// An argument of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// A pointer into device memory.
    Ptr(DevicePtr),
    /// An `int`.
    I32(i32),
    /// A `long long`.
    I64(i64),
    /// An `unsigned long long`.
    U64(u64),
    /// A `float`.
    F32(f32),
    /// A `double`.
    F64(f64),
    /// A struct by value, aligned to 8 bytes on the device.
    Bytes(SmallVec<[u8; 128]>),
}

impl Arg {
    /// A struct by value. It must be laid out as the kernel's own (`repr(C)`, aligned to at most 8 bytes).
    pub fn value<T: bytemuck::NoUninit>(value: &T) -> Arg {
        Arg::Bytes(SmallVec::from_slice(bytemuck::bytes_of(value)))
    }
    /// The bytes that a kernel sees, to be placed at a multiple of 8.
    pub fn bytes(&self) -> SmallVec<[u8; 128]> {
        match self {
            Arg::Ptr(p) => SmallVec::from_slice(&p.0.to_ne_bytes()),
            Arg::I32(v) => SmallVec::from_slice(&v.to_ne_bytes()),
            Arg::I64(v) => SmallVec::from_slice(&v.to_ne_bytes()),
            Arg::U64(v) => SmallVec::from_slice(&v.to_ne_bytes()),
            Arg::F32(v) => SmallVec::from_slice(&v.to_ne_bytes()),
            Arg::F64(v) => SmallVec::from_slice(&v.to_ne_bytes()),
            Arg::Bytes(b) => b.clone(),
        }
    }
}

/// How many threads run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks in x, y and z.
    pub blocks: [u32; 3],
    /// Threads of a block in x, y and z.
    pub threads: [u32; 3],
    /// Bytes of dynamic shared memory of each block.
    pub shared: u32,
}

impl Grid {
    /// That any device takes it.
    ///
    /// # Errors
    /// `InvalidArgument` for one that is empty, or has more blocks or threads than any device takes.
    pub fn check(&self) -> Result<()> {
        let ([x, y, z], [tx, ty, tz]) = (self.blocks, self.threads);
        let blocks =
            (1..1 << 31).contains(&x) && (1..1 << 16).contains(&y) && (1..1 << 16).contains(&z);
        let threads = u64::from(tx) * u64::from(ty).saturating_mul(tz.into());
        if blocks && (1..=1024).contains(&threads) && tz <= 64 {
            return Ok(());
        }
        Err(Error::invalid_argument(format!(
            "a grid of {:?} blocks of {:?} threads",
            self.blocks, self.threads
        )))
    }
}

/// What a stream does when it gets there: handed the stream's error when its work failed.
pub type HostCall = Box<dyn FnOnce(Result<()>) + Send>;

/// A driver: all devices of one kind. Every call may come from any thread; those that queue work return at once.
///
/// The handles that a call takes must come from the same driver.
pub trait Driver: Send + Sync {
    /// What it is: `CUDA`, `emulator`.
    fn name(&self) -> &'static str;
    /// The devices.
    fn devices(&self) -> &[Facts];
    /// The free and the total memory of a device in bytes.
    ///
    /// # Errors
    /// What the driver says.
    fn memory(&self, device: usize) -> Result<(u64, u64)>;
    /// Device memory, aligned to at least 256 bytes.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is not enough.
    fn allocate(&self, device: usize, bytes: usize) -> Result<DevicePtr>;
    /// From here on the stream uses only the first `bytes` bytes of an allocation, and expects nothing in them: a caching
    /// allocator gave it out again. Drivers that check what kernels do take note.
    ///
    /// # Errors
    /// What the driver says.
    fn given_out(&self, _stream: StreamId, _ptr: DevicePtr, _bytes: usize) -> Result<()> {
        Ok(())
    }
    /// Gives device memory back, after all work that was queued on the device.
    ///
    /// # Safety
    /// From [`Driver::allocate`] of this device, and nothing that is queued later uses it.
    ///
    /// # Errors
    /// What the driver says.
    unsafe fn free(&self, device: usize, ptr: DevicePtr) -> Result<()>;
    /// Host memory that a device copies from and to without the host's help.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is not enough.
    fn allocate_pinned(&self, device: usize, bytes: usize) -> Result<NonNull<u8>>;
    /// Gives pinned memory back.
    ///
    /// # Safety
    /// From [`Driver::allocate_pinned`] of this device, and no copy that is not over uses it.
    ///
    /// # Errors
    /// What the driver says.
    unsafe fn free_pinned(&self, device: usize, ptr: NonNull<u8>) -> Result<()>;
    /// A new stream. Streams live as long as the driver.
    ///
    /// # Errors
    /// What the driver says.
    fn stream(&self, device: usize) -> Result<StreamId>;
    /// A new event. Events live as long as the driver.
    ///
    /// # Errors
    /// What the driver says.
    fn event(&self, device: usize) -> Result<EventId>;
    /// The event now stands for all that the stream was given so far.
    ///
    /// # Errors
    /// What the driver says.
    fn record(&self, event: EventId, stream: StreamId) -> Result<()>;
    /// What the stream is given from now on begins after what the event stands for now; the host does not wait.
    /// An event may be recorded anew right after this call. The stream may be one of another device.
    ///
    /// # Errors
    /// What the driver says.
    fn wait(&self, stream: StreamId, event: EventId) -> Result<()>;
    /// Whether all that the event stands for is done (also true of an event that was never recorded).
    ///
    /// # Errors
    /// The error of the work, when it failed.
    fn is_over(&self, event: EventId) -> Result<bool>;
    /// The host waits until the stream has nothing left to do.
    ///
    /// # Errors
    /// The error of the stream's work, when it failed.
    fn synchronize(&self, stream: StreamId) -> Result<()>;
    /// Queues a copy from pinned host memory.
    ///
    /// # Safety
    /// Both ranges exist until the copy is over, and nobody writes to the host's until then.
    ///
    /// # Errors
    /// What the driver says.
    unsafe fn to_device(
        &self,
        stream: StreamId,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
    ) -> Result<()>;
    /// Queues a copy to pinned host memory.
    ///
    /// # Safety
    /// Both ranges exist until the copy is over, and nobody uses the host's until then.
    ///
    /// # Errors
    /// What the driver says.
    unsafe fn to_host(
        &self,
        stream: StreamId,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<()>;
    /// Queues a copy within device memory, also from one device's to another's.
    ///
    /// # Safety
    /// Both ranges exist until the copy is over, and do not overlap.
    ///
    /// # Errors
    /// What the driver says.
    unsafe fn on_device(
        &self,
        stream: StreamId,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
    ) -> Result<()>;
    /// Compiles CUDA C++ for a device; `name` stands in messages. The image is one for [`Driver::load`].
    ///
    /// # Errors
    /// `Internal` with the compiler's messages.
    fn compile(&self, device: usize, source: &str, name: &str) -> Result<Vec<u8>>;
    /// Forgets the image that [`Driver::compile`] may have kept of a source, since it could not be loaded; the next call
    /// makes it anew. Whether there was one.
    fn forget(&self, _device: usize, _source: &str, _name: &str) -> bool {
        false
    }
    /// Loads an image. Modules live as long as the driver.
    ///
    /// # Errors
    /// What the driver says.
    fn load(&self, device: usize, image: &[u8]) -> Result<ModuleId>;
    /// An entry point of a module.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name.
    fn function(&self, module: ModuleId, name: &str) -> Result<FunctionId>;
    /// Queues a kernel.
    ///
    /// # Safety
    /// Number, types and order of the arguments are the function's, and with them it stays within memory that
    /// exists until it is over.
    ///
    /// # Errors
    /// What the driver says; errors of the kernel itself come out of later calls.
    unsafe fn launch(
        &self,
        stream: StreamId,
        function: FunctionId,
        grid: &Grid,
        args: &[Arg],
    ) -> Result<()>;
    /// Calls `f` from some thread when the stream gets there, also when the stream's work failed.
    /// `f` must not call the driver and must be quick: the stream goes on after it.
    ///
    /// # Errors
    /// What the driver says; `f` may then be called all the same, when the error is one of earlier work.
    fn call_host(&self, stream: StreamId, f: HostCall) -> Result<()>;
}
