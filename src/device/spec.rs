//! Device names and partial specifications: TensorFlow's grammar and merging rules.

use crate::error::{Error, Result};
use std::fmt;

/// A device name, any part of which may be missing.
///
/// ```
/// use tensorloom::device::DeviceSpec;
/// let outer = DeviceSpec::parse("/gpu:1").unwrap();
/// let inner = DeviceSpec::parse("/device:CPU").unwrap();
/// assert_eq!(inner.over(&outer).to_string(), "/device:CPU:1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeviceSpec {
    /// The job's name.
    pub job: Option<String>,
    /// The replica.
    pub replica: Option<u32>,
    /// The task.
    pub task: Option<u32>,
    /// `CPU`, `GPU` …
    pub kind: Option<String>,
    /// Which of the devices of that kind.
    pub id: Option<u32>,
}

impl DeviceSpec {
    /// Parses a full or partial name as it stands in a graph: parts in any order, of which the last of a kind counts,
    /// `*` for any, and the old spellings `/cpu:0` and `/gpu:0`.
    ///
    /// # Errors
    /// `InvalidArgument` "Malformed device specification"; so also for numbers beyond 2³¹.
    pub fn parse(text: &str) -> Result<DeviceSpec> {
        let bad = || Error::invalid_argument(format!("Malformed device specification '{text}'"));
        let mut spec = DeviceSpec::default();
        if matches!(text, "" | "/") {
            return Ok(spec);
        }
        for part in text.strip_prefix('/').ok_or_else(bad)?.split('/') {
            let (key, value) = part.split_once(':').ok_or_else(bad)?;
            match key {
                "job" => spec.job = word(value).ok_or_else(bad)?,
                "replica" => spec.replica = number(value).ok_or_else(bad)?,
                "task" => spec.task = number(value).ok_or_else(bad)?,
                "device" => {
                    let (kind, id) = value.split_once(':').unwrap_or((value, "*"));
                    spec.kind = word(kind).ok_or_else(bad)?;
                    spec.id = number(id).ok_or_else(bad)?;
                }
                "cpu" | "gpu" | "CPU" | "GPU" => {
                    spec.kind = Some(key.to_uppercase());
                    spec.id = number(value).ok_or_else(bad)?;
                }
                _ => return Err(bad()),
            }
        }
        Ok(spec)
    }

    /// Parses what a user writes: as [`DeviceSpec::parse`], also without the first slash (`cpu:0`), without a number
    /// (`/cpu`), and with the kind in small letters (`/device:gpu:0`).
    ///
    /// # Errors
    /// As [`DeviceSpec::parse`].
    pub fn parse_request(text: &str) -> Result<DeviceSpec> {
        let bad = || Error::invalid_argument(format!("Malformed device specification '{text}'"));
        let parts: Vec<String> = text
            .strip_prefix('/')
            .unwrap_or(text)
            .split('/')
            .map(|p| match p {
                "cpu" | "gpu" | "CPU" | "GPU" => format!("{p}:*"),
                p => p.to_string(),
            })
            .collect();
        let mut spec = DeviceSpec::parse(&format!("/{}", parts.join("/"))).map_err(|_| bad())?;
        if let Some(kind) = spec.kind.as_mut().filter(|k| *k == "cpu" || *k == "gpu") {
            *kind = kind.to_uppercase();
        }
        Ok(spec)
    }

    /// This specification inside another: each part that is missing here comes from the outer one.
    pub fn over(self, outer: &DeviceSpec) -> DeviceSpec {
        DeviceSpec {
            job: self.job.or_else(|| outer.job.clone()),
            replica: self.replica.or(outer.replica),
            task: self.task.or(outer.task),
            kind: self.kind.or_else(|| outer.kind.clone()),
            id: self.id.or(outer.id),
        }
    }

    /// This specification, where it does not contradict a stronger one: of contradicting parts the stronger one's
    /// count, and a number goes with the kind that it was a number of.
    pub fn yielding_to(&self, stronger: &DeviceSpec) -> DeviceSpec {
        let mut own = self.clone();
        if differ(&own.kind, &stronger.kind) {
            own.id = None;
        }
        stronger.clone().over(&own)
    }

    /// What fits both.
    ///
    /// # Errors
    /// `InvalidArgument` "Cannot merge devices with incompatible …" when nothing does.
    pub fn merge(&self, other: &DeviceSpec) -> Result<DeviceSpec> {
        let mut both = self.merge_hosts(other)?;
        if differ(&both.kind, &other.kind) {
            return Err(both.contradicts("types", other));
        }
        both.kind = both.kind.or_else(|| other.kind.clone());
        if differ(&both.id, &other.id) {
            return Err(both.contradicts("ids", other));
        }
        both.id = both.id.or(other.id);
        Ok(both)
    }

    /// As [`DeviceSpec::merge`], but contradicting kinds and numbers are dropped.
    ///
    /// # Errors
    /// `InvalidArgument` when jobs, replicas or tasks contradict.
    pub fn merge_relaxed(&self, other: &DeviceSpec) -> Result<DeviceSpec> {
        let mut both = self.merge_hosts(other)?.over(other);
        if differ(&self.kind, &other.kind) {
            (both.kind, both.id) = (None, None);
        } else if differ(&self.id, &other.id) {
            both.id = None;
        }
        Ok(both)
    }

    /// This specification with the job, replica and task that the other has.
    fn merge_hosts(&self, other: &DeviceSpec) -> Result<DeviceSpec> {
        let mut both = self.clone();
        if differ(&both.job, &other.job) {
            return Err(both.contradicts("jobs", other));
        }
        both.job = both.job.or_else(|| other.job.clone());
        if differ(&both.replica, &other.replica) {
            return Err(both.contradicts("replicas", other));
        }
        both.replica = both.replica.or(other.replica);
        if differ(&both.task, &other.task) {
            return Err(both.contradicts("tasks", other));
        }
        both.task = both.task.or(other.task);
        Ok(both)
    }

    fn contradicts(&self, what: &str, other: &DeviceSpec) -> Error {
        Error::invalid_argument(format!(
            "Cannot merge devices with incompatible {what}: '{}' and '{}'",
            self.told(),
            other.told()
        ))
    }

    /// As errors show it: a number without a kind is left out.
    pub(crate) fn told(&self) -> DeviceSpec {
        DeviceSpec {
            id: self.id.filter(|_| self.kind.is_some()),
            ..self.clone()
        }
    }

    /// Whether a device of that full name fits.
    pub fn matches(&self, full: &DeviceSpec) -> bool {
        fn fits<T: PartialEq>(wanted: &Option<T>, got: &Option<T>) -> bool {
            wanted.is_none() || wanted == got
        }
        fits(&self.job, &full.job)
            && fits(&self.replica, &full.replica)
            && fits(&self.task, &full.task)
            && fits(&self.kind, &full.kind)
            && fits(&self.id, &full.id)
    }
}

/// Whether both are given, and not the same.
fn differ<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

/// A number, or `*` for any; `None` for anything else.
fn number(s: &str) -> Option<Option<u32>> {
    match s {
        "*" => Some(None),
        _ if !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) => {
            let n = s.parse::<u32>().ok().filter(|n| *n <= i32::MAX as u32);
            n.map(Some)
        }
        _ => None,
    }
}

/// A word, or `*` for any; `None` for anything else.
fn word(s: &str) -> Option<Option<String>> {
    let valid = s.starts_with(|c: char| c.is_ascii_alphabetic())
        && s.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    match s {
        "*" => Some(None),
        s => valid.then(|| Some(s.to_string())),
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(job) = &self.job {
            write!(f, "/job:{job}")?;
        }
        if let Some(r) = self.replica {
            write!(f, "/replica:{r}")?;
        }
        if let Some(t) = self.task {
            write!(f, "/task:{t}")?;
        }
        match (&self.kind, self.id) {
            (Some(k), Some(id)) => write!(f, "/device:{k}:{id}"),
            (Some(k), None) => write!(f, "/device:{k}:*"),
            (None, Some(id)) => write!(f, "/device:*:{id}"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_spelling() {
        let full = "/job:localhost/replica:0/task:0/device:GPU:1";
        for (text, canonical) in [
            ("/cpu:0", "/device:CPU:0"),
            ("/CPU:01", "/device:CPU:1"),
            (full, full),
            ("/task:0/cpu:1/replica:0", "/replica:0/task:0/device:CPU:1"),
            ("/device:CPU:2/job:x_1", "/job:x_1/device:CPU:2"),
            ("/job:*/replica:*/task:*/cpu:*", "/device:CPU:*"),
            ("/device:CPU:1/device:CPU:2", "/device:CPU:2"),
            ("/device:*:1", "/device:*:1"),
            ("/device:*", ""),
            ("", ""),
            ("/", ""),
            ("/device:CPU:*", "/device:CPU:*"),
            ("/device:CPU", "/device:CPU:*"),
            ("/device:cpu:1", "/device:cpu:1"),
            ("/device:XLA_CPU:0", "/device:XLA_CPU:0"),
            ("/cpu:2147483647", "/device:CPU:2147483647"),
        ] {
            assert_eq!(DeviceSpec::parse(text).unwrap().to_string(), canonical);
        }
        for (text, canonical) in [
            ("cpu:0", "/device:CPU:0"),
            ("/cpu", "/device:CPU:*"),
            ("gpu", "/device:GPU:*"),
            ("/device:gpu:1", "/device:GPU:1"),
            ("job:worker/GPU", "/job:worker/device:GPU:*"),
            ("", ""),
        ] {
            let spec = DeviceSpec::parse_request(text).unwrap();
            assert_eq!(spec.to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn malformed_names() {
        let bad = "/foo:1|/device:CPU:-1|/gpu:99999999999|/gpu:2147483648|/job:1a|//|/device:|/cpu:x|//cpu:1|\
             /job:localhost/|/cpu:1/|/Cpu:1|/device:CPU:|/job:loc-al|/job:_x|/job:x.y|/cpu:1 | /cpu:1|/cpu: 1|\
             /cpu:+1|localhost|/*|/replica:|/task:-1|/device:CPU:0:1|/job:é|/cpu:٣";
        for bad in bad.split('|') {
            assert!(DeviceSpec::parse(bad).is_err(), "{bad}");
            assert!(DeviceSpec::parse_request(bad).is_err(), "{bad}");
        }
        for bad in ["cpu:0", "/cpu", "CPU:1"] {
            assert!(DeviceSpec::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_fits_both() {
        let p = |s: &str| DeviceSpec::parse(s).unwrap();
        for (a, b, strict, relaxed) in [
            ("/cpu:*", "/task:0", "/task:0/device:CPU:*", ""),
            ("/device:*:2", "/cpu:*", "/device:CPU:2", ""),
            ("/cpu:1", "/cpu:2", "ids", "/device:CPU:*"),
            ("/gpu:1", "/cpu:*", "types", ""),
            ("/job:a/cpu:1", "/job:b", "jobs", "jobs"),
            ("/replica:0", "/replica:1", "replicas", "replicas"),
            ("/task:0/cpu:1", "/task:1/cpu:2", "tasks", "tasks"),
        ] {
            match p(a).merge(&p(b)) {
                Ok(both) => assert_eq!(both.to_string(), strict),
                Err(e) => {
                    assert!(e.message().contains(&format!("incompatible {strict}:")));
                    match p(a).merge_relaxed(&p(b)) {
                        Ok(both) => assert_eq!(both.to_string(), relaxed),
                        Err(e) => assert!(e.message().contains(relaxed), "{e}"),
                    }
                }
            }
        }
        for (weak, strong, both) in [
            ("/gpu:2", "/cpu:*", "/device:CPU:*"),
            ("/gpu:*", "/device:*:2", "/device:GPU:2"),
            ("/job:a/cpu:3", "/job:b", "/job:b/device:CPU:3"),
        ] {
            assert_eq!(p(weak).yielding_to(&p(strong)).to_string(), both);
        }
    }
}
