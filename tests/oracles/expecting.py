"""Errors by their words."""

import re

import pytest


def raises(error, sentence):
    """Matches `sentence` literally, except that ``...`` stands for anything."""
    return pytest.raises(error, match=".*".join(map(re.escape, sentence.split("..."))))


def raises_literally(error, sentence):
    """Matches `sentence`, dots and all."""
    return pytest.raises(error, match=re.escape(sentence))
