"""Every error that edgekit raises on purpose, drawn as a tree.

    EdgekitError                 exit code
    ├── UsageError                   2      a wrong option, dataset, recipe or folder
    │   ├── DatasetError             2
    │   └── StorageError             2      cannot be written: no permission, disk full
    ├── ModelError                   3      the model cannot be imported or is illegal
    │   └── UnsupportedError         3      the target has no kernel for it
    ├── GateError                    4      a budget is not kept
    ├── DeviceError                  5      a device failed or is gone
    └── MissingError                 6      a needed tool or extra is not installed

Anything else that reaches the top is a bug (exit code 1, with its traceback).
"""

from __future__ import annotations


class EdgekitError(Exception):
    """An error that phrases itself: what failed and where, then what would help.

    Args:
        message: one sentence that names the file, operator, tensor or device.
        hint: what the person can do, one sentence, or empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[EdgekitError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class UsageError(EdgekitError):
    """The command, an option or a file that a person wrote is wrong."""

    exit_code = 2


class DatasetError(UsageError):
    """A dataset that cannot be read or does not fit the model."""


class StorageError(UsageError):
    """A file or folder that cannot be read or written."""


class ModelError(EdgekitError):
    """The model cannot be imported, or what came out of it is illegal."""

    exit_code = 3


class UnsupportedError(ModelError):
    """The target has no kernel for an operator of the model."""


class GateError(EdgekitError):
    """A budget is not kept."""

    exit_code = 4


class DeviceError(EdgekitError):
    """A device failed, is gone, or gave an answer that makes no sense."""

    exit_code = 5


class MissingError(EdgekitError):
    """A tool, extra or backend that this needs is not installed."""

    exit_code = 6
