"""The page quotes our messages as the package says them."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs' / 'troubleshooting.md').read_text()
ANY = '\0'
"""Stands for a name or number that differs from case to case."""


def quoted(table: str) -> list[str]:
    """Messages in the first column of the table with this heading."""
    rows = PAGE.partition(f'| {table} |')[2].partition('\n\n')[0].splitlines()
    return [message for row in rows for message in re.findall(r'^\| `(.+?)` \|', row)]


def plain(text: str) -> str:
    return re.sub(r"(\d+|\.\.\.|'?\0'?)+", ANY, text).replace(f"'{ANY}'", ANY)


def strings() -> list[str]:
    """All texts in the source, with a sign in place of what is formatted."""
    found = []
    for path in (ROOT / 'taco_plugin').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else ANY for p in node.values]
                found.append(plain(''.join(map(str, parts))))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(plain(node.value))
    return found


SAID = strings()


@pytest.mark.parametrize('message', quoted('message'))
def test_a_message_is_quoted_word_for_word(message):
    assert any(plain(message) in text for text in SAID)


def test_each_of_the_tables_is_read():
    assert len(quoted('message')) > 15
    assert 'out of memory' in quoted('message of MMDetection or PyTorch')
