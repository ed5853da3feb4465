"""einsum against NumPy's: given equations, random ones, gradients, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf

EQUATIONS = ["ij,jk->ik", "ij,jk", "ij,kj->ik", "ji,jk->ki", "i,i->", "i,j->ij", "ij->ji", "ij->", "ij->j",
             "ij", "ii->i",
             "ii", "iij->ji", "ijk,ikl->ijl", "bij,bjk->bik", "bhqd,bhkd->bhqk", "ij,ij->ij", "ij,ij->",
             "i,ij,j->",
             "ij,jk,kl->il", "ij,jk,kl,lm->im", "...ij,...jk->...ik", "...i,i->...", "i...->...", "...,...",
             "ijj,jk->ik",
             "a...b,b...c->a...c", "ij, jk -> ik", "iji->j", "ab,cd->acbd", "ijk->kji", "ij,k->", ",i->i",
             "->", "Ab,bA->A"]
EXTENT = {letter: n for n, letters in {2: "iaAbh", 3: "jcq", 4: "kdl", 5: "m"}.items() for letter in letters}


def operands(equation, rng):
    groups = equation.replace(" ", "").split("->")[0].split(",")
    shapes = []
    for k, group in enumerate(groups):
        before, dots, after = group.partition("...")
        middle = ((2, 3) if k == 0 else (1, 3) if k == 1 else (3,)) if dots else ()
        shapes.append((*[EXTENT[x] for x in before], *middle, *[EXTENT[x] for x in after]))
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_equation(equation):
    arrays = operands(equation, np.random.default_rng(0))
    y = nf.einsum(equation, *arrays).numpy()
    expected = np.einsum(equation, *arrays)
    assert np.shape(y) == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("equation", ["ij,jk->ik", "iij,jk->k", "...i,i->...", "i,ij,j->", "ij->j",
                                      "ab,cd->acbd"])
def test_gradients(equation):
    arrays = operands(equation, np.random.default_rng(1))
    nf.testing.check_gradients(lambda *xs: nf.einsum(equation, *xs), arrays)


def test_complex_gradients():
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((2, 3)) + 1j * rng.standard_normal((2, 3)) for _ in range(2))
    nf.testing.check_gradients(lambda x, y: nf.einsum("ij,kj->ik", x, y), [a, b])


@st.composite
def problems(draw):
    letters = "abcd"
    extents = {x: draw(st.integers(1, 3)) for x in letters}
    groups = draw(st.lists(st.text(letters, max_size=3), min_size=1, max_size=3))
    known = sorted(set("".join(groups)))
    output = "".join(draw(st.permutations(known))[:draw(st.integers(0, len(known)))])
    # an extent of 1 may stand for any
    shapes = [tuple([1 if draw(st.integers(0, 5)) == 0 and g.count(x) == 1 else extents[x] for x in g])
              for g in groups]
    return ",".join(groups) + "->" + output, shapes


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problems())
def test_random_equations(problem):
    equation, shapes = problem
    rng = np.random.default_rng(3)
    arrays = [rng.integers(-4, 5, shape) for shape in shapes]
    np.testing.assert_array_equal(nf.einsum(equation, *arrays).numpy(), np.einsum(equation, *arrays))


@pytest.mark.parametrize(("equation", "shapes", "text"), [
    ("ij,jk->ik", [(2, 3)], "2 groups of indices for 1 inputs"),
    ("ij->i", [(2, 3, 4)], "does not fit a tensor of rank 3"),
    ("ij,jk->ik", [(2, 3), (4, 5)], "index j has extents 3 and 4"),
    ("ij->ik", [(2, 3)], "output's index k is in no input"),
    ("ij->ii", [(2, 3)], "an index twice"),
    ("i1->i", [(2, 3)], "indices are letters"),
    ("ii->i", [(2, 3)], "extents 2 and 3"),
    ("ij->i", [(2,)], "does not fit a tensor of rank 1"),
])
def test_errors(equation, shapes, text):
    with pytest.raises(ValueError, match=text):
        nf.einsum(equation, *[np.ones(s) for s in shapes])
