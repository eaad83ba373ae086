import csv

import pytest

from taco_plugin.apps.compare.cells import Cell, compare
from taco_plugin.apps.compare.compare import comparable_latencies, draw_plots
from taco_plugin.apps.compare.export import to_csv, to_markdown
from taco_plugin.apps.compare.page import Section
from taco_plugin.apps.compare.read_runs import Training
from taco_plugin.apps.compare.tables import (
    class_tables,
    model_table,
    read_metrics,
    score_table,
)
from taco_plugin.apps.compare.text import show_evaluated_on, show_text


def texts(table):
    """Titles of the columns, and what the cells of each row say, with their differences."""
    cells = [[f'{cell.text} {cell.change}'.strip() for cell in row] for row in table.rows]
    return [[column.title for column in table.columns], *cells]


def test_metrics_are_compared_with_the_first():
    assert compare([0.5, 0.75, None, 0.75]) == [
        Cell('0.500', 0.5),
        Cell('0.750', 0.75, 0.25, best=True),
        Cell('–', None),
        Cell('0.750', 0.75, 0.25, best=True),
    ]
    first, second = compare([None, 0.25])
    assert (first, second) == (Cell('–', None), Cell('0.250', 0.25))
    changes = [cell.change for cell in compare([0.5, 0.25, 0.5, 0.75])]
    assert changes == ['', '−0.250', '±0.000', '+0.250']
    assert not any(cell.best for cell in compare([0.5]) + compare([0.5, 0.5, None]))
    assert compare([0.25, 0.5], ranked=False) == [Cell('0.250', 0.25), Cell('0.500', 0.5)]


def test_where_the_metrics_come_from(make_record, make_run):
    record = make_record(
        **{'mAP': 0.1, 'mAP_50': 0.2, 'mAP_75': 0.3, 'mAP_s': 0.4, 'mAP_m': 0.5, 'AR@100': 0.6}
    )
    record['metrics']['bbox']['study']['map'] = 0.7
    record['curves'] |= {'best_f1': 0.8, 'best_threshold': 0.9}
    expected = {
        **{'AP50': 0.2, 'AP': 0.1, 'AP75': 0.3, 'mAP25-75': 0.7, 'AP small': 0.4},
        **{'AP medium': 0.5, 'AP large': None, 'AR': 0.6, 'best F1': 0.8, 'at confidence': 0.9},
        **{'count MAE': 1.5, 'count bias': -1.0},
    }
    assert read_metrics(make_run(record=record).record) == expected
    masks = make_record(**{'mAP': 0.11, 'mAP_50': 0.12})['metrics']['bbox']
    masks['study']['map'] = 0.13
    record['metrics']['segm'] = masks
    masks = {'mask AP50': 0.12, 'mask AP': 0.11, 'mask mAP25-75': 0.13}
    assert read_metrics(make_run(record=record).record) == expected | masks
    record['curves'], record['metrics'] = None, {'segm': record['metrics']['segm']}
    assert read_metrics(make_run(record=record).record) == masks


def test_metrics_over_other_thresholds_are_other_metrics(make_record, make_run):
    record = make_record()
    record['settings'] |= {'iou': [0.5, 0.75], 'study_iou': [0.3, 0.5]}
    columns, _, row = texts(score_table([make_run('a'), make_run('b', record)]))
    cells = dict(zip(columns, row, strict=True))
    assert cells['AP'] == cells['mAP25-75'] == '–'
    assert cells['AP50'].endswith(' ±0.000')
    others = ('AP@0.5,0.75', 'mAP@0.3,0.5', 'AP small@0.5,0.75', 'AR@0.5,0.75')
    assert not [name for name in others if '±' in cells[name]]


def test_what_is_known_of_a_detector(make_run):
    model = dict.fromkeys(('taxonomy', 'input_size', 'parameters', 'flops'))
    iterations = Training([], None, None, 5000, 12.4)
    runs = [make_run('a'), make_run('b', None, model, None), make_run('c', None, model, iterations)]
    table = model_table(runs)
    columns, first, second, third = texts(table)
    assert dict(zip(columns, first, strict=True)) == {
        **{'run': 'a', 'evaluated on': 'test', 'config': 'yolox_tiny', 'detector': 'YOLOX'},
        **{'taxonomy': 'three', 'loss': 'focal', 'input (px)': '416 × 416'},
        **{'parameters (M)': '5.06', 'FLOPs (G)': '3.21', 'epochs': '12 / 300'},
        'training time': '1:02:05',
    }
    values = [cell.value for cell in table.rows[0]]
    assert values[6:] == [416 * 416, 5_060_000, 3_210_000_000, 12, 3725.0]
    assert second[1:] == ['not evaluated', 'yolox_tiny', 'YOLOX', '–', 'focal', *'–––––']
    assert third[-2:] == ['5,000 iterations', '0:00:12']


def test_what_predictions_cost_is_shown_with_where_it_was_measured(make_cost, make_run):
    runs = [make_run('a', cost=make_cost()), make_run('b')]
    columns, first, second = texts(model_table(runs))
    assert columns[-4:] == ['latency (ms)', 'FPS', 'peak memory (MB)', 'measured on']
    assert first[-4:] == ['25.0', '50.00', '1,000', 'CPU, 2 threads, batches of 4']
    assert second[-4:] == ['–'] * 4
    rows = read([runs])
    assert [row['latency_seconds'] for row in rows] == ['0.025', '']


def test_only_latencies_of_one_machine_are_drawn_together(make_cost, make_run):
    costs = make_cost('a', 0.1), make_cost('b', 0.2, 'GPU'), make_cost('c', 0.3)
    runs = [make_run(cost.name, cost=cost) for cost in costs]
    assert comparable_latencies(runs) == (
        'One image at a time on CPU, 2 threads.',
        {'a': 0.1, 'c': 0.3},
    )
    titles = [picture.title for picture in draw_plots(runs)]
    assert titles[:2] == ['Score by size', 'Score by latency']


def test_classes_of_several_runs_of_one_and_of_none(make_record, make_run):
    records = [make_record(('Can', 'Cup', 'Lid'), seed=seed) for seed in (1, 2)]
    for record, ap50 in zip(records, ([0.5, 0.25, -1], [0.25, 0.75, -1]), strict=True):
        record['boxes']['truth_per_class'] = [1234, 5, 0]
        record['boxes']['detections_per_class'] = [3, 4, 0]
        each = {'AP50': ap50, 'AP': [0.1, 0.2, -1], 'AR100': [0.4, 0.5, -1]}
        record['metrics']['bbox']['per_class'] = each
    runs = [make_run('a', records[0]), make_run('b', records[1]), make_run('crashed', None)]
    ap50, ap = class_tables(runs)
    assert (ap50.title, ap.title) == ('AP50 of each class', 'AP of each class')
    assert texts(ap50) == [
        ['class', 'true boxes', 'a', 'b'],
        ['Can', '1,234', '0.500', '0.250 −0.250'],
        ['Cup', '5', '0.250', '0.750 +0.500'],
        ['Lid', '0', '–', '–'],
    ]
    assert [cell.best for cell in ap50.columns[3].cells] == [False, True, False]
    (table,) = class_tables(runs[::2])
    assert texts(table) == [
        ['class', 'true boxes', 'detections', 'AP50', 'AP', 'AR100'],
        ['Can', '1,234', '3', '0.500', '0.100', '0.400'],
        ['Cup', '5', '4', '0.250', '0.200', '0.500'],
        ['Lid', '0', '0', '–', '–', '–'],
    ]
    assert class_tables(runs[2:]) == []


def test_what_a_run_was_evaluated_on_and_names_can_be_seen_and_encoded(make_record, make_run):
    record = make_record()
    assert show_evaluated_on(make_run(evaluation='val_900')) == 'validation of iteration 900'
    record['run']['epoch'] = 12
    assert show_evaluated_on(make_run(record=record, evaluation='val_12')) == (
        'validation of epoch 12'
    )
    assert show_text(' a\t\nb\x00\u202e\ud800 ') == 'a b\ufffd\ufffd\ufffd'
    assert show_text('Plástico «ü» 🥤') == 'Plástico «ü» 🥤'


def read(groups):
    return list(csv.DictReader(to_csv(groups).splitlines()))


@pytest.fixture
def two_runs(make_record, make_run):
    records = [make_record(mAP_50=ap50) for ap50 in (1 / 3, 0.2)]
    records[1]['metrics']['bbox']['per_class']['AP50'] = [0.1, 1 / 7, -1]
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
    rows = read([[make_run('early', None), *two_runs], [other, crashed]])
    assert [(row['group'], row['run']) for row in rows] == [
        *(('1', 'early'), ('1', 'a'), ('1', 'b'), ('2', 'c'), ('2', 'd'))
    ]
    assert [row['AP difference'] != '' for row in rows] == [False, False, True, False, False]
    assert rows[3]['AP50: Cup'] == rows[1]['AP50: Bottle'] == ''
    assert rows[3]['AP50: Bottle'] != ''
    assert rows[4]['evaluated_on'] == 'not evaluated'
    assert (rows[4]['AP50'], rows[4]['epochs'], rows[4]['iterations']) == ('', '', '70')
    names = list(rows[0])
    assert names.index('detections') < names.index('AP50') < names.index('AP50: Can')


@pytest.mark.parametrize('sign', '=+-@')
def test_no_text_is_a_formula_for_a_spreadsheet(make_record, make_run, sign):
    name = f'{sign}cmd|"/c calc"!A1'
    record = make_record((name, 'b', 'c'), ann_file=name)
    (row,) = read([[make_run(f' \t{name}', record, {'config': name, 'loss': name})]])
    assert row['run'] == row['config'] == row['loss'] == row['ann_file'] == f"'{name}"
    assert not [cell for cell in (*row, *row.values()) if cell.startswith(f'{sign}cmd')]


def test_markdown_worked_by_hand(two_runs):
    lines = to_markdown([Section(two_runs)]).splitlines()
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
    lines = to_markdown([Section([make_run(name, make_record((name, 'b', 'c')))])]).splitlines()
    rows = [line for line in lines if line.startswith(f'| {shown} | ')]
    assert len(rows) == 3
    assert '<' not in '\n'.join(lines)


def test_markdown_says_why_groups_are_apart(make_record, make_run, two_runs):
    other = make_run('c', make_record(('x', 'y'), images=5))
    text = to_markdown([Section(two_runs), Section([other, make_run('crashed', None)])])
    assert 'Group 2 differs from group 1 in images (5, not 20)' in text
    assert '## Group 2: 5 images' in text
    assert 'Not evaluated, so without metrics: crashed.' in text
