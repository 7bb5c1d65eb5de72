"""Where tests and scripts come from: pytest's items and scripts, as targets of an exploration."""
