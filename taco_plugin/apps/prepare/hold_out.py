"""The user's own list of test images."""

from collections.abc import Collection
from pathlib import Path
from posixpath import normpath

from ...coco.read import Coco, read_coco
from ...errors import InputError


def read_test_names(path: str | Path) -> list[str]:
    """Reads the file names of the test images.

    Args:
        path: A COCO file (``.json``), or a text file with one name per line.

    Raises:
        InputError: If the file cannot be read or names no image.
    """
    if Path(path).suffix.lower() == '.json':
        names = [image['file_name'] for image in read_coco(path)['images']]
    else:
        try:
            lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
        except OSError as error:
            raise InputError(f'{path}: cannot be read ({error.strerror})') from None
        except UnicodeDecodeError:
            raise InputError(f'{path}: neither .json nor UTF-8 text') from None
        names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise InputError(f'{path}: names no test image')
    return names


def check_test_names(names: Collection[str], coco: Coco) -> None:
    """Checks that every name is that of an image.

    Raises:
        InputError: If some are not; shows the first few.
    """
    known = {normpath(image['file_name']) for image in coco['images']}
    unknown = [name for name in names if normpath(name) not in known]
    if unknown:
        shown = ', '.join(map(repr, unknown[:3])) + (', ...' if len(unknown) > 3 else '')
        raise InputError(
            f'{len(unknown)} of {len(names)} test images are not in the annotations: {shown}'
        )
