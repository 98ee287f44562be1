"""Recorded sessions of ops that have state."""
