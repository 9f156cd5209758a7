"""One session of the official Python SDK, 2.x; started by .ci/wire.

    wire_client.py PLAN MODE COMMAND...

PLAN is `equal` or `changed`, MODE is `auto` or `legacy`. Prints JSON: what was seen.
"""

import asyncio
import json
import os
import sys

import mcp
from mcp.types import CreateMessageResult, ElicitResult, TextContent

# How long one call may take, in seconds.
PATIENCE = 20

SECRET = "token ghp_0123456789abcdefghijABCDEFGHIJ012345"


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class Session:
    """What the client was asked and notified of, in its order."""

    def __init__(self):
        self.notices = []
        self.hanging = asyncio.Event()

    async def elicited(self, context, params):
        self.notices.append(["elicitation", params.message])
        return ElicitResult(action="accept", content={"name": "Ada"})

    async def sampled(self, context, params):
        self.notices.append(["sampling", plain(params)])
        text = TextContent(type="text", text="something")
        return CreateMessageResult(role="assistant", content=text, model="none")

    async def logged(self, params):
        text = params.data["msg"] if isinstance(params.data, dict) else params.data
        self.notices.append(["log", text])
        if text == "hanging":
            self.hanging.set()

    async def progressed(self, progress, total, message):
        self.notices.append(["progress", progress, total, message])


async def attempt(call):
    """The answer to a call, whatever it is."""
    try:
        async with asyncio.timeout(PATIENCE):
            return plain(await call)
    except TimeoutError:
        return "no answer"
    except mcp.MCPError as error:
        return {"error": [error.code, error.message, error.data]}


async def equal(client, session):
    tools = await client.list_tools()
    seen = [plain(tools)]
    for tool, arguments in [
        ("echo", {"text": "größe \U0001f600"}),
        ("echo", {}),
        ("large", {"number": 12345678901234567890123}),
        ("fail", {"text": "broken"}),
        ("no_such_tool", {}),
        ("ask", {}),
        ("sample", {}),
    ]:
        seen.append(await attempt(client.call_tool(tool, arguments)))
    seen.append(await attempt(client.call_tool("count", {}, progress_callback=session.progressed)))
    seen.append(await attempt(client.read_resource("test://text")))
    seen.append(await attempt(client.get_prompt("greet", {"name": "Ada"})))
    echoes = [client.call_tool("echo", {"text": str(number)}) for number in range(10)]
    seen.append([plain(echo) for echo in await asyncio.gather(*echoes)])
    if "cancellations" in {tool.name for tool in tools.tools}:
        hang = asyncio.create_task(client.call_tool("hang", {}))
        await asyncio.wait_for(session.hanging.wait(), PATIENCE)
        hang.cancel()
        await asyncio.gather(hang, return_exceptions=True)
        cancellations = await attempt(client.call_tool("cancellations", {}))
        assert cancellations["content"][0]["text"] == "1", cancellations
        seen.append(cancellations)
    return [*seen, sorted(session.notices, key=str)]


async def changed(client, session):
    hang = await attempt(client.call_tool("hang", {}))
    secret = await attempt(client.call_tool("echo", {"text": SECRET}))
    flood = await asyncio.gather(*[attempt(client.call_tool("echo", {"text": "x"})) for _ in range(40)])
    return {
        "timeout": hang.get("error", [0, ""])[:2],
        "secret": "ghp_0123" in secret["content"][0]["text"],
        "limited": any(answer.get("error", [0])[0] == 429 for answer in flood),
    }


async def main():
    plan, mode, command, *arguments = sys.argv[1:]
    session = Session()
    server = mcp.StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    callbacks = {
        "elicitation_callback": session.elicited,
        "sampling_callback": session.sampled,
        "logging_callback": session.logged,
        "log_level": "info",
    }
    async with mcp.Client(server, mode=mode, **callbacks) as client:
        print(json.dumps(await {"equal": equal, "changed": changed}[plan](client, session)))


asyncio.run(main())
