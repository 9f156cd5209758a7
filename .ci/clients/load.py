"""A minute of load by the official Python SDK; started by .ci/prometheus.

    load.py URL KEY KEY

In turn: calls that mostly succeed, more calls than the rate limit allows, a tool that breaks and recovers, calls that take
too long, and calls without a permission or a key.
"""

import asyncio
import random
import sys
import urllib.error
import urllib.request
from contextlib import asynccontextmanager

import mcp
from mcp.client.streamable_http import streamablehttp_client

URL, *KEYS = sys.argv[1:]
RANDOM = random.Random(1)


def text():
    return {"text": f"text {RANDOM.randrange(5)}"}


def sum_of():
    return {"a": RANDOM.randrange(100), "b": RANDOM.randrange(100)}


def pause():
    return {"ms": int(RANDOM.lognormvariate(4, 0.6))}


# From and to, in seconds; calls a second of each caller; the callers; the tool; its arguments. A circuit opens for everybody
# when the calls of two callers fail.
PHASES = [
    (0, 60, 2, 1, "echo", text),
    (0, 60, 2, 1, "add", sum_of),
    (0, 60, 2, 1, "sleep", pause),
    (0, 60, 0.5, 1, "tool_error", lambda: {"message": "no"}),
    (12, 20, 14, 1, "echo", text),
    (22, 50, 1, 2, "flaky", lambda: {"key": "one", "failures": 17}),
    (40, 48, 1, 1, "sleep", lambda: {"ms": 5000}),
    (40, 48, 1, 1, "panic", lambda: {"message": "broken"}),
    (48, 56, 2, 1, "admin_reset", dict),
]


async def call(session, tool, arguments):
    try:
        await session.call_tool(tool, arguments)
    except mcp.McpError:
        pass


def without_a_key():
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    try:
        urllib.request.urlopen(urllib.request.Request(URL, body, {"content-type": "application/json"}), timeout=5)
    except urllib.error.HTTPError:
        pass


async def every(first, last, rate, act):
    """Acts so often, and waits for what was begun."""
    clock = asyncio.get_running_loop().time
    start = clock() + first
    async with asyncio.TaskGroup() as group:
        for number in range(round((last - first) * rate)):
            # On a busy machine it is late for one call, and not for all that follow.
            await asyncio.sleep(max(0, start + number / rate - clock()))
            group.create_task(act())


@asynccontextmanager
async def connected(key):
    headers = {"Authorization": f"Bearer {key}"}
    async with streamablehttp_client(URL, headers=headers, timeout=120) as (read, write, _):
        async with mcp.ClientSession(read, write) as session:
            await session.initialize()
            await session.list_tools()
            yield session


async def main():
    async with connected(KEYS[0]) as one, connected(KEYS[1]) as other, asyncio.TaskGroup() as group:
        for first, last, rate, callers, tool, arguments in PHASES:
            for session in (one, other)[:callers]:
                act = lambda session=session, tool=tool, arguments=arguments: call(session, tool, arguments())
                group.create_task(every(first, last, rate, act))
        group.create_task(every(48, 56, 2, lambda: asyncio.to_thread(without_a_key)))


asyncio.run(main())
