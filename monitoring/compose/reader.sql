-- The role by which Grafana reads. Whoever sees a dashboard can send queries of their own: it can read, and nothing else.
CREATE ROLE grafana LOGIN;
GRANT pg_read_all_data TO grafana;
