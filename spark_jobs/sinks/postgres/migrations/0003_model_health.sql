-- How a model holds, by day of the payments: `python -m training.monitor` writes it, dashboards read it. A day that is judged again
-- takes the place of what was there. `feature` is empty where a metric is about none. A row is some hundred bytes, a day 130 rows.

CREATE TABLE model_health (
    day date NOT NULL,
    model_version text NOT NULL,
    metric text NOT NULL,
    feature text NOT NULL,
    value double precision NOT NULL,
    low double precision,
    high double precision,
    limit_value double precision,
    breached boolean NOT NULL,
    PRIMARY KEY (day, model_version, metric, feature)
);
