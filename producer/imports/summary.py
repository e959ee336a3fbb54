"""The account of an import for people: a table on standard output."""

from rich.console import Console
from rich.table import Table

from producer.imports.history import Account


def show(account: Account) -> None:
    """Prints what was written, and what was refused and why."""
    out = Console(highlight=False)
    written = Table("", "", title=f"{account.output}", title_justify="left", show_header=False)
    for name, count in (("records read", account.records), *account.counts.items(), ("profile changes", account.profile_changes)):
        written.add_row(name, f"{count:,}")
    if account.card_numbers:
        written.add_row("card numbers made tokens", ", ".join(account.card_numbers))
    out.print(written)
    if account.refused:
        refused = Table("refused", "of", "reason", "column", "first", title="Not written", title_justify="left")
        for one in sorted(account.refused.values(), key=lambda one: -one.count):
            refused.add_row(f"{one.count:,}", one.kind, one.reason, ", ".join(one.columns), one.first)
        out.print(refused)
