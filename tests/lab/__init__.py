"""The lab: network namespaces, the daemon in one of them, and real media peers in the others.

Used by scripts/demo and by tests/e2e. Runs with Debian's /usr/bin/python3 (for gi and GStreamer), as root.
"""
