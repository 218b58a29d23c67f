"""Session descriptions for webrtcbin and browsers: writes sluice's from its API objects, and reads the
peer's."""

import re

from .gst_facts import MEDIA_OF

RTPMAP = {
    "VP8": "VP8/90000",
    "VP9": "VP9/90000",
    "H264": "H264/90000",
    "AV1": "AV1/90000",
    "OPUS": "OPUS/48000/2",
}
MID_EXTENSION = "urn:ietf:params:rtp-hdrext:sdes:mid"


def sluice_description(endpoint, media, setup):
    """`endpoint`: the API's webrtc endpoint. `media`: [{mid, codec, pt, direction, ssrc?, feedback?, fmtp?,
    midExtension?}] in the order of m-lines, with sluice's directions. The default of `feedback` is
    ["nack pli"] for video and none for audio. `setup`: actpass, active or passive."""
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
            f"m={MEDIA_OF[codec]} 9 UDP/TLS/RTP/SAVPF {pt}",
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
        feedback = item.get("feedback", ["nack pli"] if MEDIA_OF[codec] == "video" else [])
        lines += [f"a=rtcp-fb:{pt} {kind}" for kind in feedback]
        if item.get("fmtp"):
            lines.append(f"a=fmtp:{pt} {item['fmtp']}")
        if item.get("midExtension"):
            lines.append(f"a=extmap:{item['midExtension']} {MID_EXTENSION}")
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
    """[{mid, codec, pt, fmtp, midExtension}] in the order of m-lines, with the first codec of each. The last
    two are None when the peer does not say them."""
    media = []
    for section in re.split(r"^m=", text, flags=re.MULTILINE)[1:]:

        def first(pattern):
            match = re.search(pattern, section, re.MULTILINE)
            return match.group(1) if match else None

        pt, codec = re.search(r"^a=rtpmap:(\d+) ([^/\s]+)", section, re.MULTILINE).groups()
        extension = first(rf"^a=extmap:(\d+)(?:/\S+)? {MID_EXTENSION}\s*$")
        media.append(
            {
                "mid": first(r"^a=mid:(\S+)"),
                "pt": int(pt),
                "codec": codec.upper(),
                "fmtp": first(rf"^a=fmtp:{pt} ([^\r\n]+)"),
                "midExtension": int(extension) if extension else None,
            }
        )
    return media
