"""The names of the commands, in the order of the help, with a line on each; importing none of them."""

from __future__ import annotations

COMMANDS = {
    "run": "Run scenarios against an operator's wallet and judge it.",
    "judge": "Judge calls that were recorded anywhere, concurrent ones too.",
    "check": "Read scenario files and say what is wrong with them.",
    "list": "List the scenarios, or the catalogue and what covers each check.",
    "init": "Write a commented configuration and a first scenario here.",
    "doctor": "Find out why a wallet is not reached, or that it is.",
    "certify": "Run the whole suite and write a certificate of what it showed.",
    "demo": "Show the product: a right wallet, then one with a defect.",
    "mutants": "Test the suite itself: every defect of the example wallet must be caught.",
    "serve": "Serve the API and its games to play against, until told to stop.",
    "healthcheck": "Ask a served simulator whether it is alive.",
    "operator": "Start the example wallet, right or with chosen defects.",
    "schema": "Print the JSON Schema of scenario files, for editors.",
    "explain": "Say what a rule means, why it costs money and how to mend the wallet.",
}
