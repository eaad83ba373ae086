import numpy as np

from taco_plugin.visualization.matrices import plot_confusion_matrix, plot_cooccurrence

CLASSES = ['Can', 'Plastic bag + wrapper', 'Cup']
MATRIX = np.array([[6, 1, 0, 193], [0, 0, 0, 0], [2, 0, 3, 60], [4, 0, 1, 0]])
IMAGES = np.array([[4, 30, 0], [30, 0, 2], [0, 2, 1]])


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


def test_counts_or_per_cent_of_the_row_stand_in_their_cells():
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
    assert hatched(figure) == [(1, 0, 4), (3, 3, 1)]
    assert 'No ground truth (hatched): Plastic bag + wrapper.' in figure.get_supxlabel()
    assert cells_of(plot_confusion_matrix(MATRIX, CLASSES, normalised=True)) == [
        ['3', '<1', '0', '96'],
        ['', '', '', ''],
        ['3', '0', '5', '92'],
        ['80', '0', '20', ''],
    ]


def test_missing_sides_are_told(texts_of):
    no_truth = np.zeros((4, 4))
    no_truth[3, 0] = 2
    assert 'No ground truth.' in plot_confusion_matrix(no_truth, CLASSES).get_supxlabel()
    no_detections = np.zeros((4, 4))
    no_detections[:3, 3] = 2
    assert 'No detections.' in plot_confusion_matrix(no_detections, CLASSES).get_supxlabel()
    empty = plot_confusion_matrix(np.zeros((4, 4)), CLASSES, normalised=True)
    assert 'no ground truth and no detections' in texts_of(empty)


def test_each_pair_of_classes_is_drawn_once():
    figure = plot_cooccurrence(IMAGES, ['Can', 'Cup', 'Lid'], 'train')
    axes = figure.axes[0]
    shown = np.ma.filled(axes.images[0].get_array(), 0)
    assert shown.tolist() == [[4, 0, 0], [30, 0, 0], [0, 2, 1]]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): '4', (0, 1): '30', (1, 2): '2', (2, 2): '1'}
    assert figure.get_suptitle() == 'Classes seen together: train'
