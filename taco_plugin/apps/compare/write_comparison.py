"""A comparison of runs as a page, a CSV and Markdown."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from .compare import group_runs, make_section
from .export import write_tables
from .page import write_page
from .read_runs import read_runs

PAGE_NAME = 'comparison.html'


def write_comparison(
    work_dirs: Sequence[str | Path],
    out: str | Path,
    title: str,
    images: int = 6,
    photographs: str | None = None,
) -> Path:
    """Compares runs, see ``tools/analysis_tools/compare_runs.py``.

    Args:
        work_dirs: Of the runs.
        out: Folder for ``comparison.html``, ``.csv`` and ``.md``.
        title: Of the page.
        images: How many images are shown under each run, at most.
        photographs: Their folder, if it is not where the runs had it.

    Returns:
        The page.

    Raises:
        InputError: If a run cannot be read or a file not be written.
    """
    runs = read_runs(work_dirs)
    groups = group_runs(runs)
    bar = tqdm(groups, desc='drawing', disable=None)
    sections = [make_section(group, images, photographs) for group in bar]
    out = Path(out)
    write_page(out / PAGE_NAME, title, sections)
    write_tables(out, groups)
    return out / PAGE_NAME
