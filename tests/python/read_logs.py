"""Reads logs with MCAP's official reader, through their index, and checks what each must hold."""

import base64
import json
import sys

from mcap.reader import make_reader

TOPICS = {"/start", "/received", "/sent", "/tick", "/timing", "/keyframe", "/gap"}


def check(path):
    with open(path, "rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None and summary.chunk_indexes, f"{path}: no index"
        assert {channel.topic for channel in summary.channels.values()} == TOPICS, f"{path}: channels"
        for schema in summary.schemas.values():
            assert schema.encoding == "jsonschema" and json.loads(schema.data)["type"] == "object", f"{path}: {schema.name}"
        counts = dict.fromkeys(TOPICS, 0)
        ticks = []
        for schema, channel, message in reader.iter_messages():
            content = json.loads(message.data)
            properties = json.loads(schema.data)["properties"]
            unknown = content.keys() - properties.keys()
            assert not unknown, f"{path}: {channel.topic} has {unknown}, which its schema lacks"
            counts[channel.topic] += 1
            if channel.topic == "/tick":
                ticks.append(content["tick"])
            elif channel.topic in ("/received", "/sent"):
                frame = base64.b64decode(content["bytes"], validate=True)
                assert frame.endswith(b"\0"), f"{path}: a frame without its end"
        assert sum(counts.values()) == summary.statistics.message_count, f"{path}: {counts}"
        assert ticks == list(range(len(ticks))) and ticks, f"{path}: ticks are missing"
        return sum(counts.values())


messages = [check(path) for path in sys.argv[1:]]
assert len(messages) >= 50, f"{len(messages)} logs"
print(f"{len(messages)} recovered logs read, {sum(messages)} messages")
