#!/usr/bin/env python
"""Runs MMDetection's tools/analysis_tools/fuse_results.py.

The script of MMDetection 3.3.0 declares the argument ``pred-results`` and reads
``args.pred_results`` and ``args.models_name``, which do not exist. Here both names give what was
declared; the script only compares their lengths and iterates.
"""

import argparse

from taco_plugin.command_line import run_stock_script

if __name__ == '__main__':
    declared = property(lambda namespace: vars(namespace)['pred-results'])
    for name in ('pred_results', 'models_name'):
        setattr(argparse.Namespace, name, declared)
    run_stock_script('analysis_tools/fuse_results.py')
