"""pydantic-ai: agents on the Responses API, on chat's, and on Azure's."""

from pydantic_ai import Agent

from gateway import FORBIDDEN, HELLO, QUESTION, WEATHER, lines, serve, usage

CALLS = []


def get_weather(city: str) -> str:
    """The weather of a city."""
    CALLS.append({"city": city})
    return WEATHER


async def chat(model):
    done = await Agent(model).run(HELLO)
    return {"text": done.output, "usage": usage(done.usage)}


async def stream(model):
    async with Agent(model).run_stream(HELLO) as running:
        pieces = [it async for it in running.stream_text(delta=True, debounce_by=None)]
    return {"text": "".join(pieces), "pieces": len(pieces)}


async def tools(model):
    """Two turns of a conversation, the first of them with a call."""
    CALLS.clear()
    agent = Agent(model, tools=[get_weather])
    first = await agent.run(QUESTION)
    second = await agent.run(HELLO, message_history=first.all_messages())
    told = {"call": "get_weather", "arguments": CALLS[0], "text": first.output}
    return {**told, "second": second.output}


def cases():
    for way in ["responses", "chat", "azure"]:
        for name, case in {"chat": chat, "retried": chat, "stream": stream, "tools": tools}.items():
            yield f"{way} {name}", lambda case=case, way=way: case(lines()[way])
        yield f"{way} refused", lambda way=way: chat(lines(FORBIDDEN)[way])
        yield f"{way} throttled", lambda way=way: chat(lines()[way])
    yield "responses thoughtful", lambda: tools(lines("o4-mini")["responses"])


serve(dict(cases()))
