"""The error that is raised for mistakes that the user can fix."""


class InputError(ValueError):
    """Raised when the user's input (a file, a config, an argument) cannot be used.

    The message is one line that says what is wrong, where, and what to do; the command line
    prints it without a traceback.
    """
