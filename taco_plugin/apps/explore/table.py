"""The boxes of a COCO file as arrays."""

from dataclasses import dataclass

import numpy as np

from ...coco import Coco


@dataclass(frozen=True, eq=False)
class BoxTable:
    """Boxes, one per row, of M images and K classes.

    Args:
        label: Position of the class in the file, int64, shape (N,).
        image: Position of the image in the file, int64, shape (N,).
        xywh: Absolute pixels, float64, shape (N, 4).
        area: Of the object in square pixels, as annotated, float64, shape (N,).
        crowd: Number of the boxes that frame a group of objects.
        image_sizes: Width and height in pixels, float64, shape (M, 2).
        classes: K names.
    """

    label: np.ndarray
    image: np.ndarray
    xywh: np.ndarray
    area: np.ndarray
    crowd: int
    image_sizes: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def of_image(self) -> np.ndarray:
        """Number of boxes of each image, shape (M,)."""
        return np.bincount(self.image, minlength=len(self.image_sizes))

    @property
    def relative_sides(self) -> np.ndarray:
        """Width and height as shares of the image's, shape (N, 2)."""
        return self.xywh[:, 2:] / self.image_sizes[self.image]

    @property
    def log_aspect(self) -> np.ndarray:
        """Binary logarithm of width / height, in [-1000, 1000], shape (N,)."""
        logarithms = np.log2(self.xywh[:, 2:])
        return (logarithms[:, 0] - logarithms[:, 1]).clip(-1000, 1000)


def tabulate(coco: Coco) -> BoxTable:
    """The boxes of a file.

    Args:
        coco: Cleaned: every annotation has a finite box in an image of the file, and an area.

    >>> coco = {'images': [{'id': 7, 'width': 40, 'height': 20}],
    ...         'categories': [{'id': 3, 'name': 'Can'}],
    ...         'annotations': [{'image_id': 7, 'category_id': 3, 'bbox': [0, 0, 8, 4],
    ...                          'area': 30, 'iscrowd': 0}]}
    >>> tabulate(coco).relative_sides
    array([[0.2, 0.2]])
    """
    rows = {image['id']: row for row, image in enumerate(coco['images'])}
    labels = {category['id']: label for label, category in enumerate(coco['categories'])}
    boxes = coco['annotations']
    sizes = [(image['width'], image['height']) for image in coco['images']]
    return BoxTable(
        label=np.array([labels[box['category_id']] for box in boxes], dtype=np.int64),
        image=np.array([rows[box['image_id']] for box in boxes], dtype=np.int64),
        xywh=np.array([box['bbox'] for box in boxes], dtype=np.float64).reshape(-1, 4),
        area=np.array([box['area'] for box in boxes], dtype=np.float64),
        crowd=sum(box['iscrowd'] == 1 for box in boxes),
        image_sizes=np.array(sizes, dtype=np.float64).reshape(-1, 2),
        classes=tuple(category['name'] for category in coco['categories']),
    )
