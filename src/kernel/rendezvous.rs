//! The rendezvous of a step: where `_Send` leaves a tensor and `_Recv` finds it, whichever comes first.

use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::tensor::Tensor;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Where a node runs: the instance of a loop, and the iteration of it; 0 and 0 outside of loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FrameIter {
    /// The loop, numbered within the step.
    pub frame: u64,
    /// The iteration.
    pub iteration: u64,
}

/// What a `_Send` and its `_Recv` have in common: the key without the iteration. Made once for a kernel, so that a
/// step formats no text.
#[derive(Clone)]
pub struct Channel {
    name: Arc<str>,
    hash: u64,
}

impl Channel {
    /// The channel of a pair of devices and a tensor's name.
    ///
    /// # Errors
    /// `InvalidArgument` when a part is empty or holds a `;`, which parts them in the key.
    pub fn new(
        send_device: &str,
        incarnation: i64,
        recv_device: &str,
        tensor_name: &str,
    ) -> Result<Channel> {
        let incarnation = format!("{incarnation:016x}");
        let parts = [send_device, &incarnation, recv_device, tensor_name];
        let name: Arc<str> = parts.join(";").into();
        if parts.iter().any(|p| p.is_empty() || p.contains(';')) {
            return Err(Error::invalid_argument(format!(
                "Invalid rendezvous key: {name};0:0"
            )));
        }
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let hash = hasher.finish();
        Ok(Channel { name, hash })
    }
    /// The key of one iteration, as TensorFlow writes it.
    pub fn key(&self, at: FrameIter) -> String {
        format!("{};{}:{}", self.name, at.frame, at.iteration)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
impl PartialEq for Channel {
    fn eq(&self, other: &Channel) -> bool {
        Arc::ptr_eq(&self.name, &other.name) || self.hash == other.hash && self.name == other.name
    }
}
impl Eq for Channel {}
impl Hash for Channel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Receives what was sent: `None` is a dead tensor.
pub type Received = Box<dyn FnOnce(Result<Option<Tensor>>) + Send>;

/// The tensors under way in a step, by key; those of one key are received in the order in which they were sent.
///
/// ```
/// use tensorloom::Tensor;
/// use tensorloom::kernel::{Channel, FrameIter, Rendezvous};
/// let (meeting, at) = (Rendezvous::default(), FrameIter::default());
/// let channel = Channel::new("/device:CPU:0", 1, "/device:CPU:1", "edge_1_x").unwrap();
/// meeting.send(&channel, at, Some(Tensor::from(7i32))).unwrap();
/// meeting.receive(&channel, at, Box::new(|got| {
///     assert_eq!(got.unwrap().unwrap().to_scalar::<i32>().unwrap(), 7);
/// }));
/// ```
#[derive(Default)]
pub struct Rendezvous(Mutex<State>);

#[derive(Default)]
struct State {
    aborted: Option<Error>,
    table: HashMap<(Channel, FrameIter), Meeting>,
}

/// Who came first waits; both lists are never filled at once.
#[derive(Default)]
struct Meeting {
    sent: VecDeque<Option<Tensor>>,
    waiting: VecDeque<Received>,
}

impl Rendezvous {
    /// Leaves a tensor, or the news that it is dead.
    ///
    /// # Errors
    /// The error that the rendezvous was aborted with.
    pub fn send(&self, channel: &Channel, at: FrameIter, value: Option<Tensor>) -> Result<()> {
        let receiver = {
            let mut s = self.0.lock();
            if let Some(e) = &s.aborted {
                return Err(e.clone());
            }
            let key = (channel.clone(), at);
            let meeting = s.table.entry(key).or_default();
            match meeting.waiting.pop_front() {
                None => {
                    meeting.sent.push_back(value);
                    return Ok(());
                }
                Some(receiver) => {
                    if meeting.waiting.is_empty() {
                        s.table.remove(&(channel.clone(), at));
                    }
                    receiver
                }
            }
        };
        receiver(Ok(value));
        Ok(())
    }

    /// Calls back with the next tensor of that key: at once when it was sent already, else from the thread that
    /// sends it, or that aborts.
    pub fn receive(&self, channel: &Channel, at: FrameIter, done: Received) {
        let outcome = {
            let mut s = self.0.lock();
            if let Some(e) = &s.aborted {
                Err(e.clone())
            } else {
                let key = (channel.clone(), at);
                let meeting = s.table.entry(key).or_default();
                match meeting.sent.pop_front() {
                    None => return meeting.waiting.push_back(done),
                    Some(value) => {
                        if meeting.sent.is_empty() {
                            s.table.remove(&(channel.clone(), at));
                        }
                        Ok(value)
                    }
                }
            }
        };
        done(outcome);
    }

    /// Fails all who wait, and all who come later, with that error. Only the first abort counts.
    pub fn abort(&self, error: Error) {
        let left = {
            let mut s = self.0.lock();
            if s.aborted.is_some() {
                return;
            }
            s.aborted = Some(error.clone());
            std::mem::take(&mut s.table)
        };
        for done in left.into_values().flat_map(|m| m.waiting) {
            done(Err(error.clone()));
        }
    }

    /// The keys that somebody waits for, in order of the alphabet.
    pub fn waited_for(&self) -> Vec<String> {
        let s = self.0.lock();
        let waiting = s.table.iter().filter(|(_, m)| !m.waiting.is_empty());
        let mut keys: Vec<String> = waiting.map(|((c, at), _)| c.key(*at)).collect();
        keys.sort();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn route(name: &str) -> Channel {
        Channel::new("/job:a/device:CPU:0", 0x1f, "/job:a/device:CPU:1", name).unwrap()
    }
    fn ask(r: &Rendezvous, c: &Channel, at: FrameIter) -> Receiver<Result<Option<Tensor>>> {
        let (tx, rx) = channel();
        r.receive(c, at, Box::new(move |got| tx.send(got).unwrap()));
        rx
    }
    fn number(got: &Receiver<Result<Option<Tensor>>>) -> Option<i32> {
        let value = got.try_recv().unwrap().unwrap();
        value.map(|t| t.to_scalar().unwrap())
    }

    #[test]
    fn either_side_may_come_first_and_order_is_kept() {
        let r = Rendezvous::default();
        let (c, at) = (route("edge_1_x"), FrameIter::default());
        for i in 0..3i32 {
            r.send(&c, at, Some(Tensor::from(i))).unwrap();
        }
        r.send(&route("edge_1_x"), at, None).unwrap();
        let got: Vec<_> = (0..4).map(|_| number(&ask(&r, &c, at))).collect();
        assert_eq!(got, [Some(0), Some(1), Some(2), None]);
        let (first, second) = (ask(&r, &c, at), ask(&r, &c, at));
        assert_eq!(r.waited_for().len(), 1);
        assert!(first.try_recv().is_err());
        r.send(&c, at, Some(Tensor::from(8i32))).unwrap();
        r.send(&c, at, None).unwrap();
        assert_eq!((number(&first), number(&second)), (Some(8), None));
        assert!(r.0.lock().table.is_empty());
    }

    #[test]
    fn iterations_do_not_mix() {
        let r = Rendezvous::default();
        let c = route("edge_1_x");
        let at = |frame, iteration| FrameIter { frame, iteration };
        let late = ask(&r, &c, at(2, 1));
        for (i, place) in [at(2, 0), at(1, 1), at(2, 1)].into_iter().enumerate() {
            r.send(&c, place, Some(Tensor::from(i as i32))).unwrap();
        }
        assert_eq!(number(&late), Some(2));
        assert_eq!(number(&ask(&r, &c, at(1, 1))), Some(1));
        assert_eq!(number(&ask(&r, &c, at(2, 0))), Some(0));
    }

    #[test]
    fn an_abort_fails_those_who_wait_and_those_who_come() {
        let r = Rendezvous::default();
        let (c, at) = (route("edge_1_x"), FrameIter::default());
        let waiting = ask(&r, &c, at);
        r.send(&route("other"), at, Some(Tensor::from(1i32)))
            .unwrap();
        r.abort(Error::internal("first"));
        r.abort(Error::internal("second"));
        let told = |e: Error| assert_eq!(e.message(), "first");
        told(waiting.try_recv().unwrap().unwrap_err());
        told(r.send(&c, at, None).unwrap_err());
        told(
            ask(&r, &route("other"), at)
                .try_recv()
                .unwrap()
                .unwrap_err(),
        );
    }

    #[test]
    fn keys_are_tensorflows() {
        let at = FrameIter {
            frame: 3,
            iteration: 4,
        };
        assert_eq!(
            route("edge_1_x").key(at),
            "/job:a/device:CPU:0;000000000000001f;/job:a/device:CPU:1;edge_1_x;3:4"
        );
        let e = Channel::new("a;b", 1, "c", "d").unwrap_err();
        assert!(e.message().starts_with("Invalid rendezvous key"), "{e}");
    }
}
