import json
from pathlib import Path
from typing import Any

import torch

from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder

DEFAULTS: dict[str, dict[str, Any]] = {
    "mdp": {
        "actions": "paper", "step_size": 0.2, "further_step_sizes": [], "zooms": False,
        "reward": "sign", "reward_scale": 5.0, "max_steps": 50, "min_side": 0.1,
        "min_aspect_ratio": 0.15, "max_aspect_ratio": 6.0, "trigger_iou": 0.5,
        "trigger_reward": 3.0, "trigger_cost": 3.0, "refinements": 0,
        "starts": [[1, 1.0]],
    },
    "encoder": {
        "kind": "map", "backbone": "efficientnet-lite0", "precision": "float32",
        "fine_tune": "none", "stored": True, "image_size": 128, "greyscale": False,
        "frames": 1, "window_size": 84, "widths": [32, 48, 64, 96], "neck_width": 32,
        "neck_blocks": 0, "pool": 7, "levels": 1, "context": 1.2, "cell_width": 32,
        "category_channels": 0,
    },
    "head": {
        "hidden": [512], "dropout": 0.0, "per_category": True, "action_history": 0,
        "joint": [], "presence": False, "learned_steps": False, "learned_zooms": False,
        "dueling": False, "recurrent": 0,
    },
    "learning": {
        "backup": "all_actions", "discount": 0.5, "n_step": 1, "double": False,
        "loss": "huber", "move_weight": 1.0, "step_weight": 0.03, "step_iou": 0.3,
        "zoom_weight": 0.5, "presence_weight": 0.5, "optimiser": "adamw",
        "learning_rate": 0.001, "backbone_rate": 0.1, "learning_rate_decay_updates": 0,
        "weight_decay": 0.0, "max_gradient_norm": None, "images_per_batch": 32,
        "batch_parts": 1, "windows_per_image": 1, "object_windows": 0.0, "updates_per_step": 1.0,
        "target_update_every": 10000, "target_rate": 1.0, "kept": "online",
        "absent_reward": -3.0, "absent_share": 1.0, "absent_weight": 1.0,
        "start_windows": 0.0, "landed_windows": 0.0, "object_jitter": 1.0, "flip": False,
        "jitter": 0.0, "crop": 0.0,
    },
    "replay": {
        "size": 500000, "init_size": 500, "priority_exponent": 0.0,
        "importance_exponent": 0.4,
    },
    "exploration": {
        "epsilon_start": 1.0, "epsilon_end": 0.2, "epsilon_decay_steps": 500,
        "guided": False,
    },
    "schedule": {
        "environments": 1, "episodes_per_image": 5, "passes": 1, "max_updates": None,
        "evaluations": 10, "val_images": 100, "train_images": None, "patience": None,
        "success_iou": 0.5,
    },
}  # fmt: skip
"""What a checkpoint means that lacks a key. A new key is added here; no value may change."""


def test_defaults_stay_what_old_checkpoints_mean() -> None:
    assert json.loads(Agent().model_dump_json()) == DEFAULTS


def test_a_checkpoint_without_a_key_has_its_default(tmp_path: Path) -> None:
    stated = {"image_size": 64, "widths": [8, 8, 8]}
    agent = Agent(encoder=Encoder(image_size=64, widths=(8, 8, 8)))
    state = build_network(agent, ("cat",), torch.Generator().manual_seed(0)).state_dict()
    path = tmp_path / "old.pt"
    save_checkpoint(path, Checkpoint(agent, ("cat",), "drawn", "0" * 64, state, {}))
    content = torch.load(path, weights_only=True)
    assert len(json.loads(content["agent"])["encoder"]) == len(DEFAULTS["encoder"])
    torch.save(content | {"agent": json.dumps({"encoder": stated})}, path)
    loaded = load_checkpoint(path).agent
    assert loaded == agent
    assert json.loads(loaded.model_dump_json()) == DEFAULTS | {
        "encoder": DEFAULTS["encoder"] | stated
    }
