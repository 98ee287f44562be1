//! The real driver on a real GPU (ignored where there is none), and its compiler, which needs no GPU.

use super::*;

const SCALE: &str = r#"
struct Affine { double factor; long long offset; };
extern "C" __global__ void scale(float* out, const float* in, long long n, float by, Affine a) {
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)
        out[i] = in[i] * by * (float)a.factor + (float)a.offset;
}
"#;

fn affine(factor: f64, offset: i64) -> Arg {
    let mut bytes = factor.to_ne_bytes().to_vec();
    bytes.extend(offset.to_ne_bytes());
    Arg::Bytes(bytes.into())
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_copies_launches_and_calls_back() {
    let real = Real::open().unwrap();
    println!("{:?}", real.devices());
    let n = 1_000_003usize;
    let bytes = 4 * n;
    let (compute, copies) = (real.stream(0).unwrap(), real.stream(0).unwrap());
    let (up, done) = (real.event(0).unwrap(), real.event(0).unwrap());
    let host = real.allocate_pinned(0, bytes).unwrap();
    let (a, b) = (
        real.allocate(0, bytes).unwrap(),
        real.allocate(0, bytes).unwrap(),
    );
    let image = real.compile(0, SCALE, "scale.cu").unwrap();
    let module = real.load(0, &image).unwrap();
    let scale = real.function(module, "scale").unwrap();
    assert_eq!(
        real.function(module, "nope").unwrap_err().code(),
        Code::NotFound
    );
    let (sent, arrived) = std::sync::mpsc::channel();
    // SAFETY: pinned memory of n floats, written before and read after the stream has used it.
    unsafe {
        let values = std::slice::from_raw_parts_mut(host.as_ptr().cast::<f32>(), n);
        for (i, v) in values.iter_mut().enumerate() {
            *v = i as f32;
        }
        real.to_device(copies, a, host.as_ptr(), bytes).unwrap();
        real.record(up, copies).unwrap();
        real.wait(compute, up).unwrap();
        let grid = Grid {
            blocks: [264, 1, 1],
            threads: [256, 1, 1],
            shared: 0,
        };
        let args = [
            Arg::Ptr(b),
            Arg::Ptr(a),
            Arg::I64(n as i64),
            Arg::F32(2.0),
            affine(0.5, 3),
        ];
        real.launch(compute, scale, &grid, &args).unwrap();
        real.on_device(compute, a, b, bytes).unwrap();
        real.record(done, compute).unwrap();
        real.wait(copies, done).unwrap();
        real.to_host(copies, host.as_ptr(), a, bytes).unwrap();
        real.call_host(copies, Box::new(move |r| sent.send(r).unwrap()))
            .unwrap();
        arrived.recv().unwrap().unwrap();
        assert!(real.is_over(done).unwrap());
        assert!(values.iter().enumerate().all(|(i, v)| *v == i as f32 + 3.0));
        real.free(0, a).unwrap();
        real.free(0, b).unwrap();
        real.free_pinned(0, host).unwrap();
    }
    let e = real.allocate(0, 1 << 50).unwrap_err();
    assert_eq!(e.code(), Code::ResourceExhausted);
    assert!(e.message().contains("CUDA_ERROR_OUT_OF_MEMORY"), "{e}");
    let e = real
        .compile(
            0,
            "extern \"C\" __global__ void f() { nonsense; }",
            "bad.cu",
        )
        .unwrap_err();
    assert!(e.message().contains("nonsense"), "{e}");
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_tensors_travel_and_memory_is_used_again() {
    use crate::device::cuda::{Gpu, discover};
    use crate::{DType, Shape, Tensor};
    let found = discover();
    let gpu = found
        .gpus
        .first()
        .unwrap_or_else(|| panic!("{}", found.why_none));
    static SOURCE: crate::device::cuda::Source = crate::device::cuda::Source {
        name: "twice",
        files: &[crate::device::cuda::SourceFile {
            path: "twice.cu",
            text: "extern \"C\" __global__ void twice_f32(f32* y, const f32* x, index_t n) { GRID_STRIDE(i, n) y[i] = 2 * x[i]; }",
        }],
        types: &[DType::F32],
    };
    // Several pieces of a copy, and more rounds than waiting would leave memory for.
    let n = 9_000_001usize;
    for round in 0..20 {
        let values: Vec<f32> = (0..n).map(|i| (i % 4096 + round) as f32).collect();
        let x = gpu.upload(&Tensor::from(values.clone())).unwrap();
        let y = Tensor::alloc_on(gpu, DType::F32, Shape::of(&[n]).unwrap()).unwrap();
        let args = [
            y.device_ptr().unwrap(),
            x.device_ptr().unwrap(),
            Arg::I64(n as i64),
        ];
        // SAFETY: the kernel's arguments; both tensors have n elements.
        unsafe { gpu.launch(&SOURCE, DType::F32, "twice", Gpu::blocks(n, 256), &args) }.unwrap();
        drop(x);
        let back = gpu.download_now(&y).unwrap();
        let back = back.data::<f32>().unwrap();
        assert!(back.iter().zip(&values).all(|(b, v)| *b == 2.0 * v));
    }
    let stats = gpu.stats();
    println!("{stats:?}");
    assert!(stats.peak <= 4 * 4 * n * 5 / 4);
    let huge = Shape::of(&[1 << 40]).unwrap();
    let e = Tensor::alloc_on(gpu, DType::F32, huge).unwrap_err();
    assert_eq!(e.code(), Code::ResourceExhausted);
}
