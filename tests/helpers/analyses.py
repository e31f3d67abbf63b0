"""A run folder with a model that finds a few objects, evaluated on the miniature devkit."""

from pathlib import Path

from objloc.checksums import SUMS_FILE
from objloc.data.shard_index import read_index
from tests.helpers.commands import run_stage, write_params
from tests.helpers.evaluations import PARAMS, make_checkpoint, succeed

HISTORY = (
    "update,loss,td_error,q_mean,q_max,epsilon,episode_reward,episode_length,train_success,score,"
    "val_success_cat,val_success_dog,val_length,val_triggered,val_fixed_box,val_gain,phase\n"
    "10,,,,,1.0,,,,0.1,0.1,0.1,8,0.5,0.2,-0.1,0\n"
    "20,0.5,0.4,0.1,1.0,0.2,1,5,0.3,0.4,0.4,0.4,7,0.6,0.2,0.2,0\n"
)


def make_evaluated_run(
    folder: Path, shards: Path, *, bias: float = 0.0, seed: int = 0, image_sets: str = "[val, test]"
) -> Path:
    """``train/``, ``evaluate/`` and ``shards/`` in a folder.

    Without checksums of what was evaluated: tests change it by hand.

    Args:
        folder: where; made.
        shards: of the miniature devkit.
        bias: added to the value of the trigger.
        seed: written as a parameter.
        image_sets: that are evaluated.
    """
    folder.mkdir()
    (folder / "shards").symlink_to(shards)
    train = folder / "train"
    checkpoint = make_checkpoint(
        train / "checkpoint.pt", data_hash=read_index(shards).data_hash, bias=bias
    )
    (train / "params.yaml").write_text(
        f"train: {{agent: tiny, seed: {seed}}}\nagents: {{tiny: {{mdp: {{max_steps: 8}}}}}}\n"
    )
    (train / "command.txt").write_text("python -m stages.train data/shards <data/train>\n")
    (train / "environment.txt").write_text("python 3.11.7\ntorch 2.13.0\n")
    (train / "history.csv").write_text(HISTORY)
    params = write_params(folder, f"{PARAMS}\n")
    chosen = f"evaluate.image_sets={image_sets}"
    arguments = (folder / "shards", checkpoint, folder / "evaluate", "--params", params)
    succeed(run_stage("evaluate", *arguments, "--set", chosen))
    (folder / "evaluate" / SUMS_FILE).unlink()
    return folder
