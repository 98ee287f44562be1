//! What outlives a step: variables, queues and readers, found by container, kind and name.

pub mod philox;
pub mod queue;
pub mod reader;
mod stack;
mod tensor_array;
mod variable;

pub use philox::{Philox, Words};
pub use queue::Queue;
pub use reader::Reader;
pub use stack::Stack;
pub use tensor_array::{ArrayOptions, Plus, TensorArray};
pub use variable::{Variable, lock_all};

use crate::error::{Error, Result};
use crate::tensor::ResourceHandle;
use parking_lot::Mutex;
use std::any::{Any, type_name};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that outlives a step.
pub trait Resource: Any + Send + Sync {
    /// The kind, as handles and messages name it ("Var", "Queue", "Reader").
    const KIND: &'static str;
}

/// The container of resources that ask for none.
pub const DEFAULT_CONTAINER: &str = "localhost";

/// The resources of a device.
#[derive(Default)]
pub struct Resources {
    containers: Mutex<HashMap<String, Container>>,
}

type Container = HashMap<(&'static str, String), Arc<dyn Any + Send + Sync>>;

fn missing<R: Resource>(container: &str, name: &str) -> Error {
    let kind = type_name::<R>().rsplit("::").next().unwrap_or(R::KIND);
    Error::not_found(format!(
        "Resource {container}/{name}/{kind} does not exist."
    ))
}

impl Resources {
    /// No resources.
    pub fn new() -> Arc<Resources> {
        Arc::default()
    }

    /// The resource behind a handle.
    ///
    /// # Errors
    /// `NotFound` when it does not exist; `InvalidArgument` when the handle is for another kind.
    pub fn lookup<R: Resource>(&self, handle: &ResourceHandle) -> Result<Arc<R>> {
        if handle.kind != R::KIND {
            return Err(Error::invalid_argument(format!(
                "Trying to access resource using the wrong type. Expected {} got {}",
                R::KIND,
                handle.kind
            )));
        }
        self.get(&handle.container, &handle.name)
    }

    /// The resource of that name.
    ///
    /// # Errors
    /// `NotFound` when it does not exist.
    pub fn get<R: Resource>(&self, container: &str, name: &str) -> Result<Arc<R>> {
        let containers = self.containers.lock();
        let found = containers
            .get(container)
            .and_then(|c| c.get(&(R::KIND, name.to_string())))
            .cloned();
        drop(containers);
        found
            .and_then(|r| r.downcast::<R>().ok())
            .ok_or_else(|| missing::<R>(container, name))
    }

    /// The resource of that name, made when it does not exist.
    ///
    /// # Errors
    /// What `make` gives; `InvalidArgument` when the name is taken by another type of the same kind.
    pub fn get_or_create<R: Resource>(
        &self,
        container: &str,
        name: &str,
        make: impl FnOnce() -> Result<R>,
    ) -> Result<Arc<R>> {
        let mut containers = self.containers.lock();
        let entries = containers.entry(container.to_string()).or_default();
        let key = (R::KIND, name.to_string());
        if let Some(found) = entries.get(&key) {
            return found.clone().downcast::<R>().map_err(|_| {
                Error::invalid_argument(format!("Resource {container}/{name} is of another type"))
            });
        }
        let made = Arc::new(make()?);
        entries.insert(key, made.clone());
        Ok(made)
    }

    /// Removes a resource.
    ///
    /// # Errors
    /// `NotFound` when it does not exist.
    pub fn remove<R: Resource>(&self, container: &str, name: &str) -> Result<()> {
        let mut containers = self.containers.lock();
        containers
            .get_mut(container)
            .and_then(|c| c.remove(&(R::KIND, name.to_string())))
            .map(|_| ())
            .ok_or_else(|| missing::<R>(container, name))
    }

    /// Removes the resource behind a handle, whatever its kind.
    ///
    /// # Errors
    /// `NotFound` when it does not exist.
    pub fn remove_handle(&self, handle: &ResourceHandle) -> Result<()> {
        let mut containers = self.containers.lock();
        let removed = containers.get_mut(&handle.container).and_then(|c| {
            let key = c
                .keys()
                .find(|(kind, name)| *kind == handle.kind && *name == handle.name)
                .cloned()?;
            c.remove(&key)
        });
        drop(containers);
        match removed {
            Some(_) => Ok(()),
            None => Err(Error::not_found(format!(
                "Resource {}/{}/{} does not exist.",
                handle.container, handle.name, handle.kind
            ))),
        }
    }

    /// Removes a container with all that it holds; nothing happens when there is none.
    pub fn clear_container(&self, container: &str) {
        let removed = self.containers.lock().remove(container);
        drop(removed);
    }

    /// All resources of one kind, with their container and name.
    pub fn all<R: Resource>(&self) -> Vec<(String, String, Arc<R>)> {
        let containers = self.containers.lock();
        let mut out = Vec::new();
        for (container, entries) in containers.iter() {
            for ((_, name), r) in entries {
                if let Ok(r) = r.clone().downcast::<R>() {
                    out.push((container.clone(), name.clone(), r));
                }
            }
        }
        out.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        out
    }
}

/// The container and name of a node's resource, from the attributes `container` and `shared_name`.
///
/// Without a shared name the node's name serves when `by_node_name` (variables), else a private one,
/// `_<n>_<node>`, with n counted over the process.
///
/// # Errors
/// `InvalidArgument` for characters that are not allowed.
pub fn resource_name(
    container: &str,
    shared_name: &str,
    node: &str,
    by_node_name: bool,
) -> Result<(String, String)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let valid_start = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/' | '_');
    let well_formed =
        container.starts_with(valid_start) && container.chars().all(|c| valid(c) && c != '_');
    if !(container.is_empty() || well_formed) {
        return Err(Error::invalid_argument(format!(
            "container contains invalid characters: {container}"
        )));
    }
    if shared_name.starts_with('_') {
        return Err(Error::invalid_argument(format!(
            "shared_name cannot start with '_':{shared_name}"
        )));
    }
    let container = if container.is_empty() {
        DEFAULT_CONTAINER
    } else {
        container
    };
    let name = if !shared_name.is_empty() {
        shared_name.to_string()
    } else if by_node_name {
        node.to_string()
    } else {
        format!("_{}_{node}", NEXT.fetch_add(1, Ordering::Relaxed))
    };
    Ok((container.to_string(), name))
}
