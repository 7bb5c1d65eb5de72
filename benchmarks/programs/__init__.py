"""What the benchmarks run: ordinary programs, instrumented as a user's are."""
