"""Where compiled code can be tested: asked of the machine, not of our code, so that C which no longer compiles fails."""

import shutil

import pytest

HERE = any(shutil.which(c) for c in ("gcc", "clang", "cc"))
compiled = pytest.mark.skipif(not HERE, reason="no C compiler on this machine")
