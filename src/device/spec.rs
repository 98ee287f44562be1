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
    /// Parses a full or partial name, also the old spellings `/cpu:0` and `/gpu:0`, and `cpu:0` without slash.
    ///
    /// # Errors
    /// `InvalidArgument` "Malformed device specification".
    pub fn parse(text: &str) -> Result<DeviceSpec> {
        let bad = || Error::invalid_argument(format!("Malformed device specification '{text}'"));
        let mut spec = DeviceSpec::default();
        let number = |s: &str| -> Result<Option<u32>> {
            match s {
                "*" => Ok(None),
                s if !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) => {
                    s.parse::<i32>().map(|n| Some(n as u32)).map_err(|_| bad())
                }
                _ => Err(bad()),
            }
        };
        let word = |s: &str| -> Result<Option<String>> {
            let valid = s.starts_with(|c: char| c.is_ascii_alphabetic())
                && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            match s {
                "*" => Ok(None),
                s if valid => Ok(Some(s.to_string())),
                _ => Err(bad()),
            }
        };
        let text_parts = text.strip_prefix('/').unwrap_or(text);
        if text_parts.is_empty() {
            return Ok(spec);
        }
        for part in text_parts.split('/') {
            let mut fields = part.split(':');
            let key = fields.next().unwrap_or("");
            let values: Vec<&str> = fields.collect();
            match (key, values.as_slice()) {
                ("job", [v]) => spec.job = word(v)?,
                ("replica", [v]) => spec.replica = number(v)?,
                ("task", [v]) => spec.task = number(v)?,
                ("device", [kind]) => spec.kind = word(kind)?,
                ("device", [kind, id]) => (spec.kind, spec.id) = (word(kind)?, number(id)?),
                (k @ ("cpu" | "gpu" | "CPU" | "GPU"), [id]) => {
                    (spec.kind, spec.id) = (Some(k.to_uppercase()), number(id)?);
                }
                (k @ ("cpu" | "gpu" | "CPU" | "GPU"), []) => spec.kind = Some(k.to_uppercase()),
                _ => return Err(bad()),
            }
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
        for (text, canonical) in [
            ("/cpu:0", "/device:CPU:0"),
            (
                "/job:localhost/replica:0/task:0/device:GPU:1",
                "/job:localhost/replica:0/task:0/device:GPU:1",
            ),
            ("cpu:0", "/device:CPU:0"),
            ("", ""),
            ("/", ""),
            ("/device:CPU:*", "/device:CPU:*"),
            ("/device:CPU", "/device:CPU:*"),
        ] {
            assert_eq!(DeviceSpec::parse(text).unwrap().to_string(), canonical);
        }
        for bad in [
            "/foo:1",
            "/device:CPU:-1",
            "/gpu:99999999999",
            "/job:1a",
            "//",
            "/device:",
            "/cpu:x",
        ] {
            assert!(DeviceSpec::parse(bad).is_err(), "{bad}");
        }
    }
}
