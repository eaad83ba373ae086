import json

import pytest

from taco_plugin.errors import InputError
from taco_plugin.evaluation.cost import read_cost, write_cost


def test_a_cost_is_read_as_it_was_written(tmp_path, make_cost):
    write_cost(make_cost(), tmp_path)
    assert read_cost(tmp_path) == make_cost()
    assert read_cost(tmp_path.parent) is None


@pytest.mark.parametrize('change', [{'schema_version': 2}, {'parameters': -1}, {'latency': {}}])
def test_another_file_is_refused(tmp_path, make_cost, change):
    write_cost(make_cost(), tmp_path)
    path = tmp_path / 'cost.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=r'cost\.json: not the cost of a detector'):
        read_cost(tmp_path)
