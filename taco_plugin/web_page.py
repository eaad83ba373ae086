"""Web pages in a single file: what comes from data is escaped, and only its own code runs."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import jinja2


def render(
    package: str, template: str, values: Mapping[str, Any], **filters: Callable[..., Any]
) -> str:
    """Renders a template that lies in a package.

    It extends ``web_page.html.jinja``, which needs a title, a style and a script, and can include
    ``web_page.css``, what all pages look like. Besides the filters given, there is ``digest``: what
    a content security policy knows a style or a script by.

    Raises:
        jinja2.UndefinedError: If the template needs a value that is not given.
    """
    folders = [jinja2.PackageLoader(of, '.') for of in (package, __package__)]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {'digest': _digest, **filters}
    return environment.get_template(template).render(**values)


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
