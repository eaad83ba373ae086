import pytest

from taco_plugin.apps.compare.run import Training
from taco_plugin.apps.compare.tables import (
    Cell,
    class_tables,
    compare,
    model_table,
    read_figures,
    score_table,
)
from taco_plugin.apps.compare.text import show_classes, show_evaluated_on, show_text


def test_figures_are_compared_with_the_first():
    assert compare([0.5, 0.75, None, 0.75]) == [
        Cell('0.500', 0.5),
        Cell('0.750', 0.75, '+0.250', best=True),
        Cell('–', None),
        Cell('0.750', 0.75, '+0.250', best=True),
    ]
    assert compare([None, 0.25, 0.125]) == [
        *(Cell('–', None), Cell('0.250', 0.25, best=True), Cell('0.125', 0.125))
    ]
    assert compare([0.5, 0.25, 0.5])[1:] == [
        *(Cell('0.250', 0.25, '−0.250'), Cell('0.500', 0.5, '±0.000', best=True))
    ]


def test_nothing_is_best_without_a_worse_one():
    assert not any(cell.best for cell in compare([0.5]) + compare([0.5, 0.5, None]))
    assert compare([0.25, 0.5], ranked=False) == [Cell('0.250', 0.25), Cell('0.500', 0.5)]


def test_where_the_figures_come_from(make_record, make_run):
    record = make_record(
        **{'mAP': 0.1, 'mAP_50': 0.2, 'mAP_75': 0.3, 'mAP_s': 0.4, 'mAP_m': 0.5, 'AR@100': 0.6}
    )
    record['figures']['bbox']['study'] = {'map': 0.7}
    record['curves'] = {'best_f1': 0.8, 'best_threshold': 0.9}
    expected = {
        **{'AP50': 0.2, 'AP': 0.1, 'AP75': 0.3, 'mAP25-75': 0.7, 'AP small': 0.4},
        **{'AP medium': 0.5, 'AP large': None, 'AR': 0.6, 'best F1': 0.8, 'at confidence': 0.9},
    }
    assert read_figures(make_run(record=record).evaluation) == expected
    record['figures']['segm'] = {'coco': {'mAP': 0.11, 'mAP_50': 0.12}, 'study': {'map': 0.13}}
    masks = {'mask AP50': 0.12, 'mask AP': 0.11, 'mask mAP25-75': 0.13}
    assert read_figures(make_run(record=record).evaluation) == expected | masks
    record['curves'], record['figures'] = None, {'segm': record['figures']['segm']}
    assert read_figures(make_run(record=record).evaluation) == masks


def test_figures_over_other_thresholds_are_other_figures(make_record, make_run):
    record = make_record()
    record['settings'] |= {'iou': [0.5, 0.75], 'study_iou': [0.3, 0.5]}
    other, stock = make_run('b', record), make_run('a')
    assert list(read_figures(other.evaluation))[:5] == [
        *('AP50', 'AP@0.5,0.75', 'AP75', 'mAP@0.3,0.5', 'AP small@0.5,0.75')
    ]
    table = score_table([stock, other])
    cells = dict(zip(table.columns, table.rows[1], strict=True))
    assert cells['AP'] == cells['mAP25-75'] == Cell('–', None)
    assert cells['mAP@0.3,0.5'].difference == ''
    assert cells['AP50'].difference == '±0.000'


def test_the_reference_is_the_first_that_was_evaluated(make_record, make_run):
    runs = [make_run('crashed', None)]
    runs += [make_run(name, make_record(mAP_50=ap)) for name, ap in (('a', 0.25), ('b', 0.5))]
    table = score_table(runs)
    assert table.columns[:3] == ('run', 'parameters (M)', 'AP50')
    assert [[cell.text for cell in row[:3]] for row in table.rows] == [
        *(['a', '5.06', '0.250'], ['b', '5.06', '0.500'])
    ]
    assert [row[2].difference for row in table.rows] == ['', '+0.250']
    assert table.compared[:3] == [False, False, True]
    assert table.numeric[:2] == (False, True)
    assert score_table(runs[:1]).rows == ()


def test_what_is_known_of_a_detector(make_run):
    table = model_table([make_run('a')])
    assert {name: cell.text for name, cell in zip(table.columns, table.rows[0], strict=True)} == {
        'run': 'a',
        'evaluated on': 'test',
        'config': 'yolox_tiny',
        'detector': 'YOLOX',
        'taxonomy': 'three',
        'loss': 'focal',
        'input (px)': '416 × 416',
        'parameters (M)': '5.06',
        'FLOPs (G)': '3.21',
        'epochs': '12 / 300',
        'training time': '1 h 02 min',
    }
    values = [cell.value for cell in table.rows[0]]
    assert values[6:] == [416 * 416, 5_060_000, 3_210_000_000, 12, 3725.0]


def test_what_is_not_known_of_a_detector(make_run):
    model = dict.fromkeys(('taxonomy', 'input_size', 'parameters', 'flops'))
    iterations = Training([], None, None, 5000, 12.4)
    rows = model_table([
        make_run('a', None, model, training=None), make_run('b', None, model, iterations)
    ]).rows  # fmt: skip
    assert [cell.text for cell in rows[0][1:]] == [
        *('not evaluated', 'yolox_tiny', 'YOLOX', '–', 'focal', *'––––––')[:10]
    ]
    assert [cell.text for cell in rows[1][-2:]] == ['–', '12 s']
    assert rows[0][-1].value is rows[1][-2].value is None


def test_classes_of_several_runs(make_record, make_run):
    records = [make_record(('Can', 'Cup', 'Lid'), seed=seed) for seed in (1, 2)]
    records[0]['boxes']['truth_per_class'] = [1234, 5, 0]
    for record, ap50 in zip(records, ([0.5, 0.25, -1], [0.25, 0.75, -1]), strict=True):
        record['figures']['bbox']['per_class'] = {'AP50': ap50, 'AP': [0.1, 0.2, -1]}
    tables = class_tables([make_run('a', records[0]), make_run('b', records[1])])
    assert [table.title for table in tables] == ['AP50 of each class', 'AP of each class']
    assert tables[0].columns == ('class', 'true boxes', 'a', 'b')
    assert tables[0].rows == (
        (Cell('Can', 'Can'), Cell('1,234', 1234))
        + (Cell('0.500', 0.5, best=True), Cell('0.250', 0.25, '−0.250')),
        (Cell('Cup', 'Cup'), Cell('5', 5))
        + (Cell('0.250', 0.25), Cell('0.750', 0.75, '+0.500', best=True)),
        (Cell('Lid', 'Lid'), Cell('0', 0), Cell('–', None), Cell('–', None)),
    )
    assert [row[3].text for row in tables[1].rows] == ['0.100', '0.200', '–']


def test_classes_of_one_run_and_of_none(make_record, make_run):
    record = make_record(('Can', 'Cup'))
    record['boxes'] |= {'truth_per_class': [7, 0], 'found_per_class': [3, 4]}
    record['figures']['bbox']['per_class'] = {
        'AP50': [0.5, -1],
        'AP': [0.3, -1],
        'AR100': [0.4, -1],
    }
    (table,) = class_tables([make_run('a', record), make_run('crashed', None)])
    assert table.columns == ('class', 'true boxes', 'detections', 'AP50', 'AP', 'AR100')
    assert [[cell.text for cell in row] for row in table.rows] == [
        ['Can', '7', '3', '0.500', '0.300', '0.400'],
        ['Cup', '0', '4', '–', '–', '–'],
    ]
    assert class_tables([make_run('crashed', None)]) == []


@pytest.mark.parametrize(
    ('name', 'run', 'text'),
    [
        ('test', {'epoch': None}, 'test'),
        ('val_12', {'epoch': 12}, 'validation of epoch 12'),
        ('val_900', {'epoch': None}, 'validation of iteration 900'),
    ],
)
def test_what_a_run_was_evaluated_on(name, run, text):
    assert show_evaluated_on(name, {'run': run}) == text


def test_names_can_be_seen_and_encoded():
    assert show_text(' a\t\nb\x00\u202e\ud800 ') == 'a b\ufffd\ufffd\ufffd'
    assert show_text('Plástico «ü» 🥤') == 'Plástico «ü» 🥤'
    assert show_classes(['', 'x', '  ', 'x', 'x', 'x (2)']) == [
        *('class 0 (no name)', 'x', 'class 2 (no name)', 'x (2)', 'x (3)', 'x (2) (2)')
    ]
