//! Compiles `.cu` text with the host's C++ compiler to a shared object, kept on disk.

use crate::device::cuda::cache::{self, Cache};
use crate::error::{Error, Result};
use regex::Regex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

const LANGUAGE: &str = include_str!("language.h");
const RUNTIME: &str = include_str!("runtime.h");

/// No assumptions about what a pointer's type says: as a GPU's compiler.
const FLAGS: &[&str] = &[
    "-std=c++17",
    "-O2",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-stack-protector",
    "-fsigned-char",
    "-w",
];

/// How results are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// As on the host: each product before it is added, elementary functions as the C library has them.
    Host,
    /// As a GPU may: sums of products are fused, elementary functions of floats are off by up to one unit.
    Gpu,
}

impl Rounding {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Rounding::Host => &["-ffp-contract=off"],
            Rounding::Gpu if cfg!(target_arch = "x86_64") => &["-ffp-contract=fast", "-mfma"],
            Rounding::Gpu => &["-ffp-contract=fast"],
        }
    }
}

/// The prefix of the names under which an object has its kernels.
pub const ENTRY: &str = "emulator_entry_";

/// The bytes of a shared object with the source's kernels.
///
/// # Errors
/// `FailedPrecondition` without a C++ compiler, `Internal` with the compiler's messages.
pub fn compile(source: &str, name: &str, rounding: Rounding) -> Result<Vec<u8>> {
    let compiler = COMPILER.as_ref().map_err(Clone::clone)?;
    let cache = cache();
    let key = key(compiler, source, name, rounding);
    if let Some(bytes) = cache.read(&key) {
        return Ok(bytes);
    }
    let own = Scratch::new()?;
    let context = match cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        true => "",
        false => "#include <ucontext.h>\n",
    };
    let off = match rounding {
        Rounding::Host => "",
        Rounding::Gpu => "#define EMULATOR_OFF_BY_ONE\n",
    };
    let whole = format!(
        "{off}{context}#line 1 \"language.h\"\n{LANGUAGE}\n#line 1 \"runtime.h\"\n{RUNTIME}\n#line 1 \"{name}\"\n{source}\n"
    );
    own.write("cu", &whole)?;
    let plain = ["-E", "-std=c++17", "-w", "-x", "c++"];
    let text = compiler.run(name, plain.iter().map(Path::new).chain([&*own.path("cu")]))?;
    own.write("cpp", rewrite(&String::from_utf8_lossy(&text.stdout)))?;
    let flags = FLAGS.iter().chain(rounding.flags()).map(Path::new);
    let files = [Path::new("-o"), &own.path("so"), &own.path("cpp")];
    compiler.run(name, flags.chain(files))?;
    let bytes = std::fs::read(own.path("so")).map_err(|e| Error::io(&own.path("so"), &e))?;
    cache.write(&key, &bytes);
    Ok(bytes)
}

/// Forgets the object that [`compile`] kept of these arguments; whether there was one.
pub fn forget(source: &str, name: &str, rounding: Rounding) -> bool {
    let compiler = COMPILER.as_ref();
    compiler.is_ok_and(|c| cache().forget(&key(c, source, name, rounding)))
}

fn cache() -> Cache {
    Cache::new(None, "emulator")
}

/// The name under which an object is kept: all that it depends on.
fn key(compiler: &Compiler, source: &str, name: &str, rounding: Rounding) -> String {
    let flags = [FLAGS, rounding.flags()].concat().join(" ");
    let rounding = format!("{rounding:?}");
    let parts = [source, name, LANGUAGE, RUNTIME, &flags, &rounding];
    cache::key(&[&parts[..], &[&compiler.version]].concat())
}

struct Compiler {
    command: Vec<String>,
    version: String,
}

static COMPILER: LazyLock<Result<Compiler>> = LazyLock::new(|| {
    let chosen = std::env::var("CXX").unwrap_or_default();
    find(&[&chosen, "c++", "g++", "clang++"])
});

/// The first of some commands that is there.
fn find(commands: &[&str]) -> Result<Compiler> {
    for command in commands {
        let command: Vec<String> = command.split_whitespace().map(String::from).collect();
        let Some((program, options)) = command.split_first() else {
            continue;
        };
        let said = Command::new(program)
            .args(options)
            .arg("--version")
            .output();
        if let Some(said) = said.ok().filter(|s| s.status.success()) {
            let version = format!("{command:?} {}", String::from_utf8_lossy(&said.stdout));
            return Ok(Compiler { command, version });
        }
    }
    Err(Error::failed_precondition(
        "the emulated GPU needs a C++ compiler: none of $CXX, c++, g++ and clang++ runs",
    ))
}

impl Compiler {
    fn run<'a>(&self, name: &str, args: impl Iterator<Item = &'a Path>) -> Result<Output> {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(args);
        let output = command
            .output()
            .map_err(|e| Error::internal(format!("{}: {e}", self.command[0])))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().take(40).collect();
        Err(Error::internal(format!("{name}: {}", said.join("\n"))))
    }
}

/// A fresh folder for files that nobody else can have put there, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// In the user's cache folder, or in the one for temporary files, where others may write, too.
    ///
    /// # Errors
    /// When neither takes a folder.
    pub fn new() -> Result<Scratch> {
        let kept = cache().folder;
        let kept = kept.filter(|folder| std::fs::create_dir_all(folder).is_ok());
        match kept.and_then(|folder| Scratch::within(&folder).ok()) {
            Some(scratch) => Ok(scratch),
            None => Scratch::within(&std::env::temp_dir()),
        }
    }

    fn within(folder: &Path) -> Result<Scratch> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("tensorloom-{}-{number}", std::process::id()));
            match builder.create(&path) {
                Ok(()) => return Ok(Scratch(path)),
                // Somebody else's, or left behind.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < 1 << 20 => {}
                Err(e) => return Err(Error::io(&path, &e)),
            }
        }
    }

    /// A file of it.
    pub fn path(&self, ending: &str) -> PathBuf {
        self.0.join("kernels").with_extension(ending)
    }

    /// Writes a file of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, ending: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(ending);
        std::fs::write(&path, bytes).map_err(|e| Error::io(&path, &e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // One that stays does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Preprocessed CUDA C++ as plain C++ with an entry for each kernel.
fn rewrite(text: &str) -> String {
    // Fixed patterns, checked by the tests.
    let pattern = |p: &str| Regex::new(p).expect("the pattern is valid");
    // All dynamic shared memory of a block is the same.
    let dynamic =
        pattern(r"extern\b([^;{}()]*?)__shared__\b([^;]*?)\b([A-Za-z_]\w*)\s*\[\s*\]\s*;");
    let text = dynamic.replace_all(
        text,
        "$1$2 *const $3 = (decltype($3))emulator::dynamic_shared;",
    );
    let fixed = pattern(r"(?:\bstatic\s+)?\b__shared__\b([^;]*);");
    let text = fixed.replace_all(&text, |found: &regex::Captures<'_>| {
        let mut out = format!("static{};", &found[1]);
        for name in declared(&found[1]) {
            let seen = format!("emulator_seen_{name}");
            out += &format!(
                " static unsigned long long {seen}; emulator::shared(&{name}, sizeof({name}), {seen});"
            );
        }
        out
    });
    let kernel = pattern(r"\b__global__\s+void\s+([A-Za-z_]\w*)\s*\(");
    let names: BTreeSet<&str> = kernel
        .captures_iter(&text)
        .filter_map(|c| Some(c.get(1)?.as_str()))
        .collect();
    let mut entries = String::from("\n#line 1 \"entries\"\nextern \"C\" {\n");
    for name in names {
        entries += &format!(
            "__attribute__((visibility(\"default\"))) emulator::Entry {ENTRY}{name} = emulator::Kernel<&{name}>::entry();\n"
        );
    }
    pattern(r"\b__global__\b")
        .replace_all(&text, "")
        .into_owned()
        + &entries
        + "}\n"
}

/// The names that a declaration without initializers declares: the last word of each declarator before its lengths.
fn declared(declaration: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (i, c) in declaration.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&declaration[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&declaration[start..]);
    let word = |c: char| c.is_alphanumeric() || c == '_';
    parts
        .into_iter()
        .filter_map(|part| {
            let part = part.split('[').next().unwrap_or(part).trim_end();
            part.rsplit(|c| !word(c)).next().filter(|w| !w.is_empty())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_shared_variables_are_found() {
        assert_eq!(declared(" float tile[16][T + 1], sum"), ["tile", "sum"]);
        assert_eq!(declared(" Pair<int, float> best [ N ]"), ["best"]);
        let text = rewrite("extern __shared__ float buffer[];\n__shared__ int n;");
        assert!(text.contains("*const buffer = "), "{text}");
        assert!(text.contains("static int n; static"), "{text}");
    }

    #[test]
    #[cfg(unix)]
    fn scratch_folders_are_fresh_and_this_user_s_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir();
        let (one, two) = (
            Scratch::within(&folder).unwrap(),
            Scratch::within(&folder).unwrap(),
        );
        assert_ne!(one.0, two.0);
        let mode = std::fs::metadata(&one.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        one.write("so", b"code").unwrap();
        let path = one.0.clone();
        drop(one);
        assert!(!path.exists() && Scratch::within(&path).is_err());
    }

    #[test]
    fn no_compiler_is_an_error_that_says_so() {
        let error = find(&["", "no-such-compiler"]).err().unwrap();
        assert!(error.message().contains("C++ compiler"), "{error}");
    }
}
