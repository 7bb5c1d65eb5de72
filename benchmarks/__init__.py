"""How fast unblink is, and how it grows: `python -m benchmarks` prints it as tables of ratios.

Counts are asserted; times are not, since the machine may be busy. Each figure is the best of many short
repetitions, and what is compared is measured by turns in the same run.
"""
