"""``make demo``, with one epoch."""

import json
import re
from pathlib import Path


def test_the_demo_shows_scores_and_where_everything_lies(run_tool, tmp_path):
    short = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    result = run_tool(
        *('demo.py', '--data', tmp_path / 'sample', '--work-dir', tmp_path / 'run'),
        *('--cfg-options', *short),
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert re.search(r'^mAP_50 +-?\d\.\d{3}$', result.stdout, re.MULTILINE)
    assert re.search(r'^Plastic bag \+ wrapper +-?\d\.\d{3} +\d+$', result.stdout, re.MULTILINE)
    for name in ('log', 'checkpoint', 'figures', 'pictures', 'predicted', 'report'):
        found = re.search(rf'^{name} +(\S+)', result.stdout, re.MULTILINE)
        assert found
        assert Path(found[1]).exists()
    pictures = re.search(r'^pictures +(\S+)', result.stdout, re.MULTILINE)[1]
    truth = json.loads((tmp_path / 'sample' / 'annotations' / 'test.json').read_text())
    drawn = {str(path.relative_to(pictures)) for path in Path(pictures).rglob('*.jpg')}
    assert drawn == {image['file_name'] for image in truth['images']}
    predicted = re.search(r'^predicted +(\S+)', result.stdout, re.MULTILINE)[1]
    assert len(list(Path(predicted).rglob('*.jpg'))) == 3


def test_a_step_that_fails_ends_the_demo_with_one_line(run_tool, tmp_path):
    (tmp_path / 'sample').write_text('not a folder')
    result = run_tool('demo.py', '--data', tmp_path / 'sample', '--work-dir', tmp_path / 'run')
    assert result.returncode == 1
    assert 'demo.py: error: tools/dataset_converters/make_sample.py failed' in result.stderr
