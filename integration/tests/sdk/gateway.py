"""The official clients, pointed at the gateway by the environment, and what the cases have in common.

GATEWAY_URL      https://host:port
GATEWAY_KEY      the caller's key
GATEWAY_MODEL    the deployment to ask for
GATEWAY_HEADERS  more headers, as a JSON object
GATEWAY_RETRIES  how often a client tries again

The gateway's authority is in SSL_CERT_FILE, which the SDK's HTTP client reads by itself.
"""

import json
import os

import openai

API_VERSION = "2025-03-01-preview"

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
MODEL = os.environ["GATEWAY_MODEL"]

COMMON = {
    "default_headers": json.loads(os.environ["GATEWAY_HEADERS"]),
    "max_retries": int(os.environ["GATEWAY_RETRIES"]),
    "timeout": 20,
}
AZURE = {"azure_endpoint": URL, "api_version": API_VERSION, **COMMON}
PLAIN = {"base_url": f"{URL}/openai/v1/", "api_key": KEY, **COMMON}

CLIENTS = {
    "azure": lambda: openai.AzureOpenAI(api_key=KEY, **AZURE),
    # The way in which callers of Azure OpenAI show a token of Entra ID.
    "azure-token": lambda: openai.AzureOpenAI(azure_ad_token=KEY, **AZURE),
    "openai": lambda: openai.OpenAI(**PLAIN),
    "async-azure": lambda: openai.AsyncAzureOpenAI(api_key=KEY, **AZURE),
    "async-openai": lambda: openai.AsyncOpenAI(**PLAIN),
}


def report(answer, text, usage, **more):
    """What the test compares with the gateway's accounts."""
    return {"request_id": answer._request_id, "text": text, "usage": counts(usage), **more}


def streamed(stream, text, usage, **more):
    """The same for a stream, whose id is in the headers of the answer."""
    request_id = stream.response.headers["x-request-id"]
    return {"request_id": request_id, "text": text, "usage": counts(usage), **more}


def counts(usage):
    """The tokens in the gateway's words, from any API's."""
    if usage is None:
        return None
    is_response = hasattr(usage, "input_tokens")
    prompt, generated = ("input", "output") if is_response else ("prompt", "completion")

    def detail(name, tokens):
        return getattr(getattr(usage, f"{name}_tokens_details", None), tokens, 0) or 0

    return {
        "input_tokens": getattr(usage, f"{prompt}_tokens"),
        # Embeddings generate nothing, and don't say so.
        "output_tokens": getattr(usage, f"{generated}_tokens", 0),
        "total_tokens": usage.total_tokens,
        "cached_tokens": detail(prompt, "cached_tokens"),
        "reasoning_tokens": detail(generated, "reasoning_tokens"),
    }


def failure(error):
    """An exception of the SDK, as a caller would handle it."""
    return {
        "exception": type(error).__name__,
        "status": error.status_code,
        "code": error.code,
        "type": error.type,
        "request_id": error.request_id,
        "retry_after_ms": error.response.headers.get("retry-after-ms"),
        "message": error.message,
    }
