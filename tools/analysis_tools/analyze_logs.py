#!/usr/bin/env python
"""Runs MMDetection's tools/analysis_tools/analyze_logs.py."""

from taco_plugin.command_line import run_stock_script

if __name__ == '__main__':
    run_stock_script('analysis_tools/analyze_logs.py')
