#!/usr/bin/env python
"""Runs MMDetection's tools/analysis_tools/optimize_anchors.py."""

from taco_plugin.command_line import run_stock_script

if __name__ == '__main__':
    run_stock_script('analysis_tools/optimize_anchors.py')
