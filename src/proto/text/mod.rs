//! The text format (`.pbtxt`): printed as TensorFlow's Python prints it, parsed with the place of each mistake.

mod lex;
mod number;
mod parse;
mod print;

pub use parse::parse;
pub(crate) use parse::parse_unsorted;
pub(crate) use print::any_type;
pub use print::print;

#[cfg(test)]
mod tests;
