#!/usr/bin/env python
"""Runs MMDetection's tools/test.py."""

from taco_plugin.command_line import run_stock_script

if __name__ == '__main__':
    run_stock_script('test.py')
