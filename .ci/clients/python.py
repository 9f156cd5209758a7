"""One session of the official Python SDK, 1.x or 2.x; started by .ci/foreign-clients.

    python.py PLAN

PLAN is JSON: `command` or `url`, `token`, and `steps`. Prints one line of JSON for each step: what a person sees.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import mcp

MODERN = hasattr(mcp, "Client")

# A call whose answer never comes has to end too, in seconds.
PATIENCE = 8


def innermost(error):
    """The error itself, out of the groups that the SDK's tasks wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def connected(plan):
    headers = {"Authorization": f"Bearer {plan['token']}"} if plan.get("token") else {}
    if "command" in plan:
        command, *arguments = plan["command"]
        server = mcp.StdioServerParameters(command=command, args=arguments)
    if MODERN:
        if "command" in plan:
            async with mcp.Client(server) as client:
                yield client
            return
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            async with mcp.Client(streamable_http_client(plan["url"], http_client=http)) as client:
                yield client
        return
    if "command" in plan:
        from mcp.client.stdio import stdio_client

        transport = stdio_client(server)
    else:
        from mcp.client.streamable_http import streamablehttp_client

        transport = streamablehttp_client(plan["url"], headers=headers)
    async with transport as (read, write, *_):
        async with mcp.ClientSession(read, write) as session:
            await session.initialize()
            yield session


async def seen(client, step):
    """What a person sees of one step."""
    if step["do"] == "tools":
        return " ".join(sorted(tool.name for tool in (await client.list_tools()).tools))
    if step["do"] == "read":
        uri = step["uri"]
        return (await client.read_resource(uri)).contents[0].text
    if step["do"] == "prompt":
        return (await client.get_prompt(step["name"], step["arguments"])).messages[0].content.text
    result = await client.call_tool(step["tool"], step["arguments"])
    failed = result.is_error if MODERN else result.isError
    return ("tool error: " if failed else "") + "".join(content.text for content in result.content)


async def main():
    plan = json.loads(sys.argv[1])

    def report(text):
        print(json.dumps(text), flush=True)

    try:
        async with connected(plan) as client:
            report("connected")
            for step in plan["steps"]:
                try:
                    async with asyncio.timeout(PATIENCE):
                        report(await seen(client, step))
                except TimeoutError:
                    report("no answer")
                except Exception as error:
                    report(f"error: {innermost(error)}")
    except BaseException as error:
        report(f"error: {innermost(error)}")


asyncio.run(main())
