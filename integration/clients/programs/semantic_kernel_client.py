"""Semantic Kernel: chats and embeddings of Azure OpenAI, and a plugin that the kernel calls itself."""

from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import AzureChatPromptExecutionSettings
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function

from gateway import FORBIDDEN, HELLO, WEATHER, failure, lines, serve, usage

DEFINED = lines()
SETTINGS = AzureChatPromptExecutionSettings()
CALLS = []


class Weather:
    @kernel_function(name="get_weather", description="The weather of a city.")
    def get_weather(self, city: str) -> str:
        CALLS.append({"city": city})
        return WEATHER


def asked(text=HELLO):
    history = ChatHistory()
    history.add_user_message(text)
    return history


async def chat(service=DEFINED["chat"]):
    answer = await service.get_chat_message_content(asked(), SETTINGS)
    return {"text": str(answer), "usage": usage(answer.metadata["usage"])}


async def stream():
    chunks = DEFINED["chat"].get_streaming_chat_message_content(asked(), SETTINGS)
    pieces = [str(it) async for it in chunks]
    return {"text": "".join(pieces), "pieces": len(pieces)}


async def tools():
    CALLS.clear()
    kernel = Kernel()
    kernel.add_plugin(Weather(), plugin_name="sky")
    settings = AzureChatPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())
    history = asked("Use sky-get_weather for the weather in Zürich.")
    answer = await DEFINED["chat"].get_chat_message_content(history, settings, kernel=kernel)
    return {"call": "get_weather", "arguments": CALLS[0], "text": str(answer)}


async def embeddings():
    vectors = await DEFINED["embeddings"].generate_embeddings(["a toll gate", "a bridge"])
    return {"dimensions": [len(it) for it in vectors]}


def failed(error):
    """It wraps the SDK's exception."""
    return failure(error, status=getattr(error.__cause__, "status_code", None))


serve({
    "chat chat": chat,
    "chat retried": chat,
    "chat stream": stream,
    "chat tools": tools,
    "chat refused": lambda: chat(lines(FORBIDDEN)["chat"]),
    "chat throttled": chat,
    "embeddings embeddings": embeddings,
}, failed)
