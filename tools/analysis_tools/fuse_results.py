#!/usr/bin/env python
"""Runs MMDetection's tools/analysis_tools/fuse_results.py."""

from taco_plugin.command_line import run_stock_script
from taco_plugin.compat import fuse_results_arguments

if __name__ == '__main__':
    fuse_results_arguments.install()
    run_stock_script('analysis_tools/fuse_results.py')
