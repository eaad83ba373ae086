"""Leaves out the examples in taco_plugin/d2 where Detectron2, which they import, is missing."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec('detectron2') else ['taco_plugin/d2/*']
