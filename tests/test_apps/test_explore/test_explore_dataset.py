"""The command, as a user calls it."""

import json

TOOL = 'analysis_tools/explore_dataset.py'


def test_the_official_file_has_the_published_counts(real_taco, run_tool, tmp_path):
    options = ('--taxonomy', 'detectwaste7', '--out', tmp_path)
    result = run_tool(TOOL, real_taco / 'annotations.json', *options)
    assert result.returncode == 0, result.stderr
    lines = [' '.join(line.split()) for line in result.stdout.splitlines()]
    assert lines[:3] == [
        'annotations: 1500 images, 0 of them without boxes, 4784 boxes',
        '7 boxes clipped to the image',
        '2 duplicate annotation ids renumbered',
    ]
    assert 'metals_and_plastic 2403 1159 1.990017 0.000913' in lines
    assert 'other 2 2 1594.666667 0.731872' in lines
    report = json.loads((tmp_path / 'exploration.json').read_text())
    # Photographs are large and litter is small: resized, three times as many boxes are small.
    assert report['files'][0]['box_sizes']['buckets'] == {
        'native': {'small': 715, 'medium': 1387, 'large': 2682},
        'input': {'small': 2163, 'medium': 1553, 'large': 1068},
    }


def test_the_sample_of_photographs_has_no_near_duplicates(real_taco, run_tool, tmp_path):
    options = ('--images', real_taco, '--samples', 2, '--out', tmp_path)
    result = run_tool(TOOL, real_taco / 'subset_annotations.json', *options)
    assert result.returncode == 0, result.stderr
    assert '\n0 near-duplicate pairs of 276 photographs' in result.stdout
    assert (tmp_path / 'samples.jpg').is_file()
    assert not (tmp_path / 'duplicates.jpg').exists()


def test_bad_arguments_end_in_one_line(run_tool, tmp_path):
    path = tmp_path / 'a.json'
    for arguments, message in [
        ([path, '--out', tmp_path], f'{path}: cannot be read (No such file or directory)'),
        ([path, '--out', tmp_path, '--input-size', '0x5'], "'0x5' is not of the form 1333x800"),
        ([path], 'the following arguments are required: --out'),
    ]:
        result = run_tool(TOOL, *arguments)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith('explore_dataset.py: error: ')
        assert message in line
    assert list(tmp_path.iterdir()) == []
