"""Settings of the import; its part of a settings file is the mapping."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from configuration import Duration, Settings

Expressions = dict[str, str]
"""A contract's field: the SQL expression, over the columns of the file, that it comes from."""


class ImportSettings(Settings):
    """Writes a CSV history as Parquet, in the layout that the trainer reads: transactions, labels, customers, merchants.

    The columns of a Sparkov file are known. For any other file, write a mapping: start with --show-mapping.
    """

    files: CliPositionalArg[list[Path]] = Field(description="CSV files with a header; all files of one history in one call")
    output: Path | None = Field(
        None, description="Folder to write; it must not exist. It is there once all is written, or not at all"
    )
    transactions: Expressions = Field(
        {}, description="Field of a transaction: DuckDB SQL expression over the columns, all of which are text, and empty ones NULL"
    )
    labels: Expressions = Field(
        {},
        description="The same for labels. Where is_fraud is NULL there is no label. labelled_at is the event time and label_delay, "
        "unless it is mapped",
    )
    customers: Expressions = Field(
        {},
        description="The same for customers. A version of the profile begins with the first transaction that shows it; signup_date "
        "is the first day seen, unless it is mapped. Without a field here there are no customers",
    )
    merchants: Expressions = Field(
        {},
        description="The same for merchants, by the first transaction of a terminal; onboarding_date is the first day seen, unless "
        "it is mapped. Without a field here there are no merchants",
    )
    card_numbers: list[str] = Field(
        [], description="Columns of card numbers, beside those that look like it: expressions see their tokens, never the numbers"
    )
    card_key_file: Path | None = Field(
        None, description="File with the key of the tokens (HMAC-SHA-256); needed where a column holds card numbers"
    )
    label_delay: Duration = Field(
        timedelta(days=7), ge=timedelta(0), description="Time from a transaction to its label: when the truth could have been known"
    )
    show_mapping: bool = Field(False, description="Print the mapping that would be used, or one to complete, as YAML, and stop")
    json_summary: bool = Field(False, alias="json", description="Print the summary as JSON on standard output")
