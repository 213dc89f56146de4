"""What callers do with the SDK: `cases.py CASE CLIENT...` prints a line of JSON for each request."""

import asyncio
import inspect
import json
import sys

import openai

from gateway import CLIENTS, MODEL, failure, report, streamed

HELLO = [{"role": "user", "content": "Say hello to the world."}]


def chat(client):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    yield report(answer, answer.choices[0].message.content, answer.usage)


def chat_stream(client):
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    yield of_chunks(stream, list(stream))


def chat_stream_with_usage(client):
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options=options
    )
    yield of_chunks(stream, list(stream))


async def async_chat_stream(client):
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    yield of_chunks(stream, [chunk async for chunk in stream])


def completion(client):
    answer = client.completions.create(model=MODEL, prompt="Once upon a time")
    yield report(answer, answer.choices[0].text, answer.usage)


def completion_stream(client):
    stream = client.completions.create(model=MODEL, prompt="Once upon a time", stream=True)
    chunks = list(stream)
    text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    yield streamed(stream, text, last_usage(chunks))


def embeddings(client):
    # The SDK asks for base64 by itself, and decodes it.
    answer = client.embeddings.create(model=MODEL, input=["a toll gate", "a bridge"])
    yield report(answer, None, answer.usage, dimensions=[len(it.embedding) for it in answer.data])


def response(client):
    answer = client.responses.create(model=MODEL, input="Say hello.")
    yield report(answer, answer.output_text, answer.usage)


def response_stream(client):
    stream = client.responses.create(model=MODEL, input="Say hello.", stream=True)
    events = list(stream)
    text = "".join(it.delta for it in events if it.type == "response.output_text.delta")
    done = events[-1].response
    yield streamed(stream, text, done.usage, event=events[-1].type, whole=done.output_text)


def response_conversation(client):
    first = client.responses.create(model=MODEL, input="Say hello.")
    yield report(first, first.output_text, first.usage)
    second = client.responses.create(
        model=MODEL, input="And again.", previous_response_id=first.id
    )
    yield report(second, second.output_text, second.usage)
    kept = client.responses.retrieve(first.id)
    yield report(kept, kept.output_text, kept.usage, action="retrieve")
    client.responses.delete(first.id)
    client.responses.retrieve(first.id)


WAV = ("hello.wav", b"RIFF" + bytes(1200), "audio/wav")
PNG = ("gate.png", bytes(1200), "image/png")


def image(client):
    answer = client.images.generate(model=MODEL, prompt="A toll gate", size="1024x1024")
    yield report(answer, None, answer.usage, images=len(answer.data))


def image_edit(client):
    answer = client.images.edit(model=MODEL, image=PNG, prompt="Open it")
    yield report(answer, None, answer.usage, images=len(answer.data))


def transcription(client):
    answer = client.audio.transcriptions.create(model=MODEL, file=WAV)
    yield report(answer, answer.text, answer.usage)


def transcription_stream(client):
    stream = client.audio.transcriptions.create(model=MODEL, file=WAV, stream=True)
    events = list(stream)
    text = "".join(it.delta for it in events if it.type == "transcript.text.delta")
    yield streamed(stream, text, events[-1].usage, whole=events[-1].text)


def speech(client):
    answer = client.audio.speech.create(model=MODEL, voice="alloy", input="Grüße")
    request_id = answer.response.headers["x-request-id"]
    yield {"request_id": request_id, "bytes": len(answer.read())}


def models(client):
    answer = client.models.with_raw_response.list()
    names = [it.id for it in answer.parse()]
    yield {"request_id": answer.headers["x-request-id"], "models": names}


def batch(client):
    line = {"custom_id": "1", "method": "POST", "url": "/chat/completions"}
    line["body"] = {"model": MODEL, "messages": HELLO}
    lines = ("lines.jsonl", json.dumps(line).encode())
    file = client.files.create(file=lines, purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/chat/completions", completion_window="24h"
    )
    done = client.batches.retrieve(made.id)
    output = client.files.content(done.output_file_id)
    client.files.delete(file.id)
    yield {"request_id": made._request_id, "status": done.status, "output": output.text}


def of_chunks(stream, chunks):
    text = "".join(it.choices[0].delta.content or "" for it in chunks if it.choices)
    finish = [it.choices[0].finish_reason for it in chunks if it.choices]
    return streamed(stream, text, last_usage(chunks), finish_reason=finish[-1])


def last_usage(chunks):
    told = [chunk.usage for chunk in chunks if chunk.usage]
    return told[-1] if told else None


async def results(case, client):
    """Yields what the case yields, and the exception that ends it."""
    try:
        if inspect.isasyncgenfunction(case):
            async for result in case(client):
                yield result
        else:
            for result in case(client):
                yield result
    except openai.APIStatusError as error:
        yield failure(error)


async def main(case, kinds):
    for kind in kinds:
        async for result in results(globals()[case], CLIENTS[kind]()):
            print(json.dumps({"client": kind, **result}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
