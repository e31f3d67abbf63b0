"""The search as a Gymnasium environment; importing this registers it.

``gymnasium.make("objloc.gym:objloc/Localisation-v0")`` does the import.
"""

from objloc.errors import ObjlocError

ENVIRONMENT_ID = "objloc/Localisation-v0"


def register() -> None:
    """Register the environment with Gymnasium; a repeated call does nothing.

    Raises:
        ObjlocError: Gymnasium is not installed, or older than 1.1.
    """
    try:
        import gymnasium.vector  # noqa: PLC0415 - an extra, and the error names it
    except ModuleNotFoundError:
        raise ObjlocError(
            "objloc.gym: expected the package gymnasium; found none (install the extra `gym`)"
        ) from None
    if not hasattr(gymnasium.vector, "AutoresetMode"):
        raise ObjlocError(
            f"objloc.gym: expected gymnasium 1.1 or later; found {gymnasium.__version__}"
        )
    if ENVIRONMENT_ID in gymnasium.registry:
        return
    gymnasium.register(
        ENVIRONMENT_ID,
        entry_point="objloc.gym.environment:LocalisationEnv",
        vector_entry_point="objloc.gym.vector:LocalisationVectorEnv",
    )


register()
