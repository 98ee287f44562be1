//! Tools of parallel kernels: one output written by many jobs, jobs that may fail, scratch memory.

use super::ThreadPool;
use crate::dtype::Element;
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;
use parking_lot::Mutex;
use std::marker::PhantomData;

/// A slice of which parallel jobs write disjoint parts.
pub struct Disjoint<'a, T> {
    data: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: parts are handed out only by `part`, whose callers promise that they do not overlap.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    /// Takes the slice for the time of a parallel loop.
    pub fn new(slice: &'a mut [T]) -> Disjoint<'a, T> {
        Disjoint {
            data: slice.as_mut_ptr(),
            len: slice.len(),
            owner: PhantomData,
        }
    }
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Elements `start..start + len`.
    ///
    /// # Safety
    /// No two parts in use at the same time may overlap.
    ///
    /// # Panics
    /// When the range is not inside the slice.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, start: usize, len: usize) -> &'a mut [T] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: inside the slice, which is borrowed for 'a; the caller keeps parts apart.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), len) }
    }
    /// The first element's address, for kernels that write strided parts.
    pub fn as_ptr(&self) -> *mut T {
        self.data
    }
}

/// As [`ThreadPool::parallel_for`] with jobs that may fail; gives the error of the lowest job that did.
///
/// # Errors
/// What a body returned.
pub fn try_parallel(
    pool: &ThreadPool,
    jobs: usize,
    body: &(dyn Fn(usize) -> Result<()> + Sync),
) -> Result<()> {
    if jobs == 1 {
        return body(0);
    }
    let failed = Mutex::new(None);
    pool.parallel_for(jobs, &|job| {
        if let Err(e) = body(job) {
            let mut failed = failed.lock();
            if failed.as_ref().is_none_or(|(first, _)| job < *first) {
                *failed = Some((job, e));
            }
        }
    });
    match failed.into_inner() {
        Some((_, e)) => Err(e),
        None => Ok(()),
    }
}

/// Memory for the time of a kernel or job, from the pool of tensor buffers (so steady steps allocate nothing).
pub struct Scratch<T: Element> {
    tensor: Tensor,
    element: PhantomData<T>,
}

impl<T: Element> Scratch<T> {
    /// `len` elements of unspecified value, 64-byte aligned.
    ///
    /// # Errors
    /// `ResourceExhausted` when it does not fit in memory.
    pub fn new(len: usize) -> Result<Scratch<T>> {
        Ok(Scratch {
            tensor: Tensor::alloc(T::DTYPE, Shape::of(&[len])?)?,
            element: PhantomData,
        })
    }
    /// The elements.
    pub fn get(&self) -> &[T] {
        // The type was fixed by `new`, so the empty slice never occurs.
        self.tensor.data::<T>().unwrap_or(&[])
    }
    /// The elements for writing.
    pub fn get_mut(&mut self) -> &mut [T] {
        // The type was fixed by `new` and nobody else holds the buffer, so the empty slice never occurs.
        self.tensor.make_mut::<T>().unwrap_or(&mut [])
    }
}
