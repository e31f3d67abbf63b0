import torch

from objloc.network.windows import Pairs, Windows


def test_all_parts_move_to_a_device() -> None:
    meta = torch.device("meta")
    windows = Windows(torch.zeros(2), torch.zeros(2, 1, 4), torch.zeros(2, 0)).to(meta)
    assert [each.device for each in windows] == [meta] * 3
    assert [each.device for each in Pairs(torch.zeros(3), torch.zeros(3)).to(meta)] == [meta] * 2
