//! The emulator: what kernels compute on it, and that each planted mistake is found and named.

use super::*;
use crate::device::cuda::{Gpu, Source, SourceFile};
use crate::{DType, Shape, Tensor};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A driver with a stream on each device, the kernels of one source, and short ways to use them.
struct Bench {
    driver: Emulator,
    streams: Vec<StreamId>,
    modules: Vec<ModuleId>,
}

const PLAIN: EmulatorOptions = EmulatorOptions {
    devices: 1,
    memory: 64 << 20,
    look_for_races: true,
    delays: None,
    rounding: Rounding::Host,
};

fn bench(options: &EmulatorOptions, source: &str) -> Bench {
    let driver = Emulator::new(options.clone()).unwrap();
    let all = 0..options.devices;
    let image = driver.compile(0, source, "test.cu").unwrap();
    let modules = all.clone().map(|d| driver.load(d, &image).unwrap());
    Bench {
        modules: modules.collect(),
        streams: all.map(|d| driver.stream(d).unwrap()).collect(),
        driver,
    }
}

fn grid(blocks: u32, threads: u32) -> Grid {
    Grid {
        blocks: [blocks, 1, 1],
        threads: [threads, 1, 1],
        shared: 0,
    }
}

impl Bench {
    fn alloc(&self, floats: usize) -> DevicePtr {
        self.driver.allocate(0, 4 * floats).unwrap()
    }
    /// Queues a copy of values to a fresh allocation.
    fn put<T: bytemuck::NoUninit>(&self, device: usize, values: &[T]) -> DevicePtr {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let to = self.driver.allocate(device, bytes.len()).unwrap();
        let pinned = self.driver.allocate_pinned(device, bytes.len()).unwrap();
        // SAFETY: both are as long as the values, and the driver keeps the pinned memory.
        unsafe {
            pinned.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            let stream = self.streams[device];
            let copied = self
                .driver
                .to_device(stream, to, pinned.as_ptr(), bytes.len());
            copied.unwrap();
        }
        to
    }
    fn get<T: bytemuck::AnyBitPattern>(
        &self,
        stream: StreamId,
        from: DevicePtr,
        count: usize,
    ) -> Result<Vec<T>> {
        let bytes = count * size_of::<T>();
        let pinned = self.driver.allocate_pinned(0, bytes)?;
        // SAFETY: the pinned memory is long enough and read only after the copy.
        unsafe {
            self.driver.to_host(stream, pinned.as_ptr(), from, bytes)?;
            self.driver.synchronize(stream)?;
            let all = std::slice::from_raw_parts(pinned.as_ptr(), bytes);
            let values = all
                .chunks(size_of::<T>())
                .map(bytemuck::pod_read_unaligned)
                .collect();
            self.driver.free_pinned(0, pinned)?;
            Ok(values)
        }
    }
    fn launch_on(
        &self,
        device: usize,
        stream: StreamId,
        name: &str,
        grid: Grid,
        args: &[Arg],
    ) -> Result<()> {
        let function = self.driver.function(self.modules[device], name)?;
        // SAFETY: the emulator checks what it is given.
        unsafe { self.driver.launch(stream, function, &grid, args) }
    }
    /// Runs a kernel on the first device to its end.
    fn run(&self, name: &str, grid: Grid, args: &[Arg]) -> Result<()> {
        self.launch_on(0, self.streams[0], name, grid, args)?;
        self.driver.synchronize(self.streams[0])
    }
    fn floats(&self, from: DevicePtr, count: usize) -> Vec<f32> {
        self.get(self.streams[0], from, count).unwrap()
    }
}

fn ptr(p: DevicePtr) -> Arg {
    Arg::Ptr(p)
}

/// That an error's message names all of these.
#[track_caller]
fn says(result: Result<()>, words: &[&str]) {
    let error = result.unwrap_err();
    for word in words {
        assert!(error.message().contains(word), "no '{word}' in: {error}");
    }
}

const RELU: &str = r#"
    #define KERNEL(NAME, T) \
        extern "C" __global__ void __launch_bounds__(256) NAME(const T* __restrict__ x, T* __restrict__ y, long long n) { \
            for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) \
                y[i] = x[i] > T(0) ? x[i] : T(0); \
        }
    KERNEL(relu_f32, float)
    KERNEL(relu_f64, double)
"#;

#[test]
fn kernels_made_by_macros_run() {
    // `__global__ void __launch_bounds__` stands before the name as well as behind `void`.
    let b = bench(&PLAIN, RELU);
    let x: Vec<f64> = (0..1000).map(|i| f64::from(i) - 500.5).collect();
    let from = b.put(0, &x);
    let to = b.driver.allocate(0, 8000).unwrap();
    b.run(
        "relu_f64",
        grid(3, 64),
        &[ptr(from), ptr(to), Arg::I64(1000)],
    )
    .unwrap();
    let y: Vec<f64> = b.get(b.streams[0], to, 1000).unwrap();
    assert!(x.iter().zip(&y).all(|(x, y)| *y == x.max(0.0)));
    let missing = b.driver.function(b.modules[0], "relu_f16");
    assert_eq!(missing.unwrap_err().code(), crate::Code::NotFound);
}

const SUMS: &str = r#"
    template <class T> __device__ T total(const T* x, int n) {
        __shared__ T part[128];
        int t = threadIdx.x;
        T sum = 0;
        for (int i = t; i < n; i += 128) sum += x[i];
        part[t] = sum;
        for (int half = 64; half > 0; half /= 2) {
            __syncthreads();
            if (t < half) part[t] += part[t + half];
        }
        __syncthreads();
        return part[0];
    }
    extern "C" __global__ void sum(const float* x, float* y, int n) {
        float all = total(x + (size_t)blockIdx.x * n, n);
        if (threadIdx.x == 0) y[blockIdx.x] = all;
    }
    extern "C" __global__ void reverse(int* x) {
        extern __shared__ int buffer[];
        buffer[threadIdx.x] = x[threadIdx.x];
        __syncthreads();
        x[threadIdx.x] = buffer[blockDim.x - 1 - threadIdx.x];
    }
    extern "C" __global__ void past_the_end(int* x) {
        extern __shared__ __align__(16) unsigned char raw[];
        ((int*)raw)[threadIdx.x + 1] = 0;
        x[threadIdx.x] = 0;
    }
    extern "C" __global__ void too_much(int* x) {
        __shared__ double a[8192];
        a[threadIdx.x] = 0;
        x[threadIdx.x] = a[threadIdx.x];
    }
"#;

#[test]
fn shared_memory_static_and_dynamic() {
    let b = bench(&PLAIN, SUMS);
    let x: Vec<f32> = (0..3000).map(|i| i as f32).collect();
    let (from, to) = (b.put(0, &x), b.alloc(3));
    b.run("sum", grid(3, 128), &[ptr(from), ptr(to), Arg::I32(1000)])
        .unwrap();
    assert_eq!(b.floats(to, 3), [499_500.0, 1_499_500.0, 2_499_500.0]);

    let n = 1000;
    let ints = b.put(0, &(0..n).collect::<Vec<i32>>());
    let with = |shared| Grid {
        shared,
        ..grid(1, n as u32)
    };
    b.run("reverse", with(4 * n as u32), &[ptr(ints)]).unwrap();
    let got: Vec<i32> = b.get(b.streams[0], ints, n as usize).unwrap();
    assert!(got.iter().eq((0..n).rev().collect::<Vec<_>>().iter()));
    says(
        b.run("reverse", with(50_000), &[ptr(ints)]),
        &["'reverse'", "50000 bytes of shared"],
    );
    says(
        b.run("past_the_end", with(4 * n as u32), &[ptr(ints)]),
        &["'past_the_end'", "4000 bytes of dynamic"],
    );
    let b = bench(&PLAIN, SUMS);
    let ints = b.alloc(1);
    says(
        b.run("too_much", grid(1, 1), &[ptr(ints)]),
        &["'too_much'", "65536 bytes of shared"],
    );
}

const STRUCTS: &str = r#"
    typedef long long index_t;
    struct Dims { index_t size[3]; int rank; };
    extern "C" __global__ void copy(Dims d, const float* x, double factor, float* y, unsigned char add, float4 w) {
        index_t n = 1;
        for (int i = 0; i < d.rank; i++) n *= d.size[i];
        for (index_t i = threadIdx.x; i < n; i += blockDim.x) y[i] = (float)(x[i] * factor) + add + w.z;
    }
"#;

#[test]
fn structs_by_value_and_types_of_arguments() {
    let b = bench(&PLAIN, STRUCTS);
    let mut dims = [0i64; 4];
    dims[..3].copy_from_slice(&[2, 3, 99]);
    dims[3] = i64::from_ne_bytes(bytemuck::cast([2i32, 0]));
    let (x, y) = (b.put(0, &[1.0f32; 6]), b.alloc(6));
    let byte = Arg::Bytes(smallvec::smallvec![3]);
    let w = Arg::value(&[0.0f32, 0.0, 0.25, 0.0]);
    let args = [Arg::value(&dims), ptr(x), Arg::F64(1.5), ptr(y), byte, w];
    b.run("copy", grid(1, 32), &args).unwrap();
    assert_eq!(b.floats(y, 6), [4.75; 6]);
    let with = |i: usize, arg: Arg| {
        let mut args = args.clone();
        args[i] = arg;
        b.run("copy", grid(1, 32), &args)
    };
    says(
        with(0, Arg::value(&[0i64; 3])),
        &["'copy'", "argument 0", "a struct of 32 bytes"],
    );
    says(with(2, Arg::F32(1.0)), &["argument 2", "8 bytes"]);
    says(with(3, Arg::U64(0)), &["argument 3", "a pointer"]);
    says(
        with(3, ptr(DevicePtr(y.0 + 2))),
        &["argument 3", "not a multiple of 4"],
    );
    says(
        b.run("copy", grid(1, 32), &args[..3]),
        &["6 arguments, not 3"],
    );
    for (blocks, threads) in [(0, 32), (1, 2000)] {
        says(
            b.run("copy", grid(blocks, threads), &args),
            &["'copy'", "a grid of"],
        );
    }
}

#[test]
fn pointers_to_other_memory_are_refused() {
    let b = bench(
        &EmulatorOptions {
            devices: 2,
            ..PLAIN
        },
        RELU,
    );
    let (x, y) = (b.put(0, &[1.0f32; 4]), b.alloc(4));
    let with = |x: DevicePtr| b.run("relu_f32", grid(1, 32), &[ptr(x), ptr(y), Arg::I64(4)]);
    with(x).unwrap();
    let host = [1.0f32; 4];
    says(
        with(DevicePtr(host.as_ptr() as u64)),
        &["'relu_f32'", "argument 0", "not in device memory"],
    );
    let other = b.put(1, &[1.0f32; 4]);
    says(
        with(other),
        &["'relu_f32'", "argument 0", "the memory of device 1"],
    );
    // SAFETY: nothing queued later uses it, but for what is refused.
    unsafe { b.driver.free(0, x) }.unwrap();
    says(with(x), &["argument 0"]);
    // SAFETY: freed before: refused.
    assert!(unsafe { b.driver.free(0, x) }.is_err());
}

#[test]
fn copies_are_checked_for_range() {
    let b = bench(&PLAIN, RELU);
    let (x, stream) = (b.put(0, &[1.0f32; 4]), b.streams[0]);
    let pinned = b.driver.allocate_pinned(0, 64).unwrap().as_ptr();
    let mut pageable = [0u8; 16];
    // SAFETY: what is out of range is refused.
    unsafe {
        let d = &b.driver;
        says(
            d.to_host(stream, pinned, x, 20),
            &["20 bytes", "allocation of 16 bytes"],
        );
        says(
            d.to_device(stream, DevicePtr(x.0 + 8), pinned, 12),
            &["12 bytes from byte 8"],
        );
        says(
            d.to_device(stream, DevicePtr(8), pinned, 8),
            &["not in device memory"],
        );
        says(
            d.to_host(stream, pageable.as_mut_ptr(), x, 16),
            &["not in pinned"],
        );
        std::ptr::write_bytes(pinned, 0, 8);
        d.to_device(stream, x, pinned, 8).unwrap();
        d.on_device(stream, DevicePtr(x.0 + 8), x, 4).unwrap();
    }
    assert_eq!(b.floats(x, 4), [0.0, 0.0, 0.0, 1.0]);
}

const WRONG: &str = r#"
    extern "C" __global__ void writes_past(float* x, int n) { x[threadIdx.x == 7 ? n + 1 : threadIdx.x % n] = 0.0f; }
    extern "C" __global__ void writes_before(float* x, int n) { x[threadIdx.x == 7 ? -2 : (int)threadIdx.x % n] = 0.0f; }
    extern "C" __global__ void forgets_a_barrier(float* x) {
        __shared__ float s[64];
        s[threadIdx.x] = threadIdx.x;
        x[threadIdx.x] = s[63 - threadIdx.x];
    }
    extern "C" __global__ void forgets_the_second(float* x) {
        __shared__ float s[64];
        for (int i = 0; i < 3; i++) {
            s[threadIdx.x] = x[threadIdx.x] + i;
            __syncthreads();
            x[threadIdx.x] += s[(threadIdx.x + 1) % 64];
        }
    }
    extern "C" __global__ void writes_twice(int* x) { x[0] = threadIdx.x; }
    extern "C" __global__ void blocks_write_twice(int* x) { x[0] = blockIdx.x; }
    extern "C" __global__ void adds_by_atomics(int* x) { atomicAdd(x, (int)threadIdx.x); }
    extern "C" __global__ void through_a_table(float** x) { x[threadIdx.x][0] += 1.0f; }
    extern "C" __global__ void some_wait(float* x) {
        if (threadIdx.x < 5) __syncthreads();
        x[threadIdx.x] = 0.0f;
    }
    extern "C" __global__ void two_barriers(float* x) {
        if (threadIdx.x < 5) { __syncthreads(); } else { __syncthreads(); }
        x[threadIdx.x] = 0.0f;
    }
    extern "C" __global__ void deep(float* x) {
        volatile float local[20000];
        for (int i = 0; i < 20000; i++) local[i] = i;
        x[threadIdx.x] = local[5];
    }
"#;

#[test]
fn planted_mistakes_are_found() {
    let wrong = |name: &str, args: &[Arg], words: &[&str]| {
        // An error of a kernel stays, so each has a driver of its own.
        let b = bench(&PLAIN, WRONG);
        let x = b.put(0, &[0.0f32; 64]);
        let args: Vec<Arg> = [ptr(x)].into_iter().chain(args.iter().cloned()).collect();
        let named = format!("'{name}'");
        let words: Vec<&str> = [named.as_str()]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        says(b.run(name, grid(2, 64), &args), &words);
        // It stays, and comes out of all that follows on the device.
        says(b.driver.synchronize(b.streams[0]), &words);
        says(b.run(name, grid(1, 1), &args), &words);
    };
    let n = Arg::I32(64);
    wrong(
        "writes_past",
        std::slice::from_ref(&n),
        &["5 bytes past an allocation of 256 bytes"],
    );
    wrong(
        "writes_before",
        &[n],
        &["5 bytes before an allocation of 256 bytes"],
    );
    wrong("forgets_a_barrier", &[], &["a race"]);
    wrong("forgets_the_second", &[], &["a race"]);
    wrong("writes_twice", &[], &["a race: byte 0"]);
    wrong("blocks_write_twice", &[], &["a race: byte 0"]);
    wrong("some_wait", &[], &["block [0, 0, 0]", "5 of 64 threads"]);
    wrong("two_barriers", &[], &["different barriers"]);
    wrong("deep", &[], &["overran its stack"]);
}

#[test]
fn what_is_right_is_not_called_a_race() {
    let b = bench(&PLAIN, WRONG);
    let count = b.put(0, &[5i32]);
    b.run("adds_by_atomics", grid(10, 100), &[ptr(count)])
        .unwrap();
    let sum: Vec<i32> = b.get(b.streams[0], count, 1).unwrap();
    assert_eq!(sum, [5 + 10 * 4950]);
    // Memory that is only reached through a table in memory is put back before the second run as well.
    let places: Vec<DevicePtr> = (0..40).map(|i| b.put(0, &[i as f32])).collect();
    let table = b.put(0, &places.iter().map(|p| p.0).collect::<Vec<_>>());
    b.run("through_a_table", grid(1, 40), &[ptr(table)])
        .unwrap();
    for (i, place) in places.iter().enumerate() {
        assert_eq!(b.floats(*place, 1), [i as f32 + 1.0]);
    }
}

#[test]
fn memory_is_limited_reused_and_poisoned() {
    let options = EmulatorOptions {
        memory: 1 << 20,
        ..PLAIN
    };
    let b = bench(&options, RELU);
    assert!(b.floats(b.alloc(64), 64).iter().all(|x| x.is_nan()));
    let mut all = Vec::new();
    let full = loop {
        match b.driver.allocate(0, 1000) {
            Ok(p) => all.push(p),
            Err(e) => break e,
        }
    };
    assert_eq!(full.code(), crate::Code::ResourceExhausted);
    assert!(all.len() > 600, "{}", all.len());
    // SAFETY: nothing uses them.
    let free = |p: &DevicePtr| unsafe { b.driver.free(0, *p) }.unwrap();
    all.iter().step_by(2).for_each(free);
    all.iter().skip(1).step_by(2).for_each(free);
    b.driver.synchronize(b.streams[0]).unwrap();
    b.driver.allocate(0, 900_000).unwrap(); // what was free in parts is whole again
    assert!(b.driver.allocate(0, 0).is_err());
    assert_eq!(b.driver.memory(0).unwrap().1, 1 << 20);
}

/// Mistakes at the end of a tensor, within what the allocator rounds its size up to.
static BY_ONE: Source = Source {
    name: "by_one",
    files: &[SourceFile {
        path: "by_one.cu",
        text: r#"
            KERNEL(writes)(f32* y, const f32* x, index_t n) { GRID_STRIDE(i, n + 1) y[i] = 1; }
            KERNEL(reads)(f32* y, const f32* x, index_t n) { GRID_STRIDE(i, n) y[i] = fmaxf(x[i], x[i + 1]); }
            KERNEL(adds)(f32* y, const f32* x, index_t n) { GRID_STRIDE(i, n) y[i] = x[i] > 0 || y[i] > 0; }
            KERNEL(leaves)(f32* y, const f32* x, index_t n) { GRID_STRIDE(i, n - 1) y[i] = x[i]; }
        "#,
    }],
    types: &[DType::F32],
};

#[test]
fn tensors_end_where_their_last_element_does() {
    let n = 100;
    let run = |name: &str| -> Result<Tensor> {
        let gpu = Gpu::new(Arc::new(Emulator::new(PLAIN)?), 0)?;
        let shape = |n: usize| Shape::of(&[n]).unwrap();
        // What the allocator has for them was a larger tensor's before.
        for fill in [1.0f32, 2.0] {
            let large = Tensor::from(vec![fill; 128]);
            let _both = [gpu.upload(&large)?, gpu.upload(&large)?];
        }
        let x = gpu.upload(&Tensor::from(vec![-1.0f32; n]))?;
        let y = Tensor::alloc_on(&gpu, DType::F32, shape(n))?;
        assert_eq!(gpu.stats().in_use + gpu.stats().waiting, 2 * 512);
        let args = [y.device_ptr()?, x.device_ptr()?, Arg::I64(n as i64)];
        // SAFETY: the emulator checks what the kernel does.
        unsafe { gpu.launch(&BY_ONE, DType::F32, name, Gpu::blocks(n, 64), &args) }?;
        gpu.download_now(&y)
    };
    let said = |name: &str, words: &str| says(run(name).map(|_| ()), &[name, words]);
    said("writes", "a write 1 bytes past an allocation of 400 bytes");
    said("reads", "what lies outside of tensors");
    said("adds", "memory that nobody wrote");
    // What no kernel has written yet is no mistake: another may.
    let left = run("leaves").unwrap();
    assert_eq!(left.data::<f32>().unwrap()[..99], [-1.0; 99]);
    assert!(left.data::<f32>().unwrap()[99].is_nan());
}

const STEPS: &str = r#"
    extern "C" __global__ void step(double* x, double a) {
        for (int i = 0; i < 20000; i++) x[0] = x[0] * 0.5 + a;
    }
"#;

#[test]
fn events_order_streams() {
    let options = EmulatorOptions {
        devices: 2,
        delays: Some(7),
        ..PLAIN
    };
    let b = bench(&options, STEPS);
    let other = b.driver.stream(0).unwrap();
    let x = b.put(0, &[0.0f64]);
    let event = b.driver.event(0).unwrap();
    assert!(b.driver.is_over(event).unwrap());
    let (mine, far) = (b.streams[0], b.streams[1]);
    let y = b.put(1, &[0.0f64]);
    let calls = Arc::new(AtomicU64::new(0));
    for round in 0..20 {
        // The streams take turns; the second device then gets a copy.
        let [from, to] = if round % 2 == 0 {
            [mine, other]
        } else {
            [other, mine]
        };
        b.launch_on(
            0,
            from,
            "step",
            grid(1, 1),
            &[ptr(x), Arg::F64(f64::from(round))],
        )
        .unwrap();
        let seen = calls.clone();
        let count = move |state: Result<()>| {
            state.unwrap();
            assert_eq!(seen.fetch_add(1, Ordering::Relaxed), round as u64);
        };
        b.driver.call_host(from, Box::new(count)).unwrap();
        b.driver.record(event, from).unwrap();
        b.driver.wait(to, event).unwrap();
        b.driver.wait(far, event).unwrap();
    }
    // SAFETY: both are 8 bytes.
    unsafe { b.driver.on_device(far, y, x, 8) }.unwrap();
    let got: Vec<f64> = b.get(far, y, 1).unwrap();
    assert_eq!(got, [38.0]); // the fixed point of the last step
    assert!(b.driver.is_over(event).unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 20);
}

#[test]
fn a_forgotten_wait_shows() {
    let options = EmulatorOptions {
        look_for_races: false,
        ..PLAIN
    };
    let b = bench(&options, STEPS);
    let other = b.driver.stream(0).unwrap();
    let x = b.put(0, &[0.0f64]);
    b.launch_on(
        0,
        b.streams[0],
        "step",
        grid(20_000, 1),
        &[ptr(x), Arg::F64(1.0)],
    )
    .unwrap();
    let early: Vec<f64> = b.get(other, x, 1).unwrap();
    let event = b.driver.event(0).unwrap();
    b.driver.record(event, b.streams[0]).unwrap();
    assert!(!b.driver.is_over(event).unwrap(), "{early:?}");
    b.driver.synchronize(b.streams[0]).unwrap();
    assert!(b.driver.is_over(event).unwrap());
}

#[test]
fn texts_that_do_not_compile_say_where() {
    let driver = Emulator::new(PLAIN).unwrap();
    let text = "\nextern \"C\" __global__ void f(float* x) {\n    x[0] = nothing;\n}";
    let error = driver.compile(0, text, "wrong.cu").unwrap_err();
    assert!(error.message().contains("wrong.cu:3"), "{error}");
    let float = "extern \"C\" __global__ void f(float* x) { atomicAdd(x, 1.0f); }";
    assert!(driver.compile(0, float, "float.cu").is_err());
    assert!(
        Emulator::new(EmulatorOptions {
            devices: 9,
            ..PLAIN
        })
        .is_err()
    );
}

const MATMUL: &str = r#"
    extern "C" __global__ void matmul(const float* a, const float* b, float* c, int n) {
        __shared__ float ta[16][16], tb[16][16];
        int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * 16 + y, column = blockIdx.x * 16 + x;
        float sum = 0.0f;
        for (int k = 0; k < n; k += 16) {
            ta[y][x] = a[row * n + k + x];
            tb[y][x] = b[(k + y) * n + column];
            __syncthreads();
            #pragma unroll
            for (int i = 0; i < 16; i++) sum += ta[y][i] * tb[i][x];
            __syncthreads();
        }
        c[row * n + column] = sum;
    }
"#;

#[test]
fn speed_of_plain_loops_and_of_tiles() {
    let options = EmulatorOptions {
        look_for_races: false,
        ..PLAIN
    };
    let b = bench(&options, &format!("{RELU}{MATMUL}"));
    let n = 1 << 20;
    let (x, y) = (b.put(0, &vec![-1.0f32; n]), b.alloc(n));
    let timed = |name: &str, grid: Grid, args: &[Arg], work: f64| {
        b.run(name, grid, args).unwrap();
        let begin = Instant::now();
        b.run(name, grid, args).unwrap();
        let rate = work / begin.elapsed().as_secs_f64();
        println!("{name}: {:.0} million a second", rate / 1e6);
    };
    let args = [ptr(x), ptr(y), Arg::I64(n as i64)];
    timed("relu_f32", grid(4096, 256), &args, n as f64);
    assert!(b.floats(y, n).iter().all(|y| *y == 0.0));
    let m = 128;
    let tiles = Grid {
        blocks: [m / 16, m / 16, 1],
        threads: [16, 16, 1],
        shared: 0,
    };
    let c = b.alloc((m * m) as usize);
    let args = [ptr(x), ptr(x), ptr(c), Arg::I32(m as i32)];
    timed("matmul", tiles, &args, f64::from(m).powi(3));
    assert!(b.floats(c, (m * m) as usize).iter().all(|c| *c == m as f32));
}
