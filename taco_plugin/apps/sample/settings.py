"""What the sample dataset is made of: how many boxes of what, how large, on which ground."""

from dataclasses import dataclass

#: Images that ``make_sample.py`` draws when it is not told a number.
NUM_IMAGES = 240

#: Width and height of an image in pixels.
IMAGE_SIZE = 320

#: Images per ``batch_N`` folder; base names repeat from batch to batch, as in TACO.
IMAGES_PER_BATCH = 80

JPEG_QUALITY = 92


@dataclass(frozen=True)
class LitterKind:
    """How often and how large a category is drawn.

    Args:
        boxes: Boxes in a dataset of ``NUM_IMAGES`` images; other sizes keep the proportions.
        length: Length of the object along its axis in pixels, at camera scale 1.
    """

    boxes: int
    length: float


#: TACO's category name -> how often and how large. Imbalanced like TACO: 10 to 1 and 3.2 per image.
LITTER = {
    'Cigarette': LitterKind(boxes=280, length=46),
    'Clear plastic bottle': LitterKind(boxes=70, length=112),
    'Plastic bottle cap': LitterKind(boxes=70, length=32),
    'Single-use carrier bag': LitterKind(boxes=60, length=112),
    'Corrugated carton': LitterKind(boxes=50, length=98),
    'Crisp packet': LitterKind(boxes=48, length=84),
    'Drink can': LitterKind(boxes=44, length=76),
    'Paper cup': LitterKind(boxes=36, length=84),
    'Plastic straw': LitterKind(boxes=32, length=110),
    'Plastic lid': LitterKind(boxes=29, length=66),
    'Glass bottle': LitterKind(boxes=28, length=112),
    'Pop tab': LitterKind(boxes=28, length=44),
}

#: Objects in an image -> share of the images. The mean is that of LITTER's boxes per image.
OBJECTS_PER_IMAGE = {
    0: 0.02,
    1: 0.15,
    2: 0.22,
    3: 0.235,
    4: 0.17,
    5: 0.105,
    6: 0.055,
    7: 0.03,
    8: 0.015,
}

#: Ground -> (share of the images, TACO's scene categories).
GROUNDS = {
    'grass': (0.22, (5,)),
    'asphalt': (0.22, (2,)),
    'sand': (0.18, (3,)),
    'tiles': (0.16, (2,)),
    'soil': (0.14, (3, 5)),
    'water': (0.08, (6,)),
}

#: The camera is near or far: every length of an image times a factor in this range.
CAMERA_SCALE = (0.5, 1.5)

#: An object's length times a factor in this range.
OBJECT_SCALE = (0.85, 1.15)

#: Share of the objects that may be cut by the image's border, and how much stays visible.
CUT_SHARE = 0.12
MIN_VISIBLE = 0.5

#: Largest IoU of two boxes of an image; the objects themselves never touch.
MAX_BOX_IOU = 0.15
