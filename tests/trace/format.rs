//! The trace event format, as Perfetto's importer reads it: what each event must hold, and what must fit together.

use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// What a field may be.
#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    /// A whole number from 0 on.
    Count,
    /// A number of microseconds from 0 on.
    Time,
    Object,
    /// An object with one or more members, all of them numbers from 0 on.
    Numbers,
    /// This text.
    Exactly(&'static str),
}

/// The kinds of events that there may be, and what each must hold besides `name`, `ph` and `pid`.
const EVENTS: &[(&str, &str, &[(&str, Is)])] = &[
    ("M", "metadata", &[("args", Is::Object)]),
    ("X", "a slice", SLICE),
    ("C", "a counter", &[("ts", Is::Time), ("args", Is::Numbers)]),
    ("s", "an arrow's begin", IN_A_SLICE),
    ("f", "an arrow's end", ARROW_END),
    ("b", "a wait's begin", IN_A_SLICE),
    ("e", "a wait's end", IN_A_SLICE),
];
const SLICE: &[(&str, Is)] = &[
    ("cat", Is::Text),
    ("tid", Is::Count),
    ("ts", Is::Time),
    ("dur", Is::Time),
    ("args", Is::Object),
];
const IN_A_SLICE: &[(&str, Is)] = &[
    ("cat", Is::Text),
    ("id", Is::Count),
    ("tid", Is::Count),
    ("ts", Is::Time),
];
const ARROW_END: &[(&str, Is)] = &[
    ("cat", Is::Text),
    ("id", Is::Count),
    ("tid", Is::Count),
    ("ts", Is::Time),
    // It ends in the slice around it, not in the next one.
    ("bp", Is::Exactly("e")),
];

impl Is {
    fn holds(self, v: &Value) -> bool {
        let from_zero = |v: &Value| v.as_f64().is_some_and(|n| n.is_finite() && n >= 0.0);
        match self {
            Is::Text => v.as_str().is_some_and(|s| !s.is_empty()),
            Is::Count => v.is_u64(),
            Is::Time => from_zero(v),
            Is::Object => v.is_object(),
            Is::Numbers => v
                .as_object()
                .is_some_and(|o| !o.is_empty() && o.values().all(from_zero)),
            Is::Exactly(text) => v == text,
        }
    }
}

/// What a sound trace shows.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) slices: usize,
    pub(crate) arrows: usize,
    pub(crate) waits: usize,
    /// The counters, as `process: name`, in the order of the alphabet.
    pub(crate) counters: Vec<String>,
}

/// What is shown, or the first thing that is wrong, with the event.
pub(crate) fn check(trace: &Value) -> Result<Shown, String> {
    let Some(events) = trace["traceEvents"].as_array() else {
        return Err("no list of events".into());
    };
    for e in events {
        fields(e)?;
    }
    let names = metadata(events)?;
    order(events)?;
    let slices = slices(events)?;
    let mut shown = Shown {
        slices: slices.values().map(Vec::len).sum(),
        arrows: pairs(events, "s", "f")?.len(),
        waits: pairs(events, "b", "e")?.len(),
        counters: Vec::new(),
    };
    for (begin, end) in pairs(events, "s", "f")? {
        for e in [begin, end] {
            let around = slices.get(&row(e)).into_iter().flatten();
            if !around
                .clone()
                .any(|(from, to)| (*from..=*to).contains(&nanos(&e["ts"])))
            {
                return Err(format!("an arrow outside of all slices: {e}"));
            }
        }
    }
    let counters = events.iter().filter(|e| e["ph"] == "C");
    let named = counters.map(|e| {
        format!(
            "{}: {}",
            names[&e["pid"].as_u64().unwrap()],
            e["name"].as_str().unwrap()
        )
    });
    let named: HashSet<String> = named.collect();
    shown.counters.extend(named);
    shown.counters.sort();
    Ok(shown)
}

fn fields(e: &Value) -> Result<(), String> {
    let phase = e["ph"].as_str().unwrap_or_default();
    let Some((_, what, wanted)) = EVENTS.iter().find(|(ph, _, _)| *ph == phase) else {
        return Err(format!("an unknown kind of event: {e}"));
    };
    let common = [("name", Is::Text), ("pid", Is::Count)];
    for (field, is) in common.iter().chain(*wanted) {
        if !is.holds(&e[*field]) {
            return Err(format!("{what} whose {field} is not {is:?}: {e}"));
        }
    }
    Ok(())
}

/// Names of processes, each of them and of the threads named once; all that is used is named.
fn metadata(events: &[Value]) -> Result<HashMap<u64, String>, String> {
    let (mut processes, mut threads) = (HashMap::new(), HashSet::new());
    for e in events.iter().filter(|e| e["ph"] == "M") {
        let Some(name) = e["args"]["name"].as_str() else {
            return Err(format!("metadata without a name: {e}"));
        };
        let pid = e["pid"].as_u64().unwrap();
        let first = match (e["name"].as_str().unwrap(), e["tid"].as_u64()) {
            ("process_name", None) => processes.insert(pid, name.to_string()).is_none(),
            ("thread_name", Some(tid)) => threads.insert((pid, tid)),
            _ => return Err(format!("unknown metadata: {e}")),
        };
        if !first {
            return Err(format!("named twice: {e}"));
        }
    }
    for e in events.iter().filter(|e| e["ph"] != "M") {
        let known = processes.contains_key(&e["pid"].as_u64().unwrap());
        if !known || e["ph"] != "C" && !threads.contains(&row(e)) {
            return Err(format!("in a row without a name: {e}"));
        }
    }
    Ok(processes)
}

fn order(events: &[Value]) -> Result<(), String> {
    let mut last = 0.0;
    for e in events.iter().filter(|e| e["ph"] != "M") {
        let ts = e["ts"].as_f64().unwrap();
        if ts < last {
            return Err(format!("out of order: {e}"));
        }
        last = ts;
    }
    Ok(())
}

type Rows = HashMap<(u64, u64), Vec<(u64, u64)>>;

/// The slices of each row, of which any two are apart or one lies in the other.
fn slices(events: &[Value]) -> Result<Rows, String> {
    let mut rows: Rows = HashMap::new();
    let mut open: HashMap<(u64, u64), Vec<u64>> = HashMap::new();
    for e in events.iter().filter(|e| e["ph"] == "X") {
        let from = nanos(&e["ts"]);
        let to = from + nanos(&e["dur"]);
        let stack = open.entry(row(e)).or_default();
        while stack.last().is_some_and(|end| *end <= from) {
            stack.pop();
        }
        if stack.last().is_some_and(|end| *end < to) {
            return Err(format!("a slice that ends after the one around it: {e}"));
        }
        stack.push(to);
        rows.entry(row(e)).or_default().push((from, to));
    }
    Ok(rows)
}

/// Begins with their ends: those of one category, name and id, each once and in this order.
fn pairs<'e>(
    events: &'e [Value],
    begin: &str,
    end: &str,
) -> Result<Vec<(&'e Value, &'e Value)>, String> {
    let key = |e: &Value| format!("{} {} {}", e["cat"], e["name"], e["id"]);
    let (mut open, mut seen, mut found) = (HashMap::new(), HashSet::new(), Vec::new());
    for e in events {
        if e["ph"] == begin {
            if !seen.insert(key(e)) {
                return Err(format!("begun twice: {e}"));
            }
            open.insert(key(e), e);
        } else if e["ph"] == end {
            let from = open.remove(&key(e));
            found.push((from.ok_or_else(|| format!("ended, not begun: {e}"))?, e));
        }
    }
    match open.into_values().next() {
        Some(e) => Err(format!("begun, not ended: {e}")),
        None => Ok(found),
    }
}

fn row(e: &Value) -> (u64, u64) {
    (e["pid"].as_u64().unwrap(), e["tid"].as_u64().unwrap())
}

fn nanos(micros: &Value) -> u64 {
    (micros.as_f64().unwrap() * 1e3).round() as u64
}

fn sound() -> Value {
    json!({"traceEvents": [
        {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "cpu:0"}},
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "main"}},
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "args": {"name": "worker"}},
        {"ph": "C", "name": "memory", "pid": 1, "ts": 0.0, "args": {"bytes": 7}},
        {"ph": "X", "cat": "op", "name": "A", "pid": 1, "tid": 1, "ts": 1.0, "dur": 9.0, "args": {}},
        {"ph": "s", "cat": "t", "name": "t", "id": 1, "pid": 1, "tid": 1, "ts": 1.0},
        {"ph": "X", "cat": "op", "name": "B", "pid": 1, "tid": 1, "ts": 2.0, "dur": 8.0, "args": {}},
        {"ph": "b", "cat": "w", "name": "w", "id": 1, "pid": 1, "tid": 2, "ts": 3.0},
        {"ph": "e", "cat": "w", "name": "w", "id": 1, "pid": 1, "tid": 2, "ts": 4.0},
        {"ph": "X", "cat": "op", "name": "C", "pid": 1, "tid": 2, "ts": 5.0, "dur": 0.0, "args": {}},
        {"ph": "f", "cat": "t", "name": "t", "id": 1, "pid": 1, "tid": 2, "ts": 5.0, "bp": "e"},
    ]})
}

#[test]
fn what_is_wrong_is_found() {
    let shown = Shown {
        slices: 3,
        arrows: 1,
        waits: 1,
        counters: vec!["cpu:0: memory".into()],
    };
    assert_eq!(check(&sound()), Ok(shown));
    // Which event, which field, what it is instead, and what that is called.
    let null = Value::Null;
    let table = [
        (3, "ph", json!("I"), "an unknown kind of event"),
        (3, "args", json!({}), "a counter whose args is not Numbers"),
        (
            3,
            "args",
            json!({"bytes": -1}),
            "a counter whose args is not Numbers",
        ),
        (3, "pid", json!(9), "in a row without a name"),
        (4, "name", json!(""), "a slice whose name is not Text"),
        (4, "ts", json!("1"), "a slice whose ts is not Time"),
        (4, "ts", json!(5.5), "out of order"),
        (4, "dur", json!(-1.0), "a slice whose dur is not Time"),
        (
            4,
            "dur",
            json!(5.0),
            "a slice that ends after the one around it",
        ),
        (4, "tid", json!(3), "in a row without a name"),
        (5, "id", json!(2), "ended, not begun"),
        (8, "cat", json!("other"), "ended, not begun"),
        (10, "ph", json!("s"), "begun twice"),
        (8, "ph", json!("b"), "begun twice"),
        (8, "id", null.clone(), "a wait's end whose id is not Count"),
        (9, "tid", json!(1), "an arrow outside of all slices"),
        (10, "ts", json!(6.0), "an arrow outside of all slices"),
        (
            10,
            "bp",
            null,
            "an arrow's end whose bp is not Exactly(\"e\")",
        ),
        (0, "args", json!({}), "metadata without a name"),
        (0, "name", json!("process_labels"), "unknown metadata"),
        (2, "tid", json!(1), "named twice"),
    ];
    for (event, field, value, what) in table {
        let mut trace = sound();
        trace["traceEvents"][event][field] = value.clone();
        let found = check(&trace).unwrap_err();
        assert!(
            found.starts_with(what),
            "event {event}, {field}: {value}: {found}"
        );
    }
    let mut trace = sound();
    trace["traceEvents"].as_array_mut().unwrap().pop();
    assert!(check(&trace).unwrap_err().starts_with("begun, not ended"));
    assert!(check(&json!({})).is_err());
}
