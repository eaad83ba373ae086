import json
from types import SimpleNamespace

import pytest
from mmengine.hooks import LoggerHook

from taco_plugin import compat


@pytest.mark.parametrize('rank', [0, 1])
def test_the_main_process_alone_writes_the_scores(rank, tmp_path, monkeypatch):
    compat.install()
    compat.install()
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: rank)
    runner = SimpleNamespace(
        log_dir=str(tmp_path),
        logger=SimpleNamespace(info=lambda text: None),
        log_processor=SimpleNamespace(get_log_after_epoch=lambda *_, **__: ({'mAP': 0.5}, '')),
        test_dataloader=[],
    )
    hook = LoggerHook()
    hook.json_log_path = 'scores.json'
    hook.after_test_epoch(runner)
    written = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert written == ([{'mAP': 0.5}] if rank == 0 else [])
