"""Session descriptions for webrtcbin: writes sluice's from its API objects, and reads the peer's."""

import re

RTPMAP = {"VP8": "VP8/90000", "OPUS": "OPUS/48000/2"}
MEDIA = {"VP8": "video", "OPUS": "audio"}


def sluice_description(endpoint, media, setup):
    """`endpoint`: the API's webrtc endpoint. `media`: [{mid, codec, pt, direction, ssrc?}] in the order of
    m-lines, with sluice's directions, and `feedback` (["nack pli"]) for video. `setup`: actpass, active or
    passive."""
    ice, dtls = endpoint["ice"], endpoint["dtls"]
    address = ice["candidates"][0]["address"]
    family = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=sluice 1 1 IN {family} {address}",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE " + " ".join(item["mid"] for item in media),
        "a=msid-semantic: WMS *",
    ]
    for item in media:
        pt, codec = item["pt"], item["codec"]
        lines += [
            f"m={MEDIA[codec]} 9 UDP/TLS/RTP/SAVPF {pt}",
            f"c=IN {family} {address}",
            f"a=mid:{item['mid']}",
            f"a=ice-ufrag:{ice['ufrag']}",
            f"a=ice-pwd:{ice['password']}",
            f"a=fingerprint:{dtls['fingerprint']['algorithm']} {dtls['fingerprint']['value']}",
            f"a=setup:{setup}",
            "a=rtcp-mux",
            f"a={item['direction']}",
            f"a=rtpmap:{pt} {RTPMAP[codec]}",
        ]
        if codec == "VP8":
            lines += [f"a=rtcp-fb:{pt} {feedback}" for feedback in item.get("feedback", ["nack pli"])]
        if "ssrc" in item:
            lines += [
                f"a=ssrc:{item['ssrc']} cname:sluice",
                f"a=ssrc:{item['ssrc']} msid:sluice {item['mid']}",
            ]
        for number, candidate in enumerate(ice["candidates"]):
            lines.append(
                f"a=candidate:{number + 1} 1 UDP {2130706431 - number} {candidate['address']} "
                f"{candidate['port']} typ host"
            )
        lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"


def peer_transport(text):
    """{ufrag, password, fingerprint: {algorithm, value}, setup} of the first m-line that has them."""

    def first(pattern):
        match = re.search(pattern, text, re.MULTILINE)
        return match.groups() if match else (None, None)

    algorithm, value = first(r"^a=fingerprint:(\S+) (\S+)")
    return {
        "ufrag": first(r"^a=ice-ufrag:(\S+)")[0],
        "password": first(r"^a=ice-pwd:(\S+)")[0],
        "fingerprint": {"algorithm": algorithm, "value": value},
        "setup": first(r"^a=setup:(\S+)")[0],
    }


def peer_media(text):
    """[{mid, codec, pt}] in the order of m-lines."""
    media = []
    for section in re.split(r"^m=", text, flags=re.MULTILINE)[1:]:
        mid = re.search(r"^a=mid:(\S+)", section, re.MULTILINE)
        mapping = re.search(r"^a=rtpmap:(\d+) ([^/\s]+)", section, re.MULTILINE)
        media.append({"mid": mid.group(1), "pt": int(mapping.group(1)), "codec": mapping.group(2).upper()})
    return media
