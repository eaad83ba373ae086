"""YOLO's format, to and from COCO's."""
