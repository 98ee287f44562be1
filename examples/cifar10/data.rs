//! Where the images come from: a folder, a download, or the digits embedded in this program.

use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tensorloom::{Code, Error, Result};

/// Where CIFAR-10 is published.
pub const DATA_URL: &str = "http://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";

/// The folder inside the archive and inside the data directory.
const FOLDER: &str = "cifar-10-batches-bin";

/// 10,000 handwritten digits (MNIST: Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0) in CIFAR-10's layout.
const DIGITS: &[u8] = include_bytes!("digits-binary.tar.gz");

/// How the images are asked for.
#[derive(Clone, Debug)]
pub struct DataOptions {
    /// The directory that holds, or will hold, `cifar-10-batches-bin`.
    pub data_dir: PathBuf,
    /// Fetch the archive from here when it is not there.
    pub download: Option<String>,
}

/// The folder with the `.bin` files: what is there, else a download if asked for, else the digits.
///
/// # Errors
/// When a download fails or a file cannot be written.
pub fn prepare(options: &DataOptions) -> Result<PathBuf> {
    let folder = options.data_dir.join(FOLDER);
    if folder.join("data_batch_1.bin").exists() {
        return Ok(folder);
    }
    if let Some(url) = &options.download {
        download(url, &options.data_dir)?;
        return Ok(folder);
    }
    let digits = options.data_dir.join("digits");
    let folder = digits.join(FOLDER);
    if !folder.join("test_batch.bin").exists() {
        unpack(DIGITS, &digits)?;
    }
    println!(
        "No CIFAR-10 data in {}: using the 10,000 embedded digits (--download fetches CIFAR-10).",
        options.data_dir.display()
    );
    Ok(folder)
}

/// Checks that files exist and consist of whole records with labels 0 to 9.
///
/// # Errors
/// `NotFound` "Failed to find file: …", `DataLoss` for a damaged file.
pub fn check_files(files: &[PathBuf]) -> Result<()> {
    const RECORD: u64 = 3073;
    for f in files {
        let missing = || Error::not_found(format!("Failed to find file: {}", f.display()));
        let mut file = File::open(f).map_err(|_| missing())?;
        let size = file.metadata().map_err(|e| Error::io(f, &e))?.len();
        if size == 0 || size % RECORD != 0 {
            return Err(Error::data_loss(format!(
                "{}: {size} bytes are not a whole number of {RECORD}-byte records",
                f.display()
            )));
        }
        let mut label = [0u8];
        for record in 0..size / RECORD {
            let start = record * RECORD;
            file.seek(SeekFrom::Start(start))
                .and_then(|_| file.read_exact(&mut label))
                .map_err(|e| Error::io(f, &e))?;
            if label[0] > 9 {
                return Err(Error::data_loss(format!(
                    "{}: label {} at byte {start} is not in 0..9",
                    f.display(),
                    label[0]
                )));
            }
        }
    }
    Ok(())
}

/// Fetches the archive and unpacks it; what fails leaves no file behind.
fn download(url: &str, dir: &Path) -> Result<()> {
    let name = url
        .rsplit('/')
        .next()
        .filter(|n| !n.is_empty())
        .unwrap_or("cifar-10-binary.tar.gz");
    fs::create_dir_all(dir).map_err(|e| Error::io(dir, &e))?;
    let archive = dir.join(name);
    let partial = dir.join(format!("{name}.part"));
    let fetched = fetch(url, name, &partial).map_err(|e| {
        let what = e.message();
        let advice = format!(
            "Fetch it by other means and unpack it into {}",
            dir.display()
        );
        Error::new(
            e.code(),
            format!("could not download {url}: {what}. {advice}"),
        )
    });
    let unpacked = fetched.and_then(|bytes| {
        eprintln!("\r>> Downloading {name} 100.0%");
        println!("Successfully downloaded {name} {bytes} bytes.");
        let file = File::open(&partial).map_err(|e| Error::io(&partial, &e))?;
        unpack(file, dir)?;
        fs::rename(&partial, &archive).map_err(|e| Error::io(&archive, &e))
    });
    if unpacked.is_err() {
        let _ = fs::remove_file(&partial);
    }
    unpacked
}

/// Fetches a file, with a progress line on a terminal; gives its length.
fn fetch(url: &str, name: &str, to: &Path) -> Result<u64> {
    let failed = |e: String| Error::new(Code::Unavailable, e);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(|e| failed(e.to_string()))?;
    let total = response
        .headers()
        .get("content-length")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    let mut reader = response.body_mut().with_config().limit(4 << 30).reader();
    let mut file = File::create(to).map_err(|e| Error::io(to, &e))?;
    let (mut buffer, mut done, mut shown) = (vec![0u8; 1 << 16], 0u64, u64::MAX);
    loop {
        let n = reader
            .read(&mut buffer)
            .map_err(|e| failed(e.to_string()))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n])
            .map_err(|e| Error::io(to, &e))?;
        done += n as u64;
        let tenths = total.map_or(0, |t| done * 1000 / t.max(1));
        if tenths != shown && io::stderr().is_terminal() {
            shown = tenths;
            eprint!("\r>> Downloading {name} {}.{}%", tenths / 10, tenths % 10);
        }
    }
    if total.is_some_and(|t| t != done) {
        return Err(failed(format!("the connection ended after {done} bytes")));
    }
    file.sync_all().map_err(|e| Error::io(to, &e))?;
    Ok(done)
}

/// Unpacks the archive's data files into `dir`: all of them appear at once, or none.
fn unpack(archive: impl Read, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| Error::io(dir, &e))?;
    let staging = dir.join(format!(".unpacking-{}", std::process::id()));
    let damaged = |e: io::Error| Error::data_loss(format!("the archive is damaged: {e}"));
    let result = (|| {
        fs::create_dir_all(&staging).map_err(|e| Error::io(&staging, &e))?;
        let mut archive = tar::Archive::new(GzDecoder::new(archive));
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let path = entry.path().map_err(damaged)?.into_owned();
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            // Only the plain files that the tutorial knows; nothing in an archive chooses where it lands.
            if path.parent() != Some(Path::new(FOLDER))
                || !(name.ends_with(".bin") || name.ends_with(".txt"))
            {
                continue;
            }
            let target = staging.join(&name);
            let mut file = File::create(&target).map_err(|e| Error::io(&target, &e))?;
            io::copy(&mut entry, &mut file).map_err(damaged)?;
        }
        if !staging.join("data_batch_1.bin").exists() {
            return Err(Error::data_loss(format!(
                "the archive holds no {FOLDER}/data_batch_1.bin"
            )));
        }
        let folder = dir.join(FOLDER);
        match fs::rename(&staging, &folder) {
            // Somebody else was faster: theirs is as good.
            Err(_) if folder.join("data_batch_1.bin").exists() => Ok(()),
            Err(e) => Err(Error::io(&folder, &e)),
            Ok(()) => Ok(()),
        }
    })();
    let _ = fs::remove_dir_all(&staging);
    result
}
