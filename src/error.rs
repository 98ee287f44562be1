//! Errors in TensorFlow's style: a code, a message, and where in the graph it happened.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The canonical error codes (`tensorflow.error.Code`); the numbers are those of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Code {
    /// The step or the queue operation was cancelled.
    Cancelled = 1,
    /// An error without a better code.
    Unknown = 2,
    /// An input, shape, attribute or option is wrong.
    InvalidArgument = 3,
    /// The time allowed ran out.
    DeadlineExceeded = 4,
    /// A file, key, node or resource does not exist.
    NotFound = 5,
    /// Something that must be new exists already.
    AlreadyExists = 6,
    /// The file system refused access.
    PermissionDenied = 7,
    /// Memory or disk does not suffice.
    ResourceExhausted = 8,
    /// The state does not allow it (an uninitialized variable, say).
    FailedPrecondition = 9,
    /// A conflict with something that runs at the same time.
    Aborted = 10,
    /// Past the end: no more input, a limit reached.
    OutOfRange = 11,
    /// Not implemented here, or not for these types.
    Unimplemented = 12,
    /// An invariant of this crate is broken.
    Internal = 13,
    /// The service cannot be reached.
    Unavailable = 14,
    /// Stored bytes are damaged.
    DataLoss = 15,
    /// The caller could not be identified.
    Unauthenticated = 16,
}

impl Code {
    /// All codes, in the order of their numbers.
    pub const ALL: [Code; 16] = [
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];

    /// The code of a wire number, if it is one.
    pub fn from_number(number: i32) -> Option<Code> {
        Code::ALL.into_iter().find(|c| *c as i32 == number)
    }
}

/// An error: code and message, and, as far as known, node, op, device and the user's source line.
///
/// ```
/// use tensorloom::{Code, Error};
/// let e = Error::invalid_argument("rank must be 2").at_node("logits", "MatMul");
/// assert_eq!(e.code(), Code::InvalidArgument);
/// assert!(e.to_string().contains("{{node logits}}"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    node: Option<String>,
    op: Option<String>,
    device: Option<String>,
    location: Option<&'static Location<'static>>,
}

impl Error {
    /// An error of the given code.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error(Arc::new(Inner {
            code,
            message: message.into(),
            node: None,
            op: None,
            device: None,
            location: None,
        }))
    }

    /// [`Code::Cancelled`].
    pub fn cancelled(message: impl Into<String>) -> Error {
        Error::new(Code::Cancelled, message)
    }
    /// [`Code::InvalidArgument`].
    pub fn invalid_argument(message: impl Into<String>) -> Error {
        Error::new(Code::InvalidArgument, message)
    }
    /// [`Code::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Code::NotFound, message)
    }
    /// [`Code::AlreadyExists`].
    pub fn already_exists(message: impl Into<String>) -> Error {
        Error::new(Code::AlreadyExists, message)
    }
    /// [`Code::ResourceExhausted`].
    pub fn resource_exhausted(message: impl Into<String>) -> Error {
        Error::new(Code::ResourceExhausted, message)
    }
    /// [`Code::FailedPrecondition`].
    pub fn failed_precondition(message: impl Into<String>) -> Error {
        Error::new(Code::FailedPrecondition, message)
    }
    /// [`Code::OutOfRange`].
    pub fn out_of_range(message: impl Into<String>) -> Error {
        Error::new(Code::OutOfRange, message)
    }
    /// [`Code::Unimplemented`].
    pub fn unimplemented(message: impl Into<String>) -> Error {
        Error::new(Code::Unimplemented, message)
    }
    /// [`Code::Internal`].
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Code::Internal, message)
    }
    /// [`Code::DataLoss`].
    pub fn data_loss(message: impl Into<String>) -> Error {
        Error::new(Code::DataLoss, message)
    }

    /// An operating-system error about a path, as TensorFlow words it: `<path>; <reason>`.
    pub fn io(path: &std::path::Path, e: &std::io::Error) -> Error {
        use std::io::ErrorKind as K;
        let code = match e.kind() {
            K::NotFound => Code::NotFound,
            K::PermissionDenied => Code::PermissionDenied,
            K::AlreadyExists => Code::AlreadyExists,
            K::UnexpectedEof => Code::OutOfRange,
            K::InvalidInput | K::IsADirectory | K::NotADirectory => Code::FailedPrecondition,
            K::StorageFull | K::OutOfMemory | K::QuotaExceeded => Code::ResourceExhausted,
            K::InvalidData => Code::DataLoss,
            _ => Code::Unknown,
        };
        let reason = match e.kind() {
            K::NotFound => "No such file or directory".to_string(),
            _ => e.to_string(),
        };
        Error::new(code, format!("{}; {}", path.display(), reason))
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }
    /// The message without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The name of the node at fault.
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }
    /// The op type of the node at fault.
    pub fn op(&self) -> Option<&str> {
        self.0.op.as_deref()
    }
    /// The device on which it happened.
    pub fn device(&self) -> Option<&str> {
        self.0.device.as_deref()
    }
    /// The line of the user's program that made the node.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.0.location
    }

    /// Says that the node at fault is one of the function that `call` calls.
    pub fn within(mut self, call: &str) -> Error {
        let inner = Arc::make_mut(&mut self.0);
        if let Some(node) = &mut inner.node {
            *node = format!("{call}/{node}");
        }
        self
    }
    /// Adds the node and its op type, unless a node is known already (the first place is the true one).
    pub fn at_node(mut self, node: impl Into<String>, op: impl Into<String>) -> Error {
        if self.0.node.is_none() {
            let inner = Arc::make_mut(&mut self.0);
            inner.node = Some(node.into());
            inner.op = Some(op.into());
        }
        self
    }
    /// Adds the device, unless one is known already.
    pub fn on_device(mut self, device: impl Into<String>) -> Error {
        if self.0.device.is_none() {
            Arc::make_mut(&mut self.0).device = Some(device.into());
        }
        self
    }
    /// Adds the user's line, unless one is known already.
    pub fn at_line(mut self, location: &'static Location<'static>) -> Error {
        if self.0.location.is_none() {
            Arc::make_mut(&mut self.0).location = Some(location);
        }
        self
    }
    /// The same place with words put before the message.
    pub fn context(mut self, before: impl fmt::Display) -> Error {
        let inner = Arc::make_mut(&mut self.0);
        inner.message = format!("{before}{}", inner.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.code, self.0.message)?;
        if let Some(node) = &self.0.node {
            write!(f, "\n\t [[{{{{node {node}}}}}]]")?;
            if let Some(op) = &self.0.op {
                write!(f, " (op: {op}")?;
                if let Some(device) = &self.0.device {
                    write!(f, ", device: {device}")?;
                }
                write!(f, ")")?;
            }
        }
        if let Some(l) = self.0.location {
            write!(
                f,
                "\n\t defined at {}:{}:{}",
                l.file(),
                l.line(),
                l.column()
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
