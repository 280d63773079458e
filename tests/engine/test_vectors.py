"""A function that asks for wide vectors is told so to the compiler, alone, and computes the same bits."""

import numpy as np
import pytest
from numba import float64, njit, void

from immunode.engine import vectors
from immunode.engine.signatures import OPTIONS

SIGNATURE = void(float64[::1])


def compiled(asking):
    """Return a small loop, compiled anew, and the text that LLVM got."""

    def plain(a):
        for i in range(1024):
            a[i] = (a[i] * 1.1 + 0.3) / (a[i] + 2.0)

    def asks(a):
        vectors.wide()
        for i in range(1024):
            a[i] = (a[i] * 1.1 + 0.3) / (a[i] + 2.0)

    function = njit(SIGNATURE, **OPTIONS | {"cache": False})(asks if asking else plain)
    return function, function.inspect_llvm(SIGNATURE.args)


@pytest.mark.parametrize("pays", [True, False])
def test_the_compiler_is_asked_where_it_pays_and_the_bits_are_the_same(monkeypatch, pays):
    monkeypatch.setattr(vectors, "PAYS", pays)
    (plain, text), (wide, wide_text) = compiled(False), compiled(True)
    assert '"prefer-vector-width"="512"' not in text
    assert ('"prefer-vector-width"="512"' in wide_text) == pays
    one = np.random.default_rng(1).random(1024)
    other = one.copy()
    plain(one)
    wide(other)
    assert np.array_equal(one, other)


@pytest.mark.skipif(not vectors.PAYS, reason="a processor on which LLVM's own choice is kept")
def test_machine_code_has_wide_vectors_where_they_pay():
    assert "%zmm" in compiled(True)[0].inspect_asm(SIGNATURE.args)
    assert "%zmm" not in compiled(False)[0].inspect_asm(SIGNATURE.args)
