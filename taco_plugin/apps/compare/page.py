"""A comparison of runs, or the report of one, as a web page in a single file."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ...files import write_files
from .facts import list_facts
from .groups import compare_groups, describe_group, name_unevaluated
from .pictures import Picture, read_pictures
from .run import Run
from .tables import class_tables, model_table, score_table
from .text import show_text


@dataclass(frozen=True)
class Section:
    """Runs that can be ranked: scored on the same images and classes, or not at all.

    The pictures that a run drew itself, ``run.evaluation.figures``, are read from their files.

    Args:
        runs: The first that was evaluated is the one that others are compared with.
        figures: Pictures of all the runs together: curves on one another, mAP over parameters.
        images: The same images under each run, side by side.
    """

    runs: Sequence[Run]
    figures: Sequence[Picture] = ()
    images: Sequence[Picture] = ()


def write_page(
    path: str | Path, title: str, sections: Sequence[Section], made: datetime | None = None
) -> None:
    """Writes the page completely or not at all.

    It needs no network and no other file. With one run in all, it is the report of that run.

    Args:
        path: Its folder is made if need be.
        title: Of the page.
        sections: Groups of runs that can be ranked, at least one.
        made: When the comparison was made, now by default.

    Raises:
        InputError: If the page cannot be written, or a picture of a run cannot be read.
    """
    path = Path(path)
    write_files(path.parent, {path.name: make_page(title, sections, made or datetime.now())})


def make_page(title: str, sections: Sequence[Section], made: datetime) -> str:
    """The page as HTML; see :func:`write_page`."""
    style, script = (_read(name) for name in ('page.css', 'page.js'))
    groups = [section.runs for section in sections]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, '.'),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['breakable'] = _breakable
    return environment.get_template('page.html.jinja').render(
        title=show_text(title),
        made=made,
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        single=sum(map(len, groups)) == 1,
        number_of_runs=sum(map(len, groups)),
        differences=compare_groups(groups),
        sections=[_view(section) for section in sections],
    )


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding='utf-8')


def _breakable(text: str) -> Markup:
    """A name that may go on in the next line after an underscore or a slash."""
    return Markup(re.sub('([_/])', r'\1<wbr>', str(escape(text))))


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded or run but what the page brings."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; "
        f"script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'"
    )


def _view(section: Section) -> dict[str, Any]:
    """What the template shows of a section."""
    runs = section.runs
    return {
        'heading': describe_group(runs),
        'notes': name_unevaluated(runs),
        'scores': score_table(runs),
        'models': model_table(runs),
        'classes': class_tables(runs),
        'figures': section.figures,
        'images': section.images,
        'runs': [
            {
                'name': show_text(run.name),
                'facts': list_facts(run),
                'pictures': read_pictures(run),
            }
            for run in runs
        ],
    }
