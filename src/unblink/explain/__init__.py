"""Findings to text: pure functions from the values of `unblink.model` to what a person or a machine reads."""
