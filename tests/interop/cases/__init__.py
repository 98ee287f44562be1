"""Test cases of ops, with the answers of the real TensorFlow (see ../op_cases.py)."""
