"""Measurements that need the workstation: peers of the runtime, codecs, scaling with size, training speed."""
