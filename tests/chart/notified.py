"""Values with which the chart runs a notifier, by every kind of channel that a pod may have."""

NOTIFIED = """
notifier:
  enabled: true
  secret: fraud-notifier
  ports: [443, 8443]
  config:
    outbox: {type: postgres, host: postgres, port: 5433, password_file: /etc/notifier/database}
    channels:
      desk: {type: email, host: smtp, username: u, password_file: /etc/notifier/smtp, sender: a@b.c, recipients: [d@b.c]}
      relay: {type: email, host: relay, port: 2525, security: none, sender: a@b.c, recipients: [d@b.c]}
      pager: {type: service, url_file: /etc/notifier/pager}
      cases: {type: webhook, url_file: /etc/notifier/url, secret_file: /etc/notifier/signature, group: 1m}
    routes:
      - {channels: [pager], decisions: [decline], min_amount: 1000}
      - {channels: [desk, relay, cases]}
"""
