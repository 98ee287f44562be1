//! Compiles `.cu` text with the host's C++ compiler to a shared object, kept on disk.

use crate::error::{Error, Result};
use regex::Regex;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    let texts = (source, name, LANGUAGE, RUNTIME);
    let key = (texts, &compiler.version, FLAGS, rounding);
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, key).hash(&mut hasher);
        hasher.finish()
    };
    let folder = cache_folder();
    std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, &e))?;
    let object = folder.join(format!("{:016x}{:016x}.so", hash(0), hash(1)));
    if let Ok(bytes) = std::fs::read(&object) {
        return Ok(bytes);
    }
    let own = Scratch::new(&folder);
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
    own.write("cpp", &rewrite(&String::from_utf8_lossy(&text.stdout)))?;
    let flags = FLAGS.iter().chain(rounding.flags()).map(Path::new);
    let files = [Path::new("-o"), &own.path("so"), &own.path("cpp")];
    compiler.run(name, flags.chain(files))?;
    let bytes = std::fs::read(own.path("so")).map_err(|e| Error::io(&own.path("so"), &e))?;
    std::fs::rename(own.path("so"), &object).map_err(|e| Error::io(&object, &e))?;
    Ok(bytes)
}

/// Where objects are kept: the user's cache folder, else one for temporary files.
pub fn cache_folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let user = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let user = user.or_else(|| Some(Path::new(&variable("HOME")?).join(".cache")));
    user.unwrap_or_else(std::env::temp_dir)
        .join("tensorloom")
        .join("emulator")
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

/// Files of one compilation, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path) -> Scratch {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Scratch(folder.join(format!("new-{}-{number}", std::process::id())))
    }
    fn path(&self, ending: &str) -> PathBuf {
        self.0.with_extension(ending)
    }
    fn write(&self, ending: &str, text: &str) -> Result<()> {
        let path = self.path(ending);
        std::fs::write(&path, text).map_err(|e| Error::io(&path, &e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for ending in ["cu", "cpp", "so"] {
            // A file that is not there needs no removal, and one that stays does no harm.
            let _ = std::fs::remove_file(self.path(ending));
        }
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
    fn no_compiler_is_an_error_that_says_so() {
        let error = find(&["", "no-such-compiler"]).err().unwrap();
        assert!(error.message().contains("C++ compiler"), "{error}");
    }
}
