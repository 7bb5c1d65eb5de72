"""Where CPython with its GIL can switch threads, from the bytecode between two accesses and the types it meets."""
