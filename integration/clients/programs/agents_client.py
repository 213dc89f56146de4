"""openai-agents: an agent with a tool, on the Responses API, which is its default, and on chat's."""

from agents import Agent, Runner, function_tool, set_default_openai_api

from gateway import FORBIDDEN, HELLO, QUESTION, WEATHER, lines, serve, usage

CALLS = []


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    CALLS.append({"city": city})
    return WEATHER


async def chat(agent):
    done = await Runner.run(agent, HELLO)
    return {"text": done.final_output, "usage": usage(done.context_wrapper.usage)}


async def stream(agent):
    running = Runner.run_streamed(agent, HELLO)
    events = [it async for it in running.stream_events() if it.type == "raw_response_event"]
    return {"text": running.final_output, "pieces": len(events)}


async def tools(agent):
    """Two turns of a conversation, the first of them with a call."""
    CALLS.clear()
    first = await Runner.run(agent.clone(tools=[get_weather]), QUESTION)
    said = [*first.to_input_list(), {"role": "user", "content": HELLO}]
    second = await Runner.run(agent.clone(tools=[get_weather]), said)
    told = {"call": "get_weather", "arguments": CALLS[0], "text": first.final_output}
    return {**told, "second": second.final_output}


def on(api, case, **how):
    def run():
        agent = lines(**how)["agent"]
        set_default_openai_api({"responses": "responses", "chat": "chat_completions"}[api])
        return case(agent)

    return run


def cases():
    for api in ["responses", "chat"]:
        for name, case in {"chat": chat, "retried": chat, "stream": stream, "tools": tools}.items():
            yield f"{api} {name}", on(api, case)
        yield f"{api} refused", on(api, chat, deployment=FORBIDDEN)
        yield f"{api} throttled", on(api, chat, after_key=", max_retries=0")
    # It reasons: what it thought goes back by its ids.
    yield "responses thoughtful", on("responses", tools, deployment="o4-mini")


serve(dict(cases()))
