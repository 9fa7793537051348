"""Each fused loop gives the bits of its NumPy twin."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from nncli.engine import kernels
from nncli.engine.buffers import Buffers, StandIns
from nncli.engine.kernels import Kernel
from nncli.errors import NncliError

SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, -1e30)


@dataclass(frozen=True)
class Case:
    """A kernel, what each of its arrays is, and numbers to call it with."""

    arrays: str
    numbers: tuple[float, ...] = ()


# a letter an array: c (40, k) and d (n, k) that lie row by row, z (n, k), e the same without negative numbers, y (n,)
# codes, l (n,), p a vector of parameters, q one without negative or special numbers, t (k, n) places in such a vector,
# u (k, n)
CASES = {
    "gather": Case("ccdd"),
    "scatter": Case("ptu"),
    "rectify": Case("zz"),
    "rectify_back": Case("zz"),
    "shift": Case("zzl"),
    "pick": Case("ezyll"),
    "differ": Case("eylz", (1 / 37,)),
    "pull": Case("zz", (0.01,)),
    "adam": Case("pppq", (0.9, 0.999, 1.7, 1e-8, 1 - 1e-5, 3e-3)),
    "rmsprop": Case("ppq", (0.99, 1e-8, 1e-3)),
    "descend": Case("pp", (0.1,)),
    "roll": Case("ppp", (0.9, 0.1)),
    "look_ahead": Case("ppp", (0.9, 0.1)),
}


def arrays_for(case, n, k, dtype, seed, special=False):
    rng = np.random.default_rng(seed)
    found = []
    for letter in case.arrays:
        if letter in "cd":
            found.append(rng.normal(size=(40 if letter == "c" else n, k)).astype(dtype))
            continue
        if letter == "t":
            found.append(rng.integers(0, n * k, (k, n)) // 3)  # the same place more than once
            continue
        if letter == "y":
            found.append(rng.integers(0, k, n))
            continue
        array = Buffers(dtype).keep({"z": (n, k), "e": (n, k), "l": (n,)}.get(letter, (n * k,)))
        if letter == "u":
            array = array.reshape(k, n)
        array[...] = rng.normal(size=array.shape) * rng.choice([1e-6, 1.0, 1e4], array.shape)
        if letter == "q":
            array[...] = np.abs(array)
        elif special:
            array[...] = np.where(rng.random(array.shape) < 0.2, rng.choice(SPECIAL, array.shape), array)
        if letter == "e":
            array[...] = np.abs(array)
        found.append(array)
    return found


def run(case, kernel, arrays, dtype, how):
    buffers = Buffers(dtype, how)
    if kernel is kernels.gather:
        kernel.bind(buffers, *arrays, chosen=True)(np.random.default_rng(1).integers(0, 40, len(arrays[2])))
        return buffers.loops
    bound = kernel.bind(buffers, *arrays, numbers=len(case.numbers))
    with np.errstate(all="ignore"):
        for _ in range(3):
            bound(*case.numbers)
    return buffers.loops


def test_every_kernel_has_a_case():
    assert {name for name, value in vars(kernels).items() if isinstance(value, Kernel)} == set(CASES)


@pytest.mark.parametrize("special", [False, True], ids=["ordinary numbers", "zeros, infinities, NaN"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (3, 2), (16, 3), (33, 10), (64, 17), (129, 64), (300, 2)])
@pytest.mark.parametrize("name", CASES)
def test_a_loop_gives_the_bits_of_its_twin(name, shape, dtype, special):
    case, kernel = CASES[name], getattr(kernels, name)
    plain, fused = (arrays_for(case, *shape, dtype, 0, special) for _ in range(2))
    before = [array.copy() for array in plain]
    assert run(case, kernel, plain, dtype, "numpy") == set()
    assert run(case, kernel, fused, dtype, "numba") == {kernel.name}
    scratch = {"pick": (1,)}.get(name, ())  # what is overwritten on the way means nothing
    for i, (a, b) in enumerate(zip(plain, fused, strict=True)):
        if i not in scratch:
            np.testing.assert_array_equal(a, b)  # NaN where NaN is, whichever
            assert np.array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))
    assert any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, fused, strict=True))


@pytest.mark.parametrize("name", ["shift", "pick", "differ"])
def test_a_single_row_or_unit_and_rows_that_lie_another_way_are_left_to_numpy(name):
    case, kernel = CASES[name], getattr(kernels, name)
    assert run(case, kernel, arrays_for(case, 1, 20, np.float32, 0), np.float32, "numba") == set()
    assert run(case, kernel, arrays_for(case, 20, 1, np.float32, 0), np.float32, "numba") == set()
    by_rows = [np.ascontiguousarray(array) for array in arrays_for(case, 5, 4, np.float32, 0)]
    assert run(case, kernel, by_rows, np.float32, "numba") == set()


def test_complex_numbers_are_left_to_numpy():
    Z = np.ones((4, 3), complex)
    buffers = Buffers(complex, "numba")
    kernels.rectify.bind(buffers, Z, Z)()
    assert buffers.loops == set()


def test_what_is_bound_to_stand_ins_needs_no_compiler_and_no_scratch(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    counted = StandIns(np.float32, "numba")
    arrays = [counted.keep((8,)) for _ in range(4)]
    before = counted.total
    kernels.adam.bind(counted, *arrays, numbers=6)
    assert counted.total == before
    kernels.adam.bind(StandIns(np.float32), *arrays, numbers=6)


def test_a_gradient_that_nobody_wants_needs_no_loop():
    """A network that predicts has stand-ins for gradients; even one of a single number is none for the compiler."""
    A, D = np.ones((1, 1), np.float32), StandIns(np.float32).keep((1, 1))
    buffers = Buffers(np.float32, "numba")
    kernels.rectify_back.bind(buffers, A, D)
    assert buffers.loops == set()


def test_where_nothing_can_be_kept_on_the_disk_loops_are_compiled_all_the_same(monkeypatch):
    import numba

    right, asked = numba.njit, []

    def njit(**settings):
        asked.append(settings.get("cache", False))
        if settings.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return right(**settings)

    monkeypatch.setattr(numba, "njit", njit)
    kernels._compiled.cache_clear()
    Z = np.array([[-1.0], [2.0]], np.float32)
    kernels.rectify.bind(Buffers(np.float32, "numba"), Z, Z)()
    kernels._compiled.cache_clear()
    assert asked == [True, False]
    assert Z.tolist() == [[0.0], [2.0]]


def test_a_compiler_that_does_not_load_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    kernels._compiled.cache_clear()
    with pytest.raises(NncliError, match=r"numba cannot be loaded.*kernels=numpy"):
        kernels.rectify.bind(Buffers(np.float32, "numba"), np.ones((4, 3), np.float32), np.ones((4, 3), np.float32))


def test_a_compiler_that_must_not_compile_is_said(monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(NncliError, match=r"NUMBA_DISABLE_JIT.*kernels=numpy"):
        kernels.rectify.bind(Buffers(np.float32, "numba"), np.ones((4, 3), np.float32), np.ones((4, 3), np.float32))
