"""How many executions it takes to find the bugs of SCTBench's programs, beside what was published for other tools.

`python -m benchmarks.sctbench`. The programs are in `tests/bugs/sctbench`.
"""
