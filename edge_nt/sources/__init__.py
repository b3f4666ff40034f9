"""Where frames come from: one small file a kind, all behind the protocol of source.py."""
