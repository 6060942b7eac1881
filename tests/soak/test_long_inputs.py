"""An input of three hours: every sample is accounted for once, and memory does not grow with the length."""

from __future__ import annotations

from tests.end_to_end.test_send_long import SECOND, compare_over_connections


def test_three_hours_over_connections_of_ten_minutes(tmp_path) -> None:
    """346 MB pass."""
    compare_over_connections(tmp_path, 3 * 3600 * SECOND, 18)
