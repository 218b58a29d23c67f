#!/usr/bin/python3
"""Writes the seeds of the fuzz targets that are made by hand: valid examples of every message type.

    tests/fuzz/make_seeds.py [--into DIR]

Each goes to DIR/TARGET/NAME (default tests/fuzz/corpus). The corpus also holds inputs that fuzzing found,
with names of 40 hexadecimal digits; this script does not touch them. Running it again changes nothing.
"""

import argparse
import os
import sys

from seeds import control, link, media, text, worker

HERE = os.path.dirname(os.path.abspath(__file__))

SEEDS = {
    "base64": text.base64_seeds,
    "config": text.config_seeds,
    "dtls_fingerprint": control.fingerprint_seeds,
    "dtls_reassembly": control.dtls_reassembly_seeds,
    "dtls_record": control.dtls_record_seeds,
    "dtls_transport": control.dtls_transport_seeds,
    "frame": link.frame_seeds,
    "ice": control.ice_seeds,
    "ip_address": text.ip_address_seeds,
    "neighbors": link.neighbor_seeds,
    "request": text.request_seeds,
    "ring_device": text.ring_device_seeds,
    "rtcp": media.rtcp_packets,
    "rtp": media.rtp_seeds,
    "srtp": media.srtp_seeds,
    "stun": control.stun_seeds,
    "worker": worker.seeds,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", default=os.path.join(HERE, "corpus"), help="folder of the corpora")
    into = parser.parse_args().into
    for target, seeds in SEEDS.items():
        os.makedirs(os.path.join(into, target), exist_ok=True)
        for name, data in seeds().items():
            with open(os.path.join(into, target, name), "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
