"""Schedules: which to run, how to write them down, how to make a failing one small."""
