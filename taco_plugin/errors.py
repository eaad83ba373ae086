"""The error that is raised for mistakes that the user can fix."""


class InputError(ValueError):
    """Raised when the user's input (a file, a config, an argument) cannot be used.

    The message is one line that says what is wrong, where, and what to do; the command line
    prints it without a traceback.
    """


def describe_error(error: Exception) -> str:
    """Puts an error that is not ours, and its type, on one line.

    >>> describe_error(KeyError('no such key'))
    'KeyError: no such key'
    """
    message = error.args[0] if len(error.args) == 1 else error
    return f'{type(error).__name__}: {" ".join(str(message).split())}'
