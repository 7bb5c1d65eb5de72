"""The log that must not interleave."""
