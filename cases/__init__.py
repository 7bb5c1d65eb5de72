"""Five systems with a concurrency bug each, and their cures."""
