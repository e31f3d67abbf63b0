"""The one exception that a user's mistake raises."""


class ObjlocError(Exception):
    """A mistake in what the user gave: data, parameters, paths, models.

    The message is one line that says where, what was expected and what was
    found. Stage commands print it without a traceback and exit with status 1.
    """
