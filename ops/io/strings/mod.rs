//! Strings: joined, split, cut, and from and to numbers.

mod as_string;
mod base64;
mod decode_csv;
mod number;
mod printf;
mod re2;
mod reduce_join;
mod regex;
mod regex_full_match;
mod regex_replace;
mod string_join;
mod string_split;
mod string_to_number;
mod substr;
#[cfg(test)]
mod tests;

use crate::registry::OpEntry;

/// The ops of this folder.
pub(crate) static OPS: &[&OpEntry] = &[
    &as_string::AS_STRING,
    &base64::DECODE_BASE64,
    &base64::ENCODE_BASE64,
    &decode_csv::DECODE_CSV,
    &reduce_join::REDUCE_JOIN,
    &regex_full_match::REGEX_FULL_MATCH,
    &regex_full_match::STATIC_REGEX_FULL_MATCH,
    &regex_replace::REGEX_REPLACE,
    &regex_replace::STATIC_REGEX_REPLACE,
    &string_join::STRING_JOIN,
    &string_split::STRING_SPLIT,
    &string_to_number::STRING_TO_NUMBER,
    &substr::SUBSTR,
];
