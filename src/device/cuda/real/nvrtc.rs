//! NVRTC, CUDA's compiler as a library: finding it, and compiling kernels for a device.

use crate::error::{Error, Result};
use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;

type Program = *mut c_void;
type Status = c_int;

/// The library's functions; it is never unloaded while they exist.
pub(super) struct Nvrtc {
    create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> Status,
    destroy: unsafe extern "C" fn(*mut Program) -> Status,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    log: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    ptx_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    ptx: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    cubin_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    cubin: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    words: unsafe extern "C" fn(Status) -> *const c_char,
    version: (c_int, c_int),
    /// The capabilities that it compiles for, times ten, ascending.
    targets: Vec<c_int>,
    _library: Library,
}

/// Where the library may be: `$TENSORLOOM_NVRTC` (a file or a folder) first, then where the system looks, then the
/// usual folders of the toolkit.
fn candidates() -> Vec<PathBuf> {
    const NAMES: &[&str] = &["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];
    let within = |folder: PathBuf| NAMES.iter().map(move |n| folder.join(n));
    let mut all = Vec::new();
    if let Some(own) = std::env::var_os("TENSORLOOM_NVRTC").filter(|v| !v.is_empty()) {
        let own = PathBuf::from(own);
        match own.is_dir() {
            true => all.extend(within(own)),
            false => all.push(own),
        }
    }
    all.extend(NAMES.iter().map(PathBuf::from));
    let mut toolkits = vec![PathBuf::from("/opt/cuda")];
    let installed = std::fs::read_dir("/usr/local")
        .into_iter()
        .flatten()
        .flatten();
    toolkits.extend(installed.map(|e| e.path()).filter(|p| {
        let name = p.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("cuda")
    }));
    // `cuda` before `cuda-12.9`: it is the one that the machine's owner chose.
    toolkits.sort();
    for toolkit in toolkits {
        for folder in [
            "lib64",
            "targets/x86_64-linux/lib",
            "targets/sbsa-linux/lib",
        ] {
            all.extend(within(toolkit.join(folder)));
        }
    }
    all
}

/// How code for a target is compiled.
pub(super) fn options(target: &str) -> [String; 2] {
    [
        format!("--gpu-architecture={target}"),
        "--std=c++17".to_string(),
    ]
}

/// Of what several libraries compile for (capabilities times ten), the first that serves the most of some devices;
/// nothing when none serves any.
fn best(libraries: &[&[c_int]], devices: &[(u32, u32)]) -> Option<usize> {
    let served = |targets: &[c_int]| devices.iter().filter(|d| serves(targets, **d)).count();
    let most = libraries
        .iter()
        .map(|t| served(t))
        .max()
        .filter(|n| *n > 0)?;
    libraries.iter().position(|t| served(t) == most)
}

/// Whether code for one of these capabilities runs on a device: for its own, or an older one's PTX.
fn serves(targets: &[c_int], (major, minor): (u32, u32)) -> bool {
    let own = i64::from(major) * 10 + i64::from(minor);
    targets.iter().any(|t| i64::from(*t) <= own)
}

impl Nvrtc {
    /// The first library that is found and compiles for all the devices of these capabilities, else for the most of
    /// them. It is not newer than `newest`, the driver's own major version: a driver loads no code that a newer
    /// compiler made. New compilers leave old devices behind.
    ///
    /// # Errors
    /// Where it was looked for, or what it lacks.
    pub(super) fn open(
        newest: c_int,
        devices: &[(u32, u32)],
    ) -> std::result::Result<Nvrtc, String> {
        let mut why = String::new();
        let mut found: Vec<Nvrtc> = Vec::new();
        for path in candidates() {
            // SAFETY: loading the compiler's library runs its initializers, which are the vendor's and made for that.
            match unsafe { Library::new(&path) } {
                Ok(library) => match Nvrtc::of(library) {
                    Ok(one) if one.version.0 <= newest => {
                        if devices.iter().all(|d| one.serves(*d)) {
                            return Ok(one);
                        }
                        let path = path.display();
                        let version = one.version();
                        why = format!("{path}: version {version} is too new for the devices");
                        found.push(one);
                    }
                    Ok(one) => {
                        let path = path.display();
                        let version = one.version();
                        why = format!("{path}: version {version} is newer than the driver");
                    }
                    Err(e) => why = format!("{}: {e}", path.display()),
                },
                Err(e) if why.is_empty() || path.exists() => why = e.to_string(),
                Err(_) => {}
            }
        }
        let targets: Vec<&[c_int]> = found.iter().map(|f| &f.targets[..]).collect();
        if let Some(i) = best(&targets, devices) {
            return Ok(found.swap_remove(i));
        }
        Err(format!(
            "the compiler of GPU kernels (libnvrtc.so.12 or .13) was not found: install it or set TENSORLOOM_NVRTC to its folder ({why})"
        ))
    }

    fn of(library: Library) -> std::result::Result<Nvrtc, String> {
        fn get<F: Copy>(library: &Library, name: &str) -> std::result::Result<F, String> {
            // SAFETY: the callers ask for the types that NVRTC documents for these names.
            unsafe { library.get::<F>(name.as_bytes()) }
                .map(|f| *f)
                .map_err(|e| e.to_string())
        }
        type Version = unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status;
        type Count = unsafe extern "C" fn(*mut c_int) -> Status;
        let (mut major, mut minor, mut count) = (0, 0, 0);
        let version: Version = get(&library, "nvrtcVersion")?;
        let number: Count = get(&library, "nvrtcGetNumSupportedArchs")?;
        let list: Count = get(&library, "nvrtcGetSupportedArchs")?;
        // SAFETY: all are locals; `targets` has room for as many as the library says.
        let targets = unsafe {
            if version(&mut major, &mut minor) != 0 || number(&mut count) != 0 {
                return Err("it does not tell its version".into());
            }
            let mut targets = vec![0; usize::try_from(count).unwrap_or(0).max(1)];
            if list(targets.as_mut_ptr()) != 0 {
                return Err("it does not tell what it compiles for".into());
            }
            targets.sort_unstable();
            targets
        };
        Ok(Nvrtc {
            create: get(&library, "nvrtcCreateProgram")?,
            destroy: get(&library, "nvrtcDestroyProgram")?,
            compile: get(&library, "nvrtcCompileProgram")?,
            log_size: get(&library, "nvrtcGetProgramLogSize")?,
            log: get(&library, "nvrtcGetProgramLog")?,
            ptx_size: get(&library, "nvrtcGetPTXSize")?,
            ptx: get(&library, "nvrtcGetPTX")?,
            cubin_size: get(&library, "nvrtcGetCUBINSize")?,
            cubin: get(&library, "nvrtcGetCUBIN")?,
            words: get(&library, "nvrtcGetErrorString")?,
            version: (major, minor),
            targets,
            _library: library,
        })
    }

    /// Its version, as `12.9`.
    pub(super) fn version(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// Whether it compiles for a device of that capability.
    pub(super) fn serves(&self, capability: (u32, u32)) -> bool {
        serves(&self.targets, capability)
    }

    /// What to compile for so that it runs on a device of that capability: its own machine code (`sm_90`), or, for a
    /// device newer than the compiler, the newest PTX that the compiler knows (`compute_90`).
    pub(super) fn target(&self, (major, minor): (u32, u32)) -> String {
        let wanted = c_int::try_from(major.saturating_mul(10).saturating_add(minor));
        let wanted = wanted.unwrap_or(c_int::MAX);
        if self.targets.contains(&wanted) {
            return format!("sm_{wanted}");
        }
        let older = self.targets.iter().rev().find(|t| **t <= wanted);
        format!("compute_{}", older.copied().unwrap_or(wanted))
    }

    /// Machine code for a target `sm_…`, PTX for `compute_…`.
    ///
    /// # Errors
    /// `Internal` with the compiler's messages.
    pub(super) fn compile(&self, source: &str, name: &str, target: &str) -> Result<Vec<u8>> {
        let c = |s: &str| {
            CString::new(s).map_err(|_| Error::internal("a kernel's source holds a zero"))
        };
        let (source, c_name) = (c(source)?, c(name)?);
        let options = options(target);
        let options = options.iter().map(|o| c(o)).collect::<Result<Vec<_>>>()?;
        let options: Vec<*const c_char> = options.iter().map(|o| o.as_ptr()).collect();
        let mut program: Program = ptr::null_mut();
        // SAFETY: the texts end with zeros and outlive the calls; sizes are what the library said; the program is
        // destroyed once.
        unsafe {
            let made = (self.create)(
                &mut program,
                source.as_ptr(),
                c_name.as_ptr(),
                0,
                ptr::null(),
                ptr::null(),
            );
            self.checked("nvrtcCreateProgram", made)?;
            let status = (self.compile)(program, options.len() as c_int, options.as_ptr());
            let image = match status {
                0 if target.starts_with("sm_") => self.text(program, self.cubin_size, self.cubin),
                0 => self.text(program, self.ptx_size, self.ptx),
                _ => {
                    let log = self
                        .text(program, self.log_size, self.log)
                        .unwrap_or_default();
                    let log = String::from_utf8_lossy(&log)
                        .trim_end_matches('\0')
                        .to_string();
                    Err(Error::internal(format!(
                        "compiling {name} for {target} failed:\n{log}"
                    )))
                }
            };
            (self.destroy)(&mut program);
            image
        }
    }

    /// A text of a program: its size and then its bytes.
    ///
    /// # Safety
    /// The program is live and both functions are a pair of the library's.
    unsafe fn text(
        &self,
        program: Program,
        size: unsafe extern "C" fn(Program, *mut usize) -> Status,
        bytes: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    ) -> Result<Vec<u8>> {
        let mut length = 0;
        // SAFETY: the caller's; the buffer has the size that the library asked for.
        unsafe {
            self.checked("nvrtc: size", size(program, &mut length))?;
            let mut out = vec![0u8; length];
            self.checked("nvrtc: text", bytes(program, out.as_mut_ptr().cast()))?;
            Ok(out)
        }
    }

    fn checked(&self, call: &str, status: Status) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the library gives a static text for every number.
        let words = unsafe { CStr::from_ptr((self.words)(status)) };
        Err(Error::internal(format!(
            "{call} failed: {}",
            words.to_string_lossy()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_library_that_serves_the_most_devices_is_taken() {
        let (new, old): (&[c_int], &[c_int]) = (&[75, 80, 90, 120], &[50, 70, 75, 90]);
        assert_eq!(best(&[new, old], &[(9, 0)]), Some(0));
        assert_eq!(best(&[new, old], &[(9, 0), (7, 0)]), Some(1));
        assert_eq!(best(&[new, new], &[(9, 0), (7, 0)]), Some(0));
        assert_eq!(best(&[new, old], &[(3, 5)]), None);
        assert_eq!(best(&[], &[(9, 0)]), None);
        // Newer than all: an older one's PTX.
        assert!(serves(old, (12, 1)) && !serves(new, (7, 0)));
    }
}
