"""LlamaIndex: the LLM and the embeddings for Azure OpenAI."""

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

from gateway import FORBIDDEN, HELLO, QUESTION, WEATHER, lines, serve, usage

DEFINED = lines()
LLM = DEFINED["llm"]


def get_weather(city: str) -> str:
    """The weather of a city."""
    return WEATHER


def chat(llm=LLM):
    answer = llm.chat([ChatMessage(role="user", content=HELLO)])
    return {"text": answer.message.content, "usage": usage(answer.raw.usage)}


def complete():
    answer = LLM.complete(HELLO)
    return {"text": answer.text, "usage": usage(answer.raw.usage)}


def stream():
    chunks = list(LLM.stream_chat([ChatMessage(role="user", content=HELLO)]))
    return {"text": chunks[-1].message.content, "pieces": len(chunks)}


def tools():
    """The tool is called and its answer given back by the library."""
    tool = FunctionTool.from_defaults(fn=get_weather)
    asked = ChatMessage(role="user", content=QUESTION)
    answer = LLM.chat_with_tools([tool], chat_history=[asked])
    (call,) = LLM.get_tool_calls_from_response(answer)
    said = ChatMessage(
        role="tool", content=tool(**call.tool_kwargs).content,
        additional_kwargs={"tool_call_id": call.tool_id},
    )
    last = LLM.chat_with_tools([tool], chat_history=[asked, answer.message, said])
    return {"call": call.tool_name, "arguments": call.tool_kwargs, "text": last.message.content}


async def asynchronous():
    answer = await LLM.achat([ChatMessage(role="user", content=HELLO)])
    return {"text": answer.message.content, "usage": usage(answer.raw.usage)}


def embeddings():
    vectors = DEFINED["embeddings"].get_text_embedding_batch(["a toll gate", "a bridge"])
    return {"dimensions": [len(it) for it in vectors]}


serve({
    "llm chat": chat,
    "llm retried": chat,
    "llm complete": complete,
    "llm stream": stream,
    "llm tools": tools,
    "llm asynchronous": asynchronous,
    "llm refused": lambda: chat(lines(FORBIDDEN)["llm"]),
    "llm throttled": lambda: chat(lines(after_key=", max_retries=0")["llm"]),
    "embeddings embeddings": embeddings,
})
