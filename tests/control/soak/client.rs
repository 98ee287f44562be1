//! A client of the soak: one step after the other, each of a random kind, with the outcome that it may have.

use super::Random;
use super::graph::{DEVICES, PARALLEL};
use super::watch::Place;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tensorloom::{Code, Error, Graph, RunOptions, Session, SessionOptions, Tensor};

/// The vectors that are fed: small and large ones.
const SIZES: [usize; 4] = [3, 100, 5_000, 30_000];
/// The numbers of iterations that are fed.
const COUNTS: [i32; 3] = [0, 2, 6];

fn vector(size: usize) -> Tensor {
    let values: Vec<f32> = (0..size).map(|i| (i % 97) as f32 / 50.0 - 1.0).collect();
    Tensor::from(values)
}

/// A step whose value depends on nothing but what is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Inputs {
    size: usize,
    count: i32,
    branch: bool,
}

impl Inputs {
    fn feeds(self) -> Vec<(&'static str, Tensor)> {
        vec![
            ("x:0", vector(self.size)),
            ("n:0", Tensor::from(self.count)),
            ("p:0", Tensor::from(self.branch)),
        ]
    }
}

fn pure() -> Vec<String> {
    let loops = PARALLEL.iter().map(|p| format!("loop_{p}:0"));
    let others = ["chain:0", "grad:0", "branch:0"].map(String::from);
    others.into_iter().chain(loops).collect()
}

/// What one device computes.
pub struct Expected(BTreeMap<Inputs, Vec<Tensor>>);

impl Expected {
    /// Runs all inputs on one device.
    pub fn new(g: &Graph) -> Expected {
        let options = SessionOptions {
            allow_soft_placement: true,
            ..SessionOptions::default()
        };
        let session = Session::with_options(g, &options).unwrap();
        let mut all = BTreeMap::new();
        for size in SIZES {
            for count in COUNTS {
                for branch in [false, true] {
                    let inputs = Inputs {
                        size,
                        count,
                        branch,
                    };
                    let fetches = pure();
                    let names: Vec<&str> = fetches.iter().map(String::as_str).collect();
                    all.insert(inputs, session.run(inputs.feeds(), names, ()).unwrap());
                }
            }
        }
        Expected(all)
    }
}

/// What became of a step, for the counts at the end.
type Kind = &'static str;

/// What a client saw.
#[derive(Default)]
pub struct Seen {
    pub steps: u64,
    outcomes: BTreeMap<(Kind, String), u64>,
    /// Elements that were put, that may have been, and that came.
    put: HashSet<u32>,
    maybe_put: HashSet<u32>,
    taken: Vec<u32>,
    lost: u64,
    /// The longest that an error took to end its step.
    slowest_error: Duration,
}

/// What all clients saw together.
#[derive(Debug, Default)]
pub struct Shared {
    outcomes: BTreeMap<(Kind, String), u64>,
    slowest_error: Duration,
}

impl Shared {
    /// Adds what the clients of one session saw.
    pub fn add(&mut self, clients: Vec<Seen>, closed: bool) {
        let put: HashSet<u32> = clients.iter().flat_map(|c| c.put.clone()).collect();
        let maybe: HashSet<u32> = clients.iter().flat_map(|c| c.maybe_put.clone()).collect();
        let taken: Vec<u32> = clients.iter().flat_map(|c| c.taken.clone()).collect();
        let unique: HashSet<u32> = taken.iter().copied().collect();
        assert_eq!(unique.len(), taken.len(), "an element came twice");
        assert!(
            unique.iter().all(|t| put.contains(t) || maybe.contains(t)),
            "an element came that nobody put"
        );
        // What was put and did not come lies in the queues, or went with a step that failed.
        let lost: u64 = clients.iter().map(|c| c.lost).sum();
        let missing = put.difference(&unique).count() as u64;
        assert!(
            closed || missing <= lost + 3 * DEVICES as u64,
            "{missing} elements are missing, {lost} steps may have lost one"
        );
        for c in clients {
            self.slowest_error = self.slowest_error.max(c.slowest_error);
            for (k, n) in c.outcomes {
                *self.outcomes.entry(k).or_default() += n;
            }
        }
    }
    /// Fails when some kind of step never had one of the outcomes that it must have had now and then.
    pub fn check_that_all_came_about(&self) {
        let (ok, late, cancelled) = ("ok", "DeadlineExceeded", "Cancelled");
        for (kind, outcomes) in [
            ("value", &[ok, late, cancelled][..]),
            ("count", &[ok, late]),
            ("put", &[ok, late, cancelled]),
            ("take", &[ok, late, "OutOfRange"]),
            ("close", &[ok]),
            ("fail", &["InvalidArgument", late]),
            ("hang", &[late]),
        ] {
            for outcome in outcomes {
                let seen = self.outcomes.get(&(kind, outcome.to_string()));
                assert!(seen.is_some(), "no {kind} ended with {outcome}");
            }
        }
    }
}

pub struct Client {
    pub number: usize,
    pub session: Session,
    pub random: Random,
    pub expected: Arc<Expected>,
    pub place: Place,
}

impl Client {
    /// Makes steps until the session is closed, at most so many.
    pub fn run(mut self, steps: u64) -> Seen {
        let mut seen = Seen::default();
        // On the device of its number each client has a variable of its own.
        let mut counted = (0.0f32, 0.0f32);
        while seen.steps < steps {
            let began = Instant::now();
            let (kind, outcome) = match self.random.below(16) {
                0..=5 => ("value", self.value()),
                6 | 7 => ("count", self.count(&mut counted)),
                8 | 9 => ("put", self.put(&mut seen)),
                10 | 11 => ("take", self.take(&mut seen)),
                12 | 13 => ("fail", self.fail(&mut seen)),
                14 => ("hang", self.hang()),
                _ if self.random.below(20) == 0 => ("close", self.close()),
                _ => ("size", self.size()),
            };
            *self.place.lock().unwrap() = None;
            let told = match &outcome {
                Ok(()) => "ok".to_string(),
                Err(e) => format!("{:?}", e.code()),
            };
            *seen.outcomes.entry((kind, told)).or_default() += 1;
            if let Err(e) = outcome {
                if e.message() == "Session has been closed." {
                    break;
                }
                self.judge(kind, &e, began.elapsed());
            }
            seen.steps += 1;
        }
        seen
    }

    /// Whether a step of that kind may fail so.
    fn judge(&self, kind: Kind, e: &Error, took: Duration) {
        let may = match (kind, e.code()) {
            (_, Code::DeadlineExceeded) => true,
            // The session or the queue was closed.
            (_, Code::Cancelled) => true,
            ("take", Code::OutOfRange) => true,
            ("fail", Code::InvalidArgument) => e.message().contains("broken"),
            _ => false,
        };
        assert!(may, "{kind} of client {} after {took:?}: {e}", self.number);
    }

    fn step(
        &mut self,
        feeds: Vec<(&'static str, Tensor)>,
        fetches: &[String],
        targets: &[String],
        timeout: Option<u64>,
    ) -> Result<Vec<Tensor>, Error> {
        let what = format!(
            "client {}: {fetches:?} {targets:?} {timeout:?}",
            self.number
        );
        *self.place.lock().unwrap() = Some((Instant::now(), what));
        let options = RunOptions {
            timeout: timeout.map(Duration::from_micros),
            ..RunOptions::default()
        };
        let fetches: Vec<&str> = fetches.iter().map(String::as_str).collect();
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let out = self.session.run_with(feeds, fetches, targets, &options);
        out.map(|r| r.0)
    }

    /// Mostly no limit; else one that is often too short.
    fn limit(&mut self) -> Option<u64> {
        (self.random.below(6) == 0).then(|| self.random.below(4_000))
    }
    fn device(&mut self) -> usize {
        self.random.below(DEVICES as u64) as usize
    }
    fn inputs(&mut self) -> Inputs {
        Inputs {
            size: SIZES[self.random.below(4) as usize],
            count: COUNTS[self.random.below(3) as usize],
            branch: self.random.below(2) == 0,
        }
    }

    /// One or two of the values that one device computes, too.
    fn value(&mut self) -> Result<(), Error> {
        let all = pure();
        let one = self.random.below(all.len() as u64) as usize;
        let both = self.random.below(4) == 0;
        let chosen = if both { vec![one, 3] } else { vec![one] };
        let fetches: Vec<String> = chosen.iter().map(|i| all[*i].clone()).collect();
        let (inputs, limit) = (self.inputs(), self.limit());
        let got = self.step(inputs.feeds(), &fetches, &[], limit)?;
        for (i, got) in chosen.into_iter().zip(got) {
            let want = &self.expected.0[&inputs][i];
            let same = got.shape() == want.shape() && got.bytes().unwrap() == want.bytes().unwrap();
            assert!(same, "{} of {inputs:?}: {got:?} is not {want:?}", all[i]);
        }
        Ok(())
    }

    /// Counts a variable up: by one exactly, if all steps before succeeded.
    fn count(&mut self, (least, most): &mut (f32, f32)) -> Result<(), Error> {
        let fetch = format!("count_{}:0", self.number);
        let limit = self.limit();
        *most += 1.0;
        let got = -self.step(vec![], &[fetch], &[], limit)?[0].to_scalar::<f32>()?;
        assert!(got > *least && got <= *most, "{got}: {least} {most}");
        (*least, *most) = (got, got);
        Ok(())
    }

    fn put(&mut self, seen: &mut Seen) -> Result<(), Error> {
        let id = (self.number as u32 + 1) * 100_000 + seen.steps as u32;
        let (device, limit) = (self.device(), Some(self.random.below(20_000)));
        seen.maybe_put.insert(id);
        let feeds = vec![("id:0", Tensor::from(id as f32))];
        self.step(feeds, &[], &[format!("put_{device}")], limit)?;
        seen.put.insert(id);
        Ok(())
    }

    fn take(&mut self, seen: &mut Seen) -> Result<(), Error> {
        let (device, limit) = (self.device(), Some(self.random.below(20_000)));
        match self.step(vec![], &[format!("take_{device}:0")], &[], limit) {
            Ok(got) => seen.taken.push(got[0].to_scalar::<f32>()? as u32),
            Err(e) => {
                seen.lost += 1;
                return Err(e);
            }
        }
        Ok(())
    }

    fn size(&mut self) -> Result<(), Error> {
        let device = self.device();
        let got = self.step(vec![], &[format!("size_{device}:0")], &[], None)?;
        assert!((0..=3).contains(&got[0].to_scalar::<i32>()?));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let device = self.device();
        self.step(vec![], &[], &[format!("close_{device}")], None)?;
        Ok(())
    }

    /// A node fails on one device, at once or later, while the others are busy or wait for ever.
    fn fail(&mut self, seen: &mut Seen) -> Result<(), Error> {
        let (device, limit) = (self.device(), self.limit());
        let feeds = vec![
            ("x:0", Tensor::from([1.0f32, f32::NAN])),
            ("n:0", Tensor::from(self.random.below(30) as i32)),
        ];
        let began = Instant::now();
        let e = self.step(feeds, &[format!("fail_{device}:0")], &[], limit);
        let e = e.expect_err("a step that cannot end has ended");
        if e.code() == Code::InvalidArgument {
            assert_eq!(e.node(), Some(format!("bad_{device}").as_str()), "{e}");
            assert!(e.to_string().contains(&format!("CPU:{device}")), "{e}");
            seen.slowest_error = seen.slowest_error.max(began.elapsed());
        }
        Err(e)
    }

    /// A step that can only end by its time.
    fn hang(&mut self) -> Result<(), Error> {
        let (device, limit) = (self.device(), Some(self.random.below(3_000)));
        let e = self.step(vec![], &[format!("hang_{device}:0")], &[], limit);
        Err(e.expect_err("a step that cannot end has ended"))
    }
}
