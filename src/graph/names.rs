//! Node names: what is allowed, and TensorFlow's way to make them unique.

use std::collections::HashMap;

/// The names in use, lower-cased, with how often each was asked for.
#[derive(Default)]
pub(crate) struct Names(HashMap<String, usize>);

impl Names {
    /// A unique form of a full name: itself, or with `_1`, `_2` … (case does not tell names apart).
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let key = name.to_lowercase();
        let i = self.0.get(&key).copied().unwrap_or(0);
        self.0.insert(key.clone(), i + 1);
        if i == 0 {
            return name.to_string();
        }
        let mut i = i;
        let mut candidate = key.clone();
        while self.0.contains_key(&candidate) {
            candidate = format!("{key}_{i}");
            i += 1;
        }
        self.0.insert(candidate, 1);
        format!("{name}_{}", i - 1)
    }
    /// Marks a name as used without changing it.
    pub(crate) fn reserve(&mut self, name: &str) {
        self.0.entry(name.to_lowercase()).or_insert(1);
    }
    /// Whether a name is in use.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(&name.to_lowercase())
    }
}

/// Whether a node may have this name.
pub(crate) fn is_valid_node_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
        && name.chars().all(is_name_char)
}

/// Whether a name scope may have this name; only inside another one may it begin with `_`, `/` or `-`.
pub(crate) fn is_valid_scope_name(name: &str, at_root: bool) -> bool {
    if at_root {
        is_valid_node_name(name)
    } else {
        !name.is_empty() && name.chars().all(is_name_char)
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '\\' | '/' | '>' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_as_tensorflow_does() {
        for (asked, given) in [
            (["a", "A", "a", "a_1"], ["a", "A_1", "a_2", "a_1_1"]),
            (["x", "X", "x_1", "x"], ["x", "X_1", "x_1_1", "x_2"]),
        ] {
            let mut names = Names::default();
            assert_eq!(asked.map(|n| names.unique(n)), given.map(String::from));
        }
    }
}
