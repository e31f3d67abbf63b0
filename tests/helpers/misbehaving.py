"""An attempt at an input that ends in every way in which one can."""

import os
import signal

from objloc.errors import ObjlocError

MIB = 2**20


def misbehave(number: int) -> None:
    """End as the number says."""
    match number:
        case 1:
            raise ObjlocError("a line")
        case 2:
            raise TypeError("a traceback")
        case 3:
            while True:
                pass
        case 4:
            os.kill(os.getpid(), signal.SIGKILL)
        case 5:
            bytes(600 * MIB)
        case 6:
            bytes([1]) * (20 * MIB)
