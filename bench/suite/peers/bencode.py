"""bencode for rtpengine's ng protocol: integers, strings, lists, dictionaries with sorted keys."""


class BencodeError(ValueError):
    """The bytes are not bencode."""


def encode(value):
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(encode(item) for item in value) + b"e"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode())
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in keys) + b"e"
    raise TypeError(f"no bencode for {type(value).__name__}")


def decode(data):
    """The value; strings become text. BencodeError when the bytes are not exactly one value."""
    value, end = _value(data, 0)
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes after the value")
    return value


def _until(data, at, mark):
    end = data.find(mark, at)
    if end < 0:
        raise BencodeError(f"no {mark!r} after byte {at}")
    try:
        return int(data[at:end]), end + 1
    except ValueError:
        raise BencodeError(f"{data[at:end]!r} at byte {at} is no number") from None


def _value(data, at):
    kind = data[at : at + 1]
    if kind == b"i":
        return _until(data, at + 1, b"e")
    if kind.isdigit():
        length, begin = _until(data, at, b":")
        if begin + length > len(data):
            raise BencodeError(f"a string of {length} bytes at byte {at} is cut short")
        return data[begin : begin + length].decode(errors="replace"), begin + length
    if kind in (b"l", b"d"):
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            if at >= len(data):
                raise BencodeError("a list or dictionary without end")
            item, at = _value(data, at)
            items.append(item)
        if kind == b"l":
            return items, at + 1
        if len(items) % 2:
            raise BencodeError("a dictionary with a key without value")
        return dict(zip(items[::2], items[1::2])), at + 1
    raise BencodeError(f"{kind!r} at byte {at}")
