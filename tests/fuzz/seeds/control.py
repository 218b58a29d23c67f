"""STUN messages, ICE checks and DTLS records, and the steps of the targets that take a script of them."""

import struct

# ---- STUN and ICE

RFC5769 = {
    "rfc5769_request": (
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
        "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
        "c1b571a280280004e57a3bcf"
    ),
    "rfc5769_response4": (
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
        "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
    ),
    "rfc5769_response6": (
        "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa"
        "a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
    ),
    "rfc5769_long_term": (
        "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c"
        "662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014"
        "f67024656dd64a3e02b8e0712e85c9a28ca89666"
    ),
}


def attribute(kind, value=b""):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun(kind, *attributes):
    body = b"".join(attributes)
    return struct.pack(">HHI", kind, len(body), 0x2112A442) + b"transaction." + body


def stun_seeds():
    username = attribute(0x0006, b"ours:theirs")
    seeds = {name: bytes.fromhex(text) for name, text in RFC5769.items()}
    seeds |= {
        "empty_request": stun(0x0001),
        "indication": stun(0x0011, attribute(0x8028, bytes(4))),
        "error": stun(0x0111, attribute(0x0009, b"\0\0\x04\x01Unauthenticated")),
        "error_unknown": stun(
            0x0111, attribute(0x0009, b"\0\0\x04\x14"), attribute(0x000A, b"\x7f\xff\x7f\xfe")
        ),
        "nominate": stun(
            0x0001, username, attribute(0x0024, bytes(4)), attribute(0x0025), attribute(0x802A, bytes(8))
        ),
        "behind_integrity": stun(
            0x0001, attribute(0x0008, bytes(20)), attribute(0x0025), attribute(0x8028, bytes(4))
        ),
        "unknown_required": stun(0x0001, username, *(attribute(0x7F00 + i) for i in range(9))),
        "many_attributes": stun(0x0001, *(attribute(0x8000 + i, b"x") for i in range(32))),
        "too_many_attributes": stun(0x0001, *(attribute(0x8000 + i, b"x") for i in range(33))),
        "other_method": stun(0x3EEF, username),
        "mapped_addresses": stun(
            0x0101, attribute(0x0001, b"\0\1\0\1\1\2\3\4"), attribute(0x0020, b"\0\1\0\1\1\2\3\4")
        ),
        "wrong_lengths": stun(
            0x0001, attribute(0x0024, b"abc"), attribute(0x0020, b"\0\2\0\1"), attribute(0x802A)
        ),
        "sha256_integrity": stun(0x0001, username, attribute(0x001C, bytes(32))),
    }
    return seeds


RAW, CHECK, FORGED, WAIT, RESTART, REMOTE, EXPIRE = range(7)
USE_CANDIDATE, CONTROLLING, CONTROLLED = b"\0", b"\x01\x09", b"\x02\x09"
PRIORITY = b"\x03\x6e\0\x01\xff"


def check(*attributes, kind=CHECK, shape=0, source=1):
    return bytes([kind, shape, len(attributes)]) + b"".join(attributes) + bytes([source])


def ice_seeds():
    good = check(PRIORITY, CONTROLLING)
    other = lambda number, value: b"\x04" + struct.pack(">HB", number, len(value)) + value
    raw = bytes.fromhex(RFC5769["rfc5769_request"])
    wait = lambda ms: struct.pack(">BH", WAIT, ms // 10)
    return {
        "check": good,
        "nominate": check(PRIORITY, CONTROLLING, USE_CANDIDATE),
        "nominate_again": check(CONTROLLING, USE_CANDIDATE) + check(CONTROLLING, USE_CANDIDATE, source=2),
        "role_conflict": check(PRIORITY, CONTROLLED),
        "both_roles": check(CONTROLLED, CONTROLLING),
        "forged": check(PRIORITY, CONTROLLING, kind=FORGED),
        "no_username": check(CONTROLLING, shape=8),
        "no_integrity": check(CONTROLLING, shape=16),
        "no_fingerprint": check(CONTROLLING, shape=32),
        "indication": check(shape=2),
        "unknown_required": check(CONTROLLING, other(0x7F01, b"?")),
        "raw_rfc5769": struct.pack(">BH", RAW, len(raw)) + raw + b"\1",
        "restart": good + bytes([RESTART]) + check(CONTROLLING, shape=1) + check(CONTROLLING, source=3),
        "restart_twice": bytes([RESTART]) + good + bytes([RESTART, RESTART]) + check(shape=1) + good,
        "wrong_remote_ufrag": bytes([REMOTE, 1]) + check(CONTROLLING) + check(CONTROLLING, shape=64),
        "late_remote_ufrag": good + bytes([REMOTE, 2]),
        "consent_runs_out": check(CONTROLLING, USE_CANDIDATE)
        + wait(30010)
        + bytes([EXPIRE])
        + good
        + bytes([EXPIRE]),
        "many_pairs": b"".join(check(CONTROLLING, source=i) + wait(100) for i in range(20)),
        "ipv6": check(CONTROLLING, source=33),
    }


# ---- DTLS


def record(kind, payload, epoch=0, sequence=0, version=0xFEFD):
    return (
        struct.pack(">BHHHIH", kind, version, epoch, sequence >> 32, sequence & 0xFFFFFFFF, len(payload))
        + payload
    )


def handshake(kind, body, offset=0, length=None, sequence=0):
    length = len(body) if length is None else length
    three = lambda number: number.to_bytes(3, "big")
    return (
        bytes([kind]) + three(length) + struct.pack(">H", sequence) + three(offset) + three(len(body)) + body
    )


def dtls_record_seeds():
    passive, active = b"\0", b"\1"
    hello = b"\xfe\xfd" + bytes(32) + b"\0\0" + b"\0\2\xc0\x2b" + b"\1\0"
    sealed = bytes(8) + bytes(24)
    return {
        "client_hello": passive + record(22, handshake(1, hello)),
        "client_hello_dtls10": passive + record(22, handshake(1, hello), version=0xFEFF),
        "client_hello_fragment": passive + record(22, handshake(1, hello[:20], length=len(hello))),
        "client_hello_wrong_way": active + record(22, handshake(1, hello)),
        "server_flight": active
        + record(22, handshake(2, hello))
        + record(22, handshake(11, bytes(300), sequence=1))
        + record(
            22,
            handshake(12, bytes(100), sequence=2)
            + handshake(13, bytes(8), sequence=3)
            + handshake(14, b"", sequence=4),
        ),
        "hello_verify": active + record(22, handshake(3, b"\xfe\xff\x04cook")),
        "client_flight": passive
        + record(22, handshake(11, bytes(300)))
        + record(22, handshake(16, bytes(66)))
        + record(22, handshake(15, bytes(75)))
        + record(20, b"\1")
        + record(22, sealed, epoch=1),
        "plain_finished": passive + record(22, handshake(20, bytes(12))),
        "alert": passive + record(21, b"\2\x28"),
        "bad_alert": passive + record(21, b"\3\x28"),
        "sealed_alert": active + record(21, sealed, epoch=1, sequence=0x010203040506),
        "application_data": passive + record(23, b"data") + record(23, sealed, epoch=1),
        "ccs_and_rest": active + record(20, b"\1") + b"rest",
        "unknown_type": passive + record(22, handshake(1, hello)) + record(25, b"?") + record(20, b"\1"),
        "empty_records": passive + record(22, b"") + record(22, b"", epoch=1) + record(21, b""),
    }


# The steps of fuzz_dtls_reassembly.
PIECE, ANY, CUT_RECORD, SEND, CIPHER, SEALED, RESTART_DTLS, RAW_DATAGRAM = range(8)
HELLO, CERTIFICATE, VERIFY, KEY_EXCHANGE = range(4)  # of a client
SERVER_HELLO, _, SERVER_KEY, REQUEST, DONE = range(5)


def piece(kind, length, offset=0, size=None, ahead=0, variant=0):
    """A fragment of the message `ahead` of the next one; sizes go up to 1200 bytes."""
    size = length - offset if size is None else size
    what = 64 * variant + 8 * (ahead + 1) + kind
    return struct.pack(">BBHHH", PIECE, what, length, offset, size)


def dtls_flights():
    passive, active, send = b"\0", b"\1", bytes([SEND])
    hello = piece(HELLO, 200) + send
    return {
        "client_flight": passive
        + hello
        + piece(CERTIFICATE, 900)
        + piece(KEY_EXCHANGE, 66, ahead=1)
        + bytes([CUT_RECORD])
        + piece(VERIFY, 80, ahead=2)
        + bytes([CIPHER, SEALED, 40])
        + bytes(40),
        "server_flight": active
        + piece(SERVER_HELLO, 90)
        + piece(CERTIFICATE, 2400, 0, 1200, ahead=1)
        + send
        + piece(CERTIFICATE, 2400, 1200, 1200)
        + piece(SERVER_KEY, 300, ahead=1)
        + piece(REQUEST, 30, ahead=2)
        + piece(DONE, 0, ahead=3)
        + send
        + bytes([CIPHER, SEALED, 40])
        + bytes(40),
    }


def dtls_reassembly_seeds():
    passive, send = b"\0", bytes([SEND])
    hello = piece(HELLO, 200) + send
    halves = lambda kind, variant=0: (
        piece(kind, 400, 0, 200, variant=variant),
        piece(kind, 400, 200, 200, variant=variant),
    )
    first, second = halves(CERTIFICATE)
    forged_first, forged_second = halves(CERTIFICATE, variant=1)
    return dtls_flights() | {
        "out_of_order": passive
        + piece(CERTIFICATE, 400, 200, 200, ahead=1)
        + piece(VERIFY, 80, ahead=2)
        + send
        + hello
        + first,
        "overlaps": passive + piece(HELLO, 300, 0, 200) + send + piece(HELLO, 300, 100, 200) + send,
        "repeated": passive + hello + hello + first + send + first + send + second + second,
        "contradiction": passive + hello + forged_first + send + first + send + second + send + first,
        "forged_whole_early": passive
        + piece(CERTIFICATE, 400, ahead=1, variant=2)
        + send
        + hello
        + first
        + second,
        "other_length": passive
        + hello
        + piece(CERTIFICATE, 500, 0, 100)
        + send
        + first
        + forged_second
        + second,
        "too_far_ahead": passive + struct.pack(">BBHHHB3s", ANY, 11, 9, 3, 0, 3, b"abc") + send + hello,
        "restart": passive
        + hello
        + piece(HELLO, 100, variant=1, ahead=-1)
        + bytes([RESTART_DTLS])
        + piece(CERTIFICATE, 100)
        + send
        + piece(HELLO, 90)
        + bytes([RESTART_DTLS]),
        "empty_client_hello": passive
        + hello
        + piece(HELLO, 100, variant=1, ahead=-1)
        + piece(HELLO, 0, ahead=-1)
        + bytes([RESTART_DTLS]),
        "too_many": passive
        + hello
        + b"".join(piece(CERTIFICATE, 1000 + i, 0, 500) for i in range(14))
        + send
        + piece(CERTIFICATE, 12000, 0, 1200),
        "raw": passive + struct.pack(">BH", RAW_DATAGRAM, 38) + record(22, handshake(1, bytes(13))),
    }


(
    EXCHANGE,
    TO_US_ONE,
    TO_PEER,
    TWICE,
    FINGERPRINTS,
    PASS,
    LOSE,
    FLIP,
    CUT,
    MADE_UP,
    PEER_ENDS,
    WE_END,
    WE_FAIL,
) = range(13)


def dtls_transport_seeds():
    made_up = lambda data: struct.pack(">BH", MADE_UP, len(data)) + data
    flip = lambda at: struct.pack(">BHB", FLIP, at, 1)
    seeds = {}
    for role, name in ((0, "passive"), (1, "active")):
        first = bytes([role | 2])
        seeds |= {
            f"{name}_known": first + bytes([EXCHANGE, PEER_ENDS, EXCHANGE]),
            f"{name}_late": bytes([role, EXCHANGE, FINGERPRINTS, EXCHANGE]),
            f"{name}_small_mtu": bytes([role | 2 | 4, EXCHANGE]),
            f"{name}_small_mtu_late": bytes([role | 4, EXCHANGE, EXCHANGE, FINGERPRINTS]),
            f"{name}_wrong_fingerprint": bytes([role | 2 | 8, EXCHANGE]),
            f"{name}_we_end": first + bytes([EXCHANGE, WE_END, EXCHANGE]),
            f"{name}_we_fail": first + bytes([EXCHANGE, WE_FAIL, EXCHANGE]),
            f"{name}_fail_early": first + bytes([TO_US_ONE, TO_PEER, WE_FAIL, EXCHANGE]),
            f"{name}_twice": first + bytes([TWICE, TO_PEER, TWICE, TO_PEER, TWICE, EXCHANGE]),
            f"{name}_timeout": first + bytes([TO_US_ONE, PASS, 0xFF, 0xFF, EXCHANGE]),
            f"{name}_lost": first + bytes([TO_PEER, LOSE, EXCHANGE]),
            f"{name}_flipped": first + bytes([TO_PEER]) + flip(30) + bytes([EXCHANGE]),
            f"{name}_cut": first + bytes([TO_PEER, CUT, 0, 40, EXCHANGE]),
            f"{name}_alert": first + bytes([TO_PEER]) + made_up(record(21, b"\2\x28")) + bytes([EXCHANGE]),
            f"{name}_noise": first + bytes([EXCHANGE]) + made_up(record(23, bytes(40), epoch=1, sequence=9)),
            f"{name}_made_up_flight": first
            + made_up(dtls_record_seeds()["server_flight" if role else "client_flight"][1:]),
        }
    return seeds


def fingerprint_seeds():
    pairs = lambda count: ":".join(f"{i:02X}" for i in range(count))
    return {
        "sha256": f"sha-256 {pairs(32)}",
        "sha256_lower": f"SHA-256 {pairs(32).lower()}",
        "sha384": f"sha-384 {pairs(48)}",
        "sha512": f"sha-512 {pairs(64)}",
        "sha1": f"sha-1 {pairs(20)}",
        "short": f"sha-256 {pairs(31)}",
        "no_colons": "sha-256 " + pairs(32).replace(":", ""),
        "not_hex": f"sha-256 {pairs(31)}:XY",
        "trailing_colon": f"sha-256 {pairs(32)}:",
        "no_value": "sha-256 ",
        "nothing": " ",
    }
