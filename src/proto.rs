//! The protobuf messages of `graph_defs/proto`, as prost generates them.
//!
//! Maps are ordered by key, so that a message has one encoding.
#![allow(missing_docs, rustdoc::all, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/tensorflow.rs"));
