"""Where what was made of frames goes: one small file a kind, all behind the protocol of sink.py."""
