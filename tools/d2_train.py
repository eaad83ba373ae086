#!/usr/bin/env python
"""Trains or tests a detector on TACO with Detectron2, as its tools/lazyconfig_train_net.py does.

CONFIG is a LazyConfig (.py), overridden by path.key=value, or one of Detectron2's YAML files with
the node TACO, overridden by PATH.KEY VALUE. Without a GPU, --num-gpus is the number of processes.
"""

from argparse import REMAINDER, Namespace
from importlib.util import find_spec

from taco_plugin.command_line import at_least, make_parser, one_line_errors
from taco_plugin.errors import InputError


def parse_args() -> Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add('--config-file', required=True, metavar='CONFIG', help='path of the config file')
    add('--resume', action='store_true', help='go on from the last checkpoint of the work dir')
    add('--eval-only', action='store_true', help='score train.init_checkpoint on the test split')
    add('--num-gpus', type=at_least(1), default=1, metavar='N', help='processes of this machine')
    add('--num-machines', type=at_least(1), default=1, metavar='N', help='total number of machines')
    add('--machine-rank', type=at_least(0), default=0, metavar='N', help='rank of this machine')
    add('--dist-url', default='auto', help='address of the first machine, tcp://HOST:PORT')
    add('opts', nargs=REMAINDER, help='settings that replace those of the config')
    args = parser.parse_args()
    if args.num_machines > 1 and args.dist_url == 'auto':
        parser.error('--num-machines needs --dist-url tcp://HOST:PORT, the same on all machines')
    return args


if __name__ == '__main__':
    with one_line_errors():
        arguments = parse_args()
        if find_spec('detectron2') is None:
            raise InputError(
                'Detectron2 is not installed: see '
                'https://detectron2.readthedocs.io/en/latest/tutorials/install.html'
            )

        from taco_plugin.d2.train import launch_main

        launch_main(arguments)
