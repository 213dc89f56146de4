#!/usr/bin/env python3
"""Fills a ledger that tollgate has made with so many records of a year, for measuring reports.

usage: scripts/big-ledger.py DATA_DIRECTORY RECORDS
"""
import os
import re
import sqlite3
import sys
import uuid

directory, count = sys.argv[1], int(sys.argv[2])
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
database = sqlite3.connect(os.path.join(directory, "usage.db"))
database.execute("PRAGMA synchronous = OFF")
DAY_MS = 86_400_000
FIRST_MS = 1_767_225_600_000  # 2026-01-01
MODELS = ["gpt-4o", "gpt-4o-mini", "text-embedding-3-large"]
COLUMNS = (
    "id started_ms duration_us request_id client labels end_user credential product operation"
    " deployment model backend region stream status source input_tokens cached_tokens"
    " output_tokens reasoning_tokens total_tokens audio_input_tokens audio_output_tokens"
    " image_input_tokens accepted_prediction_tokens rejected_prediction_tokens images audio_ms"
    " characters filtered attempts request_bytes price cost_nanos currency"
).split()


def rows():
    step = 365 * DAY_MS // count
    for number in range(count):
        mixed = (number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32
        user, model = mixed % 1000, MODELS[mixed // 1000 % 3]
        at = FIRST_MS + step * number
        identity = at.to_bytes(6, "big") + b"\x70\x00" + (mixed | 1 << 63).to_bytes(8, "big")
        yield (
            identity, at, 1_500_000, f"5c9b6f0e-27b7-4b3c-9d3e-{number:012}",
            f"client-{user % 200}", '{"team":"team-%d"}' % (user % 20), f"user-{user}@example.com",
            "token", "standard", "chat.completions", model, model + "-2024-08-06", "sweden",
            "Sweden Central", 0, 200, "reported", 1000, 0, 200, 0, 1200, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 1, 500, model + "@2026-01-01", 4_500_000, "USD",
        )


places = ", ".join("?" * len(COLUMNS))
database.executemany(
    f"INSERT INTO usage_records ({', '.join(COLUMNS)}) VALUES ({places})", rows()
)
(schema,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'usage_daily'").fetchone()
key = re.search(r"PRIMARY KEY \(day, (.*)\)", schema).group(1)
sums = [name for name in re.findall(r"^\s+(\w+) BIGINT", schema, re.M) if name != "day"]
value = {"requests": "COUNT(*)", "unpriced": "0"}
database.execute(
    f"INSERT INTO usage_daily (day, {key}, {', '.join(sums)})"
    f" SELECT started_ms / {DAY_MS}, {', '.join(f'''COALESCE({name}, '')''' for name in key.split(', '))},"
    f" {', '.join(value.get(name, f'SUM({name})') for name in sums)}"
    f" FROM usage_records GROUP BY 1, {', '.join(str(at + 2) for at in range(len(key.split(', '))))}"
)
database.commit()
