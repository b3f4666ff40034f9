from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from edge_nt.ood.expected_error import error_residuals, fit_expected_error


def test_equals_scikit_learns_ridge_and_its_leave_one_out() -> None:
    generator = np.random.default_rng(0)
    whitened = generator.normal(size=(40, 11)) + 2
    log_errors = whitened @ generator.normal(size=11) + 0.3 * generator.normal(size=40) - 3
    coefficients, left_out = fit_expected_error(whitened, log_errors)
    ridge = Ridge(alpha=10.0).fit(whitened, log_errors)
    np.testing.assert_allclose(coefficients, [ridge.intercept_, *ridge.coef_], rtol=1e-8)
    predicted = cross_val_predict(Ridge(alpha=10.0), whitened, log_errors, cv=LeaveOneOut())
    np.testing.assert_allclose(left_out, log_errors - predicted, rtol=1e-6, atol=1e-9)
    other = generator.normal(size=(5, 11))
    np.testing.assert_allclose(error_residuals(coefficients, other, np.zeros(5)), -ridge.predict(other), rtol=1e-8)
