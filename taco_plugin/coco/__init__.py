"""Pure functions on COCO files that have been read into a dict."""

from .categories import (
    fit_categories,
    load_dataset,
    load_for_taxonomy,
    order_categories,
    remap_categories,
)
from .clean import KINDS, Change, clean_annotations, clip_box, count_changes, report_changes
from .images import (
    PROBLEMS,
    ImageProblem,
    check_file_names,
    check_images,
    count_problems,
    find_image_folder,
    name_image_folder,
    select_images,
)
from .read import Coco, index_coco, is_number, read_coco
from .scale import resize_mask, restore_originals, shrink_images, shrunk_size
from .split import SPLITS, check_fractions, split_images, stratify
from .statistics import CocoStatistics, class_statistics, inverse_density, report_counts
