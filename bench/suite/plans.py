"""Makes the requests to sluiced and the plan of sluice-gen from a workload. Pure functions.

The requests are made before the daemon answers; the plan needs the UDP ports in the answers.
"""

import json

from . import workloads

PEER_UFRAG = "peer"


def endpoint_request(endpoint, port=None):
    ip, udp_port = endpoint.address
    params = {
        "session": endpoint.session,
        "id": endpoint.id,
        "kind": "rtp" if endpoint.protection == workloads.PLAIN else "sdes",
        "rtcpMux": True,
        "latch": "fixed",
        "remote": {"address": ip, "rtpPort": udp_port},
    }
    if endpoint.protection != workloads.PLAIN:
        params.update(profile=endpoint.protection, receiveKey=endpoint.send_key, sendKey=endpoint.receive_key)
    if port:
        params["port"] = port
    return "endpoint.create", params


def session_requests(workload):
    seen = dict.fromkeys(endpoint.session for endpoint in workload.endpoints)
    return [("session.create", {"id": session}) for session in seen]


def endpoint_requests(workload, port=None):
    return [endpoint_request(endpoint, port) for endpoint in workload.endpoints]


def route_requests(workload):
    requests = []
    for number, receiver in enumerate(workload.receivers):
        stream = workload.streams[receiver.stream]
        sender, to = workload.endpoints[stream.endpoint], workload.endpoints[receiver.endpoint]
        params = {
            "session": to.session,
            "id": f"r{number}",
            "from": {"endpoint": sender.id, "ssrc": stream.ssrc},
            "to": to.id,
            "ssrc": receiver.ssrc,
            "clockRate": receiver.clock_rate,
        }
        if workload.nack_share:
            params["retransmit"] = True
        requests.append(("route.create", params))
    return requests


def consent_requests(workload):
    """Requests for the webrtc endpoints that get the consent checks of their room (RFC 7675)."""
    return [
        (
            "endpoint.create",
            {
                "session": f"room-{number}",
                "id": "consent",
                "kind": "webrtc",
                "ice": {"ufrag": PEER_UFRAG, "password": "peerpeerpeerpeerpeerpeer"},
                "dtls": {
                    "setup": "passive",
                    "fingerprints": [{"algorithm": "sha-256", "value": ":".join(["00"] * 32)}],
                },
            },
        )
        for number in range(workload.consent_endpoints)
    ]


def limits(workload):
    """The [limits] with space for the workload and little more, so that the memory per endpoint is exact."""
    endpoints = len(workload.endpoints) + workload.consent_endpoints
    per_endpoint = {}
    for receiver in workload.receivers:
        per_endpoint[receiver.endpoint] = per_endpoint.get(receiver.endpoint, 0) + 1
    return {
        "sessions": max(16, endpoints),
        "endpoints_per_worker": endpoints + 16,
        "routes_per_worker": len(workload.receivers) + 16,
        "streams_per_worker": len(workload.streams) + 16,
        "routes_per_endpoint": max(16, max(per_endpoint.values(), default=0)),
        "idle_timeout_s": 0,
        "stream_timeout_s": 600,
    }


def relay_addresses(answers):
    return [f"{answer['local']['address']}:{answer['local']['rtpPort']}" for answer in answers]


def plan(workload, relays, link, same_ssrc=False, consent_answers=()):
    """`relays`: for each endpoint its "ip:port" on the relay. `same_ssrc`: for relays that do not rewrite
    SSRCs."""
    endpoints = [
        {
            "address": "%s:%d" % endpoint.address,
            "relay": relay,
            "protection": endpoint.protection,
            "sendKey": endpoint.send_key,
            "receiveKey": endpoint.receive_key,
            "rtcpMux": True,
        }
        for endpoint, relay in zip(workload.endpoints, relays, strict=True)
    ] + [consent_endpoint(number, answer) for number, answer in enumerate(consent_answers)]
    streams = [
        {
            "endpoint": stream.endpoint,
            "ssrc": stream.ssrc,
            "payloadType": stream.payload_type,
            "payloadBytes": stream.payload_bytes,
            "packetsPerSecond": stream.packets_per_second,
            "outputs": stream.outputs,
        }
        for stream in workload.streams
    ]
    receivers = [
        {
            "endpoint": receiver.endpoint,
            "ssrc": workload.streams[receiver.stream].ssrc if same_ssrc else receiver.ssrc,
            "stream": receiver.stream,
        }
        for receiver in workload.receivers
    ]
    return {
        "workload": workload.name,
        "link": link,
        "endpoints": endpoints,
        "streams": streams,
        "receivers": receivers,
        "rtcp": {"intervalMs": workload.rtcp_interval_ms} if workload.rtcp_interval_ms else None,
        "nackShare": workload.nack_share,
        "stun": {"intervalMs": round(1000 * len(consent_answers) / workload.consent_per_second)}
        if consent_answers
        else None,
    }


def consent_endpoint(number, answer):
    """A peer that sends only consent checks: their destination and credentials."""
    return {
        "address": f"198.18.2.1:{2000 + number}",
        "relay": "{address}:{port}".format(**answer["ice"]["candidates"][0]),
        "protection": workloads.PLAIN,
        "rtcpMux": True,
        "ice": {
            "ufrag": answer["ice"]["ufrag"],
            "pwd": answer["ice"]["password"],
            "peerUfrag": PEER_UFRAG,
        },
    }


def write(path, plan):
    with open(path, "w") as file:
        json.dump(plan, file, separators=(",", ":"))
    return path
