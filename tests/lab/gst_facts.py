"""Codec facts that parents need too, without loading GStreamer."""

CLOCK_RATES = {"VP8": 90000, "OPUS": 48000}
MEDIA_OF = {"VP8": "video", "OPUS": "audio"}
