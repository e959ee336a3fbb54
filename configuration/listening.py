"""The address at which a program serves: of IPv4, of IPv6, or of both."""

import socket

EVERYWHERE = "::"
"""Every address of the machine."""


def listening_address(host: str) -> str:
    """Returns the address to listen at. On Linux EVERYWHERE takes IPv4's connections too; without IPv6 they are all there are."""
    return "0.0.0.0" if host == EVERYWHERE and not socket.has_dualstack_ipv6() else host  # noqa: S104 asked for


def in_url(host: str) -> str:
    """Returns the address as a URL has it: one of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
