"""The ports that `livecli serve` listens on."""

import pytest

from livecli.cli.serve_options import ListenFlags


@pytest.mark.parametrize(
    ("given", "free", "ports"),
    [
        ({}, False, (8765, 8766)),
        ({}, True, (0, 0)),
        ({"port": 0}, False, (0, 8766)),
        ({"port": 4000}, True, (4000, 0)),
        ({"tls_port": 4001}, False, (8765, 4001)),
    ],
)
def test_ports(given, free, ports):
    assert ListenFlags(**given).ports(free=free) == ports
