"""The statistic that the equal-time tests stand on: it finds what is there, and not what is not."""
import random

import pytest

from ranks import mann_whitney_p


def times(rng, n, shift_ms=0.0):
    """Like replies of a busy machine: some 55 ms, a long tail, now and then something far out."""
    return [50 + rng.lognormvariate(1.2, 0.6) + shift_ms + (rng.random() < 0.03) * rng.uniform(10, 200) for _ in range(n)]


def test_it_gives_the_published_values():
    """SciPy's example (two-sided, asymptotic, with continuity), and one with ties."""
    assert mann_whitney_p([19, 22, 16, 29, 24], [20, 11, 17, 12]) == pytest.approx(0.11134688653314041, rel=1e-9)
    assert mann_whitney_p([1, 1, 2, 2, 3], [1, 1, 2, 2, 3]) == 1.0
    assert mann_whitney_p([1] * 20, [1] * 20) == 1.0
    assert mann_whitney_p(range(20), range(100, 120)) < 1e-6


def test_of_equal_samples_about_one_in_a_hundred_is_called_different():
    rng = random.Random(1)
    called = sum(mann_whitney_p(times(rng, 60), times(rng, 60)) <= 0.01 for _ in range(1000))
    assert 1 <= called <= 25


@pytest.mark.parametrize("n", [60, 200])
def test_two_milliseconds_are_found(n):
    """In nearly every run with 60 tries, in every one with 200."""
    rng = random.Random(2)
    found = sum(mann_whitney_p(times(rng, n), times(rng, n, 2.0)) <= 0.01 for _ in range(100))
    assert found >= (90 if n == 60 else 100)
