"""The dispatcher with a flaky test."""
