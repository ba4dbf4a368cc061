"""What other makers' plate readers and shot detectors say, brought into this contract's words, or refused.

Every adapter picks the few values that the contract has a place for. What it does not pick is gone with the
request: faces, drivers, whole vehicles, vehicle signatures, addresses of videos and pictures, and every read
that hits no list. None of it reaches a log, a file or the console.
"""
