//! How much memory the host has.

use std::sync::OnceLock;

/// The bytes of memory that this process may use: the machine's, or what the control group allows, whichever is less;
/// 0 where that is not known.
pub fn host_memory() -> u64 {
    static MEMORY: OnceLock<u64> = OnceLock::new();
    *MEMORY.get_or_init(|| {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let machine = read("/proc/meminfo").and_then(|t| total(&t));
        let files = [
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        let group = files.iter().find_map(|f| read(f)?.trim().parse().ok());
        match (machine, group) {
            (Some(a), Some(b)) => u64::min(a, b),
            (a, b) => a.or(b).unwrap_or(0),
        }
    })
}

/// The bytes of the line `MemTotal: 123 kB`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_total_is_found() {
        let text = "MemFree:  12 kB\nMemTotal:       24 kB\n";
        assert_eq!(total(text), Some(24 << 10));
        assert_eq!(total("MemTotal: much"), None);
        assert_eq!(total("MemTotal: 18446744073709551615 kB"), None);
    }
}
