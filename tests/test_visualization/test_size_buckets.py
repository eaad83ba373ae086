from taco_plugin.visualization.size_buckets import plot_size_buckets

ROWS = {
    'train, native': {'small': 10, 'medium': 30, 'large': 60},
    'train, at 1333x800': {'small': 95, 'medium': 3, 'large': 2},
    'val, native': {'small': 0, 'medium': 0, 'large': 0},
}


def test_a_bar_is_parted_by_the_shares_of_its_sizes(texts_of):
    figure = plot_size_buckets(ROWS, 'a note')
    axes = figure.axes[0]
    parts = [[(bar.get_x(), bar.get_width()) for bar in bars] for bars in axes.containers]
    assert parts[0] == [(0, 0.1), (0, 0.95), (0, 0)]
    assert [round(x + width, 9) for x, width in parts[1]] == [0.4, 0.98, 0]
    assert [round(x + width, 9) for x, width in parts[2]] == [1, 1, 0]
    written = [text.get_text() for text in axes.texts]
    assert written == ['10%', '95, 95%', '30, 30%', '60, 60%', 'no boxes']
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ROWS)
    assert 'a note' in texts_of(figure)


def test_labels_do_not_overlap(check_layout):
    rows = {
        f'annotations_unofficial{n}, at 99999x99999 $': ROWS['train, native'] for n in range(12)
    }
    check_layout(plot_size_buckets(rows, 'A long note. ' * 20))
    check_layout(plot_size_buckets({'a': ROWS['train, native']}, 'A note.'))


def test_nothing_to_draw_is_said(texts_of):
    assert 'no boxes' in texts_of(plot_size_buckets({'a': ROWS['val, native']}, 'a note'))
