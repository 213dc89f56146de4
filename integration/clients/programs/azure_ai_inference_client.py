"""azure-ai-inference: chats and embeddings of a deployment."""

import json

from azure.ai.inference.models import (
    AssistantMessage, ChatCompletionsToolDefinition, FunctionDefinition, ToolMessage, UserMessage,
)

from gateway import FORBIDDEN, FUNCTION, HELLO, QUESTION, WEATHER, failure, lines, serve, usage

DEFINED = lines()
TOOLS = [ChatCompletionsToolDefinition(function=FunctionDefinition(**FUNCTION))]


def chat(client=DEFINED["chat"], **more):
    answer = client.complete(messages=[UserMessage(HELLO)], **more)
    return {"text": answer.choices[0].message.content, "usage": usage(answer.usage)}


def stream():
    chunks = DEFINED["chat"].complete(messages=[UserMessage(HELLO)], stream=True)
    pieces = [it.choices[0].delta.content or "" for it in chunks if it.choices]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools():
    messages = [UserMessage(QUESTION)]
    answer = DEFINED["chat"].complete(messages=messages, tools=TOOLS)
    (call,) = answer.choices[0].message.tool_calls
    messages.append(AssistantMessage(tool_calls=[call]))
    messages.append(ToolMessage(WEATHER, tool_call_id=call.id))
    answer = DEFINED["chat"].complete(messages=messages, tools=TOOLS)
    arguments = json.loads(call.function.arguments)
    return {"call": call.function.name, "arguments": arguments, "text": answer.choices[0].message.content}


def embeddings():
    answer = DEFINED["embeddings"].embed(input=["a toll gate", "a bridge"])
    return {"dimensions": [len(it.embedding) for it in answer.data], "usage": usage(answer.usage)}


def failed(error):
    told = getattr(error, "error", None)
    return failure(error, code=getattr(told, "code", None))


serve({
    "chat chat": chat,
    "chat retried": chat,
    "chat stream": stream,
    "chat tools": tools,
    "chat refused": lambda: chat(lines(FORBIDDEN)["chat"]),
    "chat throttled": lambda: chat(retry_total=0),
    "embeddings embeddings": embeddings,
}, failed)
