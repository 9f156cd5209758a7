"""A small server for `.ci/wire`: of the official Python SDK, 1.x or 2.x, or of FastMCP; on standard input and output,
or, of 1.x, over HTTP on the port that is given.

    python_server.py [fastmcp | PORT]
"""

import asyncio
import os
import sys

from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel

if sys.argv[1:] == ["fastmcp"]:
    from fastmcp import Context
    from fastmcp import FastMCP as Server
else:
    try:
        from mcp.server.mcpserver import Context
        from mcp.server.mcpserver import MCPServer as Server
    except ImportError:
        from mcp.server.fastmcp import Context
        from mcp.server.fastmcp import FastMCP as Server

port = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdigit() else None
server = Server("python", port=port) if port else Server("python")
cancelled = 0
echoed = 0


class Answer(BaseModel):
    name: str


@server.tool()
def echo(text: str) -> str:
    global echoed
    echoed += 1
    return text


@server.tool()
def echoes() -> str:
    return str(echoed)


@server.tool()
def large(number: int) -> dict[str, int]:
    return {"number": number, "next": number + 1}


@server.tool()
def fail(text: str) -> str:
    raise ValueError(text)


@server.tool()
async def count(context: Context) -> str:
    for step in range(5):
        await context.report_progress(step + 1, 5)
        await context.info(f"step {step + 1}")
    return "done"


@server.tool()
async def ask(context: Context) -> str:
    answer = await context.elicit("What is your name?", Answer)
    return f"{answer.action}: {answer.data.name}"


@server.tool()
async def sample(context: Context) -> str:
    message = SamplingMessage(role="user", content=TextContent(type="text", text="say something"))
    answer = await context.session.create_message([message], max_tokens=10)
    return answer.content.text


@server.tool()
async def hang(context: Context) -> str:
    global cancelled
    await context.info("hanging")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        cancelled += 1
        raise
    return "never"


@server.tool()
def cancellations() -> str:
    return str(cancelled)


@server.tool()
def process() -> str:
    return str(os.getpid())


@server.resource("test://text")
def text() -> str:
    return "a text"


@server.prompt()
def greet(name: str) -> str:
    return f"Say hello to {name}."


server.run("streamable-http" if port else "stdio")
