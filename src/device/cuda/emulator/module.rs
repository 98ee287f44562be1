//! Loaded kernels: their parameters, the check of arguments, and one launch, twice where races are looked for.

use super::compile::{ENTRY, Scratch};
use super::memory::{Arena, POISON, Span};
use crate::device::cuda::{Arg, Grid};
use crate::error::{Error, Result};
use libloading::Library;
use parking_lot::Mutex;
use std::sync::Arc;

/// The most threads of a block, and the stack of each.
const MAX_THREADS: usize = 1024;
const STACK: usize = 64 << 10;
/// What the first thread's overrun runs into.
const SPARE: usize = 1 << 20;
/// The most shared memory of a block.
const MAX_SHARED: u32 = 48 << 10;

/// A copy of a shared object, for one device: its static variables are that device's shared memory.
pub struct Module {
    library: Library,
    /// The object runs one kernel at a time.
    running: Mutex<()>,
}

/// A kernel.
#[derive(Clone)]
pub struct Function {
    pub name: String,
    pub device: usize,
    module: Arc<Module>,
    entry: *const Entry,
}

// SAFETY: the entry is constant data of the module, which the function keeps loaded.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

/// As in runtime.h.
#[repr(C)]
struct Entry {
    launch: unsafe extern "C" fn(*mut Launch),
    params: *const Param,
    count: u32,
}

/// As in runtime.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Param {
    size: u32,
    kind: u32,
    align: u32,
}

/// As in runtime.h.
#[repr(C)]
struct Launch {
    grid: [u32; 3],
    threads: [u32; 3],
    dynamic: u32,
    reversed: u32,
    args: *const *const u8,
    stacks: *mut u8,
    stack_bytes: u64,
    failure: u32,
    block: [u32; 3],
    thread: [u32; 3],
    waiting: u32,
    line: u32,
    other_line: u32,
    shared_bytes: u64,
}

/// The stacks of a block's threads, taken when first needed.
#[derive(Default)]
pub struct Stacks(Vec<u8>);

impl Stacks {
    fn start(&mut self) -> *mut u8 {
        if self.0.is_empty() {
            self.0 = vec![0; SPARE + MAX_THREADS * STACK + 16];
        }
        let start = self.0.as_mut_ptr();
        // Within the vector, which is 16 bytes longer.
        start.wrapping_add(SPARE + start.align_offset(16))
    }
}

/// A checked call of a kernel.
pub struct Call {
    function: Function,
    grid: Grid,
    /// The arguments one behind another, each at a multiple of 16 bytes, and where they begin.
    values: Vec<u128>,
    places: Vec<usize>,
}

impl Module {
    /// Loads a copy of an object.
    pub fn load(image: &[u8]) -> Result<Module> {
        let own = Scratch::new()?;
        own.write("so", image)?;
        // SAFETY: the object was compiled here and has no initializers. The loaded code stays without its file; where the
        // system keeps the file, it does no harm.
        let library = unsafe { Library::new(own.path("so")) };
        let library =
            library.map_err(|e| Error::internal(format!("the emulator's object: {e}")))?;
        Ok(Module {
            library,
            running: Mutex::new(()),
        })
    }

    /// The kernel of that name.
    pub fn function(self: &Arc<Module>, device: usize, name: &str) -> Result<Function> {
        // SAFETY: objects made by `compile` have an entry under this name, or nothing.
        let entry = unsafe {
            self.library
                .get::<*const Entry>(format!("{ENTRY}{name}").as_bytes())
        };
        let entry = entry.map_err(|_| Error::not_found(format!("no kernel '{name}'")))?;
        Ok(Function {
            name: name.into(),
            device,
            module: self.clone(),
            entry: *entry,
        })
    }
}

impl Function {
    fn params(&self) -> &[Param] {
        // SAFETY: the entry and its table are constant data of the module, which is loaded.
        unsafe { std::slice::from_raw_parts((*self.entry).params, (*self.entry).count as usize) }
    }

    /// Checks grid and arguments.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the kernel and the argument.
    pub fn call(&self, grid: &Grid, args: &[Arg], arenas: &[&Arena]) -> Result<Call> {
        let wrong =
            |what: String| Error::invalid_argument(format!("kernel '{}': {what}", self.name));
        grid.check().map_err(|e| wrong(e.message().to_string()))?;
        if grid.shared > MAX_SHARED {
            return Err(wrong(format!("{} bytes of shared memory", grid.shared)));
        }
        let params = self.params();
        if params.len() != args.len() {
            let (takes, got) = (params.len(), args.len());
            return Err(wrong(format!("it takes {takes} arguments, not {got}")));
        }
        let (mut values, mut places) = (Vec::new(), Vec::new());
        for (i, (param, arg)) in params.iter().zip(args).enumerate() {
            let wrong = |what| wrong(format!("argument {i}: {what}"));
            check_type(param, arg).map_err(wrong)?;
            if let Arg::Ptr(p) = arg {
                check_pointer(p.0, param, self.device, arenas).map_err(wrong)?;
            }
            places.push(values.len());
            for part in arg.bytes().chunks(16) {
                let mut word = [0; 16];
                word[..part.len()].copy_from_slice(part);
                values.push(u128::from_ne_bytes(word));
            }
        }
        Ok(Call {
            function: self.clone(),
            grid: *grid,
            values,
            places,
        })
    }
}

fn check_type(param: &Param, arg: &Arg) -> Result<(), String> {
    let fits = match arg {
        Arg::Ptr(_) => param.kind == 0,
        Arg::I32(_) | Arg::I64(_) | Arg::U64(_) => param.kind == 1,
        Arg::F32(_) | Arg::F64(_) => param.kind == 2,
        Arg::Bytes(_) => param.kind != 0,
    };
    if fits && arg.bytes().len() == param.size as usize {
        return Ok(());
    }
    let kinds = [
        "a pointer",
        "an integer",
        "a floating-point number",
        "a struct",
    ];
    let kind = kinds.get(param.kind as usize).unwrap_or(&"something else");
    Err(format!(
        "{arg:?} was given, the kernel takes {kind} of {} bytes",
        param.size
    ))
}

fn check_pointer(
    address: u64,
    param: &Param,
    device: usize,
    arenas: &[&Arena],
) -> Result<(), String> {
    if address == 0 {
        return Ok(());
    }
    match arenas.iter().position(|a| a.holds(address)) {
        None => return Err(format!("{address:#x} is not in device memory")),
        Some(other) if other != device => {
            return Err(format!("{address:#x} is in the memory of device {other}"));
        }
        Some(_) => arenas[device]
            .check(address, 0)
            .map_err(|e| e.message().to_string())?,
    }
    match address % u64::from(param.align) {
        0 => Ok(()),
        _ => Err(format!(
            "{address:#x} is not a multiple of {}, the alignment of the type",
            param.align
        )),
    }
}

/// Where two runs differ. In memory that nobody had written, a byte that both left as it was does not count.
fn differs(second: &[u8], first: &[u8], fresh: bool) -> Option<usize> {
    if second == first {
        return None;
    }
    let left = |b: u8, a: u8| fresh && [a, b] == POISON;
    let mut pairs = second.iter().zip(first);
    pairs.position(|(b, a)| a != b && !left(*b, *a))
}

impl Call {
    /// Runs the kernel: once, or from the same memory once forward and once backward, which must give the same.
    ///
    /// # Errors
    /// `Internal` with the kernel's name: a barrier that not all threads reach, a write outside of memory, a race, a
    /// read outside of memory or of memory that nobody wrote.
    pub fn run(&self, arena: &Arena, stacks: &mut Stacks, look_for_races: bool) -> Result<()> {
        let _alone = self.function.module.running.lock();
        let wrong =
            |what: String| Error::internal(format!("kernel '{}': {what}", self.function.name));
        let once = |stacks: &mut Stacks, reversed: bool| -> Result<()> {
            self.once(stacks, reversed).map_err(wrong)?;
            arena.damage().map_or(Ok(()), |d| Err(wrong(d)))
        };
        if !look_for_races {
            return once(stacks, false);
        }
        let words = self.values.iter();
        let spans = arena.reachable(words.flat_map(|v| [*v as u64, (*v >> 64) as u64]));
        // SAFETY: no other work of the device runs (the caller holds its lock), and kernels only run within `once`.
        let memory = |span: &Span| unsafe { arena.slice(*span) };
        let copy = || -> Vec<Vec<u8>> { spans.iter().map(|s| memory(s).to_vec()).collect() };
        let before = copy();
        once(stacks, false)?;
        let after = copy();
        arena.paint_zones(&spans, 1);
        let mut again = |reversed: bool| -> Result<Option<String>> {
            for (span, bytes) in spans.iter().zip(&before) {
                match span.fresh {
                    true => memory(span).fill(POISON[1]),
                    false => memory(span).copy_from_slice(bytes),
                }
            }
            once(stacks, reversed)?;
            Ok(spans.iter().zip(&after).find_map(|(span, bytes)| {
                let at = differs(memory(span), bytes, span.fresh)?;
                Some(format!(
                    "byte {at} of an allocation of {} bytes",
                    span.bytes
                ))
            }))
        };
        if let Some(place) = again(true)? {
            let why = match again(false)? {
                None => "a race: {} depends on the order of blocks and threads",
                Some(_) => {
                    "{} depends on what lies outside of tensors, or on memory that nobody wrote"
                }
            };
            return Err(wrong(why.replace("{}", &place)));
        }
        arena.paint_zones(&spans, 0);
        for (span, bytes) in spans.iter().zip(&after) {
            memory(span).copy_from_slice(bytes);
            arena.touch(span);
        }
        Ok(())
    }

    fn once(&self, stacks: &mut Stacks, reversed: bool) -> Result<(), String> {
        // A kernel may write to its parameters' memory no more than to another's: each run gets a copy.
        let values = self.values.clone();
        let args: Vec<*const u8> = self
            .places
            .iter()
            .map(|at| values[*at..].as_ptr().cast())
            .collect();
        let mut launch = Launch {
            grid: self.grid.blocks,
            threads: self.grid.threads,
            dynamic: self.grid.shared,
            reversed: reversed.into(),
            args: args.as_ptr(),
            stacks: stacks.start(),
            stack_bytes: STACK as u64,
            failure: 0,
            block: [0; 3],
            thread: [0; 3],
            waiting: 0,
            line: 0,
            other_line: 0,
            shared_bytes: 0,
        };
        // SAFETY: the entry is of a loaded module that runs nothing else, the launch is laid out as it expects, and
        // number and sizes of the arguments are checked.
        unsafe { ((*self.function.entry).launch)(&mut launch) };
        let Launch {
            block,
            thread,
            waiting,
            line,
            other_line,
            ..
        } = launch;
        let all: u32 = self.grid.threads.iter().product();
        match launch.failure {
            0 => Ok(()),
            1 => Err(format!(
                "in block {block:?} {waiting} of {all} threads (as {thread:?}) wait at the barrier of line {line}, the others have ended"
            )),
            2 => Err(format!(
                "the threads of block {block:?} wait at different barriers, of lines {line} and {other_line}"
            )),
            3 => Err(format!("a thread of block {block:?} overran its stack")),
            4 => Err(format!(
                "block {block:?} wrote past its {} bytes of dynamic shared memory",
                self.grid.shared
            )),
            _ => Err(format!(
                "{} bytes of shared memory, {MAX_SHARED} are there",
                launch.shared_bytes
            )),
        }
    }
}
