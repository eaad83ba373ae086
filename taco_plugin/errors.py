"""The error that a user can mend."""


class InputError(ValueError):
    """What the user gave (a file, a config, an argument) cannot be used.

    The message is one line that says what is wrong, where, and what to do; the command line
    prints it without a traceback.
    """
