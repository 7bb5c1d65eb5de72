"""Small ordinary tests of which it is known whether they race; `tests/quality/test_labelled.py` compares.

`test_race_*` has two accesses of two tasks to one location, at least one of them a write, that nothing orders in some
execution that is easy to reach. The lines of both end with `# racy`. `test_no_race_*` has none in any execution.
Ordered means happens-before as FastTrack defines it, over start and join, locks, conditions, events, semaphores,
barriers, queues and futures. No test fails under any schedule, racy or not: what is judged is the detector.
"""
