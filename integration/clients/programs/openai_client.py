"""openai for Python, of any version: both of its clients."""

import json

import openai

from gateway import ALLOWED, FORBIDDEN, FUNCTION, HELLO, QUESTION, WEATHER, lines, serve, usage

DEFINED = lines()
MESSAGES = [{"role": "user", "content": HELLO}]
TOOLS = [{"type": "function", "function": FUNCTION}]


def chat(client, model=ALLOWED):
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "usage": usage(answer.usage)}


def stream(client):
    chunks = list(client.chat.completions.create(model=ALLOWED, messages=MESSAGES, stream=True))
    text = [it.choices[0].delta.content or "" for it in chunks if it.choices]
    return {"text": "".join(text), "pieces": len(text)}


def tools(client):
    messages = [{"role": "user", "content": QUESTION}]
    answer = client.chat.completions.create(model=ALLOWED, messages=messages, tools=TOOLS)
    call = answer.choices[0].message.tool_calls[0]
    messages.append(answer.choices[0].message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": WEATHER})
    answer = client.chat.completions.create(model=ALLOWED, messages=messages, tools=TOOLS)
    arguments = json.loads(call.function.arguments)
    return {"call": call.function.name, "arguments": arguments, "text": answer.choices[0].message.content}


def streamed_tools(client):
    messages = [{"role": "user", "content": QUESTION}]
    chunks = client.chat.completions.create(model=ALLOWED, messages=messages, tools=TOOLS, stream=True)
    deltas = [it.choices[0].delta for it in chunks if it.choices]
    calls = [call.function for delta in deltas for call in delta.tool_calls or []]
    arguments = json.loads("".join(it.arguments or "" for it in calls))
    return {"call": calls[0].name, "arguments": arguments}


def embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-large", input=["a toll gate", "a bridge"])
    return {"dimensions": [len(it.embedding) for it in answer.data], "usage": usage(answer.usage)}


def transcription(client):
    """A form."""
    file = ("hello.wav", b"RIFF" + bytes(1200), "audio/wav")
    return {"text": client.audio.transcriptions.create(model="whisper", file=file).text}


def throttled(client):
    return chat(client.with_options(max_retries=0))


def refused(client):
    return chat(client, FORBIDDEN)


async def asynchronous(client):
    kind = {openai.OpenAI: openai.AsyncOpenAI, openai.AzureOpenAI: openai.AsyncAzureOpenAI}[type(client)]
    made = {"api_key": client.api_key, "base_url": str(client.base_url)}
    if kind is openai.AsyncAzureOpenAI:
        made["api_version"] = client._api_version
    answer = await kind(**made).chat.completions.create(model=ALLOWED, messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "usage": usage(answer.usage)}


def response(client):
    answer = client.responses.create(model=ALLOWED, input=HELLO)
    return {"text": answer.output_text, "usage": usage(answer.usage)}


def response_stream(client):
    events = list(client.responses.create(model=ALLOWED, input=HELLO, stream=True))
    text = [it.delta for it in events if it.type == "response.output_text.delta"]
    done = events[-1].response
    return {"text": "".join(text), "pieces": len(text), "usage": usage(done.usage)}


def response_tools(client):
    """Two turns; the second gives back all that the first has put out, reasoning and its ids too."""
    tool = {"type": "function", "strict": False, **FUNCTION}
    said = [{"role": "user", "content": QUESTION}]
    answer = client.responses.create(model="o4-mini", input=said, tools=[tool])
    (call,) = [it for it in answer.output if it.type == "function_call"]
    said += answer.output
    said.append({"type": "function_call_output", "call_id": call.call_id, "output": WEATHER})
    answer = client.responses.create(model="o4-mini", input=said, tools=[tool])
    return {"call": call.name, "arguments": json.loads(call.arguments), "text": answer.output_text}


def response_counted(client):
    counted = client.responses.input_tokens.count(model=ALLOWED, input=HELLO)
    answer = client.responses.create(model=ALLOWED, input=HELLO)
    return {"text": answer.output_text, "counted": counted.input_tokens, "usage": usage(answer.usage)}


def response_compacted(client):
    answer = client.responses.compact(model=ALLOWED, input=HELLO)
    return {"text": answer.output[-1].type, "usage": usage(answer.usage)}


def twice(client):
    """One key in two headers, as some put it to be sure."""
    more = {"Authorization": f"Bearer {client.api_key}", "api-key": client.api_key}
    answer = client.chat.completions.create(model=ALLOWED, messages=MESSAGES, extra_headers=more)
    return {"text": answer.choices[0].message.content, "usage": usage(answer.usage)}


CASES = {
    "chat": chat,
    "stream": stream,
    "tools": tools,
    "streamed_tools": streamed_tools,
    "embeddings": embeddings,
    "transcription": transcription,
    "throttled": throttled,
    "retried": chat,
    "refused": refused,
    "asynchronous": asynchronous,
    "response": response,
    "response_stream": response_stream,
    "response_tools": response_tools,
    "response_counted": response_counted,
    "response_compacted": response_compacted,
    "twice": twice,
}
WAYS = {"v1": DEFINED["client"], "azure": DEFINED["azure"]}

serve({f"{way} {name}": lambda case=case, client=client: case(client)
       for way, client in WAYS.items() for name, case in CASES.items()})
