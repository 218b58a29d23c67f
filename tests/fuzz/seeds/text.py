"""Requests, configuration files and the small texts."""

import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def session_and_endpoint_requests():
    key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    print_of = {"algorithm": "sha-256", "value": ":".join(["ab"] * 32)}
    ice = {"ufrag": "abcd", "password": "p" * 22}
    return {
        "version": ("version", None),
        "session_create": ("session.create", {"id": "call-1"}),
        "session_list": ("session.list", {}),
        "session_get": ("session.get", {"id": "call-1"}),
        "session_remove": ("session.remove", {"id": "call-1"}),
        "endpoint_create_rtp": (
            "endpoint.create",
            {
                "session": "s",
                "id": "a",
                "kind": "rtp",
                "family": "ipv4",
                "remote": {"address": "198.18.0.2", "rtpPort": 5000, "rtcpPort": 5001},
                "latch": "once",
                "latchNetwork": "198.18.0.0/15",
                "rtcpMux": False,
                "midExtensionId": 14,
                "dscp": 46,
            },
        ),
        "endpoint_create_sdes": (
            "endpoint.create",
            {
                "session": "s",
                "kind": "sdes",
                "profile": "AES_CM_128_HMAC_SHA1_80",
                "receiveKey": key,
                "sendKey": key,
                "sendMki": {"value": 4294967295, "length": 4},
                "receiveMki": {"value": 0, "length": 1},
                "rolloverCounters": [
                    {"ssrc": 4294967295, "rolloverCounter": 4294967295, "sequence": 65535},
                    {"ssrc": 0, "rolloverCounter": 0},
                ],
                "srtcpIndex": 2147483646,
                "latch": "authenticated",
                "port": "port0",
            },
        ),
        "endpoint_create_webrtc": (
            "endpoint.create",
            {
                "session": "s",
                "kind": "webrtc",
                "transport": "shared",
                "dtls": {"setup": "active", "fingerprints": [print_of]},
                "ice": ice,
            },
        ),
        "endpoint_connect": (
            "endpoint.connect",
            {
                "session": "s",
                "id": "a",
                "dtls": {"fingerprints": [print_of]},
                "ice": ice,
                "remote": {"address": "2001:db8::2", "rtpPort": 1},
            },
        ),
        "endpoint_list": ("endpoint.list", {"session": "s"}),
        "endpoint_get": ("endpoint.get", {"session": "s", "id": "a"}),
        "endpoint_remove": ("endpoint.remove", {"session": "s", "id": "a"}),
    }


def other_requests():
    selector = {"endpoint": "a", "payloadTypes": [96, 97]}
    return {
        "route_create": (
            "route.create",
            {
                "session": "s",
                "id": "r",
                "from": selector,
                "to": "b",
                "ssrc": 4294967295,
                "clockRate": 90000,
                "payloadTypes": [{"from": 0, "to": 127}],
                "retransmit": False,
                "headerExtensions": [{"from": 1, "to": 14}],
                "keyframeOnSwitch": True,
                "dscp": 63,
                "rolloverCounter": 65535,
                "sequence": 65535,
            },
        ),
        "route_create_plain": (
            "route.create",
            {"session": "s", "from": {"endpoint": "a"}, "to": "b", "clockRate": 1, "headerExtensions": []},
        ),
        "route_switch": (
            "route.switch",
            {"session": "s", "id": "r", "from": {"endpoint": "a", "mid": "audio"}},
        ),
        "route_switch_ssrc": (
            "route.switch",
            {"session": "s", "id": "r", "from": {"endpoint": "a", "ssrc": 0}},
        ),
        "route_list": ("route.list", {"session": ""}),
        "route_get": ("route.get", {"session": "s", "id": "r"}),
        "route_remove": ("route.remove", {"session": "s", "id": "r"}),
        "stream_list": ("stream.list", {"session": "s", "endpoint": "a"}),
        "port_list": ("port.list", {}),
        "neighbor_list": ("neighbor.list", {"port": "lan", "state": "failed"}),
        "worker_list": ("worker.list", {}),
        "drop_list": ("drop.list", {"worker": 0}),
        "event_subscribe": ("event.subscribe", {}),
        "shutdown": ("shutdown", {}),
    }


def request_seeds():
    requests = session_and_endpoint_requests() | other_requests()
    seeds = {}
    for name, (method, params) in requests.items():
        request = {"jsonrpc": "2.0", "id": 1, "method": method} | (
            {} if params is None else {"params": params}
        )
        seeds[name] = b"\x1f" + json.dumps(request, separators=(",", ":")).encode() + b"\n"
    seeds |= {
        "several_lines": b"\x03" + b'{"method":"version"}\n\n \r\n[1,2]\n"text"\nnull\n{"half":',
        "not_json": b'\x00{]\n{"a":1,"a":2}\n\xff\n1e999\n' + b"[" * 70 + b"\n",
        "unknown": b"\x10" + b'{"method":"sesion.creat","params":{"id":"x","colour":"\\u0007"}}\n',
        "unknown_parameter": b"\x10" + b'{"method":"version","params":{"bell\\u0007\\u0085\\n":1}}\n',
        "unknown_parameter_long": b"\xff" + b'{"method":"version","params":{"' + b"n" * 2000 + b'":1}}\n',
        "wrong_types": b"\x40"
        + b'{"method":"route.create","params":{"session":1,"from":[],"clockRate":1.5}}\n',
        "numbers": b"\x40"
        + b'{"params":{"worker":-1,"ssrc":18446744073709551615,"clockRate":1e300,"dscp":-0}}\n',
        "escapes": b"\x40" + b'{"params":{"id":"\\ud83d\\ude00\\n\\u0000","session":"\xc3\xa9"}}\n',
    }
    return seeds


def config_seeds():
    with open(os.path.join(ROOT, "sluice.example.toml"), "rb") as file:
        example = b"".join(line for line in file if not line.startswith(b"#") or b" = " in line)
    port = b'[[ports]]\ndevice = "net_tap0,iface=sluice0"\naddresses = ["198.18.0.1/24"]\n'
    seeds = {
        "example": example,
        "shortest": port,
        "inline": b'ports = [{device = "01:00.0", addresses = ["192.0.2.1/24", "2001:db8::1/64"], '
        b'gateway6 = "fe80::1"}]\n',
        "ring": b'[[ports]]\nname = "r"\ndevice = "ring:name,size=1024,mac=02:00:00:00:00:01"\n'
        b'addresses = ["10.0.0.1/8"]\n',
        "two_ports": port + port.replace(b"tap0", b"tap1").replace(b"0.1/", b"0.2/"),
        "same_twice": port + port,
        "workers": port
        + b'[workers]\ncontrol_core = 0\ncores = [0, 1, 2]\nidle = "pause"\nidle_sleep_us = 5\n',
        "bad_workers": port + b'[workers]\ncores = [1, 1, 99, "x"]\nidle = "nap"\n',
        "memory": port + b'[memory]\nhuge_pages = "never"\nsize_mib = 128\nmbufs_per_worker = 4194304\n',
        "crypto": port
        + b'[crypto]\nengine = "libsrtp"\nprofiles = ["AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_32"]\n',
        "dtls": port + b'[dtls]\ncertificate = "/etc/c.pem"\nprivate_key = "/etc/k.pem"\nmtu = 576\n',
        "dtls_half": port + b'[dtls]\ncertificate = "/etc/c.pem"\n',
        "media": port + b"[media]\nport_min = 3000\nport_max = 4000\n[ice]\nshared_port = 3478\n",
        "media_backwards": port + b"[media]\nport_min = 5000\nport_max = 4000\nlatch_window_ms = 60001\n",
        "limits": port + b"[limits]\nsessions = 1\nroutes_per_endpoint = 1\nidle_timeout_s = 0\n",
        "api": port
        + b'[api]\nsocket = "/run/s"\nmode = "0660"\nline_bytes = 4096\n'
        + b'[log]\nlevel = "debug"\nfile = "/l"\n',
        "bad_gateway": port + b'gateway = "198.18.1.1"\ngateway6 = "::1"\nvlan = 4095\nmtu = 1501\n',
        "misspelt": port + b"adresses = []\n[worker]\ncores = []\n[limit.s]\nx = 1\n",
        "syntax": b"[[ports]\n",
        "kinds": b"ports = 1\nlog = 1979-05-27T07:32:00Z\napi = [1.5, true, inf]\n"
        b'"quo\\u0007ted" = """multi\nline"""\n',
        "dotted": b"a.b.c.d.e.f.g.h = 1\n[ports.x]\n",
        "accented": "clé = 1\n".encode(),
        "quoted_path": port + b"[dtls]\ncertificate = 'a\"b'\nprivate_key = 'a\\b'\n",
        "quoted_device": b'[[ports]]\ndevice = \'net_pcap0,iface=a"b\\c\'\naddresses = ["192.0.2.1/24"]\n',
    }
    return seeds


def base64_seeds():
    texts = [
        "",
        "AA==",
        "AAA=",
        "AAAA",
        "AB==",
        "+/+/",
        "////",
        "Zm9vYmFy",
        "Zm9v YmFy",
        "=",
        "====",
        "A===",
        "Zg==Zg==",
    ]
    texts.append("WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
    return {f"text_{i}": text for i, text in enumerate(texts)}


def ip_address_seeds():
    texts = [
        "198.18.0.1",
        "198.18.0.1/15",
        "0.0.0.0/0",
        "255.255.255.255/32",
        "198.18.0.1/33",
        "198.18.0.01",
        "2001:db8::1",
        "2001:db8::1/64",
        "::/0",
        "::ffff:1.2.3.4",
        "::1.2.3.4",
        "fe80::1/10",
        "ff02::1/128",
        "1:2:3:4:5:6:7:8/129",
        "1.2.3",
        "2001:db8::1%eth0",
        "10.0.0.1/7",
        "2001:db8::/29",
    ]
    return {f"text_{i}": text for i, text in enumerate(texts)}


def ring_device_seeds():
    texts = [
        "ring:a",
        "ring:name-15-bytes-",
        "ring:a,size=64",
        "ring:a,size=65536",
        "ring:a,size=100",
        "ring:a,mac=02:00:00:00:00:01",
        "ring:b,mac=02:aa:BB:cc:DD:ee,size=128",
        "ring:a,mac=01:00:00:00:00:01",
        "ring:",
        "ring:a,",
        "ring:a,size=64,size=128",
        "ring:UPPER",
        "net_tap0",
        "ring:a,mtu=9",
    ]
    return {f"text_{i}": text for i, text in enumerate(texts)}
