"""Operations on text: token ids."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import TEXT, ArraySpec


@dataclass(frozen=True, slots=True)
class Tokens:
    """The ids of a text's words as int32 of `length`.

    A word is what stands between ASCII white space (space, tab, CR, LF, vertical tab, form feed), in lower case first
    if `lower` (Unicode simple folding by `str.lower`). Its id is its position in `words`, or `unknown` where it is not
    there. Cut after `length` ids; filled up with `pad` at the end. In dataset.toml `vocabulary = "FILE"` (one word
    each line, line number from 0 = id) stands for `words`.
    """

    op: ClassVar[str] = "tokens"
    words: tuple[str, ...]
    length: int
    lower: bool = False
    pad: int = 0
    unknown: int = 1

    def __post_init__(self) -> None:
        if self.length < 1:
            raise DatasetError(f"tokens has the length {self.length}; it must be at least 1")
        if len(set(self.words)) != len(self.words):
            raise DatasetError("tokens has a vocabulary with a word twice")
        if not (0 <= self.pad < len(self.words) and 0 <= self.unknown < len(self.words)):
            raise DatasetError("tokens has a pad or unknown id outside of its vocabulary")

    def result(self, spec: ArraySpec) -> ArraySpec:
        if spec.dtype != TEXT:
            raise DatasetError(f"tokens gets {spec}", "it takes text: a column of a .tsv or an array of strings")
        return ArraySpec((self.length,), "int32")

    def apply(self, value: np.ndarray) -> np.ndarray:
        text = str(value[()])
        ids = _ids(self.words)
        known = [ids.get(word, self.unknown) for word in split_words(text.lower() if self.lower else text)]
        result = np.full(self.length, self.pad, np.int32)
        result[: len(known)] = known[: self.length]
        return result


def split_words(text: str) -> list[str]:
    """The words between ASCII white space. (`str.split` would also split at Unicode spaces, unlike a device.)"""
    for space in "\t\r\n\v\f":
        text = text.replace(space, " ")
    return [word for word in text.split(" ") if word]


@functools.lru_cache(maxsize=4)
def _ids(words: tuple[str, ...]) -> Mapping[str, int]:
    return {word: index for index, word in enumerate(words)}
