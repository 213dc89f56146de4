"""langchain-openai: its models for OpenAI and for Azure, with the Responses API too, and embeddings."""

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

from gateway import FORBIDDEN, HELLO, QUESTION, WEATHER, lines, serve, usage

MODELS = lines()
REFUSED = lines(FORBIDDEN)
IMPATIENT = lines(after_key=", max_retries=0")


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return WEATHER


def chat(model):
    answer = model.invoke(HELLO)
    return {"text": answer.text, "usage": usage(answer.usage_metadata)}


def stream(model):
    chunks = list(model.stream(HELLO))
    told = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    pieces = [chunk.text for chunk in chunks]
    usages = usage(told[-1]) if told else None
    return {"text": "".join(pieces), "pieces": len(pieces), "usage": usages}


def tools(model):
    bound = model.bind_tools([get_weather])
    messages = [HumanMessage(QUESTION)]
    first = bound.invoke(messages)
    (call,) = first.tool_calls
    messages += [first, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])]
    return {"call": call["name"], "arguments": call["args"], "text": bound.invoke(messages).text}


def embeddings(model):
    return {"dimensions": [len(it) for it in model.embed_documents(["a toll gate", "a bridge"])]}


def texts():
    """Without the tokenizer."""
    return embeddings(MODELS["embeddings"].model_copy(update={"check_embedding_ctx_length": False}))


def cases():
    for way in ["chat", "responses", "azure", "azure_responses"]:
        yield f"{way} chat", lambda way=way: chat(MODELS[way])
        yield f"{way} retried", lambda way=way: chat(MODELS[way])
        yield f"{way} stream", lambda way=way: stream(MODELS[way])
        yield f"{way} tools", lambda way=way: tools(MODELS[way])
        yield f"{way} refused", lambda way=way: chat(REFUSED[way])
        yield f"{way} throttled", lambda way=way: chat(IMPATIENT[way])
    for way in ["embeddings", "azure_embeddings"]:
        yield f"{way} embeddings", lambda way=way: embeddings(MODELS[way])
    yield "embeddings texts", texts


serve(dict(cases()))
