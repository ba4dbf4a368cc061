"""The embedded media gateway: WHIP in, WHEP out, RTP forwarded as it came.

A process of its own (`python -m live.gateway --port N`), with its own event loop and UDP ports, no
database and no Django: a crash here takes no board with it, and nothing here can write a frame.

    trailer --WHIP + token--> gateway --auth hook--> console
    browser --WHEP + token--> gateway --auth hook--> console

It speaks MediaMTX's documented auth-hook request and session API, so that the console has one
contract for both. Every session needs the console's approval to begin and a lease, renewed every two
seconds, to go on: when the console is gone or says no, the picture ends.
"""
