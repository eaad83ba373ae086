import csv
import os

import pytest

from taco_plugin.apps.compare.export import to_csv, to_markdown, write_tables
from taco_plugin.apps.compare.run import Training
from taco_plugin.errors import InputError


def read(groups):
    return list(csv.DictReader(to_csv(groups).splitlines()))


@pytest.fixture
def two_runs(make_record, make_run):
    records = [make_record(mAP_50=ap50) for ap50 in (1 / 3, 0.2)]
    records[1]['figures']['bbox']['per_class']['AP50'] = [0.1, 1 / 7, -1]
    return [make_run(name, record) for name, record in zip('ab', records, strict=True)]


def test_numbers_have_all_their_digits(two_runs):
    first, second = read([two_runs])
    assert (float(first['AP50']), first['AP50 difference']) == (1 / 3, '')
    assert float(second['AP50 difference']) == 0.2 - 1 / 3
    assert float(second['AP50: Cup']) == 1 / 7
    assert second['AP50: Straw'] == second['AP large'] == ''
    assert 'at confidence difference' not in first
    facts = {'group': '1', 'run': 'a', 'evaluated_on': 'test', 'ann_file': 'test.json'}
    facts |= {'input_width': '416', 'parameters': '5060000', 'flops': '3210000000'}
    facts |= {'epochs': '12', 'planned_epochs': '300', 'training_seconds': '3725.0', 'images': '20'}
    assert facts.items() <= first.items()


def test_a_row_per_run_of_every_group(make_record, make_run, two_runs):
    other = make_run('c', make_record(('Can', 'Bottle', 'Lid'), seed=3))
    crashed = make_run('d', None, training=Training([], None, None, 70, 9.5))
    rows = read([two_runs, [other, crashed]])
    assert [(row['group'], row['run']) for row in rows] == [
        *(('1', 'a'), ('1', 'b'), ('2', 'c'), ('2', 'd'))
    ]
    assert rows[2]['AP50 difference'] == rows[2]['AP50: Cup'] == rows[0]['AP50: Bottle'] == ''
    assert rows[2]['AP50: Bottle'] != ''
    assert rows[3]['evaluated_on'] == 'not evaluated'
    assert (rows[3]['AP50'], rows[3]['epochs'], rows[3]['iterations']) == ('', '', '70')
    names = list(rows[0])
    assert names.index('detections') < names.index('AP50') < names.index('AP50: Can')


def test_the_reference_is_the_first_that_was_evaluated(make_run, two_runs):
    rows = read([[make_run('crashed', None), *two_runs]])
    assert [row['AP difference'] != '' for row in rows] == [False, False, True]


@pytest.mark.parametrize('sign', '=+-@')
def test_no_text_is_a_formula_for_a_spreadsheet(make_record, make_run, sign):
    name = f'{sign}cmd|"/c calc"!A1'
    record = make_record((name, 'b', 'c'), ann_file=name)
    (row,) = read([[make_run(f' \t{name}', record, {'config': name, 'loss': name})]])
    assert row['run'] == row['config'] == row['loss'] == row['ann_file'] == f"'{name}"
    assert not [cell for cell in (*row, *row.values()) if cell.startswith(sign)]


def test_negative_numbers_stay_numbers(two_runs):
    assert read([two_runs])[1]['AP50 difference'].startswith('-0.13')


def test_markdown_worked_by_hand(two_runs):
    lines = to_markdown([two_runs]).splitlines()
    assert lines[0].startswith('## 20 images, ')
    assert lines[0].endswith(', 3 classes of three')
    start = lines.index('### Results')
    assert lines[start + 2].startswith('| run | parameters (M) | AP50 |')
    assert lines[start + 3].startswith('|---|---:|---:|')
    assert lines[start + 4].startswith('| a | 5.06 | **0.333** |')
    assert lines[start + 5].startswith('| b | 5.06 | 0.200 (−0.133) |')
    of_classes = lines[lines.index('### AP50 of each class') :]
    assert of_classes[2] == '| class | true boxes | a | b |'
    assert of_classes[6].startswith('| Straw | 0 | – | – |')


def test_names_cannot_break_a_table(make_record, make_run):
    name = 'a|b\n<script>*c*_d_`e`[f](g)\\'
    shown = 'a\\|b &lt;script&gt;\\*c\\*\\_d\\_\\`e\\`\\[f\\](g)\\\\'
    lines = to_markdown([[make_run(name, make_record((name, 'b', 'c')))]]).splitlines()
    rows = [line for line in lines if line.startswith(f'| {shown} | ')]
    assert len(rows) == 3
    assert '<' not in '\n'.join(lines)


def test_markdown_says_why_groups_are_apart(make_record, make_run, two_runs):
    other = make_run('c', make_record(('x', 'y'), images=5))
    text = to_markdown([two_runs, [other, make_run('crashed', None)]])
    assert text.startswith('Runs of different images, classes or settings of the score are not')
    assert 'Group 2 differs from group 1 in images (5, not 20)' in text
    assert '## Group 2: 5 images' in text
    assert 'Not evaluated, so without figures: crashed.' in text


def test_both_files_or_neither(tmp_path, two_runs):
    write_tables(tmp_path / 'new', [two_runs])
    assert sorted(os.listdir(tmp_path / 'new')) == ['comparison.csv', 'comparison.md']
    assert (tmp_path / 'new' / 'comparison.csv').read_text() == to_csv([two_runs])
    (tmp_path / 'other' / 'comparison.md').mkdir(parents=True)
    with pytest.raises(InputError, match='folder'):
        write_tables(tmp_path / 'other', [two_runs])
    assert os.listdir(tmp_path / 'other') == ['comparison.md']
