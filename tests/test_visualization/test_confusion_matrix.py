import numpy as np
import pytest

from taco_plugin.errors import InputError
from taco_plugin.visualization import plot_confusion_matrix

CLASSES = ['Can', 'Plastic bag + wrapper', 'Cup']
MATRIX = np.array([[6, 1, 0, 193], [0, 0, 0, 0], [2, 0, 3, 60], [4, 0, 1, 0]])


def cells_of(figure):
    cells = np.full((4, 4), '', dtype=object)
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        cells[row, column] = text.get_text()
    return cells.tolist()


def hatched(figure):
    """Row, first column and width of each hatched stretch."""
    patches = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    return [(patch.get_y() + 0.5, patch.get_x() + 0.5, patch.get_width()) for patch in patches]


def test_counts_stand_in_their_cells():
    figure = plot_confusion_matrix(MATRIX, CLASSES)
    assert cells_of(figure) == [
        ['6', '1', '0', '193'],
        ['', '', '', ''],
        ['2', '0', '3', '60'],
        ['4', '0', '1', ''],
    ]
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(drawn.filled(0), MATRIX)
    names = [*CLASSES, 'background']
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names
    assert figure.axes[0].get_ylabel() == 'True class'


def test_shares_are_per_cent_of_the_row():
    figure = plot_confusion_matrix(MATRIX, CLASSES, normalised=True)
    assert cells_of(figure) == [
        ['3', '<1', '0', '96'],
        ['', '', '', ''],
        ['3', '0', '5', '92'],
        ['80', '0', '20', ''],
    ]


def test_a_matrix_of_shares_gives_the_same():
    total = MATRIX.sum(axis=1, keepdims=True)
    shares = np.divide(MATRIX, total, out=np.full((4, 4), np.nan), where=total > 0)
    figure = plot_confusion_matrix(shares, CLASSES, normalised=True)
    assert cells_of(figure) == cells_of(plot_confusion_matrix(MATRIX, CLASSES, normalised=True))
    assert hatched(figure) == [(1, 0, 4), (3, 3, 1)]


def test_a_row_without_boxes_is_hatched_and_named():
    figure = plot_confusion_matrix(MATRIX, CLASSES)
    assert hatched(figure) == [(1, 0, 4), (3, 3, 1)]
    assert 'No ground truth (hatched): Plastic bag + wrapper.' in figure.get_supxlabel()


def test_text_stands_out_from_its_cell():
    figure = plot_confusion_matrix(MATRIX, CLASSES)
    image = figure.axes[0].images[0]
    for text in figure.axes[0].texts:
        if text.get_text() != '0':
            cell = image.cmap(image.norm(float(text.get_text())))
            luminance = np.dot(cell[:3], [0.299, 0.587, 0.114])
            assert text.get_color() == ('white' if luminance < 0.5 else 'black')
    assert {text.get_color() for text in figure.axes[0].texts} == {'white', 'black', '0.6'}


@pytest.mark.parametrize('count', [1, 7, 10, 60])
def test_labels_do_not_overlap(count, name_classes, check_layout):
    matrix = np.arange((count + 1) ** 2).reshape(count + 1, count + 1)
    figure = plot_confusion_matrix(matrix, name_classes(count))
    check_layout(figure)
    assert len(figure.axes[0].texts) == ((count + 1) ** 2 - 1 if count <= 20 else 0)


def test_missing_sides_are_told(texts_of):
    no_truth = np.zeros((4, 4))
    no_truth[3, 0] = 2
    assert 'No ground truth.' in plot_confusion_matrix(no_truth, CLASSES).get_supxlabel()
    no_detections = np.zeros((4, 4))
    no_detections[:3, 3] = 2
    assert 'No detections.' in plot_confusion_matrix(no_detections, CLASSES).get_supxlabel()
    empty = plot_confusion_matrix(np.full((4, 4), np.nan), CLASSES, normalised=True)
    assert 'no ground truth and no detections' in texts_of(empty)


def test_a_matrix_without_background_is_refused():
    with pytest.raises(InputError, match=r'matrix must have the shape \(4, 4\), but has \(3, 3\)'):
        plot_confusion_matrix(MATRIX[:3, :3], CLASSES)
