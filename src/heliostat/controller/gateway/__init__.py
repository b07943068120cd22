"""The meeting point of documents and agents.

Desired documents go out as frames, reports come in as documents; neither
workflows nor agents know of each other's connections.
"""
