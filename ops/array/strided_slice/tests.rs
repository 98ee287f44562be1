//! Tests of strided slices.
