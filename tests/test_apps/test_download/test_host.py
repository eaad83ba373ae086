import asyncio
import time

import pytest

from taco_plugin.apps.download import host as host_module
from taco_plugin.apps.download.failure import PhotographError
from taco_plugin.apps.download.host import Host


async def wait_for_turn(host):
    """Seconds until the host gives a turn."""
    began = time.monotonic()
    async with host.turn():
        return time.monotonic() - began


def test_a_host_in_trouble_is_left_alone_longer_each_time(monkeypatch):
    monkeypatch.setattr(host_module, 'back_off', lambda failures: 0.1 * 2**failures)

    async def run():
        host = Host(1, patience=2)
        waits = [await wait_for_turn(host)]
        for _ in range(2):
            host.count_failure('down')
            host.count_failure('down')  # during the pause: of a request that was under way
            waits.append(await wait_for_turn(host))
        host.count_failure('down')
        with pytest.raises(PhotographError, match='given up after 3 failures in a row: down'):
            await wait_for_turn(host)
        return waits

    first, second, third = asyncio.run(run())
    assert first < 0.09 < second
    assert 0.19 < third < 1


def test_an_answer_makes_up_for_all_failures(monkeypatch):
    monkeypatch.setattr(host_module, 'back_off', lambda failures: 0.001)

    async def run():
        host = Host(1, patience=1)
        for _ in range(5):
            host.count_failure('down')
            await wait_for_turn(host)
            host.count_answer()

    asyncio.run(run())
