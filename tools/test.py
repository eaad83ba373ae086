#!/usr/bin/env python
"""Runs MMDetection's tools/test.py; a work dir in place of CHECKPOINT means its best checkpoint."""

import os
import sys

from taco_plugin.checkpoint_files import best_checkpoint
from taco_plugin.command_line import one_line_errors, run_stock_script

if __name__ == '__main__':
    with one_line_errors():
        if len(sys.argv) > 2 and not sys.argv[1].startswith('-') and os.path.isdir(sys.argv[2]):
            sys.argv[2] = str(best_checkpoint(sys.argv[2]))
    run_stock_script('test.py')
