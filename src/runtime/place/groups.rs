//! Nodes that must stand on one device: groups that grow together, with what their members ask for.

use crate::device::DeviceSpec;
use crate::error::Error;
use crate::kernel::DeviceType;

/// What one node asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// The device that is wanted.
    pub(super) requested: DeviceSpec,
    /// The device of a variable, queue or other resource: nothing moves it.
    pub(super) resource: DeviceSpec,
    /// The kinds of devices that have kernels, best first.
    pub(super) kinds: Vec<DeviceType>,
    /// The device on which it stands already, when it does.
    pub(super) fixed: DeviceSpec,
}

/// Why two groups cannot be one.
#[derive(Debug)]
pub(super) enum Apart {
    /// The devices that they want contradict.
    Wanted(Error),
    /// No kind of device has kernels for all of their nodes.
    Kinds,
    /// They stand on different devices.
    Fixed(Box<[DeviceSpec; 2]>),
    /// They hold resources of different devices.
    Resources(Box<[DeviceSpec; 2]>),
}

impl From<Error> for Apart {
    fn from(e: Error) -> Apart {
        Apart::Wanted(e)
    }
}

/// A forest of groups over nodes that are numbered from 0.
pub(super) struct Groups {
    parents: Vec<u32>,
    ranks: Vec<u32>,
    wishes: Vec<Wishes>,
    /// Whether contradicting kinds and numbers of devices are dropped.
    relaxed: bool,
}

impl Groups {
    /// Each node in a group of its own.
    pub(super) fn new(wishes: Vec<Wishes>, relaxed: bool) -> Groups {
        Groups {
            parents: (0..wishes.len() as u32).collect(),
            ranks: vec![0; wishes.len()],
            wishes,
            relaxed,
        }
    }

    /// The node that stands for a node's group.
    pub(super) fn root(&self, mut node: usize) -> usize {
        while self.parents[node] as usize != node {
            node = self.parents[node] as usize;
        }
        node
    }
    /// What a node's group asks for.
    pub(super) fn wishes(&self, node: usize) -> &Wishes {
        &self.wishes[self.root(node)]
    }

    /// Puts the groups of two nodes together; nothing changes when that fails.
    ///
    /// # Errors
    /// When their wishes contradict, or no kind of device has kernels for all.
    pub(super) fn join(&mut self, a: usize, b: usize) -> Result<(), Apart> {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return Ok(());
        }
        let (kept, gone) = match self.ranks[a] < self.ranks[b] {
            true => (b, a),
            false => (a, b),
        };
        let (x, y) = (&self.wishes[kept], &self.wishes[gone]);
        let fixed = x.fixed.merge(&y.fixed)?;
        let resource = x.resource.merge(&y.resource)?;
        let requested = match self.relaxed {
            true => x.requested.merge_relaxed(&y.requested)?,
            false => x.requested.merge(&y.requested)?,
        };
        let both = x.kinds.iter().copied().filter(|k| y.kinds.contains(k));
        let kinds: Vec<DeviceType> = both.collect();
        if kinds.is_empty() {
            return Err(Apart::Kinds);
        }
        self.wishes[kept] = Wishes {
            requested: requested.yielding_to(&resource).yielding_to(&fixed),
            resource,
            kinds,
            fixed,
        };
        self.parents[gone] = kept as u32;
        self.ranks[kept] += u32::from(self.ranks[kept] == self.ranks[gone]);
        Ok(())
    }

    /// Puts together what an edge of a reference or of a resource's handle ties: what the source's group asks for
    /// comes before what the target's does, but not before a resource in it.
    ///
    /// # Errors
    /// As [`Groups::join`], or for two resources on different devices.
    pub(super) fn follow(&mut self, source: usize, target: usize) -> Result<(), Apart> {
        let (s, t) = (self.root(source), self.root(target));
        if s == t {
            return Ok(());
        }
        let (from, to) = (&self.wishes[s], &self.wishes[t]);
        if from.fixed.merge(&to.fixed).is_err() {
            return Err(Apart::Fixed([from, to].map(|w| w.fixed.clone()).into()));
        }
        if from.resource.merge(&to.resource).is_err() {
            return Err(Apart::Resources(
                [from, to].map(|w| w.resource.clone()).into(),
            ));
        }
        let before = to.requested.clone();
        if from.requested.merge(&to.requested).is_err() {
            let led = from.requested.yielding_to(&to.resource);
            self.wishes[t].requested = led.yielding_to(&to.fixed);
        }
        self.join(source, target)
            .inspect_err(|_| self.wishes[t].requested = before)
    }
}
