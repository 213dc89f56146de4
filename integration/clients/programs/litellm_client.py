"""LiteLLM as a library: its providers for OpenAI and for Azure."""

import json
import os

# Prices from the package and not from the internet.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from gateway import FORBIDDEN, FUNCTION, HELLO, QUESTION, WEATHER, lines, serve, usage

MESSAGES = [{"role": "user", "content": HELLO}]
TOOLS = [{"type": "function", "function": FUNCTION}]


def chat(settings, **more):
    answer = litellm.completion(**settings, messages=MESSAGES, **more)
    return {"text": answer.choices[0].message.content, "usage": usage(answer.usage)}


def stream(settings):
    chunks = list(litellm.completion(**settings, messages=MESSAGES, stream=True))
    pieces = [it.choices[0].delta.content or "" for it in chunks if it.choices]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools(settings):
    messages = [{"role": "user", "content": QUESTION}]
    first = litellm.completion(**settings, messages=messages, tools=TOOLS).choices[0].message
    (call,) = first.tool_calls
    messages += [first, {"role": "tool", "tool_call_id": call.id, "content": WEATHER}]
    second = litellm.completion(**settings, messages=messages, tools=TOOLS)
    arguments = json.loads(call.function.arguments)
    return {"call": call.function.name, "arguments": arguments, "text": second.choices[0].message.content}


async def asynchronous(settings):
    answer = await litellm.acompletion(**settings, messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "usage": usage(answer.usage)}


def response(settings):
    answer = litellm.responses(**settings, input=HELLO)
    return {"text": answer.output[-1].content[0].text, "usage": usage(answer.usage)}


def embeddings(settings):
    provider, _ = settings["model"].split("/")
    settings = {**settings, "model": f"{provider}/text-embedding-3-large"}
    answer = litellm.embedding(**settings, input=["a toll gate", "a bridge"])
    return {"dimensions": [len(it["embedding"]) for it in answer.data], "usage": usage(answer.usage)}


ALL = {
    "chat": chat, "retried": chat, "stream": stream, "tools": tools, "asynchronous": asynchronous,
    "response": response, "embeddings": embeddings,
}


def cases():
    for way in ["openai", "azure"]:
        for name, case in ALL.items():
            yield f"{way} {name}", lambda case=case, way=way: case(lines()[way])
        yield f"{way} refused", lambda way=way: chat(lines(FORBIDDEN)[way])
        yield f"{way} throttled", lambda way=way: chat(lines()[way], max_retries=0)


serve(dict(cases()))
