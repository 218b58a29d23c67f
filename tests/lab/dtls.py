"""DTLS-SRTP by OpenSSL's libssl through ctypes. This peer shares no code with sluice or GStreamer and knows
every SRTP profile.

A Dtls does no input or output: receive() takes a datagram, take_datagrams() returns those to send.
"""

import ctypes
import hashlib
import ssl as _ssl
import subprocess
import tempfile
import os

_libssl = ctypes.CDLL("libssl.so.3")
_libcrypto = ctypes.CDLL("libcrypto.so.3")


def _declare(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


_pointer, _int, _long, _size, _bytes = (
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_long,
    ctypes.c_size_t,
    ctypes.c_char_p,
)
_DTLS_method = _declare(_libssl, "DTLS_method", _pointer)
_SSL_CTX_new = _declare(_libssl, "SSL_CTX_new", _pointer, _pointer)
_SSL_CTX_free = _declare(_libssl, "SSL_CTX_free", None, _pointer)
_SSL_CTX_use_certificate_file = _declare(
    _libssl, "SSL_CTX_use_certificate_file", _int, _pointer, _bytes, _int
)
_SSL_CTX_use_PrivateKey_file = _declare(_libssl, "SSL_CTX_use_PrivateKey_file", _int, _pointer, _bytes, _int)
_SSL_CTX_set_verify = _declare(_libssl, "SSL_CTX_set_verify", None, _pointer, _int, _pointer)
_SSL_CTX_use_srtp = _declare(_libssl, "SSL_CTX_set_tlsext_use_srtp", _int, _pointer, _bytes)
_SSL_new = _declare(_libssl, "SSL_new", _pointer, _pointer)
_SSL_free = _declare(_libssl, "SSL_free", None, _pointer)
_SSL_set_bio = _declare(_libssl, "SSL_set_bio", None, _pointer, _pointer, _pointer)
_SSL_set_accept_state = _declare(_libssl, "SSL_set_accept_state", None, _pointer)
_SSL_set_connect_state = _declare(_libssl, "SSL_set_connect_state", None, _pointer)
_SSL_do_handshake = _declare(_libssl, "SSL_do_handshake", _int, _pointer)
_SSL_get_error = _declare(_libssl, "SSL_get_error", _int, _pointer, _int)
_SSL_read = _declare(_libssl, "SSL_read", _int, _pointer, _pointer, _int)
_SSL_shutdown = _declare(_libssl, "SSL_shutdown", _int, _pointer)
_SSL_get_shutdown = _declare(_libssl, "SSL_get_shutdown", _int, _pointer)
_SSL_ctrl = _declare(_libssl, "SSL_ctrl", _long, _pointer, _int, _long, _pointer)
_SSL_get_srtp = _declare(_libssl, "SSL_get_selected_srtp_profile", _pointer, _pointer)
_SSL_export = _declare(
    _libssl,
    "SSL_export_keying_material",
    _int,
    _pointer,
    _pointer,
    _size,
    _bytes,
    _size,
    _pointer,
    _size,
    _int,
)
_SSL_get1_peer_certificate = _declare(_libssl, "SSL_get1_peer_certificate", _pointer, _pointer)
_i2d_X509 = _declare(_libcrypto, "i2d_X509", _int, _pointer, _pointer)
_X509_free = _declare(_libcrypto, "X509_free", None, _pointer)
_BIO_new = _declare(_libcrypto, "BIO_new", _pointer, _pointer)
_BIO_s_mem = _declare(_libcrypto, "BIO_s_mem", _pointer)
_BIO_read = _declare(_libcrypto, "BIO_read", _int, _pointer, _pointer, _int)
_BIO_write = _declare(_libcrypto, "BIO_write", _int, _pointer, _bytes, _int)
_BIO_ctrl = _declare(_libcrypto, "BIO_ctrl", _long, _pointer, _int, _long, _pointer)
_ERR_get_error = _declare(_libcrypto, "ERR_get_error", ctypes.c_ulong)
_ERR_error_string_n = _declare(_libcrypto, "ERR_error_string_n", None, ctypes.c_ulong, _pointer, _size)
_ERR_clear_error = _declare(_libcrypto, "ERR_clear_error", None)

_VERIFY_CALLBACK = ctypes.CFUNCTYPE(_int, _int, _pointer)
_ACCEPT_ANY = _VERIFY_CALLBACK(lambda _ok, _context: 1)  # the caller compares fingerprints instead

_SSL_ERROR_WANT_READ, _SSL_ERROR_ZERO_RETURN = 2, 6
_SSL_CTRL_SET_MTU, _DTLS_CTRL_HANDLE_TIMEOUT, _SSL_OP_NO_QUERY_MTU = 17, 74, 0x1000
_SSL_set_options = _declare(_libssl, "SSL_set_options", ctypes.c_uint64, _pointer, ctypes.c_uint64)
_BIO_C_SET_BUF_MEM_EOF_RETURN = 130
_SSL_VERIFY_PEER_AND_REQUIRE = 0x01 | 0x02

# name in sluice and RFCs -> (OpenSSL's name, key bytes, salt bytes)
PROFILES = {
    "AEAD_AES_128_GCM": ("SRTP_AEAD_AES_128_GCM", 16, 12),
    "AEAD_AES_256_GCM": ("SRTP_AEAD_AES_256_GCM", 32, 12),
    "AES_CM_128_HMAC_SHA1_80": ("SRTP_AES128_CM_SHA1_80", 16, 14),
    "AES_CM_128_HMAC_SHA1_32": ("SRTP_AES128_CM_SHA1_32", 16, 14),
}


class _SrtpProfile(ctypes.Structure):
    _fields_ = [("name", _bytes), ("id", ctypes.c_ulong)]


class Certificate:
    """A self-signed ECDSA P-256 certificate, in files that are removed with the object."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="sluice-lab-")
        self.key = os.path.join(self._folder.name, "key.pem")
        self.certificate = os.path.join(self._folder.name, "certificate.pem")
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-subj",
                "/CN=peer",
                "-days",
                "30",
                "-keyout",
                self.key,
                "-out",
                self.certificate,
            ],
            check=True,
            capture_output=True,
        )
        with open(self.certificate) as file:
            self.fingerprint = fingerprint(_ssl.PEM_cert_to_DER_cert(file.read()))


def fingerprint(der):
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


class DtlsError(Exception):
    pass


class Dtls:
    def __init__(self, certificate, profiles, server, mtu=1200):
        self._context = _SSL_CTX_new(_DTLS_method())
        if (
            _SSL_CTX_use_certificate_file(self._context, certificate.certificate.encode(), 1) != 1
            or _SSL_CTX_use_PrivateKey_file(self._context, certificate.key.encode(), 1) != 1
        ):
            raise DtlsError(f"certificate: {self._library_error()}")
        _SSL_CTX_set_verify(self._context, _SSL_VERIFY_PEER_AND_REQUIRE, ctypes.cast(_ACCEPT_ANY, _pointer))
        names = ":".join(PROFILES[name][0] for name in profiles)
        if _SSL_CTX_use_srtp(self._context, names.encode()) != 0:  # unlike the others, returns 0 on success
            raise DtlsError(f"profiles {names}: {self._library_error()}")
        self._ssl = _SSL_new(self._context)
        self._in, self._out = _BIO_new(_BIO_s_mem()), _BIO_new(_BIO_s_mem())
        for bio in (self._in, self._out):
            _BIO_ctrl(bio, _BIO_C_SET_BUF_MEM_EOF_RETURN, -1, None)
        _SSL_set_bio(self._ssl, self._in, self._out)
        _SSL_set_options(self._ssl, _SSL_OP_NO_QUERY_MTU)
        _SSL_ctrl(self._ssl, _SSL_CTRL_SET_MTU, mtu, None)
        (_SSL_set_accept_state if server else _SSL_set_connect_state)(self._ssl)
        self.server = server
        self.connected = self.closed_by_peer = False
        self.error = None
        self._datagrams = []

    def __del__(self):
        if getattr(self, "_ssl", None):
            _SSL_free(self._ssl)
            self._ssl = None
        if getattr(self, "_context", None):
            _SSL_CTX_free(self._context)
            self._context = None

    @staticmethod
    def _library_error():
        texts = []
        while code := _ERR_get_error():
            text = ctypes.create_string_buffer(256)
            _ERR_error_string_n(code, text, 256)
            texts.append(text.value.decode())
        return "; ".join(texts) or "no reason given"

    def _collect(self):
        """Cuts what libssl wrote into datagrams of whole records, up to the MTU. A record header has 13
        bytes."""
        buffer = ctypes.create_string_buffer(65536)
        data = b""
        while (count := _BIO_read(self._out, buffer, len(buffer))) > 0:
            data += buffer.raw[:count]
        at = 0
        while at + 13 <= len(data):
            size = 13 + int.from_bytes(data[at + 11 : at + 13], "big")
            self._datagrams.append(data[at : at + size])
            at += size

    def take_datagrams(self):
        taken, self._datagrams = self._datagrams, []
        return taken

    def _step(self):
        _ERR_clear_error()
        if not self.connected:
            result = _SSL_do_handshake(self._ssl)
            if result == 1:
                self.connected = True
            elif _SSL_get_error(self._ssl, result) != _SSL_ERROR_WANT_READ:
                self.error = self._library_error()
        if self.connected:
            buffer = ctypes.create_string_buffer(2048)
            result = _SSL_read(self._ssl, buffer, len(buffer))
            if result <= 0 and _SSL_get_error(self._ssl, result) not in (
                _SSL_ERROR_WANT_READ,
                _SSL_ERROR_ZERO_RETURN,
            ):
                self.error = self._library_error()
            if _SSL_get_shutdown(self._ssl) & 2:
                self.closed_by_peer = True
        self._collect()

    def start(self):
        self._step()

    def receive(self, datagram):
        _BIO_write(self._in, datagram, len(datagram))
        self._step()

    def handle_timeout(self):
        """Retransmits when libssl's timer has run out. Call it repeatedly until connected."""
        _SSL_ctrl(self._ssl, _DTLS_CTRL_HANDLE_TIMEOUT, 0, None)
        self._collect()

    def close(self):
        _SSL_shutdown(self._ssl)
        self._collect()

    def profile(self):
        chosen = _SSL_get_srtp(self._ssl)
        if not chosen:
            return None
        name = ctypes.cast(chosen, ctypes.POINTER(_SrtpProfile)).contents.name.decode()
        return next(ours for ours, (theirs, _, _) in PROFILES.items() if theirs == name)

    def keys(self):
        """(profile, key||salt that we send with, key||salt that the peer sends with), RFC 5764 4.2."""
        profile = self.profile()
        _, key_size, salt_size = PROFILES[profile]
        size = 2 * (key_size + salt_size)
        material = ctypes.create_string_buffer(size)
        label = b"EXTRACTOR-dtls_srtp"
        if _SSL_export(self._ssl, material, size, label, len(label), None, 0, 0) != 1:
            raise DtlsError(f"key export: {self._library_error()}")
        raw = material.raw
        client = raw[:key_size] + raw[2 * key_size : 2 * key_size + salt_size]
        server = raw[key_size : 2 * key_size] + raw[2 * key_size + salt_size :]
        return (profile, server, client) if self.server else (profile, client, server)

    def peer_fingerprint(self):
        certificate = _SSL_get1_peer_certificate(self._ssl)
        if not certificate:
            return None
        size = _i2d_X509(certificate, None)
        buffer = ctypes.create_string_buffer(size)
        cursor = ctypes.c_void_p(ctypes.addressof(buffer))
        _i2d_X509(certificate, ctypes.byref(cursor))
        _X509_free(certificate)
        return fingerprint(buffer.raw[:size])


def is_close_notify(datagram):
    """True for a DTLS alert record. Of an encrypted record (epoch > 0) only the type can be read."""
    return len(datagram) >= 13 and datagram[0] == 21


def fragmented(record, size, first_sequence=40):
    """Splits a datagram with one handshake message into datagrams with fragments of up to `size` bytes (RFC
    6347 4.2.3). Their record numbers begin at `first_sequence`, which must be within the replay window of the
    records that follow."""
    kind, length, message_number = record[13], int.from_bytes(record[14:17], "big"), record[17:19]
    body = record[25 : 25 + length]
    pieces = []
    for number, at in enumerate(range(0, length, size)):
        piece = body[at : at + size]
        handshake = (
            bytes([kind])
            + length.to_bytes(3, "big")
            + message_number
            + at.to_bytes(3, "big")
            + len(piece).to_bytes(3, "big")
            + piece
        )
        pieces.append(
            record[:5]
            + (first_sequence + number).to_bytes(6, "big")
            + len(handshake).to_bytes(2, "big")
            + handshake
        )
    return pieces
