"""Lets MMDetection's ``fuse_results.py`` find its own arguments.

Problem: the script declares the argument ``pred-results`` and reads ``args.pred_results`` and
``args.models_name``, which do not exist, so that it fails whatever it is given.

Remedy: both names give the declared argument; the script only compares their lengths and iterates.

For: MMDetection 3.3.0. It can go when ``fuse_results.py A.json B.json --annotation C.json`` works
without it.
"""

import argparse


def install() -> None:
    """Puts the remedy in effect for every namespace of argparse in this process."""
    declared = property(lambda namespace: vars(namespace)['pred-results'])
    for name in ('pred_results', 'models_name'):
        setattr(argparse.Namespace, name, declared)
