"""A small server of the official Python SDK, for `.ci/wire`: on standard input and output, or over HTTP on the port
that is given."""

import asyncio
import os
import sys

from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel

server = FastMCP("python", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
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
    answer = await context.elicit("What is your name?", schema=Answer)
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


server.run("streamable-http" if len(sys.argv) > 1 else "stdio")
