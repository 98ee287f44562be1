//! Whether CUDA's driver library is here with all that is called in it, and errors of its calls.

use crate::error::{Code, Error, Result};
use cudarc::driver::sys;
use std::ffi::{CStr, c_char, c_int, c_uint};

/// All functions that this crate calls. The bindings look each up at its first call and panic when it is missing.
const FUNCTIONS: &[&str] = &[
    "cuCtxSetCurrent",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetPCIBusId",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventQuery",
    "cuEventRecord",
    "cuFuncSetAttribute",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyAsync",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuStreamAddCallback",
    "cuStreamCreate",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// Checks that the driver library is here and complete, and initializes it. Nothing else of the bindings may be
/// touched before.
///
/// # Errors
/// What is missing, or what the driver says.
pub(super) fn check() -> std::result::Result<(), String> {
    type Init = unsafe extern "C" fn(c_uint) -> c_int;
    // SAFETY: loading the driver's library runs its initializers, which are the vendor's and made for that.
    if !unsafe { sys::is_culib_present() } {
        return Err("the machine has no CUDA driver (libcuda.so.1 was not found)".into());
    }
    // SAFETY: as above; it was just found.
    let library = unsafe { sys::culib() };
    let missing: Vec<&str> = FUNCTIONS
        .iter()
        .copied()
        // SAFETY: the symbol is only looked up, not called.
        .filter(|f| unsafe { library.get::<unsafe extern "C" fn()>(f.as_bytes()) }.is_err())
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(format!("the CUDA driver library lacks {missing}"));
    }
    // Called by its number, since what answers may not be NVIDIA's and give a code that the bindings do not know.
    // SAFETY: the type is that which CUDA documents for the name.
    let code = unsafe {
        let init = library.get::<Init>(b"cuInit").map_err(|e| e.to_string())?;
        init(0)
    };
    match code {
        0 => Ok(()),
        34 => Err("the CUDA driver library is a stub for linking (CUDA_ERROR_STUB_LIBRARY)".into()),
        100 => Err("the CUDA driver finds no GPU (CUDA_ERROR_NO_DEVICE)".into()),
        803 => Err("the CUDA driver library does not fit the kernel's driver (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)".into()),
        999 => Err("cuInit failed: CUDA_ERROR_UNKNOWN".into()),
        code => Err(format!("cuInit failed with error {code}")),
    }
}

/// An outcome of a call of the driver as a result, with the driver's own words.
pub(super) fn checked(call: &str, outcome: sys::CUresult) -> Result<()> {
    let code = match outcome {
        sys::CUresult::CUDA_SUCCESS => return Ok(()),
        sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Code::ResourceExhausted,
        _ => Code::Internal,
    };
    let (mut name, mut text): (*const c_char, *const c_char) = (std::ptr::null(), std::ptr::null());
    // SAFETY: both are locals; an unknown code leaves them null.
    unsafe {
        let _ = sys::cuGetErrorName(outcome, &mut name);
        let _ = sys::cuGetErrorString(outcome, &mut text);
    }
    Err(Error::new(
        code,
        format!(
            "{call} failed: {}: {}",
            words(name).unwrap_or_else(|| format!("{outcome:?}")),
            words(text).unwrap_or_else(|| "no description".into())
        ),
    ))
}

fn words(text: *const c_char) -> Option<String> {
    // SAFETY: not null, and then one of the driver's static texts.
    (!text.is_null()).then(|| {
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    })
}
