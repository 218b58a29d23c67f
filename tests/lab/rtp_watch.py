"""Counts what a strict receiver would object to, per SSRC: gaps and repeats in sequence numbers, and jumps in
timestamps.

Reads only RTP and RTCP headers, without code of sluice or GStreamer. Times are seconds of a monotonic clock.
"""

import struct

TIMESTAMP_TOLERANCE_S = 0.5  # a larger difference between media time and arrival time is a jump
RTCP_NAMES = {200: "sr", 201: "rr", 202: "sdes", 203: "bye", 204: "app", 205: "rtpfb", 206: "psfb"}


def is_rtcp(packet):
    return len(packet) >= 2 and 192 <= packet[1] <= 223


class StreamWatch:
    def __init__(self, ssrc, clock_rate):
        self.ssrc, self.clock_rate = ssrc, clock_rate
        self.packets = self.bytes = self.gaps = self.missing = 0
        self.late = self.duplicates = self.timestamp_jumps = 0
        self.payload_types = set()
        self.first_sequence = self.highest = None  # `highest` counts on past 65535
        self.last_timestamp = self.last_arrival = None
        self.anomalies = []  # the first ten, in words
        self._absent = set()
        self.report_offset_s = None  # RTP time of the last sender report, less that of the media

    def _note(self, text):
        if len(self.anomalies) < 10:
            self.anomalies.append(text)

    def packet(self, sequence, timestamp, payload_type, size, now):
        self.packets += 1
        self.bytes += size
        self.payload_types.add(payload_type)
        if self.highest is None:
            self.first_sequence = self.highest = sequence
        else:
            index = self.highest + ((sequence - self.highest + 0x8000) & 0xFFFF) - 0x8000
            if index == self.highest + 1:
                self.highest = index
            elif index > self.highest:
                self.gaps += 1
                self.missing += index - self.highest - 1
                self._note(f"sequence {self.highest & 0xffff} -> {sequence}")
                if index - self.highest < 10000:
                    self._absent.update(range(self.highest + 1, index))
                self.highest = index
            elif index in self._absent:
                self._absent.discard(index)
                self.missing -= 1
                self.late += 1
                return
            else:
                self.duplicates += 1
                self._note(f"sequence {sequence} again, or from before the start")
                return
        if self.last_timestamp is not None and self.clock_rate:
            media = (
                ((timestamp - self.last_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            ) / self.clock_rate
            elapsed = now - self.last_arrival
            if abs(media - elapsed) > TIMESTAMP_TOLERANCE_S:
                self.timestamp_jumps += 1
                self._note(f"timestamp moved {media:.3f} s in {elapsed:.3f} s at sequence {sequence}")
        self.last_timestamp, self.last_arrival = timestamp, now

    def sender_report(self, rtp_time, now):
        if self.last_timestamp is None or not self.clock_rate:
            return
        ticks = ((rtp_time - self.last_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        self.report_offset_s = ticks / self.clock_rate - (now - self.last_arrival)

    def as_dict(self):
        return {
            "ssrc": self.ssrc,
            "payloadTypes": sorted(self.payload_types),
            "packets": self.packets,
            "bytes": self.bytes,
            "gaps": self.gaps,
            "missing": self.missing,
            "late": self.late,
            "duplicates": self.duplicates,
            "timestampJumps": self.timestamp_jumps,
            "firstSequence": self.first_sequence,
            "lastSequence": None if self.highest is None else self.highest & 0xFFFF,
            "reportOffset": self.report_offset_s,
            "anomalies": self.anomalies,
        }


class RtpWatch:
    """`clock_rates`: payload type -> Hz."""

    def __init__(self, clock_rates):
        self.clock_rates = clock_rates
        self.streams = {}
        self.rtcp = {}  # name -> number of RTCP packets; "pli", "fir" and "nack" are counted separately
        self.rtcp_ssrcs = set()
        self.byes = set()
        self.reported = {}  # reported SSRC -> cumulative loss
        self.feedback_media_ssrcs = set()

    def rtp(self, packet, now):
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return
        payload_type = packet[1] & 0x7F
        sequence, timestamp, ssrc = struct.unpack_from("!HII", packet, 2)
        stream = self.streams.get(ssrc)
        if stream is None:
            stream = self.streams[ssrc] = StreamWatch(ssrc, self.clock_rates.get(payload_type))
        stream.packet(sequence, timestamp, payload_type, len(packet), now)

    def _count(self, name):
        self.rtcp[name] = self.rtcp.get(name, 0) + 1

    def compound(self, packet, now):
        at = 0
        while at + 8 <= len(packet):
            count, kind, words = (
                packet[at] & 0x1F,
                packet[at + 1],
                struct.unpack_from("!H", packet, at + 2)[0],
            )
            end = at + 4 * (words + 1)
            if end > len(packet) or packet[at] >> 6 != 2:
                self._count("malformed")
                return
            self._one(count, kind, packet[at:end], now)
            at = end

    def _one(self, count, kind, body, now):
        ssrc = struct.unpack_from("!I", body, 4)[0]
        self._count(RTCP_NAMES.get(kind, f"type{kind}"))
        self.rtcp_ssrcs.add(ssrc)
        if kind in (200, 201):
            if kind == 200 and len(body) >= 28 and ssrc in self.streams:
                self.streams[ssrc].sender_report(struct.unpack_from("!I", body, 16)[0], now)
            blocks = 28 if kind == 200 else 8
            for number in range(count):
                if blocks + 24 * number + 24 <= len(body):
                    about, loss = struct.unpack_from("!II", body, blocks + 24 * number)
                    self.reported[about] = loss & 0xFFFFFF
        elif kind == 203:
            self.byes.update(struct.unpack_from(f"!{count}I", body, 4) if len(body) >= 4 + 4 * count else ())
        elif kind in (205, 206) and len(body) >= 12:
            self.feedback_media_ssrcs.add(struct.unpack_from("!I", body, 8)[0])
            name = {(206, 1): "pli", (206, 4): "fir", (205, 1): "nack"}.get((kind, count))
            if name:
                self._count(name)
            if name == "fir" and len(body) >= 20:
                self.feedback_media_ssrcs.add(struct.unpack_from("!I", body, 12)[0])

    def as_dict(self):
        return {
            "streams": [stream.as_dict() for stream in self.streams.values()],
            "rtcp": self.rtcp,
            "rtcpSsrcs": sorted(self.rtcp_ssrcs),
            "byes": sorted(self.byes),
            "reported": {str(ssrc): loss for ssrc, loss in self.reported.items()},
            "feedbackMediaSsrcs": sorted(self.feedback_media_ssrcs),
        }
