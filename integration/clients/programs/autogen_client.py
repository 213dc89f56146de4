"""autogen-ext: its model clients for OpenAI and for Azure."""

import json

from autogen_core.models import (
    AssistantMessage, FunctionExecutionResult, FunctionExecutionResultMessage, UserMessage,
)
from autogen_core.tools import FunctionTool

from gateway import FORBIDDEN, HELLO, QUESTION, WEATHER, lines, serve, usage

ASKED = [UserMessage(content=HELLO, source="user")]


async def get_weather(city: str) -> str:
    return WEATHER


TOOL = FunctionTool(get_weather, description="The weather of a city.")


async def chat(client):
    answer = await client.create(ASKED)
    return {"text": answer.content, "usage": usage(answer.usage)}


async def stream(client):
    pieces = [it async for it in client.create_stream(ASKED)]
    answer = pieces.pop()
    return {"text": answer.content, "pieces": len(pieces)}


async def tools(client):
    messages = [UserMessage(content=QUESTION, source="user")]
    first = await client.create(messages, tools=[TOOL])
    (call,) = first.content
    said = FunctionExecutionResult(call_id=call.id, content=WEATHER, is_error=False, name=call.name)
    messages.append(AssistantMessage(content=first.content, source="assistant"))
    messages.append(FunctionExecutionResultMessage(content=[said]))
    second = await client.create(messages, tools=[TOOL])
    return {"call": call.name, "arguments": json.loads(call.arguments), "text": second.content}


def cases():
    for way in ["client", "azure"]:
        made = lines()[way]
        for name, case in {"chat": chat, "retried": chat, "stream": stream, "tools": tools}.items():
            yield f"{way} {name}", lambda case=case, made=made: case(made)
        yield f"{way} refused", lambda way=way: chat(lines(FORBIDDEN)[way])
        yield f"{way} throttled", lambda way=way: chat(lines(after_key=", max_retries=0")[way])


serve(dict(cases()))
