"""Facts about codecs. They stand here because the parent process needs them too and does not load
GStreamer."""

CLOCK_RATES = {"VP8": 90000, "VP9": 90000, "H264": 90000, "AV1": 90000, "OPUS": 48000}
MEDIA_OF = {codec: "audio" if codec == "OPUS" else "video" for codec in CLOCK_RATES}
