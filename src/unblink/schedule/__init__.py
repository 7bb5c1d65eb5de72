"""Schedules: how they are searched, replayed, minimised and kept."""
