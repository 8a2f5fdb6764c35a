import pytest
@pytest.mark.parametrize("n", range(60))
def test_r(n, environment): pass
