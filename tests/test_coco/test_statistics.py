from taco_plugin.coco import class_statistics

PUBLISHED = """\
1520 1.986193 0.000997
848 3.558304 0.001785
306 9.840391 0.004937
185 16.241935 0.008149
155 19.365385 0.009716
6 431.571429 0.216537
1 1510.500000 0.757878"""


def test_published_table():
    counts = [int(line.split()[0]) for line in PUBLISHED.splitlines()]
    numbers = [n for n, count in enumerate(counts) for _ in range(count)]
    coco = {
        'images': [{'id': 1}],
        'annotations': [{'image_id': 1, 'category_id': n} for n in numbers],
        'categories': [{'id': n, 'name': f'class {n}'} for n in range(len(counts))],
    }
    classes = class_statistics(coco).classes
    lines = [f'{c.boxes} {c.inverse_density:.6f} {c.weight:.6f}' for c in classes]
    assert lines == PUBLISHED.splitlines()
