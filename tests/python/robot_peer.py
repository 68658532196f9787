"""A robot, written from firmware-host/docs/protocol.md alone: a pendulum behind an authenticated UDP link.

usage: robot_peer.py PORT KEY_FILE: plays the robot until a host has armed it, disarmed it and gone, then prints what it saw as
one JSON object. Nothing here comes from Sinew: only the standard library and `cryptography`.
"""

import contextlib
import hashlib
import hmac
import json
import math
import os
import socket
import struct
import sys
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

DISARMED, *MAY_MOVE, STOPPED = DISARMED, ARMED, OBEYING, EXPIRED, STOPPED = range(5)
HELLO, _, ARM, DISARM, STOP, COMMAND = range(6)
STEP_S = 0.005


def crc32c(data):
    crc = 0xFFFFFFFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(8)):
        crc = crc >> 1 ^ 0x82F63B78 * (crc & 1 ^ bit)
    return crc ^ 0xFFFFFFFF


def cobs_decode(data):
    out = b""
    while data:
        code = data[0]
        if not 0 < code <= len(data):
            raise ValueError("COBS")
        out += data[1:code] + (b"\0" if code < min(255, len(data)) else b"")
        data = data[code:]
    return out


def varints(*numbers):
    out = bytearray()
    for number in numbers:
        while number >= 0x80:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def frame(payload):
    data = payload + struct.pack("<I", crc32c(payload))
    # COBS: a zero becomes the distance to it. No message of this robot is so long that a block of it reaches 254 bytes.
    return b"".join(bytes([len(block) + 1]) + block for block in data.split(b"\0")) + b"\0"


class Reader:
    def __init__(self, data):
        if not data.endswith(b"\0") or len(data) > 1024:
            raise ValueError("no frame")
        data = cobs_decode(data[:-1])
        self.data, self.at = data[:-4], 0
        if len(data) < 4 or struct.pack("<I", crc32c(self.data)) != data[-4:]:
            raise ValueError("checksum")

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self):
        byte = self.take(1)[0]
        return byte if byte < 0x80 else byte - 0x80 + (self.varint() << 7)

    def end(self):
        if self.at != len(self.data):
            raise ValueError("bytes left over")


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf(key, salt, info):
    # One round of expansion gives the 32 bytes.
    return mac(mac(salt or bytes(32), key), info + b"\1")


class Channel:
    def __init__(self, key):
        self.key, self.nonce, self.session, self.heard = key, os.urandom(32), None, -math.inf

    def handshake(self, datagram):
        """Takes an initiate, which it answers, or a confirm."""
        host = datagram[2:34]
        initiate = b"\1\1" + host
        initiate += mac(hkdf(self.key, None, b"sinew datagram v1 initiate"), initiate)
        transcript = hashlib.sha256(initiate + b"\2\1" + self.nonce).digest()
        confirm, incoming, outgoing = (
            hkdf(self.key, host + self.nonce, b"sinew datagram v1 " + purpose + transcript)
            for purpose in (b"confirm", b"host to robot", b"robot to host")
        )
        if hmac.compare_digest(datagram, initiate):
            return b"\2\1" + self.nonce + mac(confirm, b"robot" + transcript)
        expected = b"\3\1" + host + self.nonce + mac(confirm, b"host" + transcript)
        if not hmac.compare_digest(datagram, expected):
            raise ValueError("forged")
        self.session = ChaCha20Poly1305(incoming), ChaCha20Poly1305(outgoing)
        self.received, self.sent, self.nonce, self.heard = 0, 0, os.urandom(32), time.monotonic()

    def seal(self, payload):
        self.sent += 1
        head = b"\4" + struct.pack("<Q", self.sent)
        return head + self.session[1].encrypt(bytes(4) + head[1:], frame(payload), head)

    def open(self, datagram):
        counter = int.from_bytes(datagram[1:9], "little")
        if self.session is None or len(datagram) < 25 or datagram[0] != 4 or counter <= self.received:
            raise ValueError("not awaited, or replayed")
        data = self.session[0].decrypt(bytes(4) + datagram[1:9], datagram[9:], datagram[:9])
        self.received, self.heard = counter, time.monotonic()
        return data


class Robot:
    """The protocol's rules around a pendulum that a torque swings."""

    # Sensor "state": 2 values, dimensionless, body. Actuator "a": torque from -40 to 40, no largest rate, no gains.
    SENSORS = varints(1, 5) + b"state" + varints(2, 0, 1)
    ACTUATORS = varints(1, 1) + b"a" + varints(0) + floats(-40.0, 40.0) + b"\0" + floats(0.0, 0.0)
    HASH = hashlib.sha256(SENSORS + ACTUATORS).digest()
    session, newest, newest_us = None, 0, 0
    state, fault, torque, expires_us, angle, speed = DISARMED, 0, 0.0, 0, 3.0, 0.0

    def __init__(self):
        self.boot, self.sent_us = int.from_bytes(os.urandom(4)), {}
        self.saw = {"states": [], "modes": [], "commands": 0, "dropped": 0, "acknowledged": 0}

    def enter(self, state, fault=0):
        self.state, self.fault = state, fault
        self.saw["states"].append(state)

    def greet(self, reader):
        protocol, _, session, attempt = (reader.varint() for _ in range(4))
        _, wanted = reader.take(32), reader.take(32)
        reader.end()
        reasons = [protocol != 2, wanted != self.HASH, session != self.session and self.state in MAY_MOVE]
        if True in reasons:
            return varints(1, 2, session, attempt, reasons.index(True))
        self.session, self.newest = session, self.newest if session == self.session else 0
        return varints(0, 2, 0, session, attempt, self.boot) + self.HASH

    def take(self, data, now_us):
        """Takes one frame; returns the payload of the answer, if it has one."""
        reader = Reader(data)
        kind = reader.varint()
        if kind == HELLO:
            return self.greet(reader)
        if kind > COMMAND:
            raise ValueError("unknown message")
        session, sequence, _, acknowledged, _ = (reader.varint() for _ in range(5))
        mode, setpoints, valid_for_us, age_us = reader.take(1)[0], [], 0, 0
        if kind == STOP:
            reader.take(1)
        elif kind == COMMAND:
            sample, valid_for_us, count = (reader.varint() for _ in range(3))
            age_us = now_us - self.sent_us.get(sample, -math.inf)
            setpoints = [(reader.varint(), struct.unpack("<5f", reader.take(20))) for _ in range(count)]
        reader.end()
        if session != self.session or sequence <= self.newest:
            raise ValueError("repeated, or of another session")
        self.newest, self.newest_us, self.saw["acknowledged"] = sequence, now_us, acknowledged
        self.saw["modes"] += [mode] if self.saw["modes"][-1:] != [mode] else []
        self.obey(kind, setpoints if age_us <= 250_000 else [], now_us + valid_for_us)

    def obey(self, kind, setpoints, expires_us):
        target = {ARM: ARMED, DISARM: DISARMED, STOP: STOPPED}.get(kind, self.state)
        if target != self.state and (kind != ARM or self.state == DISARMED):
            self.enter(target)
        elif kind == COMMAND:
            fits = [kind for kind, _ in setpoints] == [0] and all(map(math.isfinite, setpoints[0][1]))
            if not fits or self.state not in MAY_MOVE:
                raise ValueError("not to be obeyed")
            position, velocity, stiffness, damping, torque = setpoints[0][1]
            self.torque = stiffness * (position - self.angle) + damping * (velocity - self.speed) + torque
            self.expires_us, self.saw["commands"] = expires_us, self.saw["commands"] + 1
            if self.state != OBEYING:
                self.enter(OBEYING)

    def advance(self, now_us):
        if self.state == OBEYING and now_us > self.expires_us:
            self.enter(EXPIRED)
        if self.state in (ARMED, EXPIRED) and now_us - self.newest_us > 2_000_000:
            self.enter(DISARMED, fault=2)
        torque = max(-2.0, min(2.0, self.torque)) if self.state == OBEYING else 0.0
        self.speed += STEP_S * (15.0 * math.sin(self.angle) + 3.0 * torque)
        self.angle = math.remainder(self.angle + STEP_S * self.speed, math.tau)

    def sample(self, now_us):
        self.sent_us[len(self.sent_us) + 1] = now_us
        echo = self.newest, min(now_us - self.newest_us, 2**32 - 1)
        status = varints(self.session, self.boot, len(self.sent_us), now_us, *echo, self.state) + bytes([self.fault])
        return b"\3" + status + varints(0, 1, 1, 0, 2) + floats(self.angle, self.speed)


def receive(link, channel, robot, now_us):
    """Takes one datagram and answers it; returns where the host is, where that was proved."""
    datagram, sender = link.recvfrom(2048)
    try:
        if datagram[:2] in (b"\1\1", b"\3\1") and time.monotonic() - channel.heard > 0.5:
            answer = channel.handshake(datagram)
        else:
            answer = (payload := robot.take(channel.open(datagram), now_us)) and channel.seal(payload)
    except (ValueError, InvalidTag):
        robot.saw["dropped"] += 1
        return None
    if answer:
        link.sendto(answer, sender)
    return sender if channel.session else None


def serve(port, key):
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", port))
    print(f"udp:127.0.0.1:{link.getsockname()[1]}", flush=True)
    channel, robot, peer, begun = Channel(key), Robot(), None, time.monotonic()
    now_us, deadline = lambda: int((time.monotonic() - begun) * 1e6), begun
    while ARMED not in robot.saw["states"] or robot.state != DISARMED or time.monotonic() < channel.heard + 1:
        deadline += STEP_S
        while (left := deadline - time.monotonic()) > 0:
            link.settimeout(left)
            with contextlib.suppress(TimeoutError):
                peer = receive(link, channel, robot, now_us()) or peer
        robot.advance(now_us())
        if peer and robot.session is not None:
            link.sendto(channel.seal(robot.sample(now_us())), peer)
    print(json.dumps({**robot.saw, "samples": len(robot.sent_us)}))


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        serve(int(sys.argv[1]), bytes.fromhex(file.read().strip()))
