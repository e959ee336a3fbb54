"""The walkthrough, from payments to a caught attack, and what runs it."""
