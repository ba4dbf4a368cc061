"""The clip of a shot and the crop of a plate: what may be kept of them, judged before anything is written.

Rules and their measured limits: docs/clips.md. Nothing here opens a file.
"""
