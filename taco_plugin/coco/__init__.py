"""Pure functions on COCO files that were read into a dict."""

from .categories import fit_categories, load_for_taxonomy, remap_categories
from .clean import KINDS, Change, clean_annotations, clip_box, count_changes
from .images import (
    PROBLEMS,
    ImageProblem,
    check_file_names,
    check_images,
    drop_images,
    select_images,
)
from .read import Coco, read_coco
from .split import SPLITS, split_images, stratify
from .statistics import (
    ClassStatistics,
    CocoStatistics,
    class_statistics,
    inverse_density,
)

__all__ = [
    'KINDS',
    'PROBLEMS',
    'SPLITS',
    'Change',
    'ClassStatistics',
    'Coco',
    'CocoStatistics',
    'ImageProblem',
    'check_file_names',
    'check_images',
    'class_statistics',
    'clean_annotations',
    'clip_box',
    'count_changes',
    'drop_images',
    'fit_categories',
    'inverse_density',
    'load_for_taxonomy',
    'read_coco',
    'remap_categories',
    'select_images',
    'split_images',
    'stratify',
]
