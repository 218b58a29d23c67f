"""Facts about codecs. They stand here because the parent process needs them too and does not load
GStreamer."""

CLOCK_RATES = {"VP8": 90000, "OPUS": 48000}
MEDIA_OF = {"VP8": "video", "OPUS": "audio"}
