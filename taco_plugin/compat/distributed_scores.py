"""Lets several processes test together without spoiling the file of their scores.

Problem: in MMEngine 0.10 every process writes the figures of a test to the same JSON file, which
now and then is broken by it.

Remedy: the main process alone writes it.

For: MMEngine 0.10. It can go when ``LoggerHook.after_test_epoch`` asks for the main process.
"""

from mmengine.dist import master_only
from mmengine.hooks import LoggerHook


def install() -> None:
    """Puts the remedy in effect."""
    if not hasattr(LoggerHook.after_test_epoch, '__wrapped__'):
        LoggerHook.after_test_epoch = master_only(LoggerHook.after_test_epoch)
