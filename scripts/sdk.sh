#!/usr/bin/env bash
# Makes the venv with the official OpenAI SDK that the tests call through the gateway, from
# integration/requirements.txt. Does nothing if the venv was made from the same file.
# usage: scripts/sdk.sh target/tools/venv
set -euo pipefail

exec scripts/venv.sh "$1" integration/requirements.txt python -c 'import openai'
