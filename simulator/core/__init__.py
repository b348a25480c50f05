"""The pure heart: money, webhooks, ledger, scenarios, rules. No sockets, files, clocks or threads."""
