"""What the programs have in common: the lines of docs/clients.md, and a loop over cases.

A program is told a way and a case on each line of its standard input ("azure chat"), and answers with a
line of JSON.

GATEWAY_URL      https://host:port
GATEWAY_KEY      the caller's key
GATEWAY_LINES    a file with the client's lines, as docs/clients.md has them

The gateway's authority is in SSL_CERT_FILE and REQUESTS_CA_BUNDLE.
"""

import asyncio
import inspect
import json
import os
import pathlib
import sys

# What clients print goes elsewhere.
ANSWERS, sys.stdout = sys.stdout, sys.stderr

HELLO = "Say hello to the world."
# The fake calls a tool that the user names.
QUESTION = "Use get_weather for the weather in Zürich."
WEATHER = "sunny in Zürich"
# The documented deployment, and one that the client may not use.
ALLOWED, FORBIDDEN = "gpt-4o", "gpt-4o-mini"

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {"name": "get_weather", "description": "The weather of a city.", "parameters": SCHEMA}


def lines(deployment=ALLOWED, after_key=""):
    """Runs the documented lines, with the gateway and the key of the test; gives what they define.

    `after_key` is put behind the key, for one more argument.
    """
    text = pathlib.Path(os.environ["GATEWAY_LINES"]).read_text(encoding="utf-8")
    for documented, real in [
        ("https://gateway.example.com", os.environ["GATEWAY_URL"]),
        ('"tgk_…"', f'"{os.environ["GATEWAY_KEY"]}"{after_key}'),
    ]:
        assert documented in text, f"the lines lack {documented}"
        text = text.replace(documented, real)
    text = text.replace(ALLOWED, deployment)
    defined = {}
    exec(compile(text, os.environ["GATEWAY_LINES"], "exec"), defined)
    return defined


def usage(told):
    """Tokens in the gateway's words, from an object or a dict of chat's form or of responses'."""
    if told is None:
        return None
    get = told.get if isinstance(told, dict) else lambda name: getattr(told, name, None)

    def first(*names):
        return next((get(name) for name in names if get(name) is not None), 0)

    return {
        "input_tokens": first("prompt_tokens", "input_tokens"),
        "output_tokens": first("completion_tokens", "output_tokens"),
    }


def failure(error, **more):
    """An exception, as a caller would handle it."""
    status = getattr(error, "status_code", None)
    told = {"exception": type(error).__name__, "status": status, "message": str(error)}
    return {**told, "code": getattr(error, "code", None), **more}


def serve(cases, failed=failure):
    """Runs cases as they are asked for: a dict from "way case" to a function, which may be async."""

    async def run(name):
        try:
            result = cases[name]()
            return await result if inspect.isawaitable(result) else result
        except Exception as error:  # Every exception is a result here.
            return failed(error)

    async def loop():
        for line in sys.stdin:
            print(json.dumps(await run(line.strip())), file=ANSWERS, flush=True)

    asyncio.run(loop())
