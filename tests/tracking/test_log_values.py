import math
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from objloc.tracking.log_values import (
    as_metrics,
    flatten,
    log_file,
    log_metrics,
    log_params,
    log_values,
)


def client_with(**data: Any) -> Any:
    """A client whose only run holds some ``params`` and ``metrics``."""
    client = Mock(spec=MlflowClient)
    held = {"params": {}, "metrics": {}, **data}
    client.get_run.return_value = SimpleNamespace(data=SimpleNamespace(**held))
    return client


def batches(client: Any, kind: str) -> list[list[tuple[str, Any]]]:
    """Keys and values of each call that wrote metrics or params."""
    calls = client.log_batch.call_args_list
    return [[(each.key, each.value) for each in call.kwargs[kind]] for call in calls]


def test_nested_values_have_dotted_keys() -> None:
    nested = {"a": {"b": 1, "c": {"d": [2]}}, "e": None, "f": {}}
    assert flatten(nested) == {"a.b": 1, "a.c.d": [2], "e": None}


def test_numbers_are_metrics_and_nothing_else_is() -> None:
    found = as_metrics({"a": 1, "b": 0.5, "c": math.nan, "d": "1", "e": None, "f": True}, step=7)
    assert [(each.key, each.value, each.step) for each in found] == [
        ("a", 1.0, 7), ("b", 0.5, 7), ("f", 1.0, 7),
    ]  # fmt: skip
    assert len({each.timestamp for each in found}) == 1


def test_metrics_are_written_in_as_few_batches_as_mlflow_allows() -> None:
    client = client_with()
    log_metrics(client, "r", [Metric(str(number), 0.0, 0, 0) for number in range(2001)])
    assert [len(batch) for batch in batches(client, "metrics")] == [1000, 1000, 1]
    log_metrics(client, "r", [])
    assert client.log_batch.call_count == 3


def test_final_values_are_written_once() -> None:
    client = client_with(metrics={"a.b": 1.0, "a.c": 2.0})
    log_values(client, "r", {"a": {"b": 1, "c": 3, "d": 4, "name": "x"}})
    assert batches(client, "metrics") == [[("a.c", 3.0), ("a.d", 4.0)]]


def test_a_parameter_keeps_its_first_value_and_a_later_one_is_a_tag() -> None:
    client = client_with(params={"train.seed": "0", "train.passes": "1"})
    log_params(client, "r", {"train": {"seed": 0, "passes": 2, "categories": ["cat"]}, "x": "y"})
    assert batches(client, "params") == [[("train.categories", '["cat"]'), ("x", "y")]]
    client.set_tag.assert_called_once_with("r", "resumed.train.passes", "2")


def test_a_long_parameter_is_cut_and_many_come_in_batches() -> None:
    client = client_with()
    log_params(client, "r", {"long": "x" * 7000, **{str(number): number for number in range(149)}})
    assert [len(batch) for batch in batches(client, "params")] == [100, 50]
    assert len(batches(client, "params")[0][0][1]) == 6000


@pytest.mark.parametrize(("folder", "inside"), [(None, "plots"), ("train", "train/plots")])
def test_a_folder_keeps_its_name_among_the_artifacts(
    tmp_path: Any, folder: str | None, inside: str
) -> None:
    client = client_with()
    (tmp_path / "plots").mkdir()
    (tmp_path / "a.txt").touch()
    log_file(client, "r", tmp_path / "plots", folder)
    client.log_artifacts.assert_called_once_with("r", str(tmp_path / "plots"), inside)
    log_file(client, "r", tmp_path / "a.txt", folder)
    client.log_artifact.assert_called_once_with("r", str(tmp_path / "a.txt"), folder)
