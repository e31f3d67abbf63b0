"""Starting a network from an earlier model's weights."""

import torch
from torch import Tensor

from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint, single_network
from objloc.network.q_network import QNetwork


def warm_start(network: QNetwork, checkpoint: Checkpoint, source: str) -> None:
    """Start a network from an earlier model's weights.

    Values of categories that both know are copied by name. A category new to the
    network starts from the mean of the known ones: how to move is much the same for all.

    Args:
        network: changed in place.
        checkpoint: the earlier model.
        source: name of the earlier model in errors.

    Raises:
        ObjlocError: another encoder, head or action set; names the difference.
    """
    if checkpoint.members:
        raise ObjlocError(
            f"{source}: expected a single network to go on from; found "
            f"{len(checkpoint.members)} combined"
        )
    theirs, mine = single_network(checkpoint), network
    if theirs.num_actions != mine.num_actions:
        raise ObjlocError(
            f"{source}: expected a model with {mine.num_actions} actions; found "
            f"{theirs.num_actions} (agents.*.mdp.actions)"
        )
    if theirs.per_category != mine.per_category:
        raise ObjlocError(
            f"{source}: expected head.per_category={str(mine.per_category).lower()}; found "
            f"{str(theirs.per_category).lower()}"
        )
    # Shapes alone do not show it: one number more in the last layer may be presence too.
    if theirs.dueling != mine.dueling:
        raise ObjlocError(
            f"{source}: expected head.dueling={str(mine.dueling).lower()}; found "
            f"{str(theirs.dueling).lower()}"
        )
    wanted, state = mine.state_dict(), dict(theirs.state_dict())
    for name, (shared, each) in theirs.category_weights().items():
        if name in state:
            state[name] = _by_category(
                state[name], shared, each, theirs.categories, mine.categories
            )
    for name in wanted:
        found = tuple(state[name].shape) if name in state else None
        if found != tuple(wanted[name].shape):
            raise ObjlocError(
                f"{source}: another encoder or head: expected {name} of shape "
                f"{list(wanted[name].shape)}; found {list(found) if found else 'none'}"
            )
    extra = sorted(set(state) - set(wanted))
    if extra:
        raise ObjlocError(f"{source}: another encoder or head: found {extra[0]}, expected no such")
    mine.load_state_dict(state)


def _by_category(
    values: Tensor, shared: int, each: int, theirs: tuple[str, ...], mine: tuple[str, ...]
) -> Tensor:
    """Rows of a layer for another list of categories."""
    rows = values[shared:].view(len(theirs), each, *values.shape[1:])
    mean = rows.mean(dim=0)
    picked = [rows[theirs.index(name)] if name in theirs else mean for name in mine]
    return torch.cat([values[:shared], *picked])
