"""The one way out to the operator: a call is sent, and comes back as an exchange.

What a reply means is read in `core`; what to send next is the runner's and the games' business.
"""
