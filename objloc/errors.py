"""The one exception that a user's mistake raises."""


class ObjlocError(Exception):
    """A mistake in what the user gave: data, parameters, paths, models.

    The message is one line that says where, what was expected and what was
    found. Stage commands print it without a traceback and exit with status 1.
    """

    def __init__(self, message: str) -> None:
        # What is quoted (file names, XML) may hold line ends or worse.
        super().__init__("".join(sign if sign.isprintable() else " " for sign in message))
