"""frontrun: random schedules of two asyncio tasks with three awaits each."""

from __future__ import annotations

import asyncio

import frontrun
from serving import serve


class Box:
    def __init__(self) -> None:
        self.value = 0


async def add_three(box: Box) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
        box.value += 1


def explore() -> int:
    result = asyncio.run(_explore())
    assert result.property_holds, result
    return int(result.num_explored)


async def _explore() -> frontrun.common.InterleavingResult:
    return await frontrun.explore_async_random(
        setup=Box,
        tasks=[add_three, add_three],
        invariant=lambda box: True,
        max_attempts=100,
        seed=1,
    )


serve(explore)
