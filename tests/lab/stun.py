"""The part of STUN that an ICE client needs (RFC 8489, 8445): makes binding requests, reads answers."""

import hashlib
import hmac
import os
import socket
import struct
import zlib

COOKIE = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, XOR_MAPPED_ADDRESS = 0x0006, 0x0008, 0x0009, 0x0020
PRIORITY, USE_CANDIDATE, FINGERPRINT, ICE_CONTROLLED, ICE_CONTROLLING = 0x0024, 0x0025, 0x8028, 0x8029, 0x802A


def _attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _sealed(message, password):
    """Adds MESSAGE-INTEGRITY (when there is a password) and FINGERPRINT."""

    def with_length(extra):
        return message[:2] + struct.pack("!H", len(message) - 20 + extra) + message[4:]

    if password is not None:
        digest = hmac.new(password.encode(), with_length(24), hashlib.sha1).digest()
        message += _attribute(MESSAGE_INTEGRITY, digest)
    crc = zlib.crc32(with_length(8)) ^ 0x5354554E
    return with_length(8) + _attribute(FINGERPRINT, struct.pack("!I", crc))


def binding_request(
    username, password, controlling=True, use_candidate=True, transaction=None, priority=0x7E0000FF
):
    transaction = transaction or os.urandom(12)
    message = struct.pack("!HHI", BINDING_REQUEST, 0, COOKIE) + transaction
    message += _attribute(USERNAME, username.encode())
    message += _attribute(PRIORITY, struct.pack("!I", priority))
    message += _attribute(ICE_CONTROLLING if controlling else ICE_CONTROLLED, os.urandom(8))
    if use_candidate:
        message += _attribute(USE_CANDIDATE, b"")
    return _sealed(message, password)


def parse(message):
    """{type, transaction, attributes: {kind: value}} or None when it is no STUN message."""
    if len(message) < 20 or message[0] > 3:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", message)
    if cookie != COOKIE or length + 20 != len(message):
        return None
    attributes, at = {}, 20
    while at + 4 <= len(message):
        name, size = struct.unpack_from("!HH", message, at)
        if at + 4 + size > len(message):
            return None
        attributes.setdefault(name, message[at + 4 : at + 4 + size])
        if name == MESSAGE_INTEGRITY:
            attributes["integrity_at"] = at
        at += 4 + size + (-size % 4)
    return {"type": kind, "transaction": message[8:20], "attributes": attributes}


def integrity_holds(message, password):
    parsed = parse(message)
    if not parsed or MESSAGE_INTEGRITY not in parsed["attributes"]:
        return False
    at = parsed["attributes"]["integrity_at"]
    covered = message[:2] + struct.pack("!H", at + 24 - 20) + message[4:at]
    digest = hmac.new(password.encode(), covered, hashlib.sha1).digest()
    return hmac.compare_digest(digest, parsed["attributes"][MESSAGE_INTEGRITY])


def fingerprint_holds(message):
    crc = zlib.crc32(message[:-8]) ^ 0x5354554E
    return len(message) >= 28 and message[-8:] == struct.pack("!HHI", FINGERPRINT, 4, crc)


def mapped_address(parsed):
    """(address, port) of XOR-MAPPED-ADDRESS, or None."""
    value = parsed["attributes"].get(XOR_MAPPED_ADDRESS)
    if not value or len(value) not in (8, 20):
        return None
    port = struct.unpack_from("!H", value, 2)[0] ^ (COOKIE >> 16)
    mask = struct.pack("!I", COOKIE) + parsed["transaction"]
    address = bytes(a ^ b for a, b in zip(value[4:], mask))
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address), port


def error_code(parsed):
    value = parsed["attributes"].get(ERROR_CODE)
    return value[2] * 100 + value[3] if value and len(value) >= 4 else None
