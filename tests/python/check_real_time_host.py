"""The firmware `host` keeps its board's time and heeds an operator; written from firmware-host/docs/protocol.md.

usage: check_real_time_host.py LINE PERIOD_US: waits for an emulator at LINE, the robot's line, and at LINE.sync, the operator's. Without
a robot the host says that it is there once a tick; it must do so every period by its own clock, and stop when it is told to.
"""

import os
import socket
import struct
import sys

TICKS = 100
HELLO, HEARTBEAT, STOP = 0, 1, 4
OPERATOR, REQUEST_STOP, BY_OPERATOR = 4, 2, 1
# From a deadline to the tick's one look at the clock, µs of the board's time.
LATE_US = 5


def listen(path):
    if os.path.exists(path):
        os.remove(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    listener.settimeout(60)
    return listener


def crc32c(data):
    crc = 0xFFFFFFFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(8)):
        crc = crc >> 1 ^ 0x82F63B78 * (crc & 1 ^ bit)
    return crc ^ 0xFFFFFFFF


def frame(payload):
    data = payload + struct.pack("<I", crc32c(payload))
    return b"".join(bytes([len(block) + 1]) + block for block in data.split(b"\0")) + b"\0"


def payload(data):
    out = b""
    while data:
        code = data[0]
        out += data[1:code] + (b"\0" if code < len(data) else b"")
        data = data[code:]
    assert struct.pack("<I", crc32c(out[:-4])) == out[-4:], "damaged"
    return out[:-4]


def varints(data, count):
    numbers, at = [], 0
    for _ in range(count):
        number = shift = 0
        while data[at] & 0x80:
            number, shift, at = number | (data[at] & 0x7F) << shift, shift + 7, at + 1
        numbers.append(number | data[at] << shift)
        at += 1
    return numbers, data[at:]


def messages(line):
    rest = b""
    while True:
        piece = line.recv(4096)
        assert piece, "the emulator has gone"
        *frames, rest = (rest + piece).split(b"\0")
        yield from (payload(found) for found in frames if found)


def main():
    path, period_us = sys.argv[1], int(sys.argv[2])
    listeners = [listen(path), listen(path + ".sync")]
    line, beside = (listener.accept()[0] for listener in listeners)
    line.settimeout(60)
    heard = messages(line)
    ticks = []
    while len(ticks) < TICKS:
        message = next(heard)
        if message[0] == HEARTBEAT:
            (_, _, sequence, time_us, _, _, mode), _ = varints(message, 7)
            assert mode == 0, f"mode {mode} without an operator"
            ticks.append((sequence, time_us))
    late = [time_us - ticks[0][1] - period_us * at for at, (_, time_us) in enumerate(ticks)]
    assert [sequence for sequence, _ in ticks] == list(range(ticks[0][0], ticks[0][0] + TICKS)), ticks
    assert max(late) - min(late) <= LATE_US, late
    beside.sendall(b"\0" + frame(bytes([OPERATOR, 7, 1, 1, REQUEST_STOP, 0, 0])))
    for message in heard:
        if message[0] == STOP:
            break
        if message[0] == HELLO:
            continue
        assert message[0] == HEARTBEAT, message
        # The operator's sequence is acknowledged as soon as it is heard.
        (_, _, sequence, _, _, operator, _), _ = varints(message, 7)
        assert operator == 0 and sequence < ticks[-1][0] + 3 * TICKS, "the stop is not heeded"
    (_, _, _, _, _, operator, mode, reason), _ = varints(message, 8)
    assert (operator, mode, reason) == (1, 6, BY_OPERATOR), message
    print(f"{TICKS} ticks every {period_us} us of the board's time, within {max(late) - min(late)} us; stopped when told to")


main()
