"""Run annotation tools on known boxes, and measure what objloc reads of their exports.

``python -m benchmarks.annotation_tools`` (``make tools-table``) draws pictures, lets each
tool export them in an environment of its own, and gives each export to the two public
commands: ``objloc data check`` and the stage ``download``.
"""
