"""SRTP with AES_CM_128_HMAC_SHA1_80 (RFC 3711) for raw peers: one key, one direction. It shares no code with
sluice: AES is OpenSSL's, the rest is written from the RFC."""

import ctypes
import hashlib
import hmac
import struct

PROFILE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30  # master key and master salt, as in a=crypto
_TAG = 10

_crypto = ctypes.CDLL("libcrypto.so.3")
for _name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_ctr"):
    getattr(_crypto, _name).restype = ctypes.c_void_p


def _aes_ctr(key, counter, data):
    context = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    out, length = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int()
    try:
        cipher = ctypes.c_void_p(_crypto.EVP_aes_128_ctr())
        if _crypto.EVP_EncryptInit_ex(context, cipher, None, key, counter) != 1:
            raise RuntimeError("EVP_EncryptInit_ex")
        if _crypto.EVP_EncryptUpdate(context, out, ctypes.byref(length), data, len(data)) != 1:
            raise RuntimeError("EVP_EncryptUpdate")
    finally:
        _crypto.EVP_CIPHER_CTX_free(context)
    return out.raw[: length.value]


class Srtp:
    def __init__(self, key):
        assert len(key) == KEY_BYTES
        self._highest = {}  # SSRC -> highest packet index
        master, salt = key[:16], int.from_bytes(key[16:], "big")

        def derive(label, length):  # RFC 3711 4.3.1, with a key derivation rate of 0
            counter = (salt ^ label << 48) << 16
            return _aes_ctr(master, counter.to_bytes(16, "big"), bytes(length))

        self._key, self._auth, self._salt = derive(0, 16), derive(1, 20), derive(2, 14)

    def _index(self, ssrc, sequence):
        """RFC 3711 3.3.1."""
        highest = self._highest.get(ssrc)
        if highest is None:
            return sequence
        rollover = highest >> 16
        guesses = [(r << 16) | sequence for r in (rollover - 1, rollover, rollover + 1) if r >= 0]
        return min(guesses, key=lambda index: abs(index - highest))

    def _crypt(self, packet, index, ssrc):
        counter = int.from_bytes(self._salt, "big") << 16 ^ ssrc << 64 ^ index << 16
        return packet[:12] + _aes_ctr(self._key, counter.to_bytes(16, "big"), packet[12:])

    def _tag(self, sealed, index):
        message = sealed + struct.pack("!I", index >> 16)
        return hmac.new(self._auth, message, hashlib.sha1).digest()[:_TAG]

    def _place(self, packet):
        sequence, ssrc = struct.unpack_from("!H", packet, 2)[0], struct.unpack_from("!I", packet, 8)[0]
        return self._index(ssrc, sequence), ssrc

    def _note(self, index, ssrc):
        self._highest[ssrc] = max(index, self._highest.get(ssrc, 0))

    def protect(self, packet):
        """REQUIRES: a header of 12 bytes."""
        index, ssrc = self._place(packet)
        self._note(index, ssrc)
        sealed = self._crypt(packet, index, ssrc)
        return sealed + self._tag(sealed, index)

    def unprotect(self, packet):
        """The plain packet, or None when the tag is wrong."""
        index, ssrc = self._place(packet)
        sealed, tag = packet[:-_TAG], packet[-_TAG:]
        if not hmac.compare_digest(tag, self._tag(sealed, index)):
            return None
        self._note(index, ssrc)
        return self._crypt(sealed, index, ssrc)
