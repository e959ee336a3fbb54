"""Dashboards for Grafana, made by code. `python -m monitoring` writes them anew into the chart, as Grafana's classic JSON.

What is live is asked of Prometheus, what is history of PostgreSQL. Both are variables of each dashboard: an import needs no edit.
No query names a rule, a model, a country or a currency: what is new shows up by itself.
"""
