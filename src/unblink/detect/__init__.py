"""Judging executions: what an outcome means."""

from unblink.detect.judge import Failure, judge

__all__ = ["Failure", "judge"]
