"""Reads forms with the parser of Python's standard library, which knows nothing of the gateway's.

Standard input: a JSON list of [content-type, body in base64]. Standard output: for each form a list of
[name, whether the part names a file, content in base64].
"""

import base64
import json
import sys
from email.parser import BytesParser


def read(content_type, body):
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + base64.b64decode(body))
    parts = form.get_payload() if form.is_multipart() else []
    return [part_of(part) for part in parts]


def part_of(part):
    name = part.get_param("name", header="content-disposition")
    content = part.get_payload(decode=True)
    return [name, part.get_filename() is not None, base64.b64encode(content).decode()]


json.dump([read(*form) for form in json.load(sys.stdin)], sys.stdout)
