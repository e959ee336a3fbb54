"""What travels between programs: the records, their JSON form, the topics. Standard library only."""

from contract.decoding import ContractError, Tolerance, decode
from contract.encoding import encode
from contract.records import (
    RECORDS,
    SCHEMA_VERSION,
    Alert,
    Contribution,
    Customer,
    Header,
    Label,
    Merchant,
    Rejected,
    RuleAction,
    Ruleset,
    RuleText,
    Scored,
    Transaction,
)
from contract.topics import LOADED_FROM, RECEIPT, Topics, TopicSpec

__all__ = [
    "LOADED_FROM",
    "RECEIPT",
    "RECORDS",
    "SCHEMA_VERSION",
    "Alert",
    "ContractError",
    "Contribution",
    "Customer",
    "Header",
    "Label",
    "Merchant",
    "Rejected",
    "RuleAction",
    "RuleText",
    "Ruleset",
    "Scored",
    "Tolerance",
    "TopicSpec",
    "Topics",
    "Transaction",
    "decode",
    "encode",
]
