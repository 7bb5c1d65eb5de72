"""CPython's own tests as controlled executions: see `run`."""
