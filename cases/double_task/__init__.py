"""The job queue that did a task twice."""
