"""``make bench``: how fast, each thing beside its own limit, measured in the same run.

Absolute figures depend on the machine and on what else it does; the ratios hardly do. Everything
runs on this machine, over loopback and unix sockets, for seconds at a time.
"""
